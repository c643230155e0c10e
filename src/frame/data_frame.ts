import { fromBase64 } from "../protocol/base64.ts";
import { Tagged } from "../protocol/cbor_types.ts";
import { type ArrowTable, loadArrow, type TableOptions } from "./arrow.ts";
import { buildColumn, typedColumn } from "./build.ts";
import { type ColumnType, fieldOf, frameTypeOf } from "./column_type.ts";
import { decodeFrame } from "./decode.ts";
import { encodeFrame } from "./encode.ts";
import { fileToStream } from "./file.ts";
import { fromForeignTable } from "./foreign_table.ts";
import type { Frame, FrameData } from "./frame_data.ts";
import { FrameError } from "./frame_error.ts";
import type { FrameType } from "./frame_type.ts";
import { inferType } from "./infer.ts";
import { FRAME_ROWS_MAX } from "./limits.ts";
import { ValueReader } from "./read_values.ts";
import { columnsOf, type Row, rowsOf, setMember } from "./rows.ts";
import { typedArrayType } from "./typed_array.ts";
import { errorText } from "../util/error_text.ts";

/** The CBOR tag of a data frame (spec 2.6). */
export const TAG_FRAME = 80;

/** What the Arrow library rounds unless it is told not to. */
const EXACT = {
  useBigInt: true,
  useBigIntTimestamp: true,
  useDecimalInt: true,
  useMap: true,
} as const satisfies TableOptions;

/** Values of a column: an array, or a typed array, which says the type. */
export type ColumnValues = readonly unknown[] | ArrayBufferView;

/**
 * A table that travels as one value: an Apache Arrow IPC stream (spec 2.6). Publish it, pass it to a call,
 * return it from a service; handlers and calls get one. It holds bytes; whatever reads them proves them first,
 * and throws {@link FrameError} when they are damaged, of a type that is not read (unions, intervals, list
 * views, run-length encoding) or compressed. Those are still there as `bytes`.
 *
 * What comes out of `rows` and `columns`, with nothing rounded:
 *
 * | column                       | value                                                        |
 * | ---------------------------- | ------------------------------------------------------------ |
 * | null anywhere                | `null`                                                       |
 * | booleans, texts              | `boolean`, `string`; categories and enumerations `string`    |
 * | integers                     | `number`; beyond 2^53 `bigint`                               |
 * | floats                       | `number`                                                     |
 * | decimals                     | `string` with all digits; without decimals as integers       |
 * | bytes                        | `Uint8Array`, a view of the frame                            |
 * | dates                        | `Date`, at midnight UTC                                      |
 * | timestamps                   | {@link Timestamp}, a `Date` with nanoseconds; without zone read as UTC |
 * | times of the day             | `string`, `"12:30:00.5"`                                     |
 * | durations                    | `bigint`, nanoseconds                                        |
 * | lists, structs, maps         | array, object, `Map`                                         |
 *
 * @example
 * ```ts
 * import { component, DataFrame } from "@rembus/cli/client";
 *
 * await using cli = await component("ws://127.0.0.1:8338/myclient");
 * await cli.publish("telemetry", DataFrame.fromColumns({
 *   dn: ["s1", "s2"],
 *   temperature: [21.6, null],
 * }));
 * const frame = await cli.rpc("query_telemetry") as DataFrame;
 * for (const { dn, temperature } of frame.rows()) console.log(dn, temperature);
 * ```
 */
export class DataFrame extends Tagged {
  #frame: Frame | null = null;

  /** Wraps the bytes of an Arrow IPC stream, which must not change afterwards. They are not looked at yet. */
  constructor(bytes: Uint8Array) {
    super(TAG_FRAME, bytes);
  }

  /**
   * Makes a frame of columns. Types are found in the values: numbers are `float64`, bigints `int64`, dates
   * timestamps in UTC, typed arrays their own; `types` says otherwise column by column.
   *
   * Throws `TypeError` for columns of different lengths, for values that do not fit the type of their
   * column, and for values of several kinds in one column.
   */
  static fromColumns(
    columns: Readonly<Record<string, ColumnValues>>,
    types: Readonly<Record<string, ColumnType>> = {},
  ): DataFrame {
    return fromEntries(Object.entries(columns), types);
  }

  /** Makes a frame of row objects; a member that a row lacks is null. See {@link DataFrame.fromColumns}. */
  static fromRows(
    rows: readonly Readonly<Row>[],
    types: Readonly<Record<string, ColumnType>> = {},
  ): DataFrame {
    const columns = columnsOf(rows);
    // Columns that no row has are there, so that no rows make a frame with columns, too.
    for (const name of Object.keys(types)) {
      if (!columns.has(name)) columns.set(name, new Array<unknown>(rows.length).fill(null));
    }
    return fromEntries([...columns], types);
  }

  /**
   * Makes a frame of what is Arrow already: a table of apache-arrow, flechette, arquero or nodejs-polars, the
   * bytes of a stream or file, or their base64 text, as a frame deep inside a JSON message is.
   *
   * Throws {@link FrameError} for bytes that cannot be read, `TypeError` for anything else.
   */
  static fromArrow(source: object | string): DataFrame {
    if (source instanceof DataFrame) return source;
    if (typeof source === "string") return checked(base64Bytes(source));
    if (source instanceof Uint8Array) return checked(source);
    if (source instanceof ArrayBuffer) return checked(new Uint8Array(source));
    const made = fromForeignTable(source);
    return checked(made instanceof Uint8Array ? made : encodeFrame(made));
  }

  /** The Arrow IPC stream. */
  get bytes(): Uint8Array {
    return this.value as Uint8Array;
  }

  /** How many rows it has. */
  get numRows(): number {
    return this.#decoded.rowCount;
  }

  /** The names of its columns. */
  get names(): readonly string[] {
    return this.#decoded.fields.map(({ name }) => name);
  }

  /** The rows as objects. Throws for more than 10 million: read those as a {@link DataFrame.table}. */
  rows<T extends Row = Row>(): T[] {
    return rowsOf(this.#columns(), this.numRows) as T[];
  }

  /** The columns as arrays. Throws for more than 10 million rows, as {@link DataFrame.rows}. */
  columns(): Record<string, unknown[]> {
    const columns: Record<string, unknown[]> = {};
    for (const [name, values] of this.#columns()) setMember(columns, name, values);
    return columns;
  }

  /**
   * The frame as a table of the Arrow library (`@uwdata/flechette`), which is loaded now: for large frames,
   * since no values are made before they are asked for. Unless `options` say otherwise, it gives 64-bit integers
   * and timestamps as bigint (in the unit of their column) and decimals as bigint times `10^scale`. What the
   * writer noted beside names and values (schema metadata) is not in it.
   *
   * A browser without a bundler needs `npm:@uwdata/flechette@2.6.0` in its import map.
   */
  async table(options: TableOptions = {}): Promise<ArrowTable> {
    // The library takes bytes at their word, and could read other ones than were proved: it gets ours.
    const bytes = encodeFrame(this.#decoded);
    const { tableFromIPC } = await loadArrow();
    try {
      return tableFromIPC(bytes, { ...EXACT, ...options });
    } catch (cause) {
      // Decimals in thousands and the like: what the format has and the library has not.
      throw new FrameError(`the Arrow library cannot read it: ${errorText(cause)}`, { cause });
    }
  }

  get #decoded(): Frame {
    return this.#frame ??= decodeFrame(this.bytes);
  }

  #columns(): (readonly [name: string, values: unknown[]])[] {
    const { fields, batches, rowCount } = this.#decoded;
    if (rowCount > FRAME_ROWS_MAX) {
      throw new FrameError(
        `expected at most ${FRAME_ROWS_MAX} rows, got ${rowCount}: read it as a table`,
      );
    }
    const reader = new ValueReader();
    const names = new Set<string>();
    return fields.map(({ name }, i) => {
      if (names.has(name)) {
        throw new FrameError(`two columns are named "${name}": read it as a table`);
      }
      names.add(name);
      const parts = batches.flatMap(({ columns }) => columns.slice(i, i + 1));
      return [name, reader.values(parts)] as const;
    });
  }
}

function checked(bytes: Uint8Array): DataFrame {
  const frame = new DataFrame(fileToStream(bytes));
  void frame.numRows;
  return frame;
}

function base64Bytes(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw new FrameError("expected base64 text of an Arrow IPC stream, got another text", {
      cause,
    });
  }
}

function fromEntries(
  columns: readonly (readonly [name: string, values: ColumnValues])[],
  types: Readonly<Record<string, ColumnType>>,
): DataFrame {
  const made = columns.map(([name, values]) => {
    const type = Object.hasOwn(types, name) ? types[name] : undefined;
    return [name, columnData(name, values, type)] as const;
  });
  const known = new Set(columns.map(([name]) => name));
  const unknown = Object.keys(types).find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new TypeError(`Cannot make a data frame: there is no column "${unknown}" to give a type`);
  }
  const [first] = made;
  const length = first?.[1].length ?? 0;
  const other = made.find(([, data]) => data.length !== length);
  if (first !== undefined && other !== undefined) {
    throw new TypeError(
      `Cannot make a data frame: expected columns of one length, got ${length} values in "${
        first[0]
      }" and ${other[1].length} in "${other[0]}"`,
    );
  }
  const fields = made.map(([name, { type }]) => fieldOf(name, type));
  const batches = [{ length, columns: made.map(([, data]) => data) }];
  return new DataFrame(encodeFrame({ fields, batches, rowCount: length }));
}

function columnData(
  name: string,
  values: ColumnValues,
  type: ColumnType | undefined,
): FrameData {
  const typed = ArrayBuffer.isView(values) ? typedArrayType(values) : null;
  if (typed !== null && type === undefined) {
    return typedColumn(values as ArrayBufferView, typed.type, typed.values.length);
  }
  const list = typed?.values ?? values;
  if (!Array.isArray(list) && !ArrayBuffer.isView(list)) {
    throw new TypeError(
      `Cannot make a data frame: expected an array of values for column "${name}"`,
    );
  }
  const items = list as ArrayLike<unknown>;
  const wanted: FrameType = type === undefined
    ? inferType(items as readonly unknown[], `column "${name}"`)
    : frameTypeOf(type);
  return buildColumn(name, items, wanted);
}
