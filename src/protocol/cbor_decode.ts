import { malformed, truncated } from "./cbor_head.ts";
import { BREAK, INFO, MAJOR, Simple, Tagged } from "./cbor_types.ts";
import { ProtocolError } from "./errors.ts";
import { float16 } from "./float16.ts";
import { NESTING_MAX } from "./limits.ts";

const U32 = 2 ** 32;
/** The shortest text that the text decoder is worth its call for. */
const LONG_TEXT_BYTES = 24;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const END = Symbol("end of an indefinite-length item");

/** Reads items one after another from one buffer. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  /** The next item. */
  item(depth: number): unknown {
    const value = this.#next(depth);
    if (value === END) throw malformed("a break stands where an item must");
    return value;
  }

  /** The next item, or END at a break. */
  #next(depth: number): unknown {
    const initial = this.#byte();
    const major = initial >> 5;
    const info = initial & 0x1f;
    switch (major) {
      case MAJOR.UINT:
        return this.#argument(info);
      case MAJOR.NEGATIVE:
        return negative(this.#argument(info));
      case MAJOR.BYTES:
        return info === INFO.INDEFINITE ? this.#chunks(MAJOR.BYTES) : this.#take(this.#size(info));
      case MAJOR.TEXT:
        return info === INFO.INDEFINITE
          ? this.#textChunks()
          : this.#text(this.#take(this.#size(info)));
      case MAJOR.ARRAY:
        return this.#array(info, deeper(depth));
      case MAJOR.MAP:
        return this.#map(info, deeper(depth));
      case MAJOR.TAG:
        return tagged(this.#argument(info), this.item(deeper(depth)));
      default:
        return this.#simple(initial, info);
    }
  }

  #array(info: number, depth: number): unknown[] {
    const items: unknown[] = [];
    if (info === INFO.INDEFINITE) {
      for (let item = this.#next(depth); item !== END; item = this.#next(depth)) items.push(item);
      return items;
    }
    const size = this.#size(info);
    for (let i = 0; i < size; i++) items.push(this.item(depth));
    return items;
  }

  /** An object when all keys are texts, else a Map. */
  #map(info: number, depth: number): unknown {
    const object: Record<string, unknown> = {};
    let map: Map<unknown, unknown> | null = null;
    let left = info === INFO.INDEFINITE ? Infinity : this.#size(info);
    for (; left > 0; left--) {
      const key = this.#next(depth);
      if (key === END) {
        if (left === Infinity) break;
        throw malformed("a break stands in a map of known length");
      }
      const value = this.item(depth);
      if (map === null && typeof key !== "string") map = new Map(Object.entries(object));
      if (map !== null) map.set(key, value);
      else setOwn(object, key as string, value);
    }
    return map ?? object;
  }

  #chunks(major: number): Uint8Array {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for (let initial = this.#byte(); initial !== BREAK; initial = this.#byte()) {
      const info = initial & 0x1f;
      if (initial >> 5 !== major || info === INFO.INDEFINITE) {
        throw malformed("a chunk of an indefinite-length string is of another type");
      }
      const chunk = this.#take(this.#size(info));
      chunks.push(chunk);
      size += chunk.byteLength;
    }
    const joined = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      joined.set(chunk, at);
      at += chunk.byteLength;
    }
    return joined;
  }

  /** Every chunk must be valid on its own (RFC 8949 section 3.2.3). */
  #textChunks(): string {
    let text = "";
    for (let initial = this.#byte(); initial !== BREAK; initial = this.#byte()) {
      const info = initial & 0x1f;
      if (initial >> 5 !== MAJOR.TEXT || info === INFO.INDEFINITE) {
        throw malformed("a chunk of an indefinite-length text is of another type");
      }
      text += this.#text(this.#take(this.#size(info)));
    }
    return text;
  }

  #text(bytes: Uint8Array): string {
    if (bytes.byteLength < LONG_TEXT_BYTES) {
      let text = "";
      for (const byte of bytes) {
        if (byte > 0x7f) return decodeText(bytes);
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return decodeText(bytes);
  }

  #simple(initial: number, info: number): unknown {
    switch (info) {
      case 20:
        return false;
      case 21:
        return true;
      case 22:
        return null;
      case 23:
        return undefined;
      case INFO.ONE_BYTE: {
        const value = this.#byte();
        if (value < 32) throw malformed("a simple value below 32 in two bytes");
        return new Simple(value);
      }
      case INFO.TWO_BYTES:
        return float16(this.#view.getUint16(this.#advance(2)));
      case INFO.FOUR_BYTES:
        return this.#view.getFloat32(this.#advance(4));
      case INFO.EIGHT_BYTES:
        return this.#view.getFloat64(this.#advance(8));
      default:
        if (initial === BREAK) return END;
        if (info > INFO.EIGHT_BYTES) throw malformed(`reserved additional information ${info}`);
        return new Simple(info);
    }
  }

  /** The argument of an initial byte: a number, or a BigInt beyond 2^53. */
  #argument(info: number): number | bigint {
    if (info < INFO.ONE_BYTE) return info;
    switch (info) {
      case INFO.ONE_BYTE:
        return this.#byte();
      case INFO.TWO_BYTES:
        return this.#view.getUint16(this.#advance(2));
      case INFO.FOUR_BYTES:
        return this.#view.getUint32(this.#advance(4));
      case INFO.EIGHT_BYTES: {
        const at = this.#advance(8);
        const high = this.#view.getUint32(at);
        const value = high * U32 + this.#view.getUint32(at + 4);
        return Number.isSafeInteger(value) ? value : this.#view.getBigUint64(at);
      }
      default:
        throw malformed(`reserved additional information ${info}`);
    }
  }

  /** A length: it cannot be more than the bytes that are left, since every item takes one. */
  #size(info: number): number {
    const size = this.#argument(info);
    if (size > this.#bytes.byteLength - this.#at) throw truncated();
    return Number(size);
  }

  #take(size: number): Uint8Array {
    const at = this.#advance(size);
    return this.#bytes.subarray(at, at + size);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw truncated();
    return byte;
  }

  #advance(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#bytes.byteLength) throw truncated();
    this.#at = at + bytes;
    return at;
  }
}

function deeper(depth: number): number {
  if (depth >= NESTING_MAX) throw malformed(`more than ${NESTING_MAX} levels`);
  return depth + 1;
}

function negative(argument: number | bigint): number | bigint {
  const value = typeof argument === "bigint" ? -1n - argument : -1 - argument;
  return typeof value === "number" && !Number.isSafeInteger(value) ? -1n - BigInt(argument) : value;
}

/** `__proto__` becomes an ordinary property that changes nothing. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== "__proto__") object[key] = value;
  else {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new ProtocolError("Cannot read CBOR: a text is not UTF-8", 1007, { cause });
  }
}

/** Dates and bignums get their JavaScript form; what has none of the same value stays tagged. */
function tagged(tag: number | bigint, value: unknown): unknown {
  switch (tag) {
    case 0:
      return dateOf(typeof value === "string" ? Date.parse(value) : NaN, (date) => {
        // Only a text that says no more than the date does may be replaced by it.
        return typeof value === "string" && shortDate(date.toISOString()) === shortDate(value);
      }) ?? new Tagged(tag, value);
    case 1:
      return dateOf(
        typeof value === "number" ? value * 1_000 : NaN,
        (date) => date.getTime() / 1_000 === value,
      ) ?? new Tagged(tag, value);
    case 2:
    case 3:
      if (!(value instanceof Uint8Array)) throw malformed("a bignum is not a byte string");
      return bignum(value, tag === 3);
    default:
      return new Tagged(tag, value);
  }
}

/** Without zeros at the end of the fraction: peers write 3 or 6 digits, or none. */
function shortDate(text: string): string {
  return text.replace(/(\.\d*?)0+Z$/, "$1Z").replace(".Z", "Z");
}

function dateOf(ms: number, isExact: (date: Date) => boolean): Date | null {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) || !isExact(date) ? null : date;
}

function bignum(bytes: Uint8Array, isNegative: boolean): number | bigint {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  const magnitude = hex === "" ? 0n : BigInt(`0x${hex}`);
  const value = isNegative ? -1n - magnitude : magnitude;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/**
 * Decodes exactly one CBOR item (D2). Byte strings are views of `bytes`. Throws {@link ProtocolError} with
 * close code 1007 for anything that is not well-formed, too deep, or followed by more bytes.
 */
export function decodeCbor(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  if (!reader.isAtEnd) throw malformed("bytes follow the item");
  return value;
}
