import {
  type FrameData,
  isSet,
  offsetAt,
  VIEW_BYTES,
  VIEW_INLINE_MAX,
  viewOf,
} from "./frame_data.ts";
import { FrameError } from "./frame_error.ts";
import { type IntType, widthOf } from "./frame_type.ts";
import { SHARED_BYTES_MAX } from "./limits.ts";

const BITS = 8;
/** Where a view says which buffer its bytes are in, and where. */
const VIEW_BUFFER_AT = 8;
const VIEW_OFFSET_AT = 12;

/**
 * Proves that no value reaches beyond its buffers, and that none is there twice: a frame of a few bytes could
 * claim lists of thousands of millions of elements.
 *
 * @throws {FrameError} With what is wrong.
 */
export function checkData(data: FrameData): void {
  const { type, length, validity, values, children } = data;
  if (validity !== null && validity.length * BITS < length) throw tooShort();
  switch (type.kind) {
    case "null":
      return;
    case "bool":
      if (values.length * BITS < length) throw tooShort();
      return;
    case "text":
    case "binary":
      if (type.layout === "view") checkViews(data);
      else checkOffsets(data, { isLarge: type.layout === "large", end: values.length });
      return;
    case "list":
      checkOffsets(data, { isLarge: type.isLarge, end: children[0]?.length ?? 0 });
      break;
    case "map":
      checkOffsets(data, { isLarge: false, end: children[0]?.length ?? 0 });
      break;
    case "array":
      if ((children[0]?.length ?? 0) < length * type.size) throw tooShort();
      break;
    case "struct":
      if (children.some((child) => child.length < length)) throw tooShort();
      break;
    case "dictionary":
      checkWidth(data);
      checkKeys(data, type.key);
      return;
    default:
      checkWidth(data);
      return;
  }
  for (const child of children) checkData(child);
}

function checkWidth({ type, length, values }: FrameData): void {
  if (values.length < length * widthOf(type)) throw tooShort();
}

/** One offset more than values, none smaller than the one before, the last within what they point to. */
function checkOffsets(
  { length, offsets }: FrameData,
  { isLarge, end }: { readonly isLarge: boolean; readonly end: number },
): void {
  if (length === 0) return;
  if (offsets.length < (length + 1) * (isLarge ? 8 : 4)) throw tooShort();
  const view = viewOf(offsets);
  let last = offsetAt(view, 0, isLarge);
  if (!(last >= 0)) throw damaged("an offset is negative");
  for (let at = 1; at <= length; at++) {
    const next = offsetAt(view, at, isLarge);
    if (!(next >= last)) throw damaged("its offsets do not grow");
    last = next;
  }
  if (last > end) throw tooShort();
}

/** Views may share bytes, as equal texts do; but not without end. */
function checkViews({ length, validity, values, views }: FrameData): void {
  if (values.length < length * VIEW_BYTES) throw tooShort();
  const view = viewOf(values);
  let shared = 0;
  for (let i = 0; i < length; i++) {
    if (validity !== null && !isSet(validity, i)) continue;
    const at = i * VIEW_BYTES;
    const bytes = view.getInt32(at, true);
    if (bytes < 0) throw damaged("a text has less than no bytes");
    if (bytes <= VIEW_INLINE_MAX) continue;
    const start = view.getInt32(at + VIEW_OFFSET_AT, true);
    const buffer = views[view.getInt32(at + VIEW_BUFFER_AT, true)];
    if (buffer === undefined || start < 0 || start + bytes > buffer.length) throw tooShort();
    shared += bytes;
  }
  if (shared > SHARED_BYTES_MAX) {
    throw new FrameError(
      `expected at most ${SHARED_BYTES_MAX} bytes of texts in a column, got ${shared}`,
    );
  }
}

function checkKeys(data: FrameData, key: IntType): void {
  const size = data.dictionary?.length ?? 0;
  const keyAt = numberReader(viewOf(data.values), key);
  for (let i = 0; i < data.length; i++) {
    if (data.validity !== null && !isSet(data.validity, i)) continue;
    const at = keyAt(i);
    if (!(at >= 0 && at < size)) throw damaged("a key is not in its dictionary");
  }
}

/** Gives the integers of a column as numbers: keys of a dictionary, or what has at most 32 bits. */
export function numberReader(view: DataView, { bits, isSigned }: IntType): (i: number) => number {
  switch (bits) {
    case 8:
      return isSigned ? (i) => view.getInt8(i) : (i) => view.getUint8(i);
    case 16:
      return isSigned ? (i) => view.getInt16(i * 2, true) : (i) => view.getUint16(i * 2, true);
    case 32:
      return isSigned ? (i) => view.getInt32(i * 4, true) : (i) => view.getUint32(i * 4, true);
    default:
      return isSigned
        ? (i) => Number(view.getBigInt64(i * 8, true))
        : (i) => Number(view.getBigUint64(i * 8, true));
  }
}

/** The error of bytes that end too early. */
export function tooShort(): FrameError {
  return damaged("a buffer is too short");
}

/** The error of bytes that contradict themselves. */
export function damaged(cause: string, options?: ErrorOptions): FrameError {
  return new FrameError(`it is damaged: ${cause}`, options);
}
