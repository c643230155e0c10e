import { fieldOf } from "./column_type.ts";
import type { FrameField, FrameType, IntType, TimeUnit } from "./frame_type.ts";

/** A column type of apache-arrow or flechette, as far as it is used; where two names stand, each has its own. */
export interface ForeignType {
  readonly typeId: number;
  readonly bitWidth?: number;
  readonly signed?: boolean;
  readonly isSigned?: boolean;
  readonly precision?: number;
  readonly scale?: number;
  readonly unit?: number;
  readonly timezone?: string | null;
  readonly stride?: number;
  readonly byteWidth?: number;
  readonly listSize?: number;
  readonly children?: readonly ForeignField[] | null;
  readonly dictionary?: ForeignType;
  readonly indices?: ForeignType;
  readonly ordered?: boolean;
  readonly isOrdered?: boolean;
}

/** A column of such a table. */
export interface ForeignField {
  readonly name: string;
  readonly type: ForeignType;
  readonly nullable?: boolean;
}

const FLOAT_BITS = [16, 32, 64] as const;

/** The column that leaves for a column of another library. Throws `TypeError` for types that peers cannot read. */
export function foreignField({ name, type, nullable = true }: ForeignField): FrameField {
  return { name: String(name), type: foreignType(type), isNullable: nullable };
}

function foreignType(type: ForeignType): FrameType {
  switch (type.typeId) {
    case -1:
      return dictionaryType(type);
    case 1:
      return { kind: "null" };
    case 2:
      return intType(type);
    case 3:
      return { kind: "float", bits: FLOAT_BITS[type.precision ?? -1] ?? unread(type) };
    // Views leave as plain texts: what a cut of a table does not show must not leave with it.
    case 4:
    case 23:
      return { kind: "binary", layout: "small" };
    case 5:
    case 24:
      return { kind: "text", layout: "small" };
    case 6:
      return { kind: "bool" };
    case 7:
      return decimalType(type);
    case 8:
      return { kind: "date", unit: type.unit === 0 ? "day" : "ms" };
    case 9:
      return { kind: "time", unit: unitOf(type) };
    case 10:
      return { kind: "timestamp", unit: unitOf(type), zone: type.timezone ?? null };
    case 18:
      return { kind: "duration", unit: unitOf(type) };
    case 15:
      return { kind: "fixed", size: type.byteWidth ?? type.stride ?? unread(type) };
    case 19:
      return { kind: "binary", layout: "large" };
    case 20:
      return { kind: "text", layout: "large" };
    default:
      return nestedType(type);
  }
}

function nestedType(type: ForeignType): FrameType {
  const fields = (type.children ?? []).map(foreignField);
  const [item] = fields;
  switch (type.typeId) {
    case 13:
      return { kind: "struct", fields };
    case 12:
    case 21:
      return { kind: "list", isLarge: type.typeId === 21, item: item ?? unread(type) };
    case 16: {
      const size = type.listSize ?? type.stride ?? unread(type);
      return { kind: "array", size, item: item ?? unread(type) };
    }
    case 17:
      return { kind: "map", entry: item ?? unread(type) };
    default:
      return unread(type);
  }
}

function dictionaryType(type: ForeignType): FrameType {
  const { dictionary, indices } = type;
  if (dictionary === undefined || indices === undefined) return unread(type);
  const isOrdered = type.isOrdered ?? type.ordered ?? false;
  const value = fieldOf("", foreignType(dictionary)).type;
  return { kind: "dictionary", id: 0n, key: intType(indices), value, isOrdered };
}

function intType(type: ForeignType): IntType {
  const { bitWidth } = type;
  if (bitWidth !== 8 && bitWidth !== 16 && bitWidth !== 32 && bitWidth !== 64) return unread(type);
  return { kind: "int", bits: bitWidth, isSigned: type.isSigned ?? type.signed ?? true };
}

function decimalType(type: ForeignType): FrameType {
  const { bitWidth: bits = 128, precision = 0, scale = 0 } = type;
  if (bits !== 32 && bits !== 64 && bits !== 128 && bits !== 256) return unread(type);
  return { kind: "decimal", bits, precision, scale };
}

function unitOf(type: ForeignType): TimeUnit {
  const { unit } = type;
  return unit === 0 || unit === 1 || unit === 2 || unit === 3 ? unit : unread(type);
}

function unread(type: ForeignType): never {
  throw new TypeError(
    `Cannot make a data frame: expected columns of types that peers read, got Arrow type ${type.typeId}`,
  );
}
