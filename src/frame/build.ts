import { Float } from "../protocol/cbor_types.ts";
import { type Dictionary, type FrameData, frameData } from "./frame_data.ts";
import {
  type DictionaryType,
  fieldsOf,
  type FrameType,
  type IntType,
  UNIT_NS,
  widthOf,
} from "./frame_type.ts";
import { isPlain } from "./infer.ts";
import { clockNs, scaledOf } from "./number_text.ts";
import type { Row } from "./rows.ts";
import { epochNs } from "./timestamp.ts";

const DAY_MS = 86_400_000;
const I32_MAX = 2 ** 31 - 1;
const I64_MAX = 2n ** 63n - 1n;
const START_BYTES = 1_024;
/** Bytes that a UTF-16 unit takes in UTF-8 at most. */
const UTF8_BYTES_PER_UNIT = 3;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

const encoder = new TextEncoder();

/** Values of a column, `undefined` and `null` alike for null. */
type Values = ArrayLike<unknown>;

/** Where a value stands, for errors. */
type Place = (row: number) => string;

/**
 * Lays values out as Arrow does. Nothing is rounded, except numbers for `float32`.
 *
 * @throws {TypeError} For a value that does not fit the type; names column and row.
 */
export function buildColumn(name: string, values: Values, type: FrameType): FrameData {
  return build(values, type, (row) => `column "${name}", row ${row + 1}`);
}

/** The column of a typed array. Its bytes are used as they are. */
export function typedColumn(values: ArrayBufferView, type: FrameType, length: number): FrameData {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return frameData({ type, length, values: bytes });
}

function build(values: Values, type: FrameType, place: Place): FrameData {
  const { length } = values;
  const validity = type.kind === "null" ? null : validityOf(values);
  const data = { type, length, validity };
  switch (type.kind) {
    case "null":
      for (let i = 0; i < length; i++) {
        if (isPresent(values[i])) throw wrong("null", values[i], place(i));
      }
      return frameData(data);
    case "bool":
      return frameData({ ...data, values: bools(values, place) });
    case "text":
    case "binary":
      return frameData({ ...data, ...strings(values, type.kind, place) });
    case "list":
      return list(values, data, place);
    case "map":
      return map(values, data, place);
    case "struct":
      return struct(values, data, place);
    case "dictionary":
      return category(values, { ...data, type }, place);
    case "fixed":
    case "array":
      throw new TypeError(`Cannot make a data frame: "${type.kind}" columns are read only`);
    default:
      return frameData({ ...data, values: scalars(values, type, place) });
  }
}

type Begun = Pick<FrameData, "type" | "length" | "validity">;

function isPresent(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** The bitmap of what is there; `null` when everything is. */
function validityOf(values: Values): Uint8Array | null {
  let bits: Uint8Array | null = null;
  for (let i = 0; i < values.length; i++) {
    if (isPresent(values[i])) continue;
    bits ??= new Uint8Array(Math.ceil(values.length / 8)).fill(0xff);
    bits[i >> 3] = (bits[i >> 3] ?? 0) & ~(1 << (i & 7));
  }
  return bits;
}

function bools(values: Values, place: Place): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8));
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!isPresent(value)) continue;
    if (typeof value !== "boolean") throw wrong("a boolean", value, place(i));
    if (value) bits[i >> 3] = (bits[i >> 3] ?? 0) | 1 << (i & 7);
  }
  return bits;
}

/** Texts and byte strings one after the other, and where each begins. */
function strings(
  values: Values,
  kind: "text" | "binary",
  place: Place,
): Pick<FrameData, "values" | "offsets"> {
  const joined = new JoinedBytes();
  const offsets = new Int32Array(values.length + 1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (isPresent(value)) {
      if (kind === "text") {
        if (typeof value !== "string") throw wrong("a text", value, place(i));
        joined.text(value);
      } else {
        const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
        if (!(bytes instanceof Uint8Array)) throw wrong("bytes", value, place(i));
        joined.bytes(bytes);
      }
      if (joined.length > I32_MAX) {
        throw new RangeError(`Cannot make a data frame: expected less bytes up to ${place(i)}`);
      }
    }
    offsets[i + 1] = joined.length;
  }
  return { values: joined.whole, offsets: new Uint8Array(offsets.buffer) };
}

/** Bytes that grow. */
class JoinedBytes {
  #bytes = new Uint8Array(START_BYTES);
  length = 0;

  get whole(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  text(text: string): void {
    this.#reserve(text.length * UTF8_BYTES_PER_UNIT);
    this.length += encoder.encodeInto(text, this.#bytes.subarray(this.length)).written;
  }

  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  #reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.length));
    this.#bytes = larger;
  }
}

function list(values: Values, data: Begun, place: Place): FrameData {
  const [item] = fieldsOf(data.type);
  if (item === undefined) throw new TypeError("Cannot make a data frame: a list has no item type");
  const items: unknown[] = [];
  const rows: number[] = [];
  const offsets = new Int32Array(values.length + 1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (isPresent(value)) {
      if (!isList(value)) throw wrong("a list", value, place(i));
      for (const one of value) {
        items.push(one);
        rows.push(i);
      }
    }
    offsets[i + 1] = items.length;
  }
  const child = build(items, item.type, (at) => place(rows[at] ?? 0));
  return frameData({ ...data, offsets: new Uint8Array(offsets.buffer), children: [child] });
}

function isList(value: unknown): value is Iterable<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

function map(values: Values, data: Begun, place: Place): FrameData {
  const [entry] = fieldsOf(data.type);
  const [key, item] = entry === undefined ? [] : fieldsOf(entry.type);
  if (entry === undefined || key === undefined || item === undefined) {
    throw new TypeError("Cannot make a data frame: a map has no key and value type");
  }
  const keys: unknown[] = [];
  const items: unknown[] = [];
  const rows: number[] = [];
  const offsets = new Int32Array(values.length + 1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (isPresent(value)) {
      if (!(value instanceof Map)) throw wrong("a map", value, place(i));
      for (const [one, other] of value) {
        if (!isPresent(one)) throw wrong("keys that are not null", one, place(i));
        keys.push(one);
        items.push(other);
        rows.push(i);
      }
    }
    offsets[i + 1] = keys.length;
  }
  const at: Place = (one) => place(rows[one] ?? 0);
  const children = [build(keys, key.type, at), build(items, item.type, at)];
  const entries = frameData({ type: entry.type, length: keys.length, children });
  return frameData({ ...data, offsets: new Uint8Array(offsets.buffer), children: [entries] });
}

function struct(values: Values, data: Begun, place: Place): FrameData {
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (isPresent(value) && !(typeof value === "object" && value !== null && isPlain(value))) {
      throw wrong("an object", value, place(i));
    }
  }
  const children = fieldsOf(data.type).map(({ name, type }) => {
    const members = Array.from(values, (value) => member(value as Row | null | undefined, name));
    return build(members, type, (row) => `${place(row)}, "${name}"`);
  });
  return frameData({ ...data, children });
}

function member(object: Row | null | undefined, name: string): unknown {
  return object !== null && object !== undefined && Object.hasOwn(object, name)
    ? object[name]
    : null;
}

function category(
  values: Values,
  data: Begun & { readonly type: DictionaryType },
  place: Place,
): FrameData {
  /** Text -> its key. */
  const keys = new Map<unknown, number>();
  const numbers = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!isPresent(value)) continue;
    let key = keys.get(value);
    if (key === undefined) {
      if (typeof value !== "string") throw wrong("a text", value, place(i));
      keys.set(value, key = keys.size);
    }
    numbers[i] = key;
  }
  const part = build([...keys.keys()], data.type.value, place);
  const dictionary: Dictionary = { parts: [part], length: part.length };
  return frameData({ ...data, values: new Uint8Array(numbers.buffer), dictionary });
}

function scalars(values: Values, type: FrameType, place: Place): Uint8Array {
  const width = widthOf(type);
  const bytes = new Uint8Array(values.length * width);
  const view = new DataView(bytes.buffer);
  const write = scalarWriter(type, view);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!isPresent(value)) continue;
    const wanted = write(i * width, value);
    if (wanted !== null) throw wrong(wanted, value, place(i));
  }
  return bytes;
}

/** Writes a value. Returns what would have been right when the value is not. */
type Write = (at: number, value: unknown) => string | null;

function scalarWriter(type: FrameType, view: DataView): Write {
  switch (type.kind) {
    case "int":
      return intWriter(type, view);
    case "float":
      return (at, value) => {
        const number = floatOf(value);
        if (number === null) return "a number";
        if (type.bits === 32) view.setFloat32(at, number, true);
        else view.setFloat64(at, number, true);
        return null;
      };
    case "decimal": {
      const wanted = `a number of ${type.precision} digits, ${type.scale} of them behind the point`;
      const end = 10n ** BigInt(type.precision);
      return (at, value) => {
        const scaled = isNumeric(value) ? scaledOf(String(value).trim(), type.scale) : null;
        if (scaled === null || scaled >= end || scaled <= -end) return wanted;
        view.setBigUint64(at, BigInt.asUintN(64, scaled), true);
        view.setBigInt64(at + 8, scaled >> 64n, true);
        return null;
      };
    }
    case "date":
      return (at, value) => {
        const days = dayOf(value);
        if (days === null) return "a day";
        view.setInt32(at, days, true);
        return null;
      };
    case "time":
      return (at, value) => {
        const ns = typeof value === "string" ? clockNs(value) : null;
        if (ns === null) return "a time of the day";
        view.setBigInt64(at, ns, true);
        return null;
      };
    case "timestamp": {
      const unit = UNIT_NS[type.unit];
      return (at, value) => {
        const ns = value instanceof Date && isValid(value) ? epochNs(value) : null;
        if (ns === null) return "a date";
        if (ns % unit !== 0n) return `a date of whole multiples of ${unit} ns`;
        return setLong(view, at, ns / unit) ? null : "a date within the range of its unit";
      };
    }
    default:
      return (at, value) =>
        typeof value === "bigint" && setLong(view, at, value) ? null : "nanoseconds as bigint";
  }
}

function setLong(view: DataView, at: number, value: bigint): boolean {
  if (value > I64_MAX || value < -I64_MAX - 1n) return false;
  view.setBigInt64(at, value, true);
  return true;
}

/** A timestamp beyond the years of a date has its nanoseconds nevertheless. */
function isValid(date: Date): boolean {
  return "ns" in date || !Number.isNaN(date.getTime());
}

function isNumeric(value: unknown): value is string | number | bigint {
  return typeof value === "string" || typeof value === "number" || typeof value === "bigint";
}

/** Bigints only where nothing is lost. */
function floatOf(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (value instanceof Float) return value.value;
  if (typeof value !== "bigint") return null;
  const number = Number(value);
  return Number.isFinite(number) && BigInt(number) === value ? number : null;
}

function dayOf(value: unknown): number | null {
  const ms = value instanceof Date
    ? value.getTime()
    : typeof value === "string" && DATE.test(value)
    ? Date.parse(`${value}T00:00:00Z`)
    : NaN;
  return Number.isInteger(ms / DAY_MS) ? ms / DAY_MS : null;
}

function intWriter({ bits, isSigned }: IntType, view: DataView): Write {
  const low = isSigned ? -(2n ** BigInt(bits - 1)) : 0n;
  const high = 2n ** BigInt(isSigned ? bits - 1 : bits) - 1n;
  const wanted = `an integer from ${low} to ${high}`;
  return (at, value) => {
    const integer = integerOf(value);
    if (integer === null || integer < low || integer > high) return wanted;
    if (bits === 8) view.setUint8(at, Number(integer) & 0xff);
    else if (bits === 16) view.setInt16(at, Number(integer), true);
    else if (bits === 32) view.setInt32(at, Number(integer), true);
    else view.setBigInt64(at, BigInt.asIntN(64, integer), true);
    return null;
  };
}

function integerOf(value: unknown): bigint | null {
  if (typeof value === "bigint") return value;
  const number = value instanceof Float ? value.value : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? BigInt(number) : null;
}

function wrong(wanted: string, value: unknown, where: string): TypeError {
  return new TypeError(
    `Cannot make a data frame: expected ${wanted} at ${where}, got ${shown(value)}`,
  );
}

function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return `text "${value.slice(0, 40).toWellFormed()}"`;
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    case "object":
      return value === null ? "null" : Object.prototype.toString.call(value);
    default:
      return `a ${typeof value}`;
  }
}
