import type { Cell } from "./cell.ts";
import {
  checkMembers,
  type ColumnType,
  isPlain,
  parseColumnType,
  typeText,
} from "./column_type.ts";
import { reasonOf, SchemaError } from "./errors.ts";
import { COLUMNS_MAX, NAME_BYTES_MAX, TABLES_MAX } from "./limits.ts";
import { parsePattern, type TopicLevel } from "./topic_pattern.ts";
import { toCell } from "./value.ts";

/** One column of a table. */
export interface Column {
  /** Name, as the schema spells it. */
  readonly name: string;
  /** Type of its values. */
  readonly type: ColumnType;
  /** Type that the database has for it: the same, except where the storage does not know that. */
  readonly stored: ColumnType;
  /** Whether null may be stored. */
  readonly isNullable: boolean;
  /** What a new row gets when nothing was said; `undefined` for none, which is not the same as null. */
  readonly defaultCell: Cell | undefined;
  /** What the broker writes into it; such a column is never taken from a payload (spec 12 #61). */
  readonly extra: "recv_ts" | "slot" | null;
  /** Whether it belongs to the key of the table. */
  readonly isKey: boolean;
}

/** One table, and the topics that fill it. */
export interface TableSchema {
  /** Name of the table. */
  readonly name: string;
  /** The pattern as the schema has it. */
  readonly topic: string;
  /** Its levels. */
  readonly levels: readonly TopicLevel[];
  /** Columns of the schema, then the extras (spec 8.3). */
  readonly columns: readonly Column[];
  /** Columns that a payload fills: those without the extras. */
  readonly payloadColumns: readonly Column[];
  /** Positions of the key columns in `columns`; empty for a table that is only appended to. */
  readonly keys: readonly number[];
}

/** A checked schema. */
export interface LakeSchema {
  /** The tables, in the order of the file, which decides between topics (spec 8.4). */
  readonly tables: readonly TableSchema[];
  /** Members that mean something to others and nothing here (spec 8.3), such as `t: delete_topic`. */
  readonly ignored: readonly string[];
}

/** Names that start so belong to the lake itself. */
const RESERVED_PREFIX = "__";
const EXTRA_TYPES = { recv_ts: "UBIGINT", slot: "UINTEGER" } as const;
const TABLE_MEMBERS = new Set(["table", "topic", "columns", "keys", "extras", "enums"]);
const encoder = new TextEncoder();

type Json = Record<string, unknown>;

/**
 * Reads the text of `schema.json` (spec 8.3).
 *
 * @throws {SchemaError} With table, column and cause.
 */
export function parseSchema(text: string): LakeSchema {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SchemaError(`Cannot read the schema: expected JSON, got ${reasonOf(cause)}`, {
      cause,
    });
  }
  return checkSchema(value);
}

/** Checks a schema that was read already. Throws {@link SchemaError}. */
export function checkSchema(value: unknown): LakeSchema {
  if (!isObject(value) || !Array.isArray(value.tables)) {
    throw new SchemaError('Cannot use the schema: expected an object with a list "tables"');
  }
  if (value.tables.length > TABLES_MAX) {
    throw new SchemaError(
      `Cannot use the schema: expected at most ${TABLES_MAX} tables, got ${value.tables.length}`,
    );
  }
  const enums = readEnums(value.enums, "the schema");
  const tables = value.tables.map((table, i) => checkTable(table, { at: i + 1, enums }));
  const seen = new Set<string>();
  for (const { name } of tables) {
    // DuckDB does not tell names apart by case.
    if (seen.has(name.toLowerCase())) throw bad(name, "the name is there twice");
    seen.add(name.toLowerCase());
  }
  return { tables, ignored: value.tables.flatMap(ignoredMembers) };
}

/** What was accepted without effect: somebody may rely on it, so that it is told. */
function ignoredMembers(table: unknown): string[] {
  if (!isObject(table)) return [];
  return Object.keys(table).filter((member) => !TABLE_MEMBERS.has(member)).map((member) =>
    `${table.table}: ${member}`
  );
}

/** The same tables, with the types that a storage has for their columns. */
export function withStoredTypes(
  schema: LakeSchema,
  stored: (type: ColumnType) => ColumnType,
): LakeSchema {
  const fit = (column: Column): Column => ({ ...column, stored: stored(column.type) });
  return {
    ...schema,
    tables: schema.tables.map((table) => ({
      ...table,
      columns: table.columns.map(fit),
      payloadColumns: table.payloadColumns.map(fit),
    })),
  };
}

function checkTable(
  value: unknown,
  { at, enums }: { at: number; enums: ReadonlyMap<string, readonly string[]> },
): TableSchema {
  if (!isObject(value)) throw new SchemaError(`Cannot use table ${at}: expected an object`);
  const name = value.table;
  if (typeof name !== "string") {
    throw new SchemaError(`Cannot use table ${at}: expected a text as "table"`);
  }
  checkName(name, (cause) => bad(name, cause));
  if (name.startsWith(RESERVED_PREFIX)) {
    throw bad(name, `names with ${RESERVED_PREFIX} are reserved`);
  }
  const topic = value.topic ?? name;
  if (typeof topic !== "string" || topic === "") throw bad(name, 'expected a text as "topic"');
  const known = new Map([...enums, ...readEnums(value.enums, `table "${name}"`)]);
  const payloadColumns = list(value.columns, "columns", name).map((column, i) =>
    checkColumn(column, { table: name, at: i + 1, enums: known })
  );
  const keyNames = checkKeys(value.keys, { table: name, columns: payloadColumns });
  const withKeys = payloadColumns.map((column) => ({
    ...column,
    isKey: keyNames.includes(column.name),
  }));
  const columns = [...withKeys, ...checkExtras(value.extras, name)];
  checkColumns(columns, name);
  return {
    name,
    topic,
    levels: checkLevels(topic, { table: name, columns: withKeys }),
    columns,
    payloadColumns: withKeys,
    keys: columns.flatMap((column, i) => column.isKey ? [i] : []),
  };
}

function checkColumn(
  value: unknown,
  at: { table: string; at: number; enums: ReadonlyMap<string, readonly string[]> },
): Column {
  if (!isObject(value) || typeof value.col !== "string") {
    throw bad(at.table, `column ${at.at}: expected an object with a text "col"`);
  }
  const name = value.col;
  const refuse = (cause: string) => bad(at.table, cause, name);
  checkName(name, refuse);
  if (typeof value.type !== "string") throw refuse('expected a text as "type"');
  let type: ColumnType;
  try {
    type = parseColumnType(value.type, at.enums);
  } catch (cause) {
    throw new SchemaError(refuse(`type "${value.type}": ${reasonOf(cause)}`).message, { cause });
  }
  const isNullable = value.nullable ?? true;
  if (typeof isNullable !== "boolean") throw refuse('expected true or false as "nullable"');
  let defaultCell: Cell | undefined;
  if (value.default !== undefined) {
    try {
      defaultCell = toCell(value.default, type);
    } catch (cause) {
      throw new SchemaError(refuse(`default of ${typeText(type)}: ${reasonOf(cause)}`).message, {
        cause,
      });
    }
    if (defaultCell === null && !isNullable) throw refuse("default null of a column without null");
  }
  return { name, type, stored: type, isNullable, defaultCell, extra: null, isKey: false };
}

function checkKeys(
  value: unknown,
  { table, columns }: { table: string; columns: readonly Column[] },
): string[] {
  return list(value, "keys", table).map((key) => {
    const column = columns.find(({ name }) => name === key);
    if (column === undefined) throw bad(table, `key ${JSON.stringify(key)} is no column`);
    if (!isPlain(column.type)) {
      throw bad(table, `a key cannot be of type ${typeText(column.type)}`, column.name);
    }
    return column.name;
  });
}

function checkExtras(value: unknown, table: string): Column[] {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) throw bad(table, 'expected an object as "extras"');
  const columns: Column[] = [];
  for (const extra of ["recv_ts", "slot"] as const) {
    const name = value[extra];
    if (name === undefined || name === null) continue;
    if (typeof name !== "string") throw bad(table, `expected a text as "extras.${extra}"`);
    checkName(name, (cause) => bad(table, cause, name));
    const type: ColumnType = { kind: "scalar", name: EXTRA_TYPES[extra] };
    columns.push({
      name,
      type,
      stored: type,
      isNullable: extra === "slot",
      defaultCell: undefined,
      extra,
      isKey: false,
    });
  }
  return columns;
}

function checkColumns(columns: readonly Column[], table: string): void {
  if (columns.length === 0) throw bad(table, "expected at least one column or extra");
  if (columns.length > COLUMNS_MAX) {
    throw bad(table, `expected at most ${COLUMNS_MAX} columns, got ${columns.length}`);
  }
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (seen.has(name.toLowerCase())) throw bad(table, "the name is there twice", name);
    seen.add(name.toLowerCase());
  }
}

function checkLevels(
  topic: string,
  { table, columns }: { table: string; columns: readonly Column[] },
): readonly TopicLevel[] {
  const levels = parsePattern(topic);
  const seen = new Set<string>();
  for (const { variable } of levels) {
    if (variable === null) continue;
    if (seen.has(variable)) throw bad(table, `topic variable ":${variable}" is there twice`);
    seen.add(variable);
    if (!columns.some(({ name }) => name === variable)) {
      throw bad(table, `topic variable ":${variable}" is no column`);
    }
  }
  return levels;
}

function readEnums(value: unknown, where: string): ReadonlyMap<string, readonly string[]> {
  if (value === undefined || value === null) return new Map();
  if (!isObject(value)) throw new SchemaError(`Cannot use "enums" of ${where}: expected an object`);
  return new Map(
    Object.entries(value).map(([name, members]) => {
      if (!Array.isArray(members)) {
        throw new SchemaError(`Cannot use enumeration "${name}" of ${where}: expected a list`);
      }
      try {
        return [name, checkMembers(members)] as const;
      } catch (cause) {
        throw new SchemaError(
          `Cannot use enumeration "${name}" of ${where}: ${reasonOf(cause)}`,
          { cause },
        );
      }
    }),
  );
}

function checkName(name: string, refuse: (cause: string) => SchemaError): void {
  if (name === "") throw refuse("the name is empty");
  if (!name.isWellFormed() || name.includes("\0")) throw refuse("the name is not Unicode text");
  if (encoder.encode(name).length > NAME_BYTES_MAX) {
    throw refuse(`the name is longer than ${NAME_BYTES_MAX} bytes`);
  }
}

function list(value: unknown, member: string, table: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw bad(table, `expected a list as "${member}"`);
  return value;
}

function bad(table: string, cause: string, column?: string): SchemaError {
  const where = column === undefined ? "" : `column "${column}": `;
  return new SchemaError(`Cannot use table "${table}": ${where}${cause}`);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
