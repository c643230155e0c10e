import type { Vector } from "npm:@duckdb/node-bindings@1.5.5-r.5";
import type { Buffers } from "../frame/stream.ts";
import type { ArrowType } from "./arrow_type.ts";
import { duckdb } from "./duck.ts";
import { QueryError } from "./errors.ts";

const BITS = 8;
const STRING_BYTES = 16;
const LIST_ENTRY_BYTES = 16;
/** Texts up to this length lie in the entry itself, longer ones where its pointer says. */
const INLINE_BYTES_MAX = 12;
const INLINE_AT = 4;
const POINTER_AT = 8;
const DECIMAL_BYTES = 16;

/** The first integer that has more digits than an Arrow decimal of 16 bytes. */
const DECIMAL_END = 10n ** 38n;

/** A HUGEINT may have one digit more than a decimal: readers would show another number, or none. */
function requireDigits(
  data: Uint8Array,
  ranges: readonly Range[],
  valid: Uint8Array | null,
): void {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (const [from, count] of ranges) {
    for (let row = from; row < from + count; row++) {
      const at = row * DECIMAL_BYTES;
      const value = (view.getBigInt64(at + 8, true) << 64n) | view.getBigUint64(at, true);
      if ((value < DECIMAL_END && value > -DECIMAL_END) || !isSet(valid, row)) continue;
      throw new QueryError(
        `Cannot answer the query: expected integers of at most 38 digits, got ${value}; ` +
          "ask for the column as CAST(... AS VARCHAR)",
      );
    }
  }
}

/** Rows of a vector: from, and how many. */
export type Range = readonly [from: number, count: number];

/** Bytes that grow. */
class Bytes {
  #bytes = new Uint8Array(1_024);
  length = 0;

  /** Room for `count` more bytes, to be written by the caller. */
  extend(count: number): Uint8Array {
    const wanted = this.length + count;
    if (wanted > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.length));
      this.#bytes = larger;
    }
    const part = this.#bytes.subarray(this.length, wanted);
    this.length = wanted;
    return part;
  }

  get view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
}

/** Bits, lowest first, as Arrow has them. */
class Bits {
  #bytes = new Bytes();
  #count = 0;

  push(bit: boolean): void {
    const at = this.#count++;
    if (at % BITS === 0) this.#bytes.extend(1)[0] = 0;
    if (bit) {
      const { view } = this.#bytes;
      view[at >> 3] = (view[at >> 3] ?? 0) | 1 << (at & 7);
    }
  }

  get view(): Uint8Array {
    return this.#bytes.view;
  }
}

/**
 * Gathers one column of a record batch from the vectors of several chunks. Bytes are copied from DuckDB's
 * memory as they lie; nothing points there afterwards.
 */
export class ArrowColumn {
  readonly #type: ArrowType;
  readonly #children: readonly ArrowColumn[];
  #length = 0;
  #nulls = 0;
  /** Made at the first null: most columns have none. */
  #validity: Bits | null = null;
  readonly #data = new Bytes();
  readonly #bits = new Bits();
  readonly #offsets: number[] = [0];

  /** An empty column of the type. */
  constructor(type: ArrowType) {
    this.#type = type;
    this.#children = childTypes(type).map((child) => new ArrowColumn(child));
  }

  /** Bytes gathered, children included: what a limit counts. */
  get byteLength(): number {
    return this.#data.length + this.#offsets.length * BITS +
      this.#children.reduce((sum, child) => sum + child.byteLength, 0);
  }

  /** Adds these rows of a vector, in this order. */
  append(vector: Vector, ranges: readonly Range[]): void {
    const extent = ranges.reduce((max, [from, count]) => Math.max(max, from + count), 0);
    const rows = ranges.reduce((sum, [, count]) => sum + count, 0);
    if (rows === 0) return;
    const valid = duckdb.vector_get_validity(vector, Math.ceil(extent / BITS)) as
      | Uint8Array
      | null;
    this.#appendValidity(valid, ranges);
    this.#length += rows;
    const type = this.#type;
    switch (type.kind) {
      case "bool":
        return this.#appendBooleans(duckdb.vector_get_data(vector, extent), ranges);
      case "decimal":
        return this.#appendDecimals(
          duckdb.vector_get_data(vector, extent * type.bytes),
          ranges,
          { bytes: type.bytes, valid },
        );
      case "text":
      case "binary":
        return this.#appendStrings(
          duckdb.vector_get_data(vector, extent * STRING_BYTES),
          ranges,
          valid,
        );
      case "list":
      case "map":
        return this.#appendLists(vector, ranges, { extent, valid });
      case "array": {
        const { size } = type;
        const scaled = ranges.map(([from, count]) => [from * size, count * size] as const);
        this.#children[0]?.append(duckdb.array_vector_get_child(vector), scaled);
        return;
      }
      case "struct":
        for (const [i, child] of this.#children.entries()) {
          child.append(duckdb.struct_vector_get_child(vector, i), ranges);
        }
        return;
      default:
        return this.#appendFixed(vector, ranges, { extent, width: widthOf(type) });
    }
  }

  /** The buffers of this column and its children, in Arrow's order. */
  collect(into: Buffers): void {
    into.nodes.push([this.#length, this.#nulls]);
    into.parts.push(this.#validity?.view ?? new Uint8Array(0));
    switch (this.#type.kind) {
      case "bool":
        into.parts.push(this.#bits.view);
        break;
      case "text":
      case "binary":
        into.parts.push(bytesOf(BigInt64Array.from(this.#offsets, BigInt)), this.#data.view);
        break;
      case "list":
        into.parts.push(bytesOf(BigInt64Array.from(this.#offsets, BigInt)));
        break;
      case "map":
        into.parts.push(bytesOf(Int32Array.from(this.#offsets)));
        break;
      case "struct":
      case "array":
        break;
      default:
        into.parts.push(this.#data.view);
    }
    if (this.#type.kind === "map") {
      // The entries: a struct that is never null, around key and value.
      into.nodes.push([this.#offsets.at(-1) ?? 0, 0]);
      into.parts.push(new Uint8Array(0));
    }
    for (const child of this.#children) child.collect(into);
  }

  #appendValidity(valid: Uint8Array | null, ranges: readonly Range[]): void {
    let at = this.#length;
    for (const [from, count] of ranges) {
      for (let row = from; row < from + count; row++, at++) {
        const isValid = isSet(valid, row);
        if (!isValid && this.#validity === null) {
          this.#validity = new Bits();
          for (let i = 0; i < at; i++) this.#validity.push(true);
        }
        if (!isValid) this.#nulls++;
        this.#validity?.push(isValid);
      }
    }
  }

  #appendFixed(
    vector: Vector,
    ranges: readonly Range[],
    { extent, width }: { extent: number; width: number },
  ): void {
    const data = duckdb.vector_get_data(vector, extent * width);
    for (const [from, count] of ranges) {
      this.#data.extend(count * width).set(data.subarray(from * width, (from + count) * width));
    }
  }

  #appendBooleans(data: Uint8Array, ranges: readonly Range[]): void {
    for (const [from, count] of ranges) {
      for (let row = from; row < from + count; row++) this.#bits.push(data[row] === 1);
    }
  }

  /** Decimals of 16 to 64 bits are widened: readers know those of 128 bits best. */
  #appendDecimals(
    data: Uint8Array,
    ranges: readonly Range[],
    { bytes, valid }: { readonly bytes: number; readonly valid: Uint8Array | null },
  ): void {
    if (bytes === DECIMAL_BYTES) requireDigits(data, ranges, valid);
    for (const [from, count] of ranges) {
      const to = this.#data.extend(count * DECIMAL_BYTES);
      for (let row = 0; row < count; row++) {
        const at = (from + row) * bytes;
        const sign = ((data[at + bytes - 1] ?? 0) & 0x80) === 0 ? 0 : 0xff;
        to.set(data.subarray(at, at + bytes), row * DECIMAL_BYTES);
        to.fill(sign, row * DECIMAL_BYTES + bytes, (row + 1) * DECIMAL_BYTES);
      }
    }
  }

  /** Long texts lie behind one another most of the time: those are read at once. */
  #appendStrings(data: Uint8Array, ranges: readonly Range[], valid: Uint8Array | null): void {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    let total = this.#offsets.at(-1) ?? 0;
    let run: { readonly at: number; bytes: number; end: bigint } | null = null;
    const flush = () => {
      if (run === null) return;
      const at = data.byteOffset + run.at;
      const bytes = duckdb.get_data_from_pointer(data.buffer as ArrayBuffer, at, run.bytes);
      this.#data.extend(run.bytes).set(bytes);
      run = null;
    };
    for (const [from, count] of ranges) {
      for (let row = from; row < from + count; row++) {
        const at = row * STRING_BYTES;
        const length = isSet(valid, row) ? view.getUint32(at, true) : 0;
        if (length > INLINE_BYTES_MAX) {
          const pointer = view.getBigUint64(at + POINTER_AT, true);
          if (run !== null && run.end === pointer) {
            run.bytes += length;
            run.end += BigInt(length);
          } else {
            flush();
            run = { at: at + POINTER_AT, bytes: length, end: pointer + BigInt(length) };
          }
        } else if (length > 0) {
          flush();
          this.#data.extend(length).set(data.subarray(at + INLINE_AT, at + INLINE_AT + length));
        }
        total += length;
        this.#offsets.push(total);
      }
    }
    flush();
  }

  #appendLists(
    vector: Vector,
    ranges: readonly Range[],
    { extent, valid }: { extent: number; valid: Uint8Array | null },
  ): void {
    const data = duckdb.vector_get_data(vector, extent * LIST_ENTRY_BYTES);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const items: [number, number][] = [];
    let total = this.#offsets.at(-1) ?? 0;
    for (const [from, count] of ranges) {
      for (let row = from; row < from + count; row++) {
        const start = Number(view.getBigUint64(row * LIST_ENTRY_BYTES, true));
        const size = isSet(valid, row)
          ? Number(view.getBigUint64(row * LIST_ENTRY_BYTES + BITS, true))
          : 0;
        total += size;
        this.#offsets.push(total);
        if (size === 0) continue;
        const last = items.at(-1);
        if (last !== undefined && last[0] + last[1] === start) last[1] += size;
        else items.push([start, size]);
      }
    }
    const child = duckdb.list_vector_get_child(vector);
    if (this.#type.kind === "list") this.#children[0]?.append(child, items);
    else {
      for (const [i, member] of this.#children.entries()) {
        member.append(duckdb.struct_vector_get_child(child, i), items);
      }
    }
  }
}

function childTypes(type: ArrowType): readonly ArrowType[] {
  switch (type.kind) {
    case "list":
    case "array":
      return [type.item];
    case "struct":
      return type.members.map((member) => member.type);
    case "map":
      return [type.key, type.value];
    default:
      return [];
  }
}

function widthOf(type: ArrowType): number {
  switch (type.kind) {
    case "int":
    case "float":
      return type.bits / BITS;
    case "date":
      return 4;
    default:
      return 8;
  }
}

function isSet(bits: Uint8Array | null, at: number): boolean {
  return bits === null || bits.length === 0 || ((bits[at >> 3] ?? 0) & 1 << (at & 7)) !== 0;
}

function bytesOf(array: BigInt64Array | Int32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
