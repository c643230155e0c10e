import { parseJson, stringifyJson } from "../protocol/json.ts";
import { toJsonValue } from "../protocol/json_value.ts";
import { frameBytesOf, frameRows } from "./frame_rows.ts";

/** Arrays and objects are looked into for data frames so far: the arguments of a message, and what lists them. */
const FRAME_DEPTH_MAX = 3;

/**
 * The arguments of a publication or call from the words of a command line: JSON where a word is
 * JSON, else the word as text. `asText` takes every word as text.
 */
export function argumentsFrom(
  words: readonly string[],
  { asText }: { readonly asText: boolean },
): unknown[] {
  return asText ? [...words] : words.map(fromWord);
}

function fromWord(word: string): unknown {
  try {
    return parseJson(word);
  } catch {
    // Not JSON is no mistake here: that is how texts are written without quotes.
    return word;
  }
}

/**
 * A value as JSON on one line: integers of any size exact, data frames as arrays of rows, bytes as JSON peers get
 * them (spec 3.1).
 */
export function jsonLine(value: unknown): string {
  return stringifyJson(toJsonValue(withRows(value, 0)));
}

/** A value for people: text as it is, all else as JSON. */
export function readable(value: unknown): string {
  return typeof value === "string" ? value : jsonLine(value);
}

/** A value with the rows of its data frames in their place. */
function withRows(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null || depth > FRAME_DEPTH_MAX) return value;
  const bytes = frameBytesOf(value);
  if (bytes !== null) return rowsOf(bytes) ?? value;
  if (Array.isArray(value)) return value.map((item) => withRows(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  const members = Object.entries(value).map(([name, member]) =>
    [name, withRows(member, depth + 1)] as const
  );
  return Object.fromEntries(members);
}

/** The rows of a data frame; `null` for a damaged one, which is shown as its bytes. */
function rowsOf(bytes: Uint8Array): unknown[] | null {
  try {
    const { columns, rows } = frameRows(bytes);
    return Array.from(
      rows(),
      (row) => Object.fromEntries(columns.map((name, at) => [name, row[at]])),
    );
  } catch {
    // Whoever wants to know why it is damaged reads it as a frame.
    return null;
  }
}
