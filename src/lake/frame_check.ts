import { type Batch, type DataType, Type } from "npm:@uwdata/flechette@2.6.0";
import { RowError } from "./errors.ts";

/** Bits that the buffers of one value take at least. */
const VALUES_PER_BYTE = 8;
const VIEW_BYTES = 16;
const WORD_BITS = 64;

/** What the reader keeps of a batch, as far as it is checked; its own types say less. */
interface Parts {
  readonly length: number;
  readonly nullCount: number;
  readonly type: DataType;
  readonly validity?: { readonly length: number } | undefined;
  readonly values?: { readonly length: number } | undefined;
  readonly offsets?: ArrayLike<number | bigint> | undefined;
  readonly children?: readonly Batch<unknown>[] | undefined;
  readonly dictionary?: { readonly length: number } | undefined;
}

/**
 * Proves that no value of a batch reaches beyond its buffers, and that none is there twice: the reader does
 * not look, and a frame of a few bytes could claim lists of thousands of millions of elements.
 *
 * @param frameBytes Bytes of the whole frame: more values than its bits cannot be in it.
 * @throws {RowError} With what is wrong.
 */
export function checkBatch(batch: Batch<unknown>, frameBytes: number): void {
  const parts = batch as unknown as Parts;
  const { length, type, nullCount, validity } = parts;
  if (!(length >= 0 && length <= frameBytes * VALUES_PER_BYTE)) {
    throw damaged(`${length} values do not fit into it`);
  }
  if (nullCount > 0 && type.typeId !== Type.Null && type.typeId !== Type.Union) {
    if ((validity?.length ?? 0) * VALUES_PER_BYTE < length) throw tooShort();
  }
  const children = parts.children ?? [];
  switch (type.typeId) {
    case Type.Null:
      return;
    case Type.Bool:
      return require(parts, length / VALUES_PER_BYTE);
    case Type.Binary:
    case Type.Utf8:
    case Type.LargeBinary:
    case Type.LargeUtf8:
      return checkOffsets(parts, parts.values?.length ?? 0);
    case Type.List:
    case Type.LargeList:
    case Type.Map:
      checkOffsets(parts, children[0]?.length ?? 0);
      break;
    case Type.FixedSizeBinary:
      return require(parts, length * type.stride);
    case Type.FixedSizeList:
      if ((children[0]?.length ?? 0) < length * type.stride) throw tooShort();
      break;
    case Type.Struct:
      if (children.some((child) => child.length < length)) throw tooShort();
      break;
    case Type.Utf8View:
    case Type.BinaryView:
      return require(parts, length * VIEW_BYTES);
    case Type.Decimal:
      return require(parts, length * Math.max(1, type.bitWidth / WORD_BITS));
    case Type.Dictionary:
    case Type.Int:
    case Type.Float:
    case Type.Date:
    case Type.Time:
    case Type.Timestamp:
    case Type.Duration:
      return require(parts, length);
    default:
      throw new RowError("expected a frame without unions, intervals, runs and list views");
  }
  for (const child of children) checkBatch(child, frameBytes);
}

function require({ values }: Parts, count: number): void {
  if ((values?.length ?? 0) < count) throw tooShort();
}

/** One offset more than values, none smaller than the one before, the last within what they point to. */
function checkOffsets({ offsets, length }: Parts, end: number): void {
  if (length === 0) return;
  if (offsets === undefined || offsets.length < length + 1) throw tooShort();
  let last = Number(offsets[0]);
  if (!(last >= 0)) throw damaged("an offset is negative");
  for (let i = 1; i <= length; i++) {
    const next = Number(offsets[i]);
    if (!(next >= last)) throw damaged("its offsets do not grow");
    last = next;
  }
  if (last > end) throw tooShort();
}

function tooShort(): RowError {
  return damaged("a buffer is too short");
}

function damaged(cause: string): RowError {
  return new RowError(`the frame is damaged: ${cause}`);
}
