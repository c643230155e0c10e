import { blobValue, type DuckDBValue, timestampTZValue } from "npm:@duckdb/node-api@1.5.5-r.5";
import { typeText } from "./column_type.ts";
import { QueryError } from "./errors.ts";
import { ident } from "./identifier.ts";
import { CONDITION_DEPTH_MAX, PARAMETERS_MAX } from "./limits.ts";
import type { Column, TableSchema } from "./schema.ts";

/** Operator of a structured condition -> SQL; `?` stands for the value. */
const COMPARISONS: Readonly<Record<string, string>> = {
  "=": "=",
  "==": "=",
  "!=": "<>",
  "<>": "<>",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
};
const TEXT_OPERATORS: Readonly<Record<string, string>> = {
  "like": "LIKE",
  "not like": "NOT LIKE",
  "ilike": "ILIKE",
  "not ilike": "NOT ILIKE",
};
const MICROS_PER_MS = 1_000n;

/** SQL with its bound parameters. */
export interface BoundSql {
  /** Text with `$1`, `$2`, ... */
  readonly sql: string;
  /** Their values. */
  readonly values: DuckDBValue[];
}

/**
 * A structured condition as SQL: `{col, op, value}`, `{and: [...]}`, `{or: [...]}`, `{not: ...}`. Columns
 * must be of the table, values are bound.
 *
 * @throws {QueryError} With what is wrong.
 */
export function conditionSql(condition: unknown, table: TableSchema): BoundSql {
  const values: DuckDBValue[] = [];
  return { sql: toSql(condition, { table, values, depth: 0 }), values };
}

interface Context {
  readonly table: TableSchema;
  readonly values: DuckDBValue[];
  readonly depth: number;
}

function toSql(condition: unknown, context: Context): string {
  if (context.depth > CONDITION_DEPTH_MAX) {
    throw refused(`expected at most ${CONDITION_DEPTH_MAX} levels`);
  }
  if (!isObject(condition)) throw refused("expected an object such as {col, op, value}");
  const deeper = { ...context, depth: context.depth + 1 };
  const members = Object.keys(condition);
  for (const word of ["and", "or"] as const) {
    if (!members.includes(word)) continue;
    const parts = condition[word];
    if (members.length > 1 || !Array.isArray(parts) || parts.length === 0) {
      throw refused(`expected nothing but a list of conditions as "${word}"`);
    }
    return `(${parts.map((part) => toSql(part, deeper)).join(` ${word.toUpperCase()} `)})`;
  }
  if (members.includes("not")) {
    if (members.length > 1) throw refused('expected nothing but a condition as "not"');
    return `(NOT ${toSql(condition.not, deeper)})`;
  }
  const unknown = members.filter((member) => !["col", "op", "value"].includes(member));
  if (unknown.length > 0) throw refused(`invalid keys: ${unknown.join(", ")}`);
  return comparison(condition, context);
}

function comparison(condition: Record<string, unknown>, context: Context): string {
  const column = context.table.columns.find(({ name }) => name === condition.col);
  if (column === undefined) {
    throw refused(`expected a column of "${context.table.name}", got ${shown(condition.col)}`);
  }
  const name = ident(column.name);
  const { op = "=", value } = condition;
  const operator = String(op).toLowerCase();
  const typed = (one: unknown) => cast(one, column, context);
  if (operator === "is null" || operator === "is not null") {
    return `(${name} ${operator.toUpperCase()})`;
  }
  const plain = COMPARISONS[operator];
  if (plain !== undefined) {
    // Null is never equal to anything in SQL; who asks for it means IS NULL.
    if (value === null && plain === "=") return `(${name} IS NULL)`;
    if (value === null && plain === "<>") return `(${name} IS NOT NULL)`;
    return `(${name} ${plain} ${typed(value)})`;
  }
  const textual = TEXT_OPERATORS[operator];
  if (textual !== undefined) {
    if (typeof value !== "string") throw refused(`expected a text as value of "${operator}"`);
    return `(CAST(${name} AS VARCHAR) ${textual} ${bind(value, context)})`;
  }
  if (operator === "in" || operator === "not in") {
    if (!Array.isArray(value)) throw refused(`expected a list as value of "${operator}"`);
    if (value.length === 0) return operator === "in" ? "(FALSE)" : "(TRUE)";
    return `(${name} ${operator.toUpperCase()} (${value.map(typed).join(", ")}))`;
  }
  if (operator === "between" && Array.isArray(value) && value.length === 2) {
    return `(${name} BETWEEN ${typed(value[0])} AND ${typed(value[1])})`;
  }
  throw refused(`unknown operator ${shown(op)}`);
}

/** A value of the column's type: bound as text, so that no digit is lost on the way. */
function cast(value: unknown, column: Column, context: Context): string {
  let text: DuckDBValue;
  switch (typeof value) {
    case "string":
      text = value;
      break;
    case "number":
    case "bigint":
    case "boolean":
      text = String(value);
      break;
    default:
      if (value instanceof Date) text = value.toISOString();
      else if (value instanceof Uint8Array) text = blobValue(value);
      else throw refused(`expected a plain value for column "${column.name}", got ${shown(value)}`);
  }
  return `CAST(${bind(text, context)} AS ${typeText(column.stored)})`;
}

function bind(value: DuckDBValue, { values }: Context): string {
  if (values.length >= PARAMETERS_MAX) throw refused(`expected at most ${PARAMETERS_MAX} values`);
  values.push(value);
  return `$${values.length}`;
}

/** A value for a parameter of `where` text. Throws {@link QueryError} for one that cannot be bound. */
export function parameterValue(value: unknown): DuckDBValue {
  switch (typeof value) {
    case "string":
    case "boolean":
    case "bigint":
      return value;
    case "number":
      return Number.isSafeInteger(value) ? BigInt(value) : value;
    default:
      if (value === null || value === undefined) return null;
      if (value instanceof Date) return timestampTZValue(BigInt(value.getTime()) * MICROS_PER_MS);
      if (value instanceof Uint8Array) return blobValue(value);
      throw new QueryError(`Cannot use "params": expected plain values, got ${shown(value)}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

function shown(value: unknown): string {
  return typeof value === "string" ? `"${value.slice(0, 60).toWellFormed()}"` : typeof value;
}

function refused(cause: string): QueryError {
  return new QueryError(`Cannot use "where": ${cause}`);
}
