import type { Link } from "../link/link.ts";
import type { Channel } from "../peer/channel.ts";
import { Status } from "../protocol/errors.ts";
import { FRAME_BYTES_MAX } from "../protocol/limits.ts";
import { encodePacket } from "../protocol/packet_cbor.ts";
import { encodePacketJson } from "../protocol/packet_json.ts";
import type { Frame, MsgId, Packet, Publish, Rpc } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { Fifo } from "../util/fifo.ts";
import type { Logger } from "../util/log.ts";
import type { Sent } from "./conversation.ts";
import { GapBook } from "./gaps.ts";
import { OUTBOUND_BYTES_MAX } from "./limits.ts";
import type { OutboundMemory } from "./memory.ts";
import type { Addressee, Publication } from "./publication.ts";
import { withRows } from "./rows_for_json.ts";

/** Room for the header of a frame, when its size is estimated. */
const HEAD_BYTES = 64;
/** Links keep payloads from about this size on as they are; shorter ones they copy. */
const SHARED_BYTES_MIN = 16 * 1024;
/** Most UTF-8 bytes of one UTF-16 unit. */
const UNIT_BYTES_MAX = 3;
/** Topic of gap notices (D3). */
const GAP_TOPIC = "__gap__";
/** Below so much in the link, the link tells nothing when it has drained. */
const QUIET_BYTES = 32 * 1024;

const encoder = new TextEncoder();

/** A frame as it goes over the link: binary, or text. */
type Wire = Frame | string;

/** What the sending half of a session needs. */
export interface OutboundParts {
  /** The link under the channel. */
  readonly link: Link;
  /** Knows how the peer wants to be written to. */
  readonly channel: Channel;
  readonly log: Logger;
  readonly memory: Pick<OutboundMemory, "share" | "unshare">;
  /** The queue in the link got longer by so many bytes of its own. */
  readonly onQueued: (bytes: number) => void;
  /** What is never dropped has no room (D6). Called once; the session has to end. */
  readonly onOverflow: () => void;
}

/** A long payload in the link, which others may hold, too. */
interface SharedFrame {
  readonly publication: Publication;
  readonly bytes: number;
  /** Bytes that were sent when it was, itself included: the link has passed it when so many have left. */
  readonly end: number;
}

/** Everything that one session sends: encoding, limits of its queue, and what the peer did not get. */
export class Outbound {
  readonly #parts: OutboundParts;
  /** What the peer was not told yet; `null` for peers that know no capabilities. */
  #gaps: GapBook | null = null;
  #tellingGaps = false;
  /** Whether the peer wants the extra map on deliveries (D3). */
  #extras = false;
  /** The largest frame since the queue was empty: it does not count for the limit (D6). */
  #largest = 0;
  #isOverflowing = false;
  /** Bytes given to the link so far. */
  #sentBytes = 0;
  readonly #shared = new Fifo<SharedFrame>();
  #sharedBytes = 0;

  constructor(parts: OutboundParts) {
    this.#parts = parts;
  }

  /** Bytes that the link has not taken yet. */
  get queuedBytes(): number {
    return this.#parts.link.bufferedBytes;
  }

  /** Those of them that nobody else holds. */
  get ownBytes(): number {
    this.#passShared();
    return this.queuedBytes - this.#sharedBytes;
  }

  /** Whether the queue is below its limit. */
  get hasRoom(): boolean {
    const queued = this.queuedBytes;
    return queued === 0 || queued - this.#largest < OUTBOUND_BYTES_MAX;
  }

  /** Whether the peer told what it understands. */
  get isCapable(): boolean {
    return this.#gaps !== null;
  }

  /** The peer told what it understands (D3). */
  setCapabilities({ extras }: { readonly extras: boolean }): void {
    const { channel } = this.#parts;
    this.#gaps ??= new GapBook();
    this.#extras = extras;
    channel.dialect = { ...channel.dialect, slots: true };
  }

  /** Sends one delivery, if there is room for it. */
  sendPublication(publication: Publication, to: Addressee, id: MsgId | null): Sent {
    const bytes = publication.data.byteLength;
    if (!this.#admit(bytes + HEAD_BYTES)) return "full";
    if (this.#parts.channel.encoding === "json") {
      return this.#sendIfPossible(this.#encode(publication.packet(to, id, this.#extras)));
    }
    const frame = publication.frame(to, id, this.#extras);
    // Most are far from both limits: nothing more is measured of those.
    if (bytes < SHARED_BYTES_MIN) {
      this.#queued(this.#send(frame));
      return "sent";
    }
    if (sizeOf(frame) > FRAME_BYTES_MAX) return "impossible";
    const added = this.#send(frame);
    if (publication.isCopied(to, this.#extras)) this.#queued(added);
    else this.#share(publication, added);
    return "sent";
  }

  /** Sends a new call or a message of the broker itself, if there is room for it. */
  offer(packet: Publish | Rpc): Sent {
    if (!this.#admit(packet.data.byteLength + HEAD_BYTES)) return "full";
    return this.#sendIfPossible(this.#encode(packet));
  }

  /** Sends what is never dropped. An answer that fits no frame becomes one that says so (40). */
  send(packet: Packet): void {
    const wire = this.#encode(packet) ?? this.#encode(insteadOf(packet));
    if (wire === null) {
      this.#parts.log.error("packet not sent", { type: packet.type });
      return;
    }
    this.#queued(this.#send(wire));
    if (this.queuedBytes - this.#largest <= OUTBOUND_BYTES_MAX || this.#isOverflowing) return;
    this.#isOverflowing = true;
    // After this turn: whoever sends is in the middle of something with this session.
    queueMicrotask(() => this.#parts.onOverflow());
  }

  /** Counts a message that the peer will not get; it is told as soon as there is room. */
  countGap(topic: string, offset: number): void {
    if (this.#gaps === null) return;
    this.#gaps.count(topic, offset);
    // A longer queue tells by itself when it has drained.
    if (this.#tellingGaps || this.queuedBytes >= QUIET_BYTES) return;
    this.#tellingGaps = true;
    queueMicrotask(() => {
      this.#tellingGaps = false;
      this.#tellGaps();
    });
  }

  /** The queue has drained: lets go of what has left, and tells what the peer did not get. */
  drained(): void {
    this.#passShared();
    this.#tellGaps();
  }

  /** The link is gone, and what it held. */
  ended(): void {
    for (const { publication } of this.#shared.drain()) this.#parts.memory.unshare(publication);
    this.#sharedBytes = 0;
  }

  #tellGaps(): void {
    const gaps = this.#gaps?.take() ?? [];
    if (gaps.length === 0) return;
    this.send({
      type: "publish",
      id: null,
      topic: GAP_TOPIC,
      qos: 0,
      slot: null,
      data: Payload.fromValue(gaps.map((gap) => ({ ...gap }))),
      extras: null,
      frame: null,
    });
  }

  /** Whether so many bytes fit into the queue. One frame always does: the largest does not count. */
  #admit(bytes: number): boolean {
    const queued = this.queuedBytes;
    if (queued === 0) this.#largest = 0;
    const largest = Math.max(this.#largest, bytes);
    return queued + bytes - largest <= OUTBOUND_BYTES_MAX;
  }

  #sendIfPossible(wire: Wire | null): Sent {
    if (wire === null) return "impossible";
    this.#queued(this.#send(wire));
    return "sent";
  }

  /** Gives a frame to the link. Returns by how many bytes the queue got longer. */
  #send(wire: Wire): number {
    const { link } = this.#parts;
    const before = link.bufferedBytes;
    if (typeof wire === "string") link.send(wire);
    else link.send(wire.head, wire.tail);
    const added = link.bufferedBytes - before;
    this.#sentBytes += added;
    if (before === 0 || added > this.#largest) this.#largest = added;
    return added;
  }

  #queued(bytes: number): void {
    if (bytes > 0) this.#parts.onQueued(bytes);
  }

  /** Notes that the link holds a payload that others may hold, too. */
  #share(publication: Publication, bytes: number): void {
    if (bytes === 0) return;
    this.#passShared();
    this.#parts.memory.share(publication);
    this.#shared.push({ publication, bytes, end: this.#sentBytes });
    this.#sharedBytes += bytes;
  }

  /** Lets go of the payloads that have left. */
  #passShared(): void {
    const left = this.#sentBytes - this.queuedBytes;
    for (let frame = this.#shared.peek(); frame !== undefined; frame = this.#shared.peek()) {
      if (frame.end > left) return;
      this.#shared.shift();
      this.#sharedBytes -= frame.bytes;
      this.#parts.memory.unshare(frame.publication);
    }
  }

  /** The frame of a packet as the peer wants it, or `null` when there is none that may be sent. */
  #encode(packet: Packet): Wire | null {
    const { channel, log } = this.#parts;
    try {
      const wire = channel.encoding === "json"
        ? encodePacketJson(withRows(packet), channel.dialect)
        : encodePacket(packet);
      return sizeOf(wire) > FRAME_BYTES_MAX ? null : wire;
    } catch (error) {
      // One peer whose encoding has no form for a value must not stop what others get.
      log.warn("packet not encoded", { type: packet.type, encoding: channel.encoding, error });
      return null;
    }
  }
}

function sizeOf(wire: Wire): number {
  if (typeof wire !== "string") return wire.head.byteLength + (wire.tail?.byteLength ?? 0);
  const most = wire.length * UNIT_BYTES_MAX;
  return most <= FRAME_BYTES_MAX ? most : encoder.encode(wire).byteLength;
}

/** What is sent instead of an answer that cannot be. */
function insteadOf(packet: Packet): Packet {
  if (packet.type !== "response") return packet;
  const text =
    `Cannot send the result: it is larger than ${FRAME_BYTES_MAX} bytes, or has no form in ` +
    "the encoding of the caller; ask for it in parts";
  return { ...packet, status: Status.METHOD_EXCEPTION, data: Payload.fromValue(text) };
}
