import {
  type Dictionary,
  type Frame,
  type FrameData,
  frameData,
  isSet,
  VIEW_BYTES,
  VIEW_INLINE_MAX,
  viewOf,
} from "./frame_data.ts";
import { fieldsOf, type FrameType, widthOf } from "./frame_type.ts";
import { type ForeignField, foreignField } from "./foreign_type.ts";

const TYPE_VIEWS: ReadonlySet<number> = new Set([23, 24]);
const VIEW_BUFFER_AT = 8;
const VIEW_OFFSET_AT = 12;

/** Values as apache-arrow and flechette keep them; where two names stand, each has its own. */
interface ForeignData {
  readonly type: { readonly typeId: number };
  readonly length: number;
  readonly nullCount: number;
  /** Bits to skip in bitmaps: part of a larger column (apache-arrow). */
  readonly offset?: number;
  readonly nullBitmap?: Uint8Array | null;
  readonly validity?: Uint8Array | null;
  readonly values?: ArrayBufferView | null;
  readonly valueOffsets?: Offsets | null;
  readonly offsets?: Offsets | null;
  readonly variadicBuffers?: readonly Uint8Array[];
  readonly data?: readonly Uint8Array[];
  readonly children?: readonly ForeignData[] | null;
  readonly dictionary?: ForeignColumn | null;
  /** Part of it, with its children (apache-arrow). */
  slice?(from: number, count: number): unknown;
}

type Offsets = Int32Array | BigInt64Array;

/** A column of several batches. */
interface ForeignColumn {
  readonly data: readonly ForeignData[];
  readonly length: number;
}

/** A table of flechette has columns of batches, one of apache-arrow batches of columns. */
interface ForeignTable {
  readonly schema: { readonly fields: readonly ForeignField[] };
  readonly children?: readonly ForeignColumn[];
  readonly batches?: readonly { readonly data: { readonly children: readonly ForeignData[] } }[];
}

/** A table that writes its own Arrow bytes: `toArrowIPC` is that of arquero, the other that of nodejs-polars. */
interface SelfWriting {
  toArrowIPC?(options: { readonly format: "stream" }): unknown;
  writeIPCStream?(): unknown;
}

/** Whether it is a table of apache-arrow, flechette, arquero or nodejs-polars. Cheap for anything else. */
export function isForeignTable(value: object): boolean {
  return isSelfWriting(value) || isTable(value);
}

/**
 * The Arrow data of a table of another library: told by their shape, since no library is loaded for it.
 *
 * @throws {TypeError} For what is no such table, or has columns that peers cannot read.
 */
export function fromForeignTable(value: object): Frame | Uint8Array {
  if (isSelfWriting(value)) {
    const { toArrowIPC, writeIPCStream } = value;
    const bytes = typeof toArrowIPC === "function"
      ? toArrowIPC.call(value, { format: "stream" })
      : writeIPCStream?.call(value);
    if (bytes instanceof Uint8Array) return bytes;
  } else if (isTable(value)) return new TableReader(value).frame();
  throw new TypeError("Cannot make a data frame: expected Arrow bytes or a table, got neither");
}

function isSelfWriting(value: object): value is SelfWriting {
  const { toArrowIPC, writeIPCStream } = value as SelfWriting;
  return typeof toArrowIPC === "function" || typeof writeIPCStream === "function";
}

function isTable(value: object): value is ForeignTable {
  if (!("schema" in value) || !("numRows" in value)) return false;
  const { schema, children, batches } = value as Partial<ForeignTable>;
  return Array.isArray(schema?.fields) && (Array.isArray(children) || Array.isArray(batches));
}

class TableReader {
  readonly #table: ForeignTable;
  /** Dictionary of the other library -> ours: batches share them. */
  readonly #dictionaries = new Map<ForeignColumn, Dictionary>();

  constructor(table: ForeignTable) {
    this.#table = table;
  }

  frame(): Frame {
    const fields = this.#table.schema.fields.map(foreignField);
    const batches = this.#batches().map((columns) => {
      const length = columns[0]?.length ?? 0;
      if (columns.length !== fields.length || columns.some((one) => one.length !== length)) {
        throw new TypeError("Cannot make a data frame: the columns of the table differ in length");
      }
      const types = fields.map(({ type }) => type);
      return { length, columns: this.#all(columns, types) };
    });
    return { fields, batches, rowCount: batches.reduce((sum, { length }) => sum + length, 0) };
  }

  /** For each batch its columns. */
  #batches(): readonly (readonly ForeignData[])[] {
    const { batches, children = [] } = this.#table;
    if (batches !== undefined) return batches.map(({ data }) => data.children);
    const count = Math.max(0, ...children.map(({ data }) => data.length));
    return Array.from(
      { length: count },
      (_, i) => children.flatMap(({ data }) => data.slice(i, i + 1)),
    );
  }

  #all(data: readonly ForeignData[], types: readonly FrameType[]): FrameData[] {
    return types.map((type, i) => this.#data(data[i] ?? missing(), type));
  }

  #data(data: ForeignData, type: FrameType): FrameData {
    const { length, offset = 0 } = data;
    const bitmap = data.nullBitmap ?? data.validity ?? null;
    const hasNulls = data.nullCount !== 0 && type.kind !== "null" && bitmap !== null &&
      bitmap.length > 0;
    const validity = hasNulls ? bitsOf(bitmap, offset, length) : null;
    const begun = { type, length, validity };
    switch (type.kind) {
      case "null":
        return frameData(begun);
      case "bool":
        return frameData({ ...begun, values: bitsOf(bytesOf(data), offset, length) });
      case "text":
      case "binary":
        return frameData({
          ...begun,
          ...TYPE_VIEWS.has(data.type.typeId) ? gathered(data, validity) : textBuffers(data),
        });
      case "list":
      case "map": {
        const { offsets, start, end } = rebased(data);
        const child = part(data.children?.[0] ?? missing(), start, end);
        return frameData({ ...begun, offsets, children: this.#all([child], innerTypes(type)) });
      }
      case "array":
      case "struct": {
        const count = type.kind === "array" ? length * type.size : length;
        const children = (data.children ?? []).map((child) => part(child, 0, count));
        return frameData({ ...begun, children: this.#all(children, innerTypes(type)) });
      }
      case "dictionary":
        return frameData({
          ...begun,
          values: bytesOf(data).subarray(0, length * widthOf(type)),
          dictionary: this.#dictionary(data.dictionary ?? missing(), type.value),
        });
      default:
        return frameData({ ...begun, values: bytesOf(data).subarray(0, length * widthOf(type)) });
    }
  }

  #dictionary(column: ForeignColumn, type: FrameType): Dictionary {
    const known = this.#dictionaries.get(column);
    if (known !== undefined) return known;
    const parts = column.data.map((data) => this.#data(data, type));
    const dictionary = { parts, length: column.length };
    this.#dictionaries.set(column, dictionary);
    return dictionary;
  }
}

function innerTypes(type: FrameType): readonly FrameType[] {
  return fieldsOf(type).map((field) => field.type);
}

function missing(): never {
  throw new TypeError("Cannot make a data frame: a part of a column of the table is missing");
}

function bytesOf({ values }: ForeignData): Uint8Array {
  return values === null || values === undefined
    ? new Uint8Array(0)
    : new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Bits from `offset` on, moved to the front. */
function bitsOf(bits: Uint8Array, offset: number, length: number): Uint8Array {
  const bytes = Math.ceil(length / 8);
  if (offset % 8 === 0) return bits.slice(offset / 8, offset / 8 + bytes);
  const moved = new Uint8Array(bytes);
  for (let at = 0; at < length; at++) {
    if (isSet(bits, offset + at)) moved[at >> 3] = (moved[at >> 3] ?? 0) | 1 << (at & 7);
  }
  return moved;
}

/** Elements of a child column. Only parts of apache-arrow's data are ever shorter than the whole. */
function part(child: ForeignData, start: number, end: number): ForeignData {
  if (start === 0 && end === child.length) return child;
  if (child.valueOffsets === undefined && child.offset === undefined) return child;
  return child.slice === undefined ? child : child.slice(start, end - start) as ForeignData;
}

/** Offsets that begin at 0, and what they pointed to. */
function rebased(data: ForeignData): { offsets: Uint8Array; start: number; end: number } {
  const offsets = data.valueOffsets ?? data.offsets ?? missing();
  const isApache = data.valueOffsets !== undefined && data.valueOffsets !== null;
  const used = offsets.slice(0, data.length + 1);
  const start = Number(used[0] ?? 0);
  const end = Number(used[data.length] ?? 0);
  if (isApache && start !== 0) {
    if (used instanceof BigInt64Array) used.forEach((at, i) => used[i] = at - BigInt(start));
    else used.forEach((at, i) => used[i] = at - start);
  }
  return { offsets: new Uint8Array(used.buffer, used.byteOffset, used.byteLength), start, end };
}

function textBuffers(data: ForeignData): Pick<FrameData, "offsets" | "values"> {
  const { offsets, start, end } = rebased(data);
  const isApache = data.valueOffsets !== undefined && data.valueOffsets !== null;
  return { offsets, values: bytesOf(data).subarray(isApache ? start : 0, end) };
}

/** Views as texts one after the other. */
function gathered(
  data: ForeignData,
  validity: Uint8Array | null,
): Pick<FrameData, "offsets" | "values"> {
  const bytes = bytesOf(data);
  const view = viewOf(bytes);
  const buffers = data.variadicBuffers ?? data.data ?? [];
  const offsets = new Int32Array(data.length + 1);
  const texts: Uint8Array[] = [];
  let end = 0;
  for (let i = 0; i < data.length; i++) {
    const at = i * VIEW_BYTES;
    const length = validity === null || isSet(validity, i) ? view.getInt32(at, true) : 0;
    const from = view.getInt32(at + VIEW_OFFSET_AT, true);
    const text = length <= VIEW_INLINE_MAX
      ? bytes.subarray(at + 4, at + 4 + length)
      : (buffers[view.getInt32(at + VIEW_BUFFER_AT, true)] ?? missing()).subarray(
        from,
        from + length,
      );
    texts.push(text);
    offsets[i + 1] = end += text.length;
  }
  const values = new Uint8Array(end);
  for (const [i, text] of texts.entries()) values.set(text, offsets[i]);
  return { offsets: new Uint8Array(offsets.buffer), values };
}
