import { KeyError } from "./errors.ts";

/** Tags of the elements that keys and signatures are made of (X.690). */
export const DER = {
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OBJECT_ID: 0x06,
  SEQUENCE: 0x30,
  /** `[0]`, constructed: the curve of a SEC1 key, the attributes of a PKCS#8 key. */
  CONTEXT_0: 0xa0,
  /** `[1]`, constructed: the public half of a SEC1 key. */
  CONTEXT_1: 0xa1,
  /** `[1]`, primitive: the public half of a PKCS#8 key of version 2. */
  CONTEXT_1_BITS: 0x81,
} as const;

/** A length of more bytes than this is refused: nothing that is read here is longer than 64 KiB. */
const LENGTH_BYTES_MAX = 2;

/**
 * Reads DER element by element. Strict: the shortest lengths and integers only, nothing that sticks out, so that one
 * value has one form. Every method throws {@link KeyError} for anything else; no error tells a byte of the content.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** Reads from the first of these bytes. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Tag of the next element; `null` at the end. */
  get next(): number | null {
    return this.#bytes[this.#at] ?? null;
  }

  /** The content of the next element, which must have this tag. */
  take(tag: number): Uint8Array {
    if (this.next !== tag) throw this.#damaged(`an element with tag ${tag}`);
    this.#at++;
    const length = this.#length();
    if (length > this.#bytes.length - this.#at) throw this.#damaged(`${length} more bytes`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Reads the inside of the next element, which must be a sequence, or have the given tag. */
  enter(tag: number = DER.SEQUENCE): DerReader {
    return new DerReader(this.take(tag));
  }

  /** The magnitude of the next element, a whole number >= 0, without leading zeros: no bytes for 0. */
  integer(): Uint8Array {
    const content = this.take(DER.INTEGER);
    const [first, second] = content;
    if (first === undefined || first >= 0x80) throw this.#damaged("a number >= 0");
    if (first !== 0) return content;
    if (second !== undefined && second < 0x80) throw this.#damaged("the shortest form of a number");
    return content.subarray(1);
  }

  /** The bytes of the next element, a bit string that uses all bits. */
  bits(): Uint8Array {
    const content = this.take(DER.BIT_STRING);
    if (content[0] !== 0) throw this.#damaged("whole bytes");
    return content.subarray(1);
  }

  /** Proves that nothing follows. */
  end(): void {
    if (this.next !== null) throw this.#damaged("nothing more");
  }

  #length(): number {
    const first = this.#bytes[this.#at++];
    if (first === undefined) throw this.#damaged("a length");
    if (first < 0x80) return first;
    const count = first - 0x80;
    if (count === 0 || count > LENGTH_BYTES_MAX) throw this.#damaged("a length of 64 KiB at most");
    let length = 0;
    for (let left = count; left > 0; left--) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw this.#damaged("a length");
      length = length << 8 | byte;
    }
    const least = count === 1 ? 0x80 : 0x100;
    if (length < least) throw this.#damaged("the shortest form of a length");
    return length;
  }

  #damaged(expected: string): KeyError {
    return new KeyError(
      `Cannot read DER: expected ${expected} at byte ${this.#at} of an element, got something else`,
    );
  }
}

/** One element: tag, length, and its parts one after the other. Throws `RangeError` above 64 KiB. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > 0xffff) {
    throw new RangeError(`Cannot write DER: expected <= 65535 bytes, got ${length}`);
  }
  const head = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A whole number >= 0 as an element: leading zeros of the magnitude do not count. */
export function derInteger(magnitude: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = magnitude.findIndex((byte) => byte !== 0);
  if (start < 0) return der(DER.INTEGER, Uint8Array.of(0));
  const digits = magnitude.subarray(start);
  const sign = (digits[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array();
  return der(DER.INTEGER, sign, digits);
}

/** Bytes as a bit string that uses all bits. */
export function derBits(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return der(DER.BIT_STRING, Uint8Array.of(0), bytes);
}
