import type { LogicalType } from "npm:@duckdb/node-bindings@1.5.5-r.5";
import { DuckDBTypeId as Type } from "npm:@duckdb/node-api@1.5.5-r.5";
import { duckdb } from "./duck.ts";
import type { FrameField, FrameType, TimeUnit } from "../frame/frame_type.ts";
import { ident } from "./identifier.ts";

/** A column of a result as Arrow has it, with what is needed to read it from DuckDB's vectors. */
export interface ArrowField {
  /** Its name. */
  readonly name: string;
  /** Its type. */
  readonly type: ArrowType;
}

/** The Arrow types that results have (spec 2.6). */
export type ArrowType =
  | { readonly kind: "bool" }
  | { readonly kind: "int"; readonly bits: 8 | 16 | 32 | 64; readonly isSigned: boolean }
  | { readonly kind: "float"; readonly bits: 32 | 64 }
  /** `bytes` is the width in DuckDB; Arrow's is always 16. */
  | {
    readonly kind: "decimal";
    readonly width: number;
    readonly scale: number;
    readonly bytes: 2 | 4 | 8 | 16;
  }
  | { readonly kind: "date" }
  | { readonly kind: "time" }
  /** `unit` counts 0 seconds, 1 milli-, 2 micro-, 3 nanoseconds. */
  | { readonly kind: "timestamp"; readonly unit: 0 | 1 | 2 | 3; readonly zone: string | null }
  | { readonly kind: "text" }
  | { readonly kind: "binary" }
  | { readonly kind: "list"; readonly item: ArrowType }
  | { readonly kind: "array"; readonly item: ArrowType; readonly size: number }
  | { readonly kind: "struct"; readonly members: readonly ArrowField[] }
  | { readonly kind: "map"; readonly key: ArrowType; readonly value: ArrowType };

const int = (bits: 8 | 16 | 32 | 64, isSigned: boolean): ArrowType => ({
  kind: "int",
  bits,
  isSigned,
});
const timestamp = (unit: 0 | 1 | 2 | 3, zone: string | null = null): ArrowType => ({
  kind: "timestamp",
  unit,
  zone,
});

const PLAIN: ReadonlyMap<Type, ArrowType> = new Map<Type, ArrowType>([
  [Type.BOOLEAN, { kind: "bool" }],
  [Type.TINYINT, int(8, true)],
  [Type.SMALLINT, int(16, true)],
  [Type.INTEGER, int(32, true)],
  [Type.BIGINT, int(64, true)],
  [Type.UTINYINT, int(8, false)],
  [Type.USMALLINT, int(16, false)],
  [Type.UINTEGER, int(32, false)],
  [Type.UBIGINT, int(64, false)],
  [Type.HUGEINT, { kind: "decimal", width: 38, scale: 0, bytes: 16 }],
  [Type.FLOAT, { kind: "float", bits: 32 }],
  [Type.DOUBLE, { kind: "float", bits: 64 }],
  [Type.DATE, { kind: "date" }],
  [Type.TIME, { kind: "time" }],
  [Type.TIMESTAMP_S, timestamp(0)],
  [Type.TIMESTAMP_MS, timestamp(1)],
  [Type.TIMESTAMP, timestamp(2)],
  [Type.TIMESTAMP_NS, timestamp(3)],
  [Type.TIMESTAMP_TZ, timestamp(2, "UTC")],
  [Type.VARCHAR, { kind: "text" }],
  [Type.BLOB, { kind: "binary" }],
]);

const MICROSECONDS: TimeUnit = 2;

/** Digits of the widest decimal in 16, 32 and 64 bits. */
const DECIMAL_DIGITS = [4, 9, 18] as const;

/** How a type of DuckDB leaves. */
export interface Leaving {
  /** The Arrow type. */
  readonly type: ArrowType;
  /** The type that the column must be cast to first, as SQL; equals `source` when none is needed. */
  readonly sql: string;
  /** The type of the column, as SQL, as far as a cast needs it. */
  readonly source: string;
}

/**
 * How a type leaves. What Arrow lacks, or common readers do not take, leaves as text: enumerations, UUID,
 * INTERVAL, BIT, times with zones, unions and 128-bit unsigned integers.
 */
export function leavingType(type: LogicalType): Leaving {
  const id = duckdb.get_type_id(type) as number as Type;
  const plain = PLAIN.get(id);
  if (plain !== undefined) return same(plain, Type[id] ?? "");
  switch (id) {
    case Type.DECIMAL: {
      const width = duckdb.decimal_width(type);
      const scale = duckdb.decimal_scale(type);
      const at = DECIMAL_DIGITS.findIndex((digits) => width <= digits);
      const bytes = ([2, 4, 8] as const)[at] ?? 16;
      return same({ kind: "decimal", width, scale, bytes }, `DECIMAL(${width},${scale})`);
    }
    case Type.LIST: {
      const item = leavingType(duckdb.list_type_child_type(type));
      return {
        type: { kind: "list", item: item.type },
        sql: `${item.sql}[]`,
        source: `${item.source}[]`,
      };
    }
    case Type.ARRAY: {
      const item = leavingType(duckdb.array_type_child_type(type));
      const size = duckdb.array_type_array_size(type);
      return {
        type: { kind: "array", item: item.type, size },
        sql: `${item.sql}[${size}]`,
        source: `${item.source}[${size}]`,
      };
    }
    case Type.STRUCT:
      return structLeaving(type);
    case Type.MAP: {
      const key = leavingType(duckdb.map_type_key_type(type));
      const value = leavingType(duckdb.map_type_value_type(type));
      return {
        type: { kind: "map", key: key.type, value: value.type },
        sql: `MAP(${key.sql}, ${value.sql})`,
        source: `MAP(${key.source}, ${value.source})`,
      };
    }
    default:
      return { type: { kind: "text" }, sql: "VARCHAR", source: "" };
  }
}

function structLeaving(type: LogicalType): Leaving {
  const members: ArrowField[] = [];
  const sql: string[] = [];
  const source: string[] = [];
  for (let i = 0; i < duckdb.struct_type_child_count(type); i++) {
    const name = duckdb.struct_type_child_name(type, i);
    const member = leavingType(duckdb.struct_type_child_type(type, i));
    members.push({ name, type: member.type });
    sql.push(`${ident(name)} ${member.sql}`);
    source.push(`${ident(name)} ${member.source}`);
  }
  return {
    type: { kind: "struct", members },
    sql: `STRUCT(${sql.join(", ")})`,
    source: `STRUCT(${source.join(", ")})`,
  };
}

function same(type: ArrowType, name: string): Leaving {
  return { type, sql: name, source: name };
}

/** A column of a result as a field of a data frame: what its schema says. */
export function frameFieldOf({ name, type }: ArrowField): FrameField {
  return { name, type: frameTypeOf(type), isNullable: true };
}

function frameTypeOf(type: ArrowType): FrameType {
  switch (type.kind) {
    case "bool":
    case "int":
    case "float":
    case "timestamp":
      return type;
    case "decimal":
      return { kind: "decimal", bits: 128, precision: type.width, scale: type.scale };
    case "date":
      return { kind: "date", unit: "day" };
    case "time":
      return { kind: "time", unit: MICROSECONDS };
    case "text":
    case "binary":
      return { kind: type.kind, layout: "large" };
    case "list":
      return { kind: "list", isLarge: true, item: itemOf(type.item) };
    case "array":
      return { kind: "array", size: type.size, item: itemOf(type.item) };
    case "struct":
      return { kind: "struct", fields: type.members.map(frameFieldOf) };
    case "map":
      return { kind: "map", entry: entryOf(type.key, type.value) };
    default:
      return type satisfies never;
  }
}

function itemOf(type: ArrowType): FrameField {
  return frameFieldOf({ name: "item", type });
}

/** The names that Arrow wants for the parts of a map. Entries and keys are never null. */
function entryOf(key: ArrowType, value: ArrowType): FrameField {
  const fields = [
    { ...frameFieldOf({ name: "key", type: key }), isNullable: false },
    frameFieldOf({ name: "value", type: value }),
  ];
  return { name: "entries", type: { kind: "struct", fields }, isNullable: false };
}
