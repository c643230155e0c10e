import { jsonLine } from "./values.ts";

const NEEDS_QUOTES = /[",\r\n]|^$|^\s|\s$/;

/**
 * One record of a CSV file (RFC 4180), without its end of line. Null is nothing at all, and the empty text two
 * quotes, so that they differ. Lists, maps and bytes are JSON.
 */
export function csvLine(values: readonly unknown[]): string {
  return values.map(field).join(",");
}

function field(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = textOf(value);
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  // Also those that JSON has no number for: NaN, Infinity.
  if (typeof value === "number") return String(value);
  const json = jsonLine(value);
  // Bytes are a text in JSON.
  return value instanceof Uint8Array ? json.slice(1, -1) : json;
}
