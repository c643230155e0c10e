import type { DuckDBValue } from "npm:@duckdb/node-api@1.5.5-r.5";
import { conditionSql, parameterValue } from "./condition.ts";
import type { Duck } from "./duck.ts";
import { QueryError } from "./errors.ts";
import { gateColumns, gateCondition } from "./gate.ts";
import { ident, literal } from "./identifier.ts";
import { PARAMETERS_MAX } from "./limits.ts";
import type { TableSchema } from "./schema.ts";
import { qualified } from "./store.ts";
import { parseInstant } from "./time_text.ts";

/** Members of the argument of `query_` (spec 8.7); the last five are new. The broker has acted on `fresh`. */
const QUERY_KEYS = [
  "cols",
  "where",
  "when",
  "params",
  "order",
  "limit",
  "offset",
  "fresh",
] as const;
/** Members of the argument of `delete_`; `all` is new, `when` is ignored. */
const DELETE_KEYS = ["where", "when", "params", "all"] as const;

const NS_PER_US = 1_000n;
const US_PER_SECOND = 1e6;
const MS_PER_DAY_MAX = 8.64e15;

/** A statement that may be run, with its parameters. */
export interface Statement {
  /** SQL of one statement. */
  readonly sql: string;
  /** Positional or named parameters. */
  readonly values: DuckDBValue[] | Record<string, DuckDBValue>;
}

/** What a statement is built with. */
export interface StatementContext {
  /** A connection on which text is parsed; nothing is run. */
  readonly duck: Duck;
  /** The table that the service is for. */
  readonly table: TableSchema;
  /** Whether the storage keeps the past (DuckLake). */
  readonly hasHistory: boolean;
}

type Options = Readonly<Record<string, unknown>>;

/**
 * The statement of a `query_<table>` call (spec 8.7): `args` are the arguments as they came, none, null or
 * one map.
 *
 * @throws {QueryError} With the text of the answer.
 */
export async function queryStatement(
  args: readonly unknown[],
  context: StatementContext,
): Promise<Statement> {
  const options = readOptions(args, QUERY_KEYS);
  const { table } = context;
  const { fresh = true } = options;
  if (typeof fresh !== "boolean") {
    throw new QueryError('Cannot use "fresh": expected true or false');
  }
  const columns = await columnsOf(options.cols, context);
  const condition = await conditionOf(options, context);
  const from = `${qualified(table.name)} AS ${ident(table.name)}`;
  const sql = `SELECT ${columns} FROM ${from}${whenClause(options.when, context)}` +
    condition.where + orderClause(options.order, table) +
    countClause(options, "limit") + countClause(options, "offset");
  return { sql, values: condition.values };
}

/** What a `delete_` call asks for. */
export interface Deletion {
  /** The statement. */
  readonly statement: Statement;
  /** Whether every row goes, and nobody said that this is meant: then the table must be empty. */
  readonly mustBeEmpty: boolean;
}

/**
 * The statement of a `delete_<table>` call (spec 8.7). Without a condition it needs `{all: true}`, or an
 * empty table.
 *
 * @throws {QueryError} With the text of the answer.
 */
export async function deleteStatement(
  args: readonly unknown[],
  context: StatementContext,
): Promise<Deletion> {
  const options = readOptions(args, DELETE_KEYS);
  const { all = false } = options;
  if (typeof all !== "boolean") throw new QueryError('Cannot use "all": expected true or false');
  const condition = await conditionOf(options, context);
  if (all && condition.where !== "") {
    throw new QueryError('Cannot use "all" together with "where": expected one of them');
  }
  return {
    statement: {
      sql: `DELETE FROM ${qualified(context.table.name)} AS ${ident(context.table.name)}` +
        condition.where,
      values: condition.values,
    },
    mustBeEmpty: condition.where === "" && !all,
  };
}

function readOptions(args: readonly unknown[], known: readonly string[]): Options {
  const [first, ...others] = args;
  if (others.length > 0) {
    throw new QueryError(`Cannot read the arguments: expected at most one, got ${args.length}`);
  }
  if (first === undefined || first === null) return {};
  const isMap = typeof first === "object" && Object.getPrototypeOf(first) === Object.prototype;
  const options = first instanceof Map && first.size === 0 ? {} : first;
  if (!isMap && options === first) {
    throw new QueryError("Cannot read the arguments: expected a map");
  }
  const unknown = Object.keys(options).filter((key) => !known.includes(key));
  if (unknown.length > 0) throw new QueryError(`invalid keys: ${unknown.join(", ")}`);
  return options as Options;
}

async function columnsOf(cols: unknown, { duck, table }: StatementContext): Promise<string> {
  if (cols === undefined || cols === null) return "*";
  if (typeof cols === "string") return await gateColumns(duck, cols);
  if (!Array.isArray(cols) || cols.length === 0 || !cols.every((col) => typeof col === "string")) {
    throw new QueryError('Cannot use "cols": expected a text or a list of texts');
  }
  // A name is taken as it is, whatever its characters; anything else must be an expression.
  const texts = cols.map((col: string) =>
    table.columns.some(({ name }) => name === col) ? ident(col) : col
  );
  for (const text of texts) await gateColumns(duck, text);
  return await gateColumns(duck, texts.join(", "));
}

async function conditionOf(
  { where, params }: Options,
  { duck, table }: StatementContext,
): Promise<{ where: string; values: DuckDBValue[] | Record<string, DuckDBValue> }> {
  if (where === undefined || where === null) return { where: "", values: paramsOf(params) };
  if (typeof where === "string") {
    return { where: ` WHERE ${await gateCondition(duck, where)}`, values: paramsOf(params) };
  }
  if (params !== undefined && params !== null) {
    throw new QueryError('Cannot use "params": expected a text as "where"');
  }
  const { sql, values } = conditionSql(where, table);
  return { where: ` WHERE ${sql}`, values };
}

function paramsOf(params: unknown): DuckDBValue[] | Record<string, DuckDBValue> {
  if (params === undefined || params === null) return [];
  if (Array.isArray(params)) {
    if (params.length > PARAMETERS_MAX) throw tooMany();
    return params.map(parameterValue);
  }
  if (typeof params !== "object" || Object.getPrototypeOf(params) !== Object.prototype) {
    throw new QueryError('Cannot use "params": expected a list or a map');
  }
  const entries = Object.entries(params);
  if (entries.length > PARAMETERS_MAX) throw tooMany();
  return Object.fromEntries(entries.map(([name, value]) => [name, parameterValue(value)]));
}

function tooMany(): QueryError {
  return new QueryError(`Cannot use "params": expected at most ${PARAMETERS_MAX}`);
}

/** Time travel: epoch seconds, or local time as text; a text with a zone is taken by it. */
function whenClause(when: unknown, { hasHistory }: StatementContext): string {
  if (when === undefined || when === null) return "";
  if (!hasHistory) {
    throw new QueryError(
      'Cannot use "when": the tables are a native DuckDB file, which has no past',
    );
  }
  const micros = whenMicros(when);
  const date = new Date(Number(micros / NS_PER_US));
  const fraction = String(((micros % 1_000_000n) + 1_000_000n) % 1_000_000n).padStart(6, "0");
  const text = `${date.toISOString().slice(0, 19).replace("T", " ")}.${fraction}+00`;
  return ` AT (TIMESTAMP => TIMESTAMPTZ ${literal(text)})`;
}

function whenMicros(when: unknown): bigint {
  const wanted = 'Cannot use "when": expected epoch seconds or a text such as 2026-01-31 12:30:15';
  let micros: bigint;
  if (typeof when === "number" && Number.isFinite(when)) {
    micros = BigInt(Math.floor(when * US_PER_SECOND));
  } else if (typeof when === "bigint") micros = when * 1_000_000n;
  else if (when instanceof Date) micros = BigInt(when.getTime()) * NS_PER_US;
  else if (typeof when === "string") micros = localMicros(when, wanted);
  else throw new QueryError(wanted);
  const ms = Number(micros) / Number(NS_PER_US);
  const isNear = Math.abs(ms) < MS_PER_DAY_MAX && new Date(ms).getUTCFullYear() <= 9_999 && ms >= 0;
  if (!isNear) throw new QueryError(wanted);
  return micros;
}

function localMicros(text: string, wanted: string): bigint {
  let ns: bigint;
  try {
    ns = parseInstant(text);
  } catch (cause) {
    throw new QueryError(wanted, { cause });
  }
  const utc = ns / NS_PER_US;
  if (/(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$/.test(text.slice(10))) return utc;
  // Without a zone the broker's own is meant (spec 8.7).
  const naive = new Date(Number(utc / NS_PER_US));
  const local = new Date(
    naive.getUTCFullYear(),
    naive.getUTCMonth(),
    naive.getUTCDate(),
    naive.getUTCHours(),
    naive.getUTCMinutes(),
    naive.getUTCSeconds(),
  );
  return BigInt(local.getTime()) * NS_PER_US + utc % 1_000_000n;
}

function orderClause(order: unknown, table: TableSchema): string {
  if (order === undefined || order === null) return "";
  const parts = (Array.isArray(order) ? order : [order]).map((one) => {
    const name = typeof one === "string" ? one : "";
    const found = /^(.*?)(?:\s+(asc|desc))?$/is.exec(name);
    const column = table.columns.find((candidate) => candidate.name === name) ??
      table.columns.find((candidate) => candidate.name === found?.[1]);
    if (column === undefined) {
      throw new QueryError(
        'Cannot use "order": expected columns of the table, each with "desc" behind it or not',
      );
    }
    const isDescending = column.name !== name && found?.[2]?.toLowerCase() === "desc";
    return `${ident(column.name)}${isDescending ? " DESC" : ""}`;
  });
  if (parts.length === 0) throw new QueryError('Cannot use "order": expected columns, got none');
  return ` ORDER BY ${parts.join(", ")}`;
}

function countClause(options: Options, member: "limit" | "offset"): string {
  const value = options[member];
  if (value === undefined || value === null) return "";
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new QueryError(`Cannot use "${member}": expected a whole number, 0 or more`);
  }
  return ` ${member.toUpperCase()} ${value}`;
}
