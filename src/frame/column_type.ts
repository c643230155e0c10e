import type { FrameField, FrameType, TimeUnit } from "./frame_type.ts";

/** Names of column types without parameters; see {@link ColumnType}. */
export type PlainType =
  | "bool"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "float32"
  | "float64"
  | "text"
  | "binary"
  | "date"
  | "time"
  | "timestamp"
  | "timestamp_ms"
  | "timestamp_ns"
  | "datetime"
  | "datetime_ms"
  | "datetime_ns"
  | "duration";

const PLAIN = {
  bool: { kind: "bool" },
  int8: int(8, true),
  int16: int(16, true),
  int32: int(32, true),
  int64: int(64, true),
  uint8: int(8, false),
  uint16: int(16, false),
  uint32: int(32, false),
  uint64: int(64, false),
  float32: { kind: "float", bits: 32 },
  float64: { kind: "float", bits: 64 },
  text: { kind: "text", layout: "small" },
  binary: { kind: "binary", layout: "small" },
  date: { kind: "date", unit: "day" },
  time: { kind: "time", unit: 3 },
  timestamp: timestamp(2, "UTC"),
  timestamp_ms: timestamp(1, "UTC"),
  timestamp_ns: timestamp(3, "UTC"),
  datetime: timestamp(2, null),
  datetime_ms: timestamp(1, null),
  datetime_ns: timestamp(3, null),
  duration: { kind: "duration", unit: 3 },
} as const satisfies Record<PlainType, FrameType>;
const DECIMAL = /^decimal\((\d{1,2}),(\d{1,2})\)$/;
/** Digits of the decimals that are written: those of 128 bits, which all readers take. */
const DECIMAL_DIGITS_MAX = 38;
const KEY_TYPE = { kind: "int", bits: 32, isSigned: true } as const;

/**
 * The type of a column of a data frame, where it is not to be found in its values:
 *
 * - `bool`, `int8` to `int64`, `uint8` to `uint64`, `float32`, `float64`, `decimal(18,2)`
 * - `text`; `category` for texts of which many are equal; `binary`
 * - `date`; `time` of the day; `duration` in nanoseconds, as bigint
 * - `timestamp` in microseconds (`timestamp_ms`, `timestamp_ns`), an instant in UTC; `datetime` (`datetime_ms`,
 *   `datetime_ns`), the same without a zone, as polars has it by default
 * - `["int32"]` for lists, `{ x: "float64", y: "float64" }` for objects
 */
export type ColumnType =
  | PlainType
  | "category"
  | `decimal(${number},${number})`
  | readonly [ColumnType]
  | { readonly [member: string]: ColumnType };

/** The type of that name. Throws `TypeError` for another one. */
export function frameTypeOf(type: ColumnType): FrameType {
  if (typeof type === "string") return namedType(type);
  if (isListType(type)) {
    return { kind: "list", isLarge: false, item: fieldOf("item", frameTypeOf(type[0])) };
  }
  if (typeof type !== "object" || type === null) throw unknownType(String(type));
  const fields = Object.entries(type).map(([name, one]) => fieldOf(name, frameTypeOf(one)));
  return { kind: "struct", fields };
}

/** A field that may be null. */
export function fieldOf(name: string, type: FrameType): FrameField {
  return { name, type, isNullable: true };
}

/** Keys for texts of which many are equal. */
export function categoryType(): FrameType {
  return { kind: "dictionary", id: 0n, key: KEY_TYPE, value: PLAIN.text, isOrdered: false };
}

/** A map of keys and values. */
export function mapType(key: FrameType, value: FrameType): FrameType {
  const fields = [{ name: "key", type: key, isNullable: false }, fieldOf("value", value)];
  return {
    kind: "map",
    entry: { name: "entries", type: { kind: "struct", fields }, isNullable: false },
  };
}

function namedType(name: string): FrameType {
  if (Object.hasOwn(PLAIN, name)) return PLAIN[name as PlainType];
  if (name === "category") return categoryType();
  const [, digits, decimals] = DECIMAL.exec(name) ?? [];
  const precision = Number(digits);
  const scale = Number(decimals);
  if (!(precision >= 1 && precision <= DECIMAL_DIGITS_MAX && scale <= DECIMAL_DIGITS_MAX)) {
    throw unknownType(name);
  }
  return { kind: "decimal", bits: 128, precision, scale };
}

function isListType(type: ColumnType): type is readonly [ColumnType] {
  return Array.isArray(type) && type.length === 1;
}

function unknownType(name: string): TypeError {
  return new TypeError(
    `Cannot make a data frame: expected a column type such as "int64" or "decimal(18,2)", got "${name}"`,
  );
}

function int(bits: 8 | 16 | 32 | 64, isSigned: boolean): FrameType & { readonly kind: "int" } {
  return { kind: "int", bits, isSigned };
}

function timestamp(unit: TimeUnit, zone: string | null): FrameType & { kind: "timestamp" } {
  return { kind: "timestamp", unit, zone };
}
