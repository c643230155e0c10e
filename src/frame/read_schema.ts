import type { FlatReader } from "./flat_reader.ts";
import { FrameError } from "./frame_error.ts";
import type { FrameField, FrameType, IntType, Layout, TimeUnit } from "./frame_type.ts";
import { DECIMAL_DIGITS_MAX, DEPTH_MAX, FIELDS_MAX } from "./limits.ts";

/** Numbers of the fields of the tables that are read (Schema.fbs). */
const SCHEMA = { ENDIANNESS: 0, FIELDS: 1 } as const;
const FIELD = {
  NAME: 0,
  IS_NULLABLE: 1,
  TYPE_NUMBER: 2,
  TYPE: 3,
  DICTIONARY: 4,
  CHILDREN: 5,
  METADATA: 6,
} as const;
const KEY_VALUE = { KEY: 0, VALUE: 1 } as const;
const DICTIONARY = { ID: 0, KEY: 1, IS_ORDERED: 2 } as const;

/** Numbers of the types (Schema.fbs). */
const TYPE = {
  NULL: 1,
  INT: 2,
  FLOAT: 3,
  BINARY: 4,
  TEXT: 5,
  BOOL: 6,
  DECIMAL: 7,
  DATE: 8,
  TIME: 9,
  TIMESTAMP: 10,
  LIST: 12,
  STRUCT: 13,
  FIXED: 15,
  ARRAY: 16,
  MAP: 17,
  DURATION: 18,
  LARGE_BINARY: 19,
  LARGE_TEXT: 20,
  LARGE_LIST: 21,
  BINARY_VIEW: 23,
  TEXT_VIEW: 24,
} as const;
/** Types that no peer of ours sends and that are not read. */
const UNREAD: ReadonlyMap<number, string> = new Map([
  [11, "intervals"],
  [14, "unions"],
  [22, "run-length encoded values"],
  [25, "list views"],
  [26, "list views"],
]);
const LIST_KEY_BITS = 32;

/**
 * Reads the schema of a stream (spec 2.6).
 *
 * @throws {FrameError} For types that are not read, and for damaged metadata.
 */
export function readSchema(flat: FlatReader, schema: number): readonly FrameField[] {
  if (flat.short(schema, SCHEMA.ENDIANNESS) !== 0) {
    throw new FrameError("expected numbers in little-endian order, got big-endian");
  }
  const reader = new SchemaReader(flat);
  // Readers of other libraries turn these into texts: they are read, so that their size is checked.
  reader.keyValues(schema, 2);
  return flat.tables(schema, SCHEMA.FIELDS).map((field) => reader.field(field, 0));
}

class SchemaReader {
  readonly #flat: FlatReader;
  #fields = 0;

  constructor(flat: FlatReader) {
    this.#flat = flat;
  }

  field(at: number, depth: number): FrameField {
    // References may lead back, so that a field could be its own child.
    if (depth > DEPTH_MAX || ++this.#fields > FIELDS_MAX) {
      throw new FrameError(
        `expected at most ${FIELDS_MAX} fields and ${DEPTH_MAX} levels, got more`,
      );
    }
    const flat = this.#flat;
    this.keyValues(at, FIELD.METADATA);
    const name = flat.text(at, FIELD.NAME) ?? "";
    const children = flat.tables(at, FIELD.CHILDREN).map((child) => this.field(child, depth + 1));
    const number = flat.byte(at, FIELD.TYPE_NUMBER);
    const plain = this.#type(number, flat.table(at, FIELD.TYPE), children);
    const dictionary = flat.table(at, FIELD.DICTIONARY);
    return {
      name,
      type: dictionary === null ? plain : this.#dictionary(dictionary, plain),
      isNullable: flat.byte(at, FIELD.IS_NULLABLE) !== 0,
    };
  }

  keyValues(table: number, number: number): void {
    for (const pair of this.#flat.tables(table, number)) {
      this.#flat.text(pair, KEY_VALUE.KEY);
      this.#flat.text(pair, KEY_VALUE.VALUE);
    }
  }

  #dictionary(at: number, value: FrameType): FrameType {
    const flat = this.#flat;
    const key = flat.table(at, DICTIONARY.KEY);
    return {
      kind: "dictionary",
      id: flat.long(at, DICTIONARY.ID),
      key: key === null ? { kind: "int", bits: LIST_KEY_BITS, isSigned: true } : this.#int(key),
      value,
      isOrdered: flat.byte(at, DICTIONARY.IS_ORDERED) !== 0,
    };
  }

  #type(number: number, at: number | null, children: readonly FrameField[]): FrameType {
    switch (number) {
      case TYPE.NULL:
        return { kind: "null" };
      case TYPE.BOOL:
        return { kind: "bool" };
      case TYPE.TEXT:
      case TYPE.LARGE_TEXT:
      case TYPE.TEXT_VIEW:
        return { kind: "text", layout: layoutOf(number) };
      case TYPE.BINARY:
      case TYPE.LARGE_BINARY:
      case TYPE.BINARY_VIEW:
        return { kind: "binary", layout: layoutOf(number) };
      case TYPE.LIST:
      case TYPE.LARGE_LIST:
        return { kind: "list", isLarge: number === TYPE.LARGE_LIST, item: only(children) };
      case TYPE.STRUCT:
        return { kind: "struct", fields: children };
      case TYPE.MAP:
        return { kind: "map", entry: entryOf(children) };
      default:
        if (at === null) throw unread(number);
        return this.#detailed(number, at, children);
    }
  }

  /** Types with parameters. */
  #detailed(number: number, at: number, children: readonly FrameField[]): FrameType {
    const flat = this.#flat;
    switch (number) {
      case TYPE.INT:
        return this.#int(at);
      case TYPE.FLOAT:
        return { kind: "float", bits: oneOf([16, 32, 64] as const, flat.short(at, 0)) };
      case TYPE.DECIMAL:
        return this.#decimal(at);
      case TYPE.DATE:
        return { kind: "date", unit: oneOf(["day", "ms"] as const, flat.short(at, 0, 1)) };
      case TYPE.TIME:
        return { kind: "time", unit: unitOf(flat.short(at, 0, 1)) };
      case TYPE.TIMESTAMP:
        return { kind: "timestamp", unit: unitOf(flat.short(at, 0)), zone: flat.text(at, 1) };
      case TYPE.DURATION:
        return { kind: "duration", unit: unitOf(flat.short(at, 0, 1)) };
      case TYPE.FIXED:
        return { kind: "fixed", size: sizeOf(flat.int(at, 0)) };
      case TYPE.ARRAY:
        return { kind: "array", size: sizeOf(flat.int(at, 0)), item: only(children) };
      default:
        throw unread(number);
    }
  }

  #int(at: number): IntType {
    const bits = this.#flat.int(at, 0);
    if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) throw unknownType();
    return { kind: "int", bits, isSigned: this.#flat.byte(at, 1) !== 0 };
  }

  #decimal(at: number): FrameType {
    const bits = this.#flat.int(at, 2, 128);
    const scale = this.#flat.int(at, 1);
    if (bits !== 32 && bits !== 64 && bits !== 128 && bits !== 256) throw unknownType();
    const precision = this.#flat.int(at, 0);
    if (!(precision > 0 && precision <= DECIMAL_DIGITS_MAX)) throw unknownType();
    if (Math.abs(scale) > DECIMAL_DIGITS_MAX) throw unknownType();
    return { kind: "decimal", bits, precision, scale };
  }
}

function layoutOf(number: number): Layout {
  switch (number) {
    case TYPE.LARGE_TEXT:
    case TYPE.LARGE_BINARY:
      return "large";
    case TYPE.TEXT_VIEW:
    case TYPE.BINARY_VIEW:
      return "view";
    default:
      return "small";
  }
}

function only(children: readonly FrameField[]): FrameField {
  const [child] = children;
  if (child === undefined || children.length > 1) throw unknownType();
  return child;
}

/** A map is a list of structs of a key and a value. */
function entryOf(children: readonly FrameField[]): FrameField {
  const entry = only(children);
  if (entry.type.kind !== "struct" || entry.type.fields.length !== 2) throw unknownType();
  return entry;
}

function oneOf<T>(values: readonly T[], at: number): T {
  const value = values[at];
  if (value === undefined) throw unknownType();
  return value;
}

function unitOf(unit: number): TimeUnit {
  return oneOf([0, 1, 2, 3] as const, unit);
}

function sizeOf(size: number): number {
  if (size < 0) throw unknownType();
  return size;
}

function unread(number: number): FrameError {
  const name = UNREAD.get(number);
  return name === undefined ? unknownType() : new FrameError(`${name} are not read`);
}

function unknownType(): FrameError {
  return new FrameError("it is damaged: a column has no type that there is");
}
