import type { Random } from "../util/random.ts";
import { ProtocolError } from "./errors.ts";
import type { MsgId, QoS } from "./packet.ts";

/** Bytes of a message id on the wire (spec 2.2). */
export const MSG_ID_BYTES = 8;

const SLOT_BITS = 32;
/** Ids without a slot stay below 2^53, so that JSON peers in any language can echo them (spec 3.1). */
const ID_BITS = 53;

const scratch = new DataView(new ArrayBuffer(MSG_ID_BYTES));

/**
 * The id in 8 little-endian bytes that begin at `at`. It may be 0, which only a QoS 0 publication in slot 0
 * may have: the caller refuses it elsewhere.
 */
export function idAt(bytes: Uint8Array, at: number): bigint {
  for (let i = 0; i < MSG_ID_BYTES; i++) scratch.setUint8(i, bytes[at + i] ?? 0);
  return scratch.getBigUint64(0, true);
}

/** The id of exactly 8 bytes (acceptance 2). Throws `ProtocolError` (1002) for another length, and for id 0. */
export function idFromBytes(bytes: Uint8Array): MsgId {
  if (bytes.byteLength !== MSG_ID_BYTES) {
    throw new ProtocolError(
      `Cannot read message id: expected ${MSG_ID_BYTES} bytes, got ${bytes.byteLength}`,
    );
  }
  const id = idAt(bytes, 0);
  if (id === 0n) {
    throw new ProtocolError("Cannot read message id: expected a number above 0, got 0");
  }
  return id as MsgId;
}

/** The slot in the low half of an id (spec 2.2). */
export function slotOf(id: bigint): number {
  return Number(BigInt.asUintN(SLOT_BITS, id));
}

/** A new random id; with a slot, that is its low half. */
export function idWithSlot(random: Random, slot: number | null, qos: 1 | 2): MsgId;
/** As above; for QoS 0 the id is the slot alone, and `null` for none and for slot 0 (spec 2.2). */
export function idWithSlot(random: Random, slot: number | null, qos: QoS): MsgId | null;
export function idWithSlot(random: Random, slot: number | null, qos: QoS): MsgId | null {
  if (qos === 0) return slot === null || slot === 0 ? null : BigInt(slot) as MsgId;
  for (;;) {
    const drawn = random.u64();
    const id = slot === null
      ? BigInt.asUintN(ID_BITS, drawn)
      : BigInt.asUintN(64, drawn << BigInt(SLOT_BITS)) | BigInt(slot);
    if (slot === null ? id !== 0n : id >> BigInt(SLOT_BITS) !== 0n) return id as MsgId;
  }
}
