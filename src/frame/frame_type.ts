/** Units of times: 0 seconds, 1 milli-, 2 micro-, 3 nanoseconds (Schema.fbs). */
export type TimeUnit = 0 | 1 | 2 | 3;

/** Nanoseconds of each {@link TimeUnit}. */
export const UNIT_NS: readonly [bigint, bigint, bigint, bigint] = [
  1_000_000_000n,
  1_000_000n,
  1_000n,
  1n,
];

/** An integer type. */
export interface IntType {
  readonly kind: "int";
  readonly bits: 8 | 16 | 32 | 64;
  readonly isSigned: boolean;
}

/** How texts and byte strings lie in memory: with offsets of 32 or 64 bits, or as views. */
export type Layout = "small" | "large" | "view";

/** A dictionary type: keys that stand for values (categories, enumerations). */
export interface DictionaryType {
  readonly kind: "dictionary";
  /** Number by which the dictionary is found in its stream. */
  readonly id: bigint;
  readonly key: IntType;
  readonly value: FrameType;
  readonly isOrdered: boolean;
}

/** The type of a column or of what is in it. */
export type FrameType =
  | { readonly kind: "null" }
  | { readonly kind: "bool" }
  | IntType
  | { readonly kind: "float"; readonly bits: 16 | 32 | 64 }
  | {
    readonly kind: "decimal";
    readonly bits: 32 | 64 | 128 | 256;
    readonly precision: number;
    readonly scale: number;
  }
  | { readonly kind: "date"; readonly unit: "day" | "ms" }
  | { readonly kind: "time"; readonly unit: TimeUnit }
  | { readonly kind: "timestamp"; readonly unit: TimeUnit; readonly zone: string | null }
  | { readonly kind: "duration"; readonly unit: TimeUnit }
  | { readonly kind: "text"; readonly layout: Layout }
  | { readonly kind: "binary"; readonly layout: Layout }
  | { readonly kind: "fixed"; readonly size: number }
  | { readonly kind: "list"; readonly isLarge: boolean; readonly item: FrameField }
  | { readonly kind: "array"; readonly size: number; readonly item: FrameField }
  | { readonly kind: "struct"; readonly fields: readonly FrameField[] }
  | { readonly kind: "map"; readonly entry: FrameField }
  | DictionaryType;

/** A column, or a part of a nested type. */
export interface FrameField {
  readonly name: string;
  readonly type: FrameType;
  readonly isNullable: boolean;
}

/** The fields inside of a type. A dictionary has none: its values lie elsewhere. */
export function fieldsOf(type: FrameType): readonly FrameField[] {
  switch (type.kind) {
    case "list":
    case "array":
      return [type.item];
    case "struct":
      return type.fields;
    case "map":
      return [type.entry];
    default:
      return [];
  }
}

/** Bytes of one value of a type whose values have all the same size; 0 for any other. */
export function widthOf(type: FrameType): number {
  switch (type.kind) {
    case "int":
    case "float":
    case "decimal":
      return type.bits / 8;
    case "date":
      return type.unit === "day" ? 4 : 8;
    case "time":
      return type.unit < 2 ? 4 : 8;
    case "timestamp":
    case "duration":
      return 8;
    case "fixed":
      return type.size;
    case "dictionary":
      return type.key.bits / 8;
    default:
      return 0;
  }
}

/** Whether values of both lie in memory alike and mean the same. */
export function isSameType(one: FrameType, other: FrameType): boolean {
  return typeText(one) === typeText(other);
}

function typeText(type: FrameType): string {
  return JSON.stringify(type, (_, value) => typeof value === "bigint" ? String(value) : value);
}
