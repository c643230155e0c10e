import { parseJson } from "../protocol/json.ts";
import { parseDurationMs } from "./duration.ts";
import { UsageError } from "./exit.ts";
import { numberOption, type OptionSpec, type ParsedOptions } from "./options.ts";
import { argumentsFrom } from "./values.ts";

const MS_PER_SECOND = 1_000;
/** A parameter by name: `$name` in the condition, `name=value` on the command line. */
const NAMED = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;
const USES_NAMES = /\$[A-Za-z_]/;
const NUMBER = /^\d+(?:\.\d+)?$/;

/** The options that say which rows are wanted (docs/LAKE.md). */
export const QUERY_OPTIONS: readonly OptionSpec[] = [
  {
    name: "where",
    value: "CONDITION",
    doc: "only rows for which it holds; or a structure as JSON",
  },
  { name: "param", value: "VALUE", many: true, doc: "value of ?, $1 or, as name=VALUE, $name" },
  { name: "cols", value: "COLUMNS", many: true, doc: "columns and expressions, with commas [all]" },
  { name: "when", value: "TIME", doc: "rows as they were: a time, epoch seconds, an age like 1h" },
  {
    name: "order",
    value: "COLUMNS",
    many: true,
    doc: 'columns, each with "desc" behind it or not',
  },
  { name: "limit", value: "N", doc: "at most so many rows" },
  { name: "offset", value: "N", doc: "pass over so many rows first" },
];

/** The argument of `query_<table>` (spec 8.7). Throws `UsageError`. */
export function queryArgument(
  options: ParsedOptions,
  { nowMs }: { readonly nowMs: number },
): Record<string, unknown> {
  const where = whereOption(options);
  const params = paramOption(options, where);
  const cols = options.texts("cols").flatMap(commaParts);
  const order = options.texts("order").flatMap(commaParts);
  const when = options.text("when");
  const limit = count(options, "limit");
  const offset = count(options, "offset");
  return {
    ...where === undefined ? {} : { where },
    ...params === undefined ? {} : { params },
    ...cols.length === 0 ? {} : { cols },
    ...when === undefined ? {} : { when: whenOf(when, nowMs) },
    ...order.length === 0 ? {} : { order },
    ...limit === undefined ? {} : { limit },
    ...offset === undefined ? {} : { offset },
  };
}

function count(options: ParsedOptions, name: string): number | undefined {
  return numberOption(options, name, { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true });
}

/** A condition as text, or as a structure when it is a JSON object. */
function whereOption(options: ParsedOptions): unknown {
  const text = options.text("where");
  if (text === undefined || !text.trimStart().startsWith("{")) return text;
  try {
    return parseJson(text);
  } catch (error) {
    throw new UsageError(
      `Cannot use option "--where": expected a condition, or JSON such as ` +
        `{"col": "dn", "op": "=", "value": "a"}, got "${text}"`,
      { cause: error },
    );
  }
}

function paramOption(options: ParsedOptions, where: unknown): unknown {
  const texts = options.texts("param");
  if (texts.length === 0) return undefined;
  if (typeof where !== "string") {
    throw new UsageError('Cannot use option "--param": expected a condition in --where');
  }
  if (!USES_NAMES.test(where)) return argumentsFrom(texts, { asText: false });
  const entries = texts.map((text) => {
    const [, name, value] = NAMED.exec(text) ?? [];
    if (name !== undefined && value !== undefined) {
      return [name, argumentsFrom([value], { asText: false })[0]] as const;
    }
    throw new UsageError(
      `Cannot use option "--param": expected name=VALUE, as the condition has names, got "${text}"`,
    );
  });
  return Object.fromEntries(entries);
}

/** Epoch seconds, an age, or a text that the broker reads. */
function whenOf(text: string, nowMs: number): number | string {
  if (NUMBER.test(text)) return Number(text);
  const ageMs = parseDurationMs(text.replace(/^-/, ""));
  return ageMs === null ? text : (nowMs - ageMs) / MS_PER_SECOND;
}

const OPENING = "([{";
const CLOSING = ")]}";
const QUOTES = "'\"";

/** The parts of a text between commas, but for commas in brackets and quotes: `a, max(b, c)` has two. */
export function commaParts(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== "") {
      if (char === quote) quote = "";
    } else if (QUOTES.includes(char)) quote = char;
    else if (OPENING.includes(char)) depth++;
    else if (CLOSING.includes(char)) depth--;
    else if (char === "," && depth <= 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)].map((part) => part.trim()).filter((part) => part !== "");
}
