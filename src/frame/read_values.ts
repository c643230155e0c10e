import { float16 } from "../protocol/float16.ts";
import { damaged, numberReader } from "./check.ts";
import {
  type Dictionary,
  type FrameData,
  isSet,
  offsetAt,
  VIEW_BYTES,
  VIEW_INLINE_MAX,
  viewOf,
} from "./frame_data.ts";
import { FrameError } from "./frame_error.ts";
import { type FrameType, type IntType, UNIT_NS } from "./frame_type.ts";
import { FRAME_CELLS_MAX } from "./limits.ts";
import { clockText, decimalValue, shortest } from "./number_text.ts";
import { setMember } from "./rows.ts";
import { Timestamp } from "./timestamp.ts";

const DAY_MS = 86_400_000;
const U64 = 64n;
/** Longest text that the text decoder is not worth its call for. */
const SHORT_TEXT_BYTES = 16;
const ASCII_MAX = 0x7f;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Gives the value of a row. */
type Read = (at: number) => unknown;

/** Reads columns of one frame, and counts what it makes of them. */
export class ValueReader {
  /** Dictionary -> its values: batches share them. */
  readonly #dictionaries = new Map<Dictionary, readonly unknown[]>();
  readonly #cellsMax: number;
  #cells = 0;

  /** Makes a reader that gives at most so many values. */
  constructor(cellsMax: number = FRAME_CELLS_MAX) {
    this.#cellsMax = cellsMax;
  }

  /**
   * The values of data that were checked, as `DataFrame.rows` says.
   *
   * @throws {FrameError} For too many values, elements of lists included, and for texts that are not UTF-8.
   */
  values(parts: readonly FrameData[]): unknown[] {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.#count(length);
    const values = new Array<unknown>(length);
    let to = 0;
    for (const part of parts) {
      const read = this.#reader(part);
      for (let at = 0; at < part.length; at++) values[to++] = read(at);
    }
    return values;
  }

  #count(cells: number): void {
    this.#cells += cells;
    if (this.#cells > this.#cellsMax) {
      throw new FrameError(
        `expected at most ${this.#cellsMax} values, got more: read it as a table`,
      );
    }
  }

  #reader(data: FrameData): Read {
    const { validity } = data;
    const read = this.#plainReader(data);
    return validity === null ? read : (at) => isSet(validity, at) ? read(at) : null;
  }

  #plainReader(data: FrameData): Read {
    const { type, values } = data;
    switch (type.kind) {
      case "null":
        return () => null;
      case "bool":
        return (at) => isSet(values, at);
      case "text":
        return textReader(data);
      case "binary":
        return bytesReader(data);
      case "fixed":
        return (at) => values.subarray(at * type.size, (at + 1) * type.size);
      case "list":
        return this.#listReader(data, type.isLarge);
      case "array": {
        const item = this.#childReader(data, 0);
        return (at) => this.#items(item, at * type.size, (at + 1) * type.size);
      }
      case "struct":
        return this.#structReader(data, type.fields.map(({ name }) => name));
      case "map":
        return this.#mapReader(data);
      case "dictionary": {
        const items = this.#dictionary(data.dictionary);
        const keyAt = numberReader(viewOf(values), type.key);
        return (at) => items[keyAt(at)];
      }
      default:
        return scalarReader(type, values);
    }
  }

  #childReader({ children }: FrameData, number: number): Read {
    const child = children[number];
    if (child === undefined) throw damaged("a part of a column is missing");
    return this.#reader(child);
  }

  #listReader(data: FrameData, isLarge: boolean): Read {
    const item = this.#childReader(data, 0);
    const offsets = viewOf(data.offsets);
    return (at) =>
      this.#items(item, offsetAt(offsets, at, isLarge), offsetAt(offsets, at + 1, isLarge));
  }

  #items(read: Read, start: number, end: number): unknown[] {
    this.#count(end - start);
    return Array.from({ length: end - start }, (_, i) => read(start + i));
  }

  #structReader(data: FrameData, names: readonly string[]): Read {
    const members = names.map((name, i) => [name, this.#childReader(data, i)] as const);
    return (at) => {
      this.#count(members.length);
      const object: Record<string, unknown> = {};
      for (const [name, read] of members) setMember(object, name, read(at));
      return object;
    };
  }

  #mapReader(data: FrameData): Read {
    const [entries] = data.children;
    if (entries === undefined) throw damaged("a part of a column is missing");
    const key = this.#childReader(entries, 0);
    const value = this.#childReader(entries, 1);
    const offsets = viewOf(data.offsets);
    return (at) => {
      const map = new Map<unknown, unknown>();
      const end = offsetAt(offsets, at + 1, false);
      const start = offsetAt(offsets, at, false);
      this.#count(2 * (end - start));
      for (let i = start; i < end; i++) map.set(key(i), value(i));
      return map;
    };
  }

  #dictionary(dictionary: Dictionary | null): readonly unknown[] {
    if (dictionary === null) return [];
    const known = this.#dictionaries.get(dictionary);
    if (known !== undefined) return known;
    const items = this.values(dictionary.parts);
    this.#dictionaries.set(dictionary, items);
    return items;
  }
}

function scalarReader(type: FrameType, values: Uint8Array): Read {
  const view = viewOf(values);
  switch (type.kind) {
    case "int":
      return intReader(view, type);
    case "float":
      if (type.bits === 16) return (at) => float16(view.getUint16(at * 2, true));
      if (type.bits === 32) return (at) => view.getFloat32(at * 4, true);
      return (at) => view.getFloat64(at * 8, true);
    case "decimal":
      return (at) => decimalValue(integerOf(view, at, type.bits), type.scale);
    case "date":
      return type.unit === "day"
        ? (at) => new Date(view.getInt32(at * 4, true) * DAY_MS)
        : (at) => new Date(Number(view.getBigInt64(at * 8, true)));
    case "time": {
      const ns = UNIT_NS[type.unit];
      return type.unit < 2
        ? (at) => clockText(BigInt(view.getInt32(at * 4, true)) * ns)
        : (at) => clockText(view.getBigInt64(at * 8, true) * ns);
    }
    case "timestamp": {
      const ns = UNIT_NS[type.unit];
      return (at) => new Timestamp(view.getBigInt64(at * 8, true) * ns);
    }
    case "duration": {
      const ns = UNIT_NS[type.unit];
      return (at) => view.getBigInt64(at * 8, true) * ns;
    }
    default:
      throw damaged("a column has no values");
  }
}

/** Integers as everywhere in messages (D2): a number where it is exact, else a bigint. */
function intReader(view: DataView, type: IntType): Read {
  if (type.bits !== 64) return numberReader(view, type);
  return type.isSigned
    ? (at) => shortest(view.getBigInt64(at * 8, true))
    : (at) => shortest(view.getBigUint64(at * 8, true));
}

/** A signed integer of 32 to 256 bits. */
function integerOf(view: DataView, at: number, bits: 32 | 64 | 128 | 256): bigint {
  if (bits === 32) return BigInt(view.getInt32(at * 4, true));
  const words = bits / 64;
  const start = at * words * 8;
  let value = view.getBigInt64(start + (words - 1) * 8, true);
  for (let word = words - 2; word >= 0; word--) {
    value = value << U64 | view.getBigUint64(start + word * 8, true);
  }
  return value;
}

function textReader(data: FrameData): Read {
  const { type, offsets } = data;
  const whole = type.kind === "text" && type.layout !== "view" ? asciiOf(data) : null;
  if (whole !== null) {
    const isLarge = type.kind === "text" && type.layout === "large";
    const [start] = textRange(data, isLarge);
    const view = viewOf(offsets);
    return (at) =>
      whole.slice(offsetAt(view, at, isLarge) - start, offsetAt(view, at + 1, isLarge) - start);
  }
  const bytes = bytesReader(data);
  return (at) => textOf(bytes(at));
}

/** All texts as one, when they are ASCII: cutting it is several times faster than decoding each of them. */
function asciiOf(data: FrameData): string | null {
  const isLarge = data.type.kind === "text" && data.type.layout === "large";
  const bytes = data.values.subarray(...textRange(data, isLarge));
  try {
    const text = utf8.decode(bytes);
    return text.length === bytes.length ? text : null;
  } catch (error) {
    // What is not UTF-8 may be a text that is null; who asks for another one gets the error.
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Where the first text begins and the last one ends. */
function textRange({ length, offsets }: FrameData, isLarge: boolean): [start: number, end: number] {
  if (length === 0) return [0, 0];
  const view = viewOf(offsets);
  return [offsetAt(view, 0, isLarge), offsetAt(view, length, isLarge)];
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length <= SHORT_TEXT_BYTES) {
    let text = "";
    for (const byte of bytes) {
      if (byte > ASCII_MAX) return decodeText(bytes);
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return decodeText(bytes);
}

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new FrameError("a text is not UTF-8", { cause });
  }
}

function bytesReader({ type, values, offsets, views }: FrameData): (at: number) => Uint8Array {
  if (type.kind !== "text" && type.kind !== "binary") throw damaged("a column has no bytes");
  if (type.layout === "view") {
    const view = viewOf(values);
    return (at) => {
      const start = at * VIEW_BYTES;
      const length = view.getInt32(start, true);
      if (length <= VIEW_INLINE_MAX) return values.subarray(start + 4, start + 4 + length);
      const from = view.getInt32(start + 12, true);
      return views[view.getInt32(start + 8, true)]?.subarray(from, from + length) ?? values;
    };
  }
  const isLarge = type.layout === "large";
  const view = viewOf(offsets);
  return (at) => values.subarray(offsetAt(view, at, isLarge), offsetAt(view, at + 1, isLarge));
}
