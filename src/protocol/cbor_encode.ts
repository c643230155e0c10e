import { Float, MAJOR, Simple, Tagged } from "./cbor_types.ts";
import { NESTING_MAX } from "./limits.ts";

const START_BYTES = 256;
/** Longest text that is written without asking the encoder for its size first. */
const SHORT_TEXT_CHARS = 40;
const U32 = 2 ** 32;
const U64_MAX = 2n ** 64n - 1n;
const TAG_DATE_TEXT = 0;
const TAG_BIGNUM = 2;
const TAG_NEGATIVE_BIGNUM = 3;
const BITS_PER_BYTE = 8;

const encoder = new TextEncoder();
const eightBytes = new Uint8Array(8);
const scratch = new DataView(eightBytes.buffer);

/** A writer that has grown beyond this is not used again, so that one large value does not stay in memory. */
const KEPT_BYTES_MAX = 65_536;

/** The writer that nobody uses now: almost every frame is written with it. */
let idle: CborWriter | null = null;

/** Writes CBOR into one growing buffer. */
export class CborWriter {
  #bytes = new Uint8Array(START_BYTES);
  #length = 0;

  /** An empty writer. It is handed back by {@link CborWriter.take}; one that is not is simply lost. */
  static fresh(): CborWriter {
    const writer = idle ?? new CborWriter();
    idle = null;
    return writer;
  }

  /** The bytes written, in a buffer of their own. Called once, and last. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    if (this.#bytes.length <= KEPT_BYTES_MAX) idle = this;
    return taken;
  }

  /** Writes any value; `depth` levels are around it. Throws as {@link encodeCbor}. */
  value(value: unknown, depth: number): void {
    switch (typeof value) {
      case "number":
        this.#number(value);
        return;
      case "string":
        this.text(value);
        return;
      case "boolean":
        this.byte(value ? 0xf5 : 0xf4);
        return;
      case "undefined":
        this.byte(0xf7);
        return;
      case "bigint":
        this.#bigint(value);
        return;
      case "object":
        if (value === null) this.byte(0xf6);
        else this.#object(value, depth);
        return;
      default:
        throw new TypeError(`Cannot encode a ${typeof value}: it has no CBOR form`);
    }
  }

  #object(value: object, depth: number): void {
    if (depth >= NESTING_MAX) {
      throw new RangeError(
        `Cannot encode a value: expected at most ${NESTING_MAX} levels, got more`,
      );
    }
    if (Array.isArray(value)) {
      this.head(MAJOR.ARRAY, value.length);
      for (const item of value) this.value(item, depth + 1);
    } else if (value instanceof Uint8Array) {
      this.byteString(value);
    } else if (ArrayBuffer.isView(value)) {
      this.byteString(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    } else if (value instanceof ArrayBuffer) {
      this.byteString(new Uint8Array(value));
    } else if (value instanceof Map) {
      this.head(MAJOR.MAP, value.size);
      for (const [key, item] of value) {
        this.value(key, depth + 1);
        this.value(item, depth + 1);
      }
    } else if (value instanceof Date) {
      this.#date(value);
    } else if (value instanceof Tagged) {
      this.head(MAJOR.TAG, value.tag);
      this.value(value.value, depth + 1);
    } else if (value instanceof Float) {
      this.#float64(value.value);
    } else if (value instanceof Simple) {
      this.head(MAJOR.SIMPLE, value.value);
    } else {
      this.#map(value as Record<string, unknown>, depth);
    }
  }

  #map(value: Record<string, unknown>, depth: number): void {
    const keys = Object.keys(value);
    this.head(MAJOR.MAP, keys.length);
    for (const key of keys) {
      this.text(key);
      this.value(value[key], depth + 1);
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
      if (value >= 0) this.head(MAJOR.UINT, value);
      else this.head(MAJOR.NEGATIVE, -1 - value);
    } else {
      this.#float64(value);
    }
  }

  /** Infinities and NaN leave as half floats, as rembus.python writes them (spec 2.7). */
  #float64(value: number): void {
    if (!Number.isFinite(value)) {
      this.#room(3);
      this.byte(0xf9);
      this.byte(value === Infinity ? 0x7c : value === -Infinity ? 0xfc : 0x7e);
      this.byte(0x00);
      return;
    }
    scratch.setFloat64(0, value);
    this.byte(0xfb);
    this.#append(eightBytes);
  }

  #bigint(value: bigint): void {
    const negative = value < 0n;
    const magnitude = negative ? -1n - value : value;
    if (magnitude <= U64_MAX) {
      this.head(negative ? MAJOR.NEGATIVE : MAJOR.UINT, magnitude);
      return;
    }
    this.head(MAJOR.TAG, negative ? TAG_NEGATIVE_BIGNUM : TAG_BIGNUM);
    const hex = magnitude.toString(16);
    const digits = hex.length % 2 === 0 ? hex : `0${hex}`;
    this.byteString(
      Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
    );
  }

  #date(value: Date): void {
    if (Number.isNaN(value.getTime())) throw new TypeError("Cannot encode a date: it is invalid");
    this.head(MAJOR.TAG, TAG_DATE_TEXT);
    this.text(value.toISOString());
  }

  /** Writes a byte string. */
  byteString(bytes: Uint8Array): void {
    this.head(MAJOR.BYTES, bytes.byteLength);
    this.#append(bytes);
  }

  /** Writes an item that is encoded already. */
  item(bytes: Uint8Array): void {
    this.#append(bytes);
  }

  /** Writes `null`. */
  null(): void {
    this.byte(0xf6);
  }

  /** Writes a message id: 8 little-endian bytes (spec 2.2). */
  id(id: bigint): void {
    scratch.setBigUint64(0, id, true);
    this.byteString(eightBytes);
  }

  /** Writes a text. A lone surrogate becomes U+FFFD, as everywhere on the platform. */
  text(text: string): void {
    if (text.length <= SHORT_TEXT_CHARS && this.#ascii(text)) return;
    const bytes = encoder.encode(text);
    this.head(MAJOR.TEXT, bytes.byteLength);
    this.#append(bytes);
  }

  /** Writes a short text of ASCII characters; takes nothing and returns `false` for any other. */
  #ascii(text: string): boolean {
    const start = this.#length;
    this.head(MAJOR.TEXT, text.length);
    this.#room(text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#length = start;
        return false;
      }
      this.#bytes[this.#length++] = code;
    }
    return true;
  }

  /** Writes the initial byte of an item with its argument, in the shortest form. */
  head(major: number, argument: number | bigint): void {
    this.#room(9);
    const type = major << 5;
    if (argument < 24) {
      this.byte(type | Number(argument));
    } else if (argument < 0x100) {
      this.byte(type | 24);
      this.byte(Number(argument));
    } else if (argument < 0x10000) {
      this.byte(type | 25);
      this.#big(Number(argument), 2);
    } else if (argument < U32) {
      this.byte(type | 26);
      this.#big(Number(argument), 4);
    } else {
      this.byte(type | 27);
      if (typeof argument === "bigint") {
        this.#big(Number(argument >> 32n), 4);
        this.#big(Number(argument & 0xffffffffn), 4);
      } else {
        this.#big(Math.floor(argument / U32), 4);
        this.#big(argument % U32, 4);
      }
    }
  }

  #big(value: number, bytes: number): void {
    for (let shift = (bytes - 1) * BITS_PER_BYTE; shift >= 0; shift -= BITS_PER_BYTE) {
      this.byte((value >>> shift) & 0xff);
    }
  }

  /** Writes one byte as it is. */
  byte(byte: number): void {
    if (this.#length === this.#bytes.length) this.#room(1);
    this.#bytes[this.#length++] = byte;
  }

  #append(bytes: Uint8Array): void {
    this.#room(bytes.byteLength);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/**
 * Encodes a value (D2): integers within +-2^53 as CBOR integers, other numbers as floats, BigInt as 64-bit
 * integers or bignums, views as byte strings, objects and `Map` as maps. Throws `TypeError` for functions,
 * symbols and invalid dates, `RangeError` for more than {@link NESTING_MAX} levels, cycles included.
 */
export function encodeCbor(value: unknown): Uint8Array {
  const writer = CborWriter.fresh();
  writer.value(value, 0);
  return writer.take();
}
