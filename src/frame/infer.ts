import { Float } from "../protocol/cbor_types.ts";
import { fieldOf, mapType } from "./column_type.ts";
import type { FrameType } from "./frame_type.ts";
import { columnsOf, type Row } from "./rows.ts";
import { Timestamp } from "./timestamp.ts";

const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;
const NS_PER_US = 1_000n;
/** Levels of lists and objects in each other; more are refused, as every cycle is. */
const LEVELS_MAX = 32;

/** What the values of a column are. */
type Kind = "bool" | "number" | "integer" | "text" | "binary" | "date" | "list" | "map" | "object";

/** The article and name of a kind, for errors. */
const KIND_TEXT: Readonly<Record<Kind, string>> = {
  bool: "a boolean",
  number: "a number",
  integer: "a bigint",
  text: "a text",
  binary: "bytes",
  date: "a date",
  list: "a list",
  map: "a map",
  object: "an object",
};

/**
 * The type of a column of these values. It never depends on how large or how whole a number is, so that every
 * frame of a program has the same types: numbers are `float64`, bigints `int64`.
 *
 * @throws {TypeError} For values of several kinds, and for those without a column type.
 */
export function inferType(values: Iterable<unknown>, where: string, level = 0): FrameType {
  if (level > LEVELS_MAX) {
    throw new TypeError(
      `Cannot make a data frame: expected at most ${LEVELS_MAX} levels in ${where}, got more`,
    );
  }
  const present: unknown[] = [];
  let kind: Kind | null = null;
  for (const value of values) {
    if (value === null || value === undefined) continue;
    const next = kindOf(value, where);
    if (kind === null || kind === next) kind = next;
    else if (isWhole(kind, next, value, present)) kind = "integer";
    else {
      throw new TypeError(
        `Cannot make a data frame: expected values of one kind in ${where}, ` +
          `got ${KIND_TEXT[kind]} and ${KIND_TEXT[next]}`,
      );
    }
    present.push(value);
  }
  return kind === null ? { kind: "null" } : typeOf(kind, present, { where, level });
}

/** Integers of a frame that was read are numbers and bigints side by side. */
function isWhole(kind: Kind, next: Kind, value: unknown, before: readonly unknown[]): boolean {
  const isMixed = (kind === "integer" && next === "number") ||
    (kind === "number" && next === "integer");
  if (!isMixed) return false;
  const numbers = next === "number" ? [value] : before;
  return numbers.every((one) => Number.isSafeInteger(one));
}

function kindOf(value: unknown, where: string): Kind {
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "number":
      return "number";
    case "bigint":
      return "integer";
    case "string":
      return "text";
    case "object":
      if (value === null) break;
      if (value instanceof Float) return "number";
      if (value instanceof Uint8Array || value instanceof ArrayBuffer) return "binary";
      if (value instanceof Date) return "date";
      if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
        return "list";
      }
      if (value instanceof Map) return "map";
      if (isPlain(value)) return "object";
      break;
    default:
  }
  throw new TypeError(
    `Cannot make a data frame: expected values with a column type in ${where}, got ${
      typeof value === "object" ? Object.prototype.toString.call(value) : `a ${typeof value}`
    }`,
  );
}

/** Whether it is an object of members and nothing else. */
export function isPlain(value: object): value is Row {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function typeOf(
  kind: Kind,
  values: readonly unknown[],
  at: { readonly where: string; readonly level: number },
): FrameType {
  const { where } = at;
  const level = at.level + 1;
  switch (kind) {
    case "bool":
      return { kind: "bool" };
    case "number":
      return { kind: "float", bits: 64 };
    case "integer":
      return integerType(values);
    case "text":
      return { kind: "text", layout: "small" };
    case "binary":
      return { kind: "binary", layout: "small" };
    case "date":
      return dateType(values as readonly Date[]);
    case "list": {
      const items = inferType(each(values as readonly Iterable<unknown>[]), where, level);
      return { kind: "list", isLarge: false, item: fieldOf("item", items) };
    }
    case "map": {
      const maps = values as readonly ReadonlyMap<unknown, unknown>[];
      return mapType(
        inferType(each(maps.map((map) => map.keys())), `the keys of ${where}`, level),
        inferType(each(maps.map((map) => map.values())), where, level),
      );
    }
    case "object": {
      const members = columnsOf(values as readonly Row[]);
      const fields = Array.from(
        members,
        ([name, items]) => fieldOf(name, inferType(items, `${where}.${name}`, level)),
      );
      return { kind: "struct", fields };
    }
    default:
      return kind satisfies never;
  }
}

function* each(lists: readonly Iterable<unknown>[]): Iterable<unknown> {
  for (const list of lists) yield* list;
}

/** Unsigned only when nothing else holds the values. */
function integerType(values: readonly unknown[]): FrameType {
  const isBeyond = values.some((value) => typeof value === "bigint" && value > I64_MAX);
  const hasNegative = values.some((value) => (value as bigint) < 0n);
  return { kind: "int", bits: 64, isSigned: !isBeyond || hasNegative || isHuge(values) };
}

function isHuge(values: readonly unknown[]): boolean {
  return values.some((value) => typeof value === "bigint" && value < I64_MIN);
}

/** Milliseconds for dates, more digits where there are some. */
function dateType(values: readonly Date[]): FrameType {
  const exact = values.filter((value) => value instanceof Timestamp);
  const unit = exact.length === 0 ? 1 : exact.every(({ ns }) => ns % NS_PER_US === 0n) ? 2 : 3;
  return { kind: "timestamp", unit, zone: "UTC" };
}
