import { CborWriter } from "./cbor_encode.ts";
import { argumentAt, argumentEnd } from "./cbor_head.ts";
import { INFO, MAJOR } from "./cbor_types.ts";
import {
  type Extras,
  FLAG,
  type Frame,
  type MsgId,
  type Packet,
  type QoS,
  TYPE,
} from "./packet.ts";
import type { Payload } from "./payload.ts";

const INDEFINITE_ARRAY = 0x9f;

/** What the header of a publication says. */
export interface PublishHeader {
  /** The topic on the wire: as published, or the pattern of a space. */
  readonly topic: string;
  readonly qos: QoS;
  /** Whether the low half of the id is a slot. */
  readonly slot: number | null;
  /** `null` for QoS 0 without a slot, or in slot 0. */
  readonly id: MsgId | null;
}

/** A publication to a subscriber of a space (spec 5.6). */
export interface SpaceDelivery {
  /** The pattern as subscribed: the topic on the wire. */
  readonly pattern: string;
  /** The topic that it was published on. */
  readonly topic: string;
  readonly qos: QoS;
  readonly slot: number | null;
  readonly id: MsgId | null;
  readonly data: Payload;
  readonly extras: Extras | null;
}

/**
 * The binary frame of a packet (spec 2.3). Payload bytes are not copied. Throws `TypeError` or `RangeError` for
 * a value that has no CBOR form.
 */
export function encodePacket(packet: Packet): Frame {
  switch (packet.type) {
    case "publish": {
      const { data, extras } = packet;
      if (extras === null) return { head: publishHeadOf(packet, false), tail: data.cbor };
      return { head: publishHeadOf(packet, true), tail: joined(data.cbor, extras) };
    }
    case "rpc": {
      const { id, topic, target, data, extras } = packet;
      const head = open(extras === null ? 5 : 6, TYPE.RPC, id);
      head.text(topic);
      if (target === null) head.null();
      else head.text(target);
      return { head: head.take(), tail: extras === null ? data.cbor : joined(data.cbor, extras) };
    }
    case "response": {
      const head = open(4, TYPE.RESPONSE, packet.id);
      head.head(MAJOR.UINT, packet.status);
      return { head: head.take(), tail: packet.data.cbor };
    }
    case "ack":
      return whole(open(2, TYPE.ACK, packet.id));
    case "ack2":
      return whole(open(2, TYPE.ACK2, packet.id));
    case "unregister":
      return whole(open(2, TYPE.UNREGISTER, packet.id));
    default:
      return encodeRare(packet);
  }
}

/** The frames that are only sent when a component logs in or changes what it offers. */
function encodeRare(
  packet: Extract<Packet, { type: "identity" | "admin" | "register" | "attestation" }>,
): Frame {
  switch (packet.type) {
    case "identity": {
      const frame = open(3, TYPE.IDENTITY, packet.id);
      frame.text(packet.cid);
      return whole(frame);
    }
    case "admin": {
      const frame = open(4, TYPE.ADMIN, packet.id);
      frame.text(packet.topic);
      frame.value(packet.data, 0);
      return whole(frame);
    }
    case "register": {
      const frame = open(6, TYPE.REGISTER, packet.id);
      frame.text(packet.cid);
      frame.text(packet.pin);
      frame.byteString(packet.publicKey);
      frame.head(MAJOR.UINT, packet.keyType);
      return whole(frame);
    }
    case "attestation": {
      const frame = open(4, TYPE.ATTESTATION, packet.id);
      frame.text(packet.cid);
      frame.byteString(packet.signature);
      return whole(frame);
    }
    default:
      return unknownPacket(packet);
  }
}

/** A packet from outside of the types, of an interceptor for example. */
function unknownPacket(packet: never): never {
  const { type } = packet as Packet;
  throw new TypeError(`Cannot encode packet: expected a known type, got "${String(type)}"`);
}

/** The header of a publication without extras: what stands in front of its payload. */
export function publishHead(header: PublishHeader): Uint8Array {
  return publishHeadOf(header, false);
}

/** The frame for a subscriber of a space: the topic joins the arguments, whose bytes stay as they came. */
export function spaceFrame(delivery: SpaceDelivery): Frame {
  const { pattern, topic, qos, slot, id, data, extras } = delivery;
  const payload = data.cbor;
  const head = publishWriter({ topic: pattern, qos, slot, id }, extras !== null);
  const items = arrayItems(payload);
  if (items === null) {
    head.head(MAJOR.ARRAY, 2);
    head.text(topic);
    return { head: head.take(), tail: extras === null ? payload : joined(payload, extras) };
  }
  if (items.count === null) head.byte(INDEFINITE_ARRAY);
  else head.head(MAJOR.ARRAY, items.count + 1);
  head.text(topic);
  const rest = payload.subarray(items.start);
  return { head: head.take(), tail: extras === null ? rest : joined(rest, extras) };
}

function publishHeadOf(header: PublishHeader, hasExtras: boolean): Uint8Array {
  return publishWriter(header, hasExtras).take();
}

function publishWriter({ topic, qos, slot, id }: PublishHeader, hasExtras: boolean): CborWriter {
  const elements = (id === null ? 3 : 4) + (hasExtras ? 1 : 0);
  const writer = CborWriter.fresh();
  writer.head(MAJOR.ARRAY, elements);
  writer.head(MAJOR.UINT, TYPE.PUB | flagsOf(qos) | (id !== null && slot !== null ? FLAG.SLOT : 0));
  if (id !== null) writer.id(id);
  writer.text(topic);
  return writer;
}

function flagsOf(qos: QoS): number {
  return qos === 0 ? 0 : qos === 1 ? FLAG.QOS1 : FLAG.QOS2;
}

function open(elements: number, type: number, id: MsgId): CborWriter {
  const writer = CborWriter.fresh();
  writer.head(MAJOR.ARRAY, elements);
  writer.head(MAJOR.UINT, type);
  writer.id(id);
  return writer;
}

function whole(writer: CborWriter): Frame {
  return { head: writer.take(), tail: null };
}

/** Where the items of an array begin, and how many there are (`null`: up to a break); `null` for no array. */
function arrayItems(
  bytes: Uint8Array,
): { readonly start: number; readonly count: number | null } | null {
  const initial = bytes[0] ?? 0;
  if (initial >> 5 !== MAJOR.ARRAY) return null;
  const info = initial & 0x1f;
  if (info === INFO.INDEFINITE) return { start: 1, count: null };
  return { start: argumentEnd(0, info), count: argumentAt(bytes, 0) };
}

/** Payloads up to this size are gathered with their extras in one buffer, which is one allocation instead of two. */
const GATHERED_BYTES_MAX = 4_096;

/** Payload bytes with the extra map behind them: the one place where a payload is copied (D3). */
function joined(payload: Uint8Array, extras: Extras): Uint8Array {
  const writer = CborWriter.fresh();
  if (payload.byteLength <= GATHERED_BYTES_MAX) {
    writer.item(payload);
    writer.value(extras, 0);
    return writer.take();
  }
  writer.value(extras, 0);
  const map = writer.take();
  const bytes = new Uint8Array(payload.byteLength + map.byteLength);
  bytes.set(payload);
  bytes.set(map, payload.byteLength);
  return bytes;
}
