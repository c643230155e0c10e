import { parseJson, stringifyJson } from "../protocol/json.ts";
import { toJsonValue } from "../protocol/json_value.ts";

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

/** A value as JSON on one line: integers of any size exact, bytes as JSON peers get them (spec 3.1). */
export function jsonLine(value: unknown): string {
  return stringifyJson(toJsonValue(value));
}

/** A value for people: text as it is, all else as JSON. */
export function readable(value: unknown): string {
  return typeof value === "string" ? value : jsonLine(value);
}
