import { decodeCbor } from "./cbor_decode.ts";
import { argumentAt, argumentEnd, malformed, truncated } from "./cbor_head.ts";
import { BREAK, INFO, MAJOR } from "./cbor_types.ts";
import { walkCbor } from "./cbor_walk.ts";
import { componentOf } from "./cid.ts";
import { ProtocolError } from "./errors.ts";
import { fromBase64 } from "./base64.ts";
import { idAt, MSG_ID_BYTES, slotOf } from "./msg_id.ts";
import { type Extras, FLAG, type MsgId, type Packet, type QoS, TYPE } from "./packet.ts";
import { Payload } from "./payload.ts";
import { topicText } from "./topic_cache.ts";
import { isUtf8 } from "../util/utf8.ts";

/** The low nibble of the first element is the type. */
const TYPE_MASK = 0x0f;
const NULL = 0xf6;
const UNDEFINED = 0xf7;
/** First bytes of a QoS 0 publication as everybody writes it: an array of three, the type 1. */
const PLAIN_PUB = [0x83, TYPE.PUB] as const;

/**
 * Reads one binary frame (spec 2.3) without decoding user data: payloads are walked (D1) and stay bytes, views
 * of `frame`. Throws {@link ProtocolError}: 1007 for what is not well-formed, 1002 for what is no message.
 */
export function decodePacket(frame: Uint8Array): Packet {
  try {
    return new PacketReader(frame).packet();
  } catch (error) {
    // Well-formed bytes that are no message are another fault than bytes that are not well-formed.
    if (error instanceof ProtocolError && error.closeCode === 1002) assertWhole(frame);
    throw error;
  }
}

function assertWhole(frame: Uint8Array): void {
  if (walkCbor(frame, 0) !== frame.byteLength) throw malformed("bytes follow the item");
}

function violation(problem: string): ProtocolError {
  return new ProtocolError(`Cannot read message: ${problem}`, 1002);
}

/** Takes the elements of one message, one after the other. */
class PacketReader {
  readonly #frame: Uint8Array;
  #at = 0;
  /** Elements that are left; `null` when only a break tells. */
  #left: number | null = 0;

  constructor(frame: Uint8Array) {
    this.#frame = frame;
  }

  packet(): Packet {
    const first = this.#open();
    switch (first & TYPE_MASK) {
      case TYPE.PUB:
        return this.#publish(first);
      case TYPE.RPC:
        return this.#rpc();
      case TYPE.RESPONSE:
        return this.#response();
      case TYPE.ACK:
        return this.#end({ type: "ack", id: this.#id() });
      case TYPE.ACK2:
        return this.#end({ type: "ack2", id: this.#id() });
      case TYPE.ADMIN:
        return this.#end({
          type: "admin",
          id: this.#id(),
          topic: this.#text("topic"),
          data: decodeCbor(this.#item("data")),
        });
      case TYPE.IDENTITY:
        return this.#end({ type: "identity", id: this.#id(), cid: componentOf(this.#text("cid")) });
      case TYPE.UNREGISTER:
        return this.#end({ type: "unregister", id: this.#id() });
      case TYPE.REGISTER:
        return this.#end({
          type: "register",
          id: this.#id(),
          cid: componentOf(this.#text("cid")),
          pin: this.#text("pin"),
          publicKey: this.#bytes("public key"),
          keyType: this.#uint("key type"),
        });
      case TYPE.ATTESTATION:
        return this.#end({
          type: "attestation",
          id: this.#id(),
          cid: componentOf(this.#text("cid")),
          signature: this.#bytes("signature"),
        });
      default:
        throw violation(`type ${first & TYPE_MASK} is unknown`);
    }
  }

  #publish(first: number): Packet {
    const flags = first & ~TYPE_MASK;
    const qos = qosOf(flags & FLAG.QOS_MASK);
    const hasSlot = (flags & FLAG.SLOT) !== 0;
    const isPlain = flags === 0;
    const raw = isPlain ? 0n : this.#rawId();
    if (raw === 0n && qos !== 0) throw violation("an id is 0");
    const topic = this.#text("topic");
    const data = this.#payload("data");
    const extras = this.#extras();
    const hasMore = this.#left !== 0 && !this.#isBreak();
    const packet: Packet = {
      type: "publish",
      id: raw === 0n || (qos === 0 && !hasSlot) ? null : raw as MsgId,
      topic,
      qos,
      slot: hasSlot ? slotOf(raw) : null,
      data,
      extras,
      frame: isPlain && extras === null && !hasMore && this.#isAsEverybodyWrites()
        ? this.#frame
        : null,
    };
    return this.#end(packet);
  }

  #rpc(): Packet {
    const id = this.#id();
    const topic = this.#text("topic");
    const target = this.#textOrNull("target");
    const data = this.#payload("data");
    return this.#end({ type: "rpc", id, topic, target, data, extras: this.#extras() });
  }

  #response(): Packet {
    const id = this.#id();
    const status = this.#uint("status");
    const hasData = this.#left !== 0 && !this.#isBreak();
    const data = hasData ? this.#payload("data") : Payload.fromValue(null);
    return this.#end({ type: "response", id, status, data });
  }

  /** Enters the array and takes its first element, the type with its flags. */
  #open(): number {
    const frame = this.#frame;
    const initial = frame[0];
    if (initial === undefined) throw truncated();
    if (initial >> 5 !== MAJOR.ARRAY) throw violation("it is not an array");
    const info = initial & 0x1f;
    if (info === INFO.INDEFINITE) {
      this.#left = null;
      this.#at = 1;
    } else {
      this.#left = argumentAt(frame, 0);
      this.#at = argumentEnd(0, info);
    }
    const first = this.#uint("type");
    if (first > 0xff) throw violation(`type ${first} is unknown`);
    return first;
  }

  /** What comes after the last element that we know must still be well-formed, and be all. */
  #end<P extends Packet>(packet: P): P {
    if (this.#left === null) {
      while (!this.#isBreak()) this.#at = walkCbor(this.#frame, this.#at);
      this.#at++;
    } else {
      for (; this.#left > 0; this.#left--) this.#at = walkCbor(this.#frame, this.#at);
    }
    if (this.#at !== this.#frame.byteLength) throw malformed("bytes follow the message");
    return packet;
  }

  /** Whether sending the frame again says exactly the same to any peer. */
  #isAsEverybodyWrites(): boolean {
    return this.#frame[0] === PLAIN_PUB[0] && this.#frame[1] === PLAIN_PUB[1];
  }

  #isBreak(): boolean {
    return this.#left === null && this.#frame[this.#at] === BREAK;
  }

  /** The initial byte of the next element, which must be there. */
  #initial(name: string): number {
    if (this.#left === 0 || this.#isBreak()) throw violation(`${name} is missing`);
    const initial = this.#frame[this.#at];
    if (initial === undefined) throw truncated();
    if (this.#left !== null) this.#left--;
    return initial;
  }

  #uint(name: string): number {
    const initial = this.#initial(name);
    if (initial >> 5 !== MAJOR.UINT) throw violation(`${name} is not an unsigned integer`);
    const value = argumentAt(this.#frame, this.#at);
    this.#at = argumentEnd(this.#at, initial & 0x1f);
    return value;
  }

  #rawId(): bigint {
    const initial = this.#initial("id");
    if (initial >> 5 !== MAJOR.BYTES || (initial & 0x1f) === INFO.INDEFINITE) {
      throw violation("an id is not a byte string");
    }
    const length = argumentAt(this.#frame, this.#at);
    const start = argumentEnd(this.#at, initial & 0x1f);
    if (length > this.#frame.byteLength - start) throw truncated();
    if (length !== MSG_ID_BYTES) {
      throw violation(`an id must have ${MSG_ID_BYTES} bytes, got ${length}`);
    }
    this.#at = start + MSG_ID_BYTES;
    return idAt(this.#frame, start);
  }

  #id(): MsgId {
    const id = this.#rawId();
    if (id === 0n) throw violation("an id is 0");
    return id as MsgId;
  }

  #text(name: string): string {
    const initial = this.#initial(name);
    if (initial >> 5 !== MAJOR.TEXT) throw violation(`${name} is not a text`);
    if ((initial & 0x1f) === INFO.INDEFINITE) return String(decodeCbor(this.#walked()));
    const length = argumentAt(this.#frame, this.#at);
    const start = argumentEnd(this.#at, initial & 0x1f);
    if (length > this.#frame.byteLength - start) throw truncated();
    const end = start + length;
    if (!isUtf8(this.#frame, start, end)) throw malformed("a text is not UTF-8");
    this.#at = end;
    return topicText(this.#frame, start, end);
  }

  #textOrNull(name: string): string | null {
    const initial = this.#left === 0 ? undefined : this.#frame[this.#at];
    if (initial !== NULL && initial !== UNDEFINED) return this.#text(name);
    this.#initial(name);
    this.#at++;
    return null;
  }

  /** A byte string; also base64 text, as the reference takes it (spec 2.3). */
  #bytes(name: string): Uint8Array {
    const value = decodeCbor(this.#item(name));
    if (value instanceof Uint8Array) return value;
    if (typeof value === "string") return fromBase64(value);
    throw violation(`${name} is not a byte string`);
  }

  /** The bytes of the next element, walked. */
  #item(name: string): Uint8Array {
    this.#initial(name);
    return this.#walked();
  }

  #walked(): Uint8Array {
    const start = this.#at;
    this.#at = walkCbor(this.#frame, start);
    return this.#frame.subarray(start, this.#at);
  }

  #payload(name: string): Payload {
    return Payload.fromCbor(this.#item(name));
  }

  /** One more element of a session with capabilities (D3); whatever else stands there is ignored. */
  #extras(): Extras | null {
    if (this.#left === 0 || this.#isBreak()) return null;
    return extrasOf(decodeCbor(this.#item("extras")));
  }
}

function qosOf(flags: number): QoS {
  switch (flags) {
    case 0:
      return 0;
    case FLAG.QOS1:
      return 1;
    case FLAG.QOS2:
      return 2;
    default:
      throw violation("the quality of service is none of 0, 1 and 2");
  }
}

/** The members of an extra map that have the type they must have; `null` when there are none (D3). */
export function extrasOf(value: unknown): Extras | null {
  if (typeof value !== "object" || value === null) return null;
  const { o, t, p, ttl, tp } = value as Record<string, unknown>;
  const extras: Extras = {
    ...(isCount(o) ? { o } : {}),
    ...(isCount(t) ? { t } : {}),
    ...(typeof p === "string" ? { p } : {}),
    ...(typeof ttl === "number" && ttl > 0 ? { ttl } : {}),
    ...(typeof tp === "string" ? { tp } : {}),
  };
  return Object.keys(extras).length === 0 ? null : extras;
}

function isCount(value: unknown): value is number | bigint {
  return typeof value === "bigint" || (typeof value === "number" && value >= 0);
}
