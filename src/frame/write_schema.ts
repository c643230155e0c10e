import { field, type FlatBuffer, type Offset } from "./flat_buffer.ts";
import { type DictionaryType, fieldsOf, type FrameField, type FrameType } from "./frame_type.ts";

/** Numbers of the types (Schema.fbs); those of texts and byte strings by layout. */
const TYPE_NUMBER = {
  null: 1,
  int: 2,
  float: 3,
  bool: 6,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  struct: 13,
  fixed: 15,
  array: 16,
  map: 17,
  duration: 18,
} as const;
const TEXT_NUMBER = { small: 5, large: 20, view: 24 } as const;
const BINARY_NUMBER = { small: 4, large: 19, view: 23 } as const;
const LIST_NUMBER = { small: 12, large: 21 } as const;
const PRECISION = { 16: 0, 32: 1, 64: 2 } as const;
const DATE_UNIT = { day: 0, ms: 1 } as const;

/** Writes the schema table. `idOf` gives the number of a dictionary. */
export function writeSchema(
  buffer: FlatBuffer,
  fields: readonly FrameField[],
  idOf: (type: DictionaryType) => number | bigint,
): Offset {
  const list = buffer.offsets(fields.map((one) => writeField(buffer, one, idOf)));
  return buffer.table([field.short(0, 0), field.offset(1, list)]);
}

function writeField(
  buffer: FlatBuffer,
  { name, type, isNullable }: FrameField,
  idOf: (type: DictionaryType) => number | bigint,
): Offset {
  // A column with a dictionary has the type of its values, and says beside it what the keys are.
  const stored = type.kind === "dictionary" ? type.value : type;
  const children = buffer.offsets(
    fieldsOf(stored).map((child) => writeField(buffer, child, idOf)),
  );
  const dictionary = type.kind === "dictionary" ? writeDictionary(buffer, type, idOf(type)) : null;
  const detail = writeType(buffer, stored);
  const text = buffer.text(name);
  return buffer.table([
    field.offset(0, text),
    field.byte(1, isNullable ? 1 : 0),
    field.byte(2, typeNumber(stored)),
    field.offset(3, detail),
    ...(dictionary === null ? [] : [field.offset(4, dictionary)]),
    field.offset(5, children),
  ]);
}

function writeDictionary(buffer: FlatBuffer, type: DictionaryType, id: number | bigint): Offset {
  const key = writeType(buffer, type.key);
  return buffer.table([
    field.long(0, id),
    field.offset(1, key),
    field.byte(2, type.isOrdered ? 1 : 0),
  ]);
}

function typeNumber(type: FrameType): number {
  switch (type.kind) {
    case "text":
      return TEXT_NUMBER[type.layout];
    case "binary":
      return BINARY_NUMBER[type.layout];
    case "list":
      return LIST_NUMBER[type.isLarge ? "large" : "small"];
    case "dictionary":
      return typeNumber(type.value);
    default:
      return TYPE_NUMBER[type.kind];
  }
}

function writeType(buffer: FlatBuffer, type: FrameType): Offset {
  switch (type.kind) {
    case "int":
      return buffer.table([field.int(0, type.bits), field.byte(1, type.isSigned ? 1 : 0)]);
    case "float":
      return buffer.table([field.short(0, PRECISION[type.bits])]);
    case "decimal":
      return buffer.table([
        field.int(0, type.precision),
        field.int(1, type.scale),
        field.int(2, type.bits),
      ]);
    case "date":
      return buffer.table([field.short(0, DATE_UNIT[type.unit])]);
    case "time":
      return buffer.table([field.short(0, type.unit), field.int(1, type.unit < 2 ? 32 : 64)]);
    case "timestamp": {
      const zone = type.zone === null ? null : buffer.text(type.zone);
      return buffer.table([
        field.short(0, type.unit),
        ...(zone === null ? [] : [field.offset(1, zone)]),
      ]);
    }
    case "duration":
      return buffer.table([field.short(0, type.unit)]);
    case "fixed":
    case "array":
      return buffer.table([field.int(0, type.size)]);
    default:
      return buffer.table([]);
  }
}
