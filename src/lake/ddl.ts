import type { Cell } from "./cell.ts";
import { type ColumnType, parseColumnType, typeText } from "./column_type.ts";
import { SchemaError } from "./errors.ts";
import { ident, literal } from "./identifier.ts";
import type { Column, TableSchema } from "./schema.ts";

/** A column as the database has it. */
export interface ExistingColumn {
  /** Its name. */
  readonly name: string;
  /** Its type, as DuckDB writes it. */
  readonly type: string;
  /** Whether null may be stored. */
  readonly isNullable: boolean;
}

/** The statement that makes a table (spec 8.3). */
export function createTable(table: TableSchema, qualified: string): string {
  return `CREATE TABLE IF NOT EXISTS ${qualified} (${table.columns.map(columnText).join(", ")})`;
}

/**
 * The statements that bring a table to its schema: none, or columns that are added. Rows that are there
 * get the default of a new column.
 *
 * @throws {SchemaError} When more than a new column that may be null differs; the text says what.
 */
export function migrateTable(
  table: TableSchema,
  existing: readonly ExistingColumn[],
  qualified: string,
): string[] {
  const there = new Map(existing.map((column) => [column.name.toLowerCase(), column]));
  const statements: string[] = [];
  for (const column of table.columns) {
    const found = there.get(column.name.toLowerCase());
    there.delete(column.name.toLowerCase());
    if (found !== undefined) checkSame(table, column, found);
    else if (!column.isNullable) {
      throw refuse(table, column.name, "it is new and not nullable, so that old rows had no value");
    } else if (column.isKey) {
      throw refuse(table, column.name, "it is new and a key, so that old rows had none");
    } else statements.push(`ALTER TABLE ${qualified} ADD COLUMN ${columnText(column)}`);
  }
  for (const { name } of there.values()) {
    throw refuse(table, name, "the table has it and the schema does not");
  }
  return statements;
}

/**
 * Compares the key of a table with the one that it was filled by: rows of another key would stay side by
 * side, or be lost. Key columns are compared as a set.
 *
 * @throws {SchemaError} When they differ.
 */
export function checkKeys(table: TableSchema, recorded: readonly string[]): void {
  const wanted = keyNames(table);
  if ([...wanted].sort().join("\0") === [...recorded].sort().join("\0")) return;
  const shown = (names: readonly string[]) => names.length === 0 ? "none" : names.join(", ");
  throw new SchemaError(
    `Cannot migrate table "${table.name}": keys: the schema says ${shown(wanted)}, the table was ` +
      `filled with ${shown(recorded)}. Change the schema back, or give the table another name`,
  );
}

/** Names of the key columns, as the database tells names apart: not by case. */
export function keyNames({ columns, keys }: TableSchema): string[] {
  return keys.map((at) => (columns[at]?.name ?? "").toLowerCase());
}

function checkSame(table: TableSchema, column: Column, found: ExistingColumn): void {
  const wanted = typeText(column.stored);
  const current = canonical(found.type);
  if (current !== wanted) {
    throw refuse(table, column.name, `the schema says ${wanted}, the table has ${current}`);
  }
  // Rembus.jl lets an extra be null, rembus.python does not: what writes them here is the same.
  if (found.isNullable !== column.isNullable && column.extra === null) {
    const word = (isNullable: boolean) => isNullable ? "nullable" : "not nullable";
    throw refuse(
      table,
      column.name,
      `the schema says ${word(column.isNullable)}, the table has ${word(found.isNullable)}`,
    );
  }
}

function canonical(type: string): string {
  try {
    return typeText(parseColumnType(type));
  } catch (error) {
    if (error instanceof SchemaError) return type;
    throw error;
  }
}

function refuse(table: TableSchema, column: string, cause: string): SchemaError {
  return new SchemaError(
    `Cannot migrate table "${table.name}": column "${column}": ${cause}. ` +
      `Change the schema back, or give the table another name`,
  );
}

function columnText(column: Column): string {
  const { name, stored, isNullable, defaultCell } = column;
  const notNull = isNullable ? "" : " NOT NULL";
  const value = defaultCell === undefined ? null : defaultText(defaultCell, stored);
  return `${ident(name)} ${typeText(stored)}${value === null ? "" : ` DEFAULT ${value}`}${notNull}`;
}

/**
 * A default as a literal, or `null` when it has none. What the lake writes has its defaults already; the
 * database is told for those who write with other tools.
 */
function defaultText(cell: Cell, type: ColumnType): string | null {
  switch (typeof cell) {
    case "string":
      return literal(cell);
    case "boolean":
      return cell ? "TRUE" : "FALSE";
    case "number":
      if (type.kind === "scalar" && type.name === "DATE") return null;
      return Number.isFinite(cell) ? String(cell) : null;
    case "bigint":
      return type.kind === "scalar" && /INT$/.test(type.name) ? String(cell) : null;
    default:
      return cell === null ? "NULL" : null;
  }
}
