import { DataFrame } from "../frame/data_frame.ts";
import { incomingArgs } from "../frame/arguments.ts";
import { FrameError } from "../frame/frame_error.ts";
import { Tagged } from "../protocol/cbor.ts";
import type { Packet } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { JSON_FRAME_BYTES_MAX, JSON_FRAME_CELLS_MAX } from "./limits.ts";

/** Payload -> the same with rows in place of data frames: made once for all JSON receivers. */
const known = new WeakMap<Payload, Payload>();

/**
 * The packet as a JSON peer gets it: data frames among its arguments, or as its result, become arrays of row objects
 * (spec 3.1). What has none is not copied.
 *
 * Throws `FrameError` for a frame that is damaged or has too much in it: for that receiver it has no form.
 */
export function withRows(packet: Packet): Packet {
  if (packet.type !== "publish" && packet.type !== "rpc" && packet.type !== "response") {
    return packet;
  }
  const data = rowsFor(packet.data);
  return data === packet.data ? packet : { ...packet, data };
}

function rowsFor(data: Payload): Payload {
  const before = known.get(data);
  if (before !== undefined) return before;
  const { value } = data;
  if (!(value instanceof Tagged) && !(Array.isArray(value) && value.some(isTagged))) return data;
  const values = Array.isArray(value) ? value : [value];
  const mapped = incomingArgs(values).map((one) => one instanceof DataFrame ? rowsOf(one) : one);
  const changed = Payload.fromValue(Array.isArray(value) ? mapped : mapped[0]);
  known.set(data, changed);
  return changed;
}

function isTagged(value: unknown): boolean {
  return value instanceof Tagged;
}

function rowsOf(frame: DataFrame): unknown[] {
  const { byteLength } = frame.bytes;
  if (byteLength > JSON_FRAME_BYTES_MAX) {
    throw new FrameError(
      `expected at most ${JSON_FRAME_BYTES_MAX} bytes for a JSON peer, got ${byteLength}`,
    );
  }
  const cells = frame.numRows * frame.names.length;
  if (cells > JSON_FRAME_CELLS_MAX) {
    throw new FrameError(
      `expected at most ${JSON_FRAME_CELLS_MAX} values for a JSON peer, got ${cells}`,
    );
  }
  return frame.rows();
}
