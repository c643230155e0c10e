import { decodeCbor, Tagged } from "../protocol/cbor.ts";
import type { Cell } from "./cell.ts";
import { reasonOf, RowError } from "./errors.ts";
import { type Frame, readFrame } from "./frame_reader.ts";
import type { Column, TableSchema } from "./schema.ts";
import type { TopicMatch } from "./topic_match.ts";
import { toCell } from "./value.ts";

/** CBOR tag of a data frame (spec 2.6). */
const TAG_FRAME = 80;
const NOTHING: ReadonlyMap<string, string> = new Map();

/**
 * A cell, or `undefined` when nothing was said about the column: a new row gets the default or null, a
 * row that is there keeps its value (spec 8.6).
 */
export type MaybeCell = Cell | undefined;

/** Rows of one message, column by column in the order of the table's columns. */
export interface RowSet {
  /** The table that they are for. */
  readonly table: TableSchema;
  /** How many rows. */
  readonly count: number;
  /** For each column its cells, `count` of them. */
  readonly columns: readonly (readonly MaybeCell[])[];
}

/** What the broker knows of a message beside its payload. */
export interface MessageFacts {
  /** When it was received, in nanoseconds since the epoch. */
  readonly recvNs: bigint;
  /** The slot that came with it. */
  readonly slot: number | null;
}

/**
 * The rows that a publication makes (spec 8.5). A message is stored as a whole or not at all.
 *
 * Topic variables and the extras win over the payload (spec 12 #61): who may publish for one device cannot
 * write rows of another.
 *
 * @throws {RowError} With the reason for the dead letter.
 */
export function publicationRows(
  data: Uint8Array,
  match: TopicMatch,
  facts: MessageFacts,
): RowSet {
  const { table, variables } = match;
  const payload = decode(data);
  const args = Array.isArray(payload) ? payload : [payload];
  const source: RowSource = { table, variables, facts };
  if (args.length === 0 && match.hasVariables) return mapRows([new Map()], source);
  if (args.length === 1) {
    const [value] = args;
    const map = asMap(value);
    if (map !== null) return mapRows([map], source);
    if (isFrame(value)) return frameRows(readFrame(value.value, table.columns.length), source);
    const maps = table.payloadColumns.length === 1 ? null : asMaps(value);
    if (maps !== null) return mapRows(maps, source);
  }
  return sequenceRow(args, source);
}

/** How an `upsert_` call treats null. */
export interface UpsertOptions {
  /** Whether null overwrites a value that is there; else it means "keep". */
  readonly nulls: boolean;
}

/**
 * The rows of the first argument of an `upsert_` call (spec 8.7): a map, a list of maps, or a data frame.
 *
 * @throws {RowError} With the text of the answer.
 */
export function upsertRows(
  value: unknown,
  source: { table: TableSchema; facts: MessageFacts } & UpsertOptions,
): RowSet {
  const rowSource: RowSource = { ...source, variables: NOTHING, isCommand: true };
  if (isFrame(value)) {
    const frame = readFrame(value.value, source.table.columns.length);
    return keepNulls(frameRows(frame, rowSource), source);
  }
  const map = asMap(value);
  const maps = map === null ? asMaps(value, true) : [map];
  if (maps === null) {
    throw new RowError(`upsert failed: invalid record type ${typeName(value)}`);
  }
  return keepNulls(mapRows(maps, rowSource), source);
}

interface RowSource {
  readonly table: TableSchema;
  readonly variables: ReadonlyMap<string, string>;
  readonly facts: MessageFacts;
  /** An `upsert_` may name the slot column, and its frames may lack columns. */
  readonly isCommand?: boolean;
}

type Fields = ReadonlyMap<unknown, unknown>;

function mapRows(maps: readonly Fields[], source: RowSource): RowSet {
  const { table } = source;
  const columns: MaybeCell[][] = table.columns.map(() => []);
  for (const [row, map] of maps.entries()) {
    for (const [i, column] of table.columns.entries()) {
      try {
        columns[i]?.push(mapCell(map, column, source));
      } catch (error) {
        throw inRow(error, { column, row: maps.length > 1 ? row : null });
      }
    }
  }
  return { table, count: maps.length, columns };
}

function mapCell(map: Fields, column: Column, source: RowSource): MaybeCell {
  const { name, type, extra } = column;
  if (extra !== null) {
    if (source.isCommand && extra === "slot" && map.has(name)) return toCell(map.get(name), type);
    return extraCell(extra, source.facts);
  }
  const variable = source.variables.get(name);
  if (variable !== undefined) return checked(toCell(variable, type), column);
  if (map.has(name)) return checked(toCell(map.get(name), type), column);
  if (column.defaultCell !== undefined) return column.isKey ? column.defaultCell : undefined;
  if (column.isKey) throw new RowError("a key column is not given");
  if (!column.isNullable) throw new RowError("expected a value, got none and there is no default");
  return undefined;
}

/** Values in column order, as many as the payload fills columns; null is a value. */
function sequenceRow(args: readonly unknown[], source: RowSource): RowSet {
  const { table, variables } = source;
  const wanted = table.payloadColumns.length;
  if (args.length !== wanted) {
    throw new RowError(`expected ${wanted} values, got ${args.length}`);
  }
  const columns = table.columns.map((column, i): MaybeCell[] => {
    if (column.extra !== null) return [extraCell(column.extra, source.facts)];
    try {
      return [checked(toCell(variables.get(column.name) ?? args[i], column.type), column)];
    } catch (error) {
      throw inRow(error, { column, row: null });
    }
  });
  return { table, count: 1, columns };
}

/** Every column must be there, or be a topic variable; others of the frame fall away. */
function frameRows(frame: Frame, source: RowSource): RowSet {
  const { table } = source;
  const count = frame.rowCount;
  const columns = table.columns.map((column) => frameColumn(frame, column, source));
  return { table, count, columns };
}

function frameColumn(frame: Frame, column: Column, source: RowSource): readonly MaybeCell[] {
  const { name, type, extra } = column;
  const count = frame.rowCount;
  const fromFrame = extra === null || (extra === "slot" && source.isCommand && frame.has(name));
  if (!fromFrame) return filled(count, extraCell(extra, source.facts));
  let row = 0;
  try {
    const variable = source.variables.get(name);
    if (variable !== undefined) return filled(count, checked(toCell(variable, type), column));
    if (source.isCommand && !frame.has(name)) {
      return filled(count, mapCell(NOTHING, column, source));
    }
    const cells: MaybeCell[] = [];
    for (const value of frame.values(name)) {
      cells.push(checked(toCell(value, type), column));
      row++;
    }
    if (cells.length !== count) {
      throw new RowError("the frame is damaged: columns differ in length");
    }
    return cells;
  } catch (error) {
    throw inRow(error, { column, row: frame.has(name) ? row : null });
  }
}

/** Without `nulls`, null means "keep" (spec 8.7), except in keys and in tables that only grow. */
function keepNulls(rows: RowSet, { nulls }: UpsertOptions): RowSet {
  if (nulls || rows.table.keys.length === 0) return rows;
  return {
    ...rows,
    columns: rows.columns.map((cells, i) => {
      const column = rows.table.columns[i];
      if (column === undefined || column.isKey || column.extra !== null) return cells;
      return cells.map((cell) => cell === null ? undefined : cell);
    }),
  };
}

function extraCell(extra: "recv_ts" | "slot", facts: MessageFacts): Cell {
  return extra === "recv_ts" ? facts.recvNs : facts.slot;
}

function checked(cell: Cell, column: Column): Cell {
  if (cell === null && !column.isNullable) throw new RowError("expected a value, got null");
  return cell;
}

function filled(count: number, cell: MaybeCell): MaybeCell[] {
  return new Array<MaybeCell>(count).fill(cell);
}

function decode(data: Uint8Array): unknown {
  try {
    return decodeCbor(data);
  } catch (cause) {
    throw new RowError(`the payload cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

function inRow(error: unknown, at: { column: Column; row: number | null }): unknown {
  // Anything else is a fault of ours, and must not be taken for a bad message.
  if (!(error instanceof RowError)) return error;
  const row = at.row === null ? "" : `row ${at.row + 1}, `;
  return new RowError(`${row}column "${at.column.name}": ${error.message}`, { cause: error });
}

function isFrame(value: unknown): value is Tagged & { readonly value: Uint8Array } {
  return value instanceof Tagged && value.tag === TAG_FRAME && value.value instanceof Uint8Array;
}

function asMap(value: unknown): Fields | null {
  if (value instanceof Map) return value;
  if (typeof value !== "object" || value === null) return null;
  return Object.getPrototypeOf(value) === Object.prototype ? new Map(Object.entries(value)) : null;
}

/** A list of nothing but maps; the empty list only where a list can mean nothing else. */
function asMaps(value: unknown, mayBeEmpty = false): Fields[] | null {
  if (!Array.isArray(value) || (value.length === 0 && !mayBeEmpty)) return null;
  const maps: Fields[] = [];
  for (const item of value) {
    const map = asMap(item);
    if (map === null) return null;
    maps.push(map);
  }
  return maps;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (value instanceof Uint8Array) return "bytes";
  return value instanceof Tagged ? `tag ${value.tag}` : typeof value;
}
