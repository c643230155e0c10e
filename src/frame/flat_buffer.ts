const START_BYTES = 512;
const SIZE_BYTES = 4;
const VTABLE_HEADER_BYTES = 4;

const encoder = new TextEncoder();

/** A field of a table: its number, and how its value is written. */
type Slot = readonly [at: number, bytes: number, write: (view: DataView, at: number) => void];

/** Position of something written, counted from the end of the buffer. */
export type Offset = number;

/** A field of a table for {@link FlatBuffer.table}. */
export const field = {
  /** A byte: small numbers, booleans, kinds of unions. */
  byte: (at: number, value: number): Slot => [at, 1, (view, to) => view.setUint8(to, value)],
  /** A 16-bit number. */
  short: (at: number, value: number): Slot => [at, 2, (view, to) => view.setInt16(to, value, true)],
  /** A 32-bit number. */
  int: (at: number, value: number): Slot => [at, 4, (view, to) => view.setInt32(to, value, true)],
  /** A 64-bit number. */
  long: (at: number, value: number | bigint): Slot => [
    at,
    8,
    (view, to) => view.setBigInt64(to, BigInt(value), true),
  ],
  /** A string, vector or table that was written before. */
  offset: (at: number, value: Offset): Slot => [
    at,
    SIZE_BYTES,
    // Offsets count from where they stand, positions from the end.
    (view, to) => view.setUint32(to, view.byteLength - to - value, true),
  ],
} as const;

/**
 * Writes FlatBuffers, as far as Arrow's metadata needs them: from the end to the front, parts before the
 * tables that point to them (https://flatbuffers.dev/internals/).
 */
export class FlatBuffer {
  #bytes = new Uint8Array(START_BYTES);
  #view = new DataView(this.#bytes.buffer);
  /** Bytes written; the last of them stand at the end of the buffer. */
  #used = 0;
  #alignment = 1;

  /** Writes a text. */
  text(text: string): Offset {
    const bytes = encoder.encode(text);
    this.#align(SIZE_BYTES, bytes.length + 1);
    this.#reserve(bytes.length + 1);
    this.#bytes.set(bytes, this.#front());
    return this.#uint32(bytes.length);
  }

  /** Writes a vector of things written before. */
  offsets(offsets: readonly Offset[]): Offset {
    this.#align(SIZE_BYTES, offsets.length * SIZE_BYTES);
    for (const offset of [...offsets].reverse()) {
      this.#reserve(SIZE_BYTES);
      this.#view.setUint32(this.#front(), this.#used - offset, true);
    }
    return this.#uint32(offsets.length);
  }

  /** Writes a vector of structs of two 64-bit numbers each. */
  pairs(pairs: readonly (readonly [number, number])[]): Offset {
    this.#align(8, pairs.length * 16);
    for (const [first, second] of [...pairs].reverse()) {
      this.#reserve(16);
      this.#view.setBigInt64(this.#front(), BigInt(first), true);
      this.#view.setBigInt64(this.#front() + 8, BigInt(second), true);
    }
    return this.#uint32(pairs.length);
  }

  /** Writes a vector of 64-bit numbers. */
  longs(values: readonly number[]): Offset {
    this.#align(8, values.length * 8);
    for (const value of [...values].reverse()) {
      this.#reserve(8);
      this.#view.setBigInt64(this.#front(), BigInt(value), true);
    }
    return this.#uint32(values.length);
  }

  /** Writes a table of these fields; the others have their defaults. */
  table(slots: readonly Slot[]): Offset {
    const end = this.#used;
    const positions = new Map<number, Offset>();
    for (const [at, bytes, write] of [...slots].sort(([, a], [, b]) => a - b)) {
      this.#align(bytes, bytes);
      this.#reserve(bytes);
      write(this.#view, this.#front());
      positions.set(at, this.#used);
    }
    this.#align(SIZE_BYTES, SIZE_BYTES);
    this.#reserve(SIZE_BYTES);
    const table = this.#used;
    const count = Math.max(-1, ...positions.keys()) + 1;
    for (let at = count - 1; at >= 0; at--) {
      const position = positions.get(at);
      this.#uint16(position === undefined ? 0 : table - position);
    }
    this.#uint16(table - end);
    this.#uint16(VTABLE_HEADER_BYTES + count * 2);
    this.#view.setInt32(this.#bytes.length - table, this.#used - table, true);
    return table;
  }

  /** Ends with the root table; the whole buffer. */
  finish(root: Offset): Uint8Array {
    this.#align(Math.max(this.#alignment, 8), SIZE_BYTES);
    this.#reserve(SIZE_BYTES);
    this.#view.setUint32(this.#front(), this.#used - root, true);
    return this.#bytes.slice(this.#front());
  }

  #front(): number {
    return this.#bytes.length - this.#used;
  }

  #uint16(value: number): void {
    this.#reserve(2);
    this.#view.setUint16(this.#front(), value, true);
  }

  #uint32(value: number): Offset {
    this.#reserve(SIZE_BYTES);
    this.#view.setUint32(this.#front(), value, true);
    return this.#used;
  }

  /** Pads, so that what is `coming` bytes long ends up at a multiple of `size` from the end. */
  #align(size: number, coming: number): void {
    this.#alignment = Math.max(this.#alignment, size);
    this.#reserve((size - (this.#used + coming) % size) % size);
  }

  #reserve(bytes: number): void {
    while (this.#used + bytes > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes, this.#bytes.length);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#used += bytes;
  }
}
