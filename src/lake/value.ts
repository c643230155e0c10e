import { Float, Tagged } from "../protocol/cbor_types.ts";
import { stringifyJson } from "../protocol/json.ts";
import { toJsonValue } from "../protocol/json_value.ts";
import type { Cell } from "./cell.ts";
import type { ColumnType, ScalarName } from "./column_type.ts";
import { toDecimal } from "./decimal.ts";
import { RowError } from "./errors.ts";
import { type Interval, intervalOfNs, parseInterval } from "./interval.ts";
import { parseClock, parseDate, parseInstant } from "./time_text.ts";

/** Integers: lowest and highest value, and whether their cells are bigints. */
const INTEGERS: Partial<Record<ScalarName, readonly [bigint, bigint, boolean]>> = {
  TINYINT: [-(2n ** 7n), 2n ** 7n - 1n, false],
  SMALLINT: [-(2n ** 15n), 2n ** 15n - 1n, false],
  INTEGER: [-(2n ** 31n), 2n ** 31n - 1n, false],
  BIGINT: [-(2n ** 63n), 2n ** 63n - 1n, true],
  HUGEINT: [-(2n ** 127n), 2n ** 127n - 1n, true],
  UTINYINT: [0n, 2n ** 8n - 1n, false],
  USMALLINT: [0n, 2n ** 16n - 1n, false],
  UINTEGER: [0n, 2n ** 32n - 1n, false],
  UBIGINT: [0n, 2n ** 64n - 1n, true],
  UHUGEINT: [0n, 2n ** 128n - 1n, true],
};
/** Kinds of TIMESTAMP -> nanoseconds of their unit. */
const UNIT_NS: Partial<Record<ScalarName, bigint>> = {
  TIMESTAMP: 1_000n,
  TIMESTAMPTZ: 1_000n,
  TIMESTAMP_S: 1_000_000_000n,
  TIMESTAMP_MS: 1_000_000n,
  TIMESTAMP_NS: 1n,
};
const NS_PER_MS = 1_000_000n;
const NS_PER_US = 1_000n;
const DAY_MS = 86_400_000;
const I64_MAX = 2n ** 63n - 1n;
const INTEGER_TEXT = /^\s*[+-]?\d{1,60}\s*$/;
const NUMBER_TEXT =
  /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?\s*$|^\s*[+-]?(?:inf(?:inity)?|nan)\s*$/i;
const UUID_TEXT = /^[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$/;
const UUID_BYTES = 16;
const SHOWN_CHARS = 60;

/** An instant that has more digits than a `Date`: what a data frame holds. */
export class Instant {
  /** Nanoseconds since the epoch. */
  readonly ns: bigint;
  /** Wraps nanoseconds since the epoch. */
  constructor(ns: bigint) {
    this.ns = ns;
  }
}

/** A time of the day, as a data frame holds it. */
export class TimeOfDay {
  /** Nanoseconds since midnight. */
  readonly ns: bigint;
  /** Wraps nanoseconds since midnight. */
  constructor(ns: bigint) {
    this.ns = ns;
  }
}

/** A span of time, as a data frame holds it. */
export class Span {
  /** Nanoseconds. */
  readonly ns: bigint;
  /** Wraps nanoseconds. */
  constructor(ns: bigint) {
    this.ns = ns;
  }
}

/** A decimal number that must not go through a float: what a data frame holds. */
export class ScaledInteger {
  /** The number times 10^scale. */
  readonly scaled: bigint;
  /** Digits behind the point. */
  readonly scale: number;
  /** Wraps `scaled * 10^-scale`. */
  constructor(scaled: bigint, scale: number) {
    this.scaled = scaled;
    this.scale = scale;
  }
}

/**
 * A value of a payload as a cell of the column type (spec 8.5, 12 #22). Nothing is rounded or cut except
 * where the column type says so: FLOAT and DOUBLE, digits of a decimal behind its scale, time below the
 * unit of a timestamp.
 *
 * @throws {RowError} For a value that has no exact form; the text is the reason without the column.
 */
export function toCell(value: unknown, type: ColumnType): Cell {
  if (value === null || value === undefined) return null;
  if (value instanceof Float) return toCell(value.value, type);
  switch (type.kind) {
    case "scalar":
      return toScalar(value, type.name);
    case "decimal":
      return toDecimalCell(value, type);
    case "enum":
      if (typeof value !== "string" || !type.members.includes(value)) {
        throw wrong(value, "a member of the enumeration");
      }
      return value;
    case "list":
      return elements(value).map((item) => toCell(item, type.item));
    case "array": {
      const items = elements(value);
      if (items.length !== type.size) throw wrong(value, `${type.size} elements`);
      return items.map((item) => toCell(item, type.item));
    }
    case "struct": {
      const members = entries(value);
      return type.fields.map((field) => toCell(members.get(field.name), field.type));
    }
    case "map":
      return mapCell(value, type);
    default:
      return type satisfies never;
  }
}

function toScalar(value: unknown, name: ScalarName): Cell {
  switch (name) {
    case "BOOLEAN":
      return toBoolean(value);
    case "FLOAT":
    case "DOUBLE":
      return toFloat(value, name);
    case "VARCHAR":
      return toText(value);
    case "JSON":
      return toJson(value);
    case "BLOB":
      return toBytes(value);
    case "DATE":
      return toDays(value);
    case "TIME":
      if (value instanceof TimeOfDay) return value.ns / NS_PER_US;
      if (typeof value === "string") return parseClock(value) / NS_PER_US;
      throw wrong(value, "a time of the day");
    case "INTERVAL":
      if (value instanceof Span) return intervalCell(intervalOfNs(value.ns));
      if (typeof value === "string") return intervalCell(parseInterval(value));
      throw wrong(value, "an interval");
    case "UUID":
      return toUuid(value);
    default: {
      const unit = UNIT_NS[name];
      return unit === undefined ? toInteger(value, name) : toTimestamp(value, unit);
    }
  }
}

function intervalCell({ months, days, micros }: Interval): Cell {
  return [months, days, micros];
}

function toBoolean(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  if (value === 0 || value === 1) return value === 1;
  if (typeof value === "string" && /^(?:true|false)$/i.test(value)) return value.length === 4;
  throw wrong(value, "a boolean");
}

function toInteger(value: unknown, name: ScalarName): number | bigint {
  const [min, max, isWide] = INTEGERS[name] ?? [0n, 0n, false];
  let integer: bigint;
  if (typeof value === "bigint") integer = value;
  else if (typeof value === "number" && Number.isInteger(value)) integer = BigInt(value);
  else if (typeof value === "boolean") integer = value ? 1n : 0n;
  else if (typeof value === "string" && INTEGER_TEXT.test(value)) {
    integer = BigInt(value.trim().replace(/^\+/, ""));
  } else if (value instanceof ScaledInteger && value.scaled % 10n ** BigInt(value.scale) === 0n) {
    integer = value.scaled / 10n ** BigInt(value.scale);
  } else throw wrong(value, "an integer");
  if (integer < min || integer > max) throw wrong(value, `an integer from ${min} to ${max}`);
  return isWide ? integer : Number(integer);
}

function toFloat(value: unknown, name: "FLOAT" | "DOUBLE"): number {
  let number: number;
  if (typeof value === "number") number = value;
  else if (typeof value === "bigint" || typeof value === "boolean") number = Number(value);
  else if (typeof value === "string" && NUMBER_TEXT.test(value)) number = parseNumber(value);
  else if (value instanceof ScaledInteger) number = Number(decimalText(value));
  else throw wrong(value, "a number");
  const rounded = name === "FLOAT" ? Math.fround(number) : number;
  if (!Number.isFinite(rounded) && (Number.isFinite(number) || typeof value === "bigint")) {
    throw wrong(value, `a number that fits ${name}`);
  }
  return rounded;
}

function parseNumber(text: string): number {
  const trimmed = text.trim();
  if (!/[in]/i.test(trimmed)) return Number(trimmed);
  if (/nan$/i.test(trimmed)) return NaN;
  return trimmed.startsWith("-") ? -Infinity : Infinity;
}

function toDecimalCell(value: unknown, type: ColumnType & { kind: "decimal" }): bigint {
  if (value instanceof ScaledInteger) return toDecimal(decimalText(value), type);
  if (typeof value === "number" && !Number.isFinite(value)) throw wrong(value, "a finite number");
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "string") {
    return toDecimal(value, type);
  }
  throw wrong(value, "a decimal number");
}

function decimalText({ scaled, scale }: ScaledInteger): string {
  return `${scaled}e-${scale}`;
}

/** Numbers become text, as a cast of SQL does; a structure does not: JSON is the type for those. */
function toText(value: unknown): string {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw wrong(value, "whole Unicode characters");
      return value;
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
    default:
      if (value instanceof Date) return value.toISOString();
      throw wrong(value, "a text");
  }
}

/** A text must be JSON already; anything else is written as JSON. */
function toJson(value: unknown): string {
  if (typeof value !== "string") return stringifyJson(toJsonValue(value));
  try {
    JSON.parse(value);
  } catch (cause) {
    throw new RowError(`expected JSON, got ${shown(value)}`, { cause });
  }
  return toText(value);
}

function toBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  // JSON peers have no byte strings.
  if (typeof value === "string") return new TextEncoder().encode(toText(value));
  throw wrong(value, "bytes");
}

function toDays(value: unknown): number {
  if (value instanceof Date) return Math.floor(dateMs(value) / DAY_MS);
  if (value instanceof Instant) return Number(floorDiv(value.ns, NS_PER_MS * BigInt(DAY_MS)));
  const text = value instanceof Tagged ? value.value : value;
  if (typeof text !== "string") throw wrong(value, "a date");
  if (!/[Tt ]/.test(text)) return parseDate(text);
  return Number(floorDiv(parseInstant(text), NS_PER_MS * BigInt(DAY_MS)));
}

function toTimestamp(value: unknown, unitNs: bigint): bigint {
  const units = floorDiv(instantNs(value), unitNs);
  // DuckDB keeps the ends of the range for infinity.
  if (units >= I64_MAX || units <= -I64_MAX) throw wrong(value, "a time within the type's range");
  return units;
}

function instantNs(value: unknown): bigint {
  if (value instanceof Date) return BigInt(dateMs(value)) * NS_PER_MS;
  if (value instanceof Instant) return value.ns;
  if (typeof value === "string") return parseInstant(value);
  // Tag 0 is a text, tag 1 seconds since the epoch; the codec keeps those that no Date can hold.
  if (value instanceof Tagged && value.tag === 0 && typeof value.value === "string") {
    return parseInstant(value.value);
  }
  if (value instanceof Tagged && value.tag === 1) {
    const seconds = value.value;
    if (typeof seconds === "bigint") return seconds * NS_PER_MS * 1_000n;
    if (typeof seconds === "number" && Number.isFinite(seconds)) {
      // A float of seconds has about a microsecond; its digits beyond are noise.
      return BigInt(Math.round(seconds * 1e6)) * NS_PER_US;
    }
  }
  throw wrong(value, "a time: a date, or a text such as 2026-01-31T12:30:15Z");
}

function dateMs(date: Date): number {
  const ms = date.getTime();
  if (Number.isNaN(ms)) throw new RowError("expected a time, got an invalid date");
  return ms;
}

function toUuid(value: unknown): bigint {
  if (value instanceof Uint8Array && value.length === UUID_BYTES) {
    return value.reduce((all, byte) => all << 8n | BigInt(byte), 0n);
  }
  if (typeof value === "string" && UUID_TEXT.test(value)) {
    return BigInt(`0x${value.replaceAll("-", "")}`);
  }
  if (value instanceof Tagged && value.tag === 37) return toUuid(value.value);
  throw wrong(value, "a UUID");
}

function mapCell(value: unknown, type: ColumnType & { kind: "map" }): Cell {
  const pairs: Cell[] = [];
  for (const [key, item] of entries(value)) {
    const cell = toCell(key, type.key);
    if (cell === null) throw wrong(value, "keys that are not null");
    pairs.push([cell, toCell(item, type.value)]);
  }
  return pairs;
}

function elements(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as Uint8Array);
  }
  throw wrong(value, "a list");
}

function entries(value: unknown): ReadonlyMap<unknown, unknown> {
  if (value instanceof Map) return value;
  const isPlainObject = typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.getPrototypeOf(value) === Object.prototype;
  if (!isPlainObject) throw wrong(value, "a map");
  return new Map(Object.entries(value));
}

function floorDiv(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}

function wrong(value: unknown, wanted: string): RowError {
  return new RowError(`expected ${wanted}, got ${shown(value)}`);
}

/** Enough of a value to find it, never all of a large one. */
function shown(value: unknown): string {
  switch (typeof value) {
    case "string": {
      const text = value.length > SHOWN_CHARS ? `${value.slice(0, SHOWN_CHARS)}...` : value;
      return `text "${text.toWellFormed()}"`;
    }
    case "number":
    case "bigint":
    case "boolean":
      return `${value}`.slice(0, SHOWN_CHARS);
    default:
      if (value instanceof Uint8Array) return `${value.length} bytes`;
      if (Array.isArray(value)) return `a list of ${value.length}`;
      if (value instanceof Tagged) return `tag ${value.tag}`;
      if (value instanceof Instant || value instanceof Date) return "a time";
      if (value instanceof Span) return "a span of time";
      return value instanceof ScaledInteger ? decimalText(value) : "a map";
  }
}
