import { encodePacket, publishHead, spaceFrame } from "../protocol/packet_cbor.ts";
import type { Extras, Frame, MsgId, Publish, QoS } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { type Position, recvTime } from "./sequence.ts";

/** The subscription that a form of the message is for. */
export interface Addressee {
  /** The topic or pattern as subscribed: the topic on the wire. */
  readonly topic: string;
  /** Whether it is a space, whose subscribers get the originating topic as first argument. */
  readonly space: boolean;
}

/** A frame, and the id in it. A subscription that began anew has ids of its own (D11). */
interface Form {
  readonly id: MsgId | null;
  readonly frame: Frame;
}

/**
 * One accepted message on its way to its subscribers. Ids of deliveries are a function of the message and
 * the topic as subscribed, so that each form is made once for all who subscribed alike; the payload bytes
 * are shared by all forms (design.md section 4).
 */
export class Publication {
  readonly topic: string;
  readonly qos: QoS;
  readonly slot: number | null;
  readonly data: Payload;
  /** Name of the publisher. */
  readonly publisher: string;
  readonly position: Position;
  /** Queues that hold it. Owned by the account of memory. */
  holders = 0;
  readonly #received: Uint8Array | null;
  #exact: Form | null = null;
  #exactWithExtras: Form | null = null;
  /** Pattern -> frame; `null` until somebody gets it through a space. */
  #spaces: Map<string, Form> | null = null;
  #spaceData: Payload | null = null;
  #extras: Extras | null = null;

  constructor(packet: Publish, publisher: string, position: Position) {
    this.topic = packet.topic;
    this.qos = packet.qos;
    this.slot = packet.slot;
    this.data = packet.data;
    this.publisher = publisher;
    this.position = position;
    this.#received = packet.frame;
  }

  /** The id of a QoS 0 delivery: none, or the slot (spec 2.2). */
  get plainId(): MsgId | null {
    return this.slot === null || this.slot === 0 ? null : BigInt(this.slot) as MsgId;
  }

  /** The binary frame for a subscription. Its payload is shared, unless {@link isCopied}. */
  frame(to: Addressee, id: MsgId | null, withExtras: boolean): Frame {
    if (to.space) return withExtras ? this.#spaceFrame(to, id, true) : this.#knownSpace(to, id);
    const known = withExtras ? this.#exactWithExtras : this.#exact;
    if (known?.id === id) return known.frame;
    const frame = this.#exactFrame(id, withExtras);
    if (known !== null) return frame;
    if (withExtras) this.#exactWithExtras = { id, frame };
    else this.#exact = { id, frame };
    return frame;
  }

  /** Whether each frame for a subscription has a payload of its own: one through a space, with extras. */
  isCopied(to: Addressee, withExtras: boolean): boolean {
    return to.space && withExtras;
  }

  /** The packet for a subscription, for peers that read text. */
  packet(to: Addressee, id: MsgId | null, withExtras: boolean): Publish {
    return {
      type: "publish",
      id,
      topic: to.topic,
      qos: this.qos,
      slot: id === null ? null : this.slot,
      data: to.space ? this.spaceData : this.data,
      extras: withExtras ? this.#makeExtras() : null,
      frame: null,
    };
  }

  /** The arguments with the originating topic in front (spec 5.6), decoded. */
  get spaceData(): Payload {
    return this.#spaceData ??= Payload.fromValue([this.topic, ...this.data.args]);
  }

  #knownSpace(to: Addressee, id: MsgId | null): Frame {
    const spaces = this.#spaces ??= new Map();
    const known = spaces.get(to.topic);
    if (known?.id === id) return known.frame;
    const frame = this.#spaceFrame(to, id, false);
    if (known === undefined) spaces.set(to.topic, { id, frame });
    return frame;
  }

  #spaceFrame(to: Addressee, id: MsgId | null, withExtras: boolean): Frame {
    return spaceFrame({
      pattern: to.topic,
      topic: this.topic,
      qos: this.qos,
      slot: id === null ? null : this.slot,
      id,
      data: this.data,
      extras: withExtras ? this.#makeExtras() : null,
    });
  }

  #exactFrame(id: MsgId | null, withExtras: boolean): Frame {
    const { topic, qos, data } = this;
    const slot = id === null ? null : this.slot;
    if (withExtras) {
      const extras = this.#makeExtras();
      return encodePacket({ type: "publish", id, topic, qos, slot, data, extras, frame: null });
    }
    if (qos === 0 && id === null && this.#received !== null) {
      return { head: this.#received, tail: null };
    }
    return { head: publishHead({ topic, qos, slot, id }), tail: data.cbor };
  }

  #makeExtras(): Extras {
    return this.#extras ??= {
      o: this.position.offset,
      t: recvTime(this.position),
      p: this.publisher,
    };
  }
}
