import { ProtocolError } from "./errors.ts";
import { NESTING_MAX } from "./limits.ts";

/** Integers of this many digits may be beyond 2^53, where a JavaScript number is no longer exact. */
const LONG_DIGITS = 16;
/** Longest integer that is read or written exactly. Exceeded: reading refuses (1007), writing gives `null`. */
const INTEGER_DIGITS_MAX = 1_000;
const INTEGER_END = 10n ** BigInt(INTEGER_DIGITS_MAX);
/** Deepest value that is written. Exceeded, as by every cycle: `TypeError`. */
const WRITE_DEPTH_MAX = 1_000;

const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const REST_OF_NUMBER = /[\d.eE+-]*/y;
// deno-lint-ignore no-control-regex -- JSON texts may not hold these characters unescaped
const NEEDS_DECODING = /[\\\u0000-\u001f]/;

/**
 * The value of a JSON text. Integers beyond +-2^53 are BigInt and exact: message ids are such
 * (spec 3.1). A member `__proto__` is a member like any other. Throws {@link ProtocolError} (1007)
 * for invalid JSON and for more than `depthMax` nested arrays and objects.
 */
export function parseJson(
  text: string,
  depthMax: number = NESTING_MAX,
): unknown {
  return measureJson(text, depthMax).value;
}

/** As {@link parseJson}, and tells how deep arrays and objects are nested: 0 for a scalar. */
export function measureJson(
  text: string,
  depthMax: number,
): { readonly value: unknown; readonly depth: number } {
  const { depth, longIntegers } = survey(text);
  if (depth > depthMax) {
    throw new ProtocolError(
      `Cannot parse JSON: expected at most ${depthMax} nested levels, got ${depth}`,
      1007,
    );
  }
  if (longIntegers) return { value: new Reader(text).document(), depth };
  return { value: parseNative(text), depth };
}

/**
 * The JSON text of a value, as `JSON.stringify` writes it, with two differences: a BigInt is
 * written as a bare integer, and what has no JSON form (`undefined`, a function) is `null` at the
 * top too. Throws `TypeError` for cycles.
 */
export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    // It refuses BigInt, and cycles: those are found again, by their depth.
    if (error instanceof TypeError) return write(value, 0) ?? "null";
    throw error;
  }
}

function parseNative(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProtocolError(
      "Cannot parse JSON: expected one JSON value, got another text",
      1007,
      { cause },
    );
  }
}

/** One quick pass that finds what `JSON.parse` would get wrong. Invalid texts may pass: it refuses those. */
function survey(
  text: string,
): { readonly depth: number; readonly longIntegers: boolean } {
  let depth = 0;
  let deepest = 0;
  let longIntegers = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      at = stringEnd(text, at);
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > deepest) deepest = depth;
    } else if (code === 0x5d || code === 0x7d) {
      depth--;
    } else if (code >= 0x30 && code <= 0x39) {
      const start = at;
      while (isDigit(text.charCodeAt(at + 1))) at++;
      // Doubles often have 16 digits or more behind the point; those are no reason to leave the fast path.
      if (at - start + 1 >= LONG_DIGITS && !/[.eE]/.test(text.charAt(at + 1))) {
        longIntegers = true;
      }
      REST_OF_NUMBER.lastIndex = at + 1;
      REST_OF_NUMBER.test(text);
      at = REST_OF_NUMBER.lastIndex - 1;
    }
  }
  return { depth: deepest, longIntegers };
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/** Index of the quote that ends the string starting at `start`; the length of the text if none does. */
function stringEnd(text: string, start: number): number {
  for (
    let end = text.indexOf('"', start + 1);
    end !== -1;
    end = text.indexOf('"', end + 1)
  ) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

/** A JSON reader for texts with integers that `JSON.parse` would round. The caller has limited the depth. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The one value of the text. */
  document(): unknown {
    const value = this.#value();
    if (this.#next() !== "") throw this.#unexpected("the end");
    return value;
  }

  /** The first character that is no white space; it is not consumed. */
  #next(): string {
    for (;;) {
      const char = this.#text.charAt(this.#at);
      if (char !== " " && char !== "\n" && char !== "\t" && char !== "\r") {
        return char;
      }
      this.#at++;
    }
  }

  #value(): unknown {
    switch (this.#next()) {
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.#at++;
    if (this.#took("}")) return object;
    do {
      if (this.#next() !== '"') throw this.#unexpected("a member name");
      const key = this.#string();
      if (!this.#took(":")) throw this.#unexpected('":"');
      const value = this.#value();
      // Assigning would set the prototype instead.
      if (key === "__proto__") {
        Object.defineProperty(object, key, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      } else object[key] = value;
    } while (this.#took(","));
    if (!this.#took("}")) throw this.#unexpected('"," or "}"');
    return object;
  }

  #array(): unknown[] {
    const array: unknown[] = [];
    this.#at++;
    if (this.#took("]")) return array;
    do array.push(this.#value()); while (this.#took(","));
    if (!this.#took("]")) throw this.#unexpected('"," or "]"');
    return array;
  }

  #string(): string {
    const start = this.#at;
    const end = stringEnd(this.#text, start);
    if (end === this.#text.length) throw this.#unexpected("a closed string");
    this.#at = end + 1;
    const content = this.#text.slice(start + 1, end);
    return NEEDS_DECODING.test(content)
      ? String(parseNative(this.#text.slice(start, end + 1)))
      : content;
  }

  #number(): number | bigint {
    NUMBER.lastIndex = this.#at;
    const [source, fraction, exponent] = NUMBER.exec(this.#text) ?? [];
    if (source === undefined) throw this.#unexpected("a value");
    this.#at += source.length;
    const value = Number(source);
    if (
      Number.isSafeInteger(value) || fraction !== undefined ||
      exponent !== undefined
    ) return value;
    if (source.length > INTEGER_DIGITS_MAX) {
      throw new ProtocolError(
        `Cannot parse JSON: expected integers of at most ${INTEGER_DIGITS_MAX} digits, got ${source.length}`,
        1007,
      );
    }
    return BigInt(source);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) {
      throw this.#unexpected("a value");
    }
    this.#at += word.length;
    return value;
  }

  #took(char: string): boolean {
    if (this.#next() !== char) return false;
    this.#at++;
    return true;
  }

  #unexpected(wanted: string): ProtocolError {
    const got = this.#at < this.#text.length ? `other text at ${this.#at}` : "the end of the text";
    return new ProtocolError(
      `Cannot parse JSON: expected ${wanted}, got ${got}`,
      1007,
    );
  }
}

/** `undefined` for what an object leaves out, as `JSON.stringify`. */
function write(value: unknown, depth: number): string | undefined {
  if (typeof value === "bigint") {
    return -INTEGER_END < value && value < INTEGER_END ? String(value) : "null";
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (depth === WRITE_DEPTH_MAX) {
    throw new TypeError(
      `Cannot write JSON: expected at most ${WRITE_DEPTH_MAX} nested levels, got more or a cycle`,
    );
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return write(value.toJSON(), depth + 1);
  }
  if (Array.isArray(value)) {
    // Unlike `map`, this sees the holes of an array.
    return `[${Array.from(value, (item) => write(item, depth + 1) ?? "null").join()}]`;
  }
  const members: string[] = [];
  for (const [key, item] of Object.entries(value)) {
    const text = write(item, depth + 1);
    if (text !== undefined) members.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${members.join()}}`;
}
