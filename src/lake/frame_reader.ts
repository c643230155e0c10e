import {
  type Column,
  type DataType,
  type Table,
  tableFromIPC,
  Type,
} from "npm:@uwdata/flechette@2.6.0";
import { decodeFrame } from "../frame/decode.ts";
import { encodeFrame } from "../frame/encode.ts";
import { FrameError } from "../frame/frame_error.ts";
import { reasonOf, RowError } from "./errors.ts";
import { FRAME_CELLS_MAX, FRAME_CHARS_MAX, FRAME_ROWS_MAX } from "./limits.ts";
import { Instant, ScaledInteger, Span, TimeOfDay } from "./value.ts";

/** Arrow's `TimeUnit` -> nanoseconds. */
const UNIT_NS = [1_000_000_000n, 1_000_000n, 1_000n, 1n] as const;
const BITS = 8;

/** Values leave in forms that lose nothing: see `toCell`. */
const EXTRACTION = {
  useBigInt: true,
  useBigIntTimestamp: true,
  useDecimalInt: true,
  useMap: true,
} as const;

/** The columns of a data frame, read on demand. */
export interface Frame {
  /** Rows of every column. */
  readonly rowCount: number;
  /** Whether the frame has the column. */
  has(name: string): boolean;
  /**
   * The values of a column, in the forms of `toCell`. Throws {@link RowError} when the frame lacks the
   * column or its buffers are damaged.
   */
  values(name: string): Iterable<unknown>;
}

/**
 * Reads the Arrow IPC stream of a data frame (spec 2.6). `columns` bounds how many columns will be used.
 *
 * @throws {RowError} For bytes that are no Arrow stream, and for frames beyond the limits.
 */
export function readFrame(bytes: Uint8Array, columns: number): Frame {
  const table = decode(bytes);
  const { numRows } = table;
  if (numRows > FRAME_ROWS_MAX || numRows * columns > FRAME_CELLS_MAX) {
    throw new RowError(
      `expected a frame of at most ${FRAME_ROWS_MAX} rows and ${FRAME_CELLS_MAX} values, ` +
        `got ${numRows} rows`,
    );
  }
  // Every row takes a bit or more, except in columns that are nothing but null.
  if (numRows > bytes.length * BITS) throw new RowError(`expected ${numRows} rows, got less bytes`);
  const names = new Map(table.names.map((name, i) => [String(name), i] as const));
  return {
    rowCount: numRows,
    has: (name) => names.has(name),
    values(name): Iterable<unknown> {
      const at = names.get(name);
      if (at === undefined) throw new RowError(`the frame lacks column "${name}"`);
      return valuesOf(table.getChildAt(at));
    },
  };
}

/** The library takes bytes at their word, and could read other ones than were proved: it gets ours. */
function decode(bytes: Uint8Array): Table {
  try {
    return tableFromIPC(encodeFrame(decodeFrame(bytes)), EXTRACTION);
  } catch (cause) {
    if (cause instanceof FrameError) throw new RowError(cause.reason, { cause });
    throw new RowError(`expected an Arrow IPC stream: ${reasonOf(cause)}`, { cause });
  }
}

function* valuesOf(column: Column<unknown>): Iterable<unknown> {
  const convert = converter(column.type);
  let chars = 0;
  try {
    for (const value of column) {
      // A key that its dictionary does not have gives nothing, which is not the same as null.
      if (value === undefined) throw new RowError("the frame is damaged: a value is not there");
      // A dictionary may hold one long text for very many rows.
      if (typeof value === "string" && (chars += value.length) > FRAME_CHARS_MAX) {
        throw new RowError(`expected at most ${FRAME_CHARS_MAX} characters in a column`);
      }
      yield value === null ? null : convert(value);
    }
  } catch (error) {
    if (error instanceof RowError) throw error;
    throw new RowError(`the frame is damaged: ${reasonOf(error)}`, { cause: error });
  }
}

type Convert = (value: unknown) => unknown;
const same: Convert = (value) => value;

/** Turns what flechette extracts into a form that `toCell` reads without loss. */
function converter(type: DataType | undefined): Convert {
  switch (type?.typeId) {
    case Type.Dictionary:
      return converter(type.dictionary);
    case Type.Timestamp: {
      const unit = UNIT_NS[type.unit] ?? 1n;
      return (value) => new Instant(BigInt(value as bigint) * unit);
    }
    case Type.Date:
      return (value) => new Date(Number(value));
    case Type.Time: {
      const unit = UNIT_NS[type.unit] ?? 1n;
      return (value) => new TimeOfDay(BigInt(value as bigint) * unit);
    }
    case Type.Duration: {
      const unit = UNIT_NS[type.unit] ?? 1n;
      return (value) => new Span(BigInt(value as bigint) * unit);
    }
    case Type.Decimal: {
      const { scale } = type;
      return (value) => new ScaledInteger(BigInt(value as bigint), scale);
    }
    case Type.List:
    case Type.LargeList:
    case Type.FixedSizeList: {
      const convert = converter(type.children[0]?.type);
      return (value) => Array.from(value as Iterable<unknown>, (item) => nullOr(item, convert));
    }
    case Type.Struct: {
      const members = type.children.map((field) => [field.name, converter(field.type)] as const);
      return (value) =>
        new Map(
          members.map(([name, convert]) =>
            [name, nullOr((value as Record<string, unknown>)[name], convert)] as const
          ),
        );
    }
    case Type.Map:
      return mapConverter(type.children[0]?.type);
    default:
      return same;
  }
}

function mapConverter(entry: DataType | undefined): Convert {
  const [key, item] = entry?.typeId === Type.Struct ? entry.children : [];
  const convertKey = converter(key?.type);
  const convertItem = converter(item?.type);
  return (value) =>
    new Map(
      Array.from(value as Iterable<[unknown, unknown]>, ([one, other]) =>
        [nullOr(one, convertKey), nullOr(other, convertItem)] as const),
    );
}

function nullOr(value: unknown, convert: Convert): unknown {
  return value === null || value === undefined ? null : convert(value);
}
