import type { FrameField, FrameType } from "./frame_type.ts";

/** Bytes of one view: length, then the bytes, or a prefix and where the bytes are. */
export const VIEW_BYTES = 16;
/** Longest text that lies in its view. */
export const VIEW_INLINE_MAX = 12;

/** Values of one type in one record batch, as Arrow lays them out. Which buffers there are, the type says. */
export interface FrameData {
  readonly type: FrameType;
  readonly length: number;
  /** A bit for each value, 0 for null; `null` when there are no nulls. */
  readonly validity: Uint8Array | null;
  /** Values of fixed size, bits of booleans, bytes of texts, views, keys of a dictionary. */
  readonly values: Uint8Array;
  /** Where texts and lists begin and end: one more than there are values, of 4 or 8 bytes. */
  readonly offsets: Uint8Array;
  /** What views point to. */
  readonly views: readonly Uint8Array[];
  readonly children: readonly FrameData[];
  /** The values that keys stand for; `null` when the type is no dictionary, or has none yet. */
  readonly dictionary: Dictionary | null;
}

/** Values of a dictionary, in parts. Equal objects are equal dictionaries. */
export interface Dictionary {
  readonly parts: readonly FrameData[];
  readonly length: number;
}

/** A frame as a list of columns. */
export interface Frame {
  readonly fields: readonly FrameField[];
  /** Rows of all batches. */
  readonly rowCount: number;
  /** For each record batch its columns. */
  readonly batches: readonly FrameBatch[];
}

/** A record batch. */
export interface FrameBatch {
  readonly length: number;
  readonly columns: readonly FrameData[];
}

/** No bytes: what a buffer is that its type does not have. */
export const NO_BYTES: Uint8Array = new Uint8Array(0);

/** Data with the buffers that are given, and none else. */
export function frameData(
  parts: Pick<FrameData, "type" | "length"> & Partial<FrameData>,
): FrameData {
  return {
    validity: null,
    values: NO_BYTES,
    offsets: NO_BYTES,
    views: [],
    children: [],
    dictionary: null,
    ...parts,
  };
}

/** Whether a bit is set. */
export function isSet(bits: Uint8Array, at: number): boolean {
  return ((bits[at >> 3] ?? 0) >> (at & 7) & 1) === 1;
}

/** How many values are null. */
export function countNulls({ type, length, validity }: FrameData): number {
  if (type.kind === "null") return length;
  if (validity === null) return 0;
  let present = 0;
  for (let at = 0; at < length >> 3; at++) present += ones(validity[at] ?? 0);
  for (let at = length & ~7; at < length; at++) if (isSet(validity, at)) present++;
  return length - present;
}

/** How many bits of a byte are set. */
function ones(byte: number): number {
  const pairs = byte - (byte >> 1 & 0x55);
  const fours = (pairs & 0x33) + (pairs >> 2 & 0x33);
  return (fours + (fours >> 4)) & 0x0f;
}

/** The whole of a buffer as a view for reading numbers. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The offset at `at`, of 4 or 8 bytes. */
export function offsetAt(offsets: DataView, at: number, isLarge: boolean): number {
  return isLarge ? Number(offsets.getBigInt64(at * 8, true)) : offsets.getInt32(at * 4, true);
}
