import { viewOf } from "./frame_data.ts";
import { FrameError } from "./frame_error.ts";

const REFERENCE_BYTES = 4;
const VTABLE_HEADER_BYTES = 4;
/** Bytes of texts that may be read more than once, as short names are. */
const REPEATED_TEXT_BYTES_MAX = 1_048_576;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A list in a FlatBuffer: where its first element is, and how many there are. */
export interface FlatVector {
  readonly start: number;
  readonly count: number;
}

/**
 * Reads FlatBuffers, as far as Arrow's metadata need it (https://flatbuffers.dev/internals/). Nothing in them is
 * believed: positions beyond the buffer throw `RangeError`, lists that do not fit {@link FrameError}.
 */
export class FlatReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #textBytes = 0;

  /** Reads the metadata of one message. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  /** The root table. */
  get root(): number {
    return this.#follow(0);
  }

  /** A byte; `missing` when the field has its default. */
  byte(table: number, number: number, missing = 0): number {
    const at = this.#field(table, number);
    return at === null ? missing : this.#view.getUint8(at);
  }

  /** A 16-bit number. */
  short(table: number, number: number, missing = 0): number {
    const at = this.#field(table, number);
    return at === null ? missing : this.#view.getInt16(at, true);
  }

  /** A 32-bit number. */
  int(table: number, number: number, missing = 0): number {
    const at = this.#field(table, number);
    return at === null ? missing : this.#view.getInt32(at, true);
  }

  /** A 64-bit number. */
  long(table: number, number: number): bigint {
    const at = this.#field(table, number);
    return at === null ? 0n : this.#view.getBigInt64(at, true);
  }

  /** A 64-bit number at a place. */
  longAt(at: number): bigint {
    return this.#view.getBigInt64(at, true);
  }

  /** A table; `null` when there is none. */
  table(table: number, number: number): number | null {
    const at = this.#field(table, number);
    return at === null ? null : this.#follow(at);
  }

  /** A table that must be there. */
  required(table: number, number: number): number {
    const found = this.table(table, number);
    if (found === null) throw new FrameError("it is damaged: a part of its metadata is missing");
    return found;
  }

  /** A list of tables. */
  tables(table: number, number: number): number[] {
    const { start, count } = this.vector(table, number, REFERENCE_BYTES);
    return Array.from({ length: count }, (_, i) => this.#follow(start + i * REFERENCE_BYTES));
  }

  /** A list of elements of `bytes` bytes; an absent one is empty. */
  vector(table: number, number: number, bytes: number): FlatVector {
    const at = this.#field(table, number);
    if (at === null) return { start: 0, count: 0 };
    const vector = this.#follow(at);
    const count = this.#view.getUint32(vector, true);
    const start = vector + REFERENCE_BYTES;
    if (start + count * bytes > this.#bytes.length) {
      throw new FrameError("it is damaged: a list of its metadata is too long");
    }
    return { start, count };
  }

  /** A text; `null` when there is none. */
  text(table: number, number: number): string | null {
    if (this.#field(table, number) === null) return null;
    const { start, count } = this.vector(table, number, 1);
    // Many fields may point to one long text.
    this.#textBytes += count;
    if (this.#textBytes > this.#bytes.length + REPEATED_TEXT_BYTES_MAX) {
      throw new FrameError("it is damaged: too many texts in its metadata");
    }
    try {
      return utf8.decode(this.#bytes.subarray(start, start + count));
    } catch (cause) {
      throw new FrameError("it is damaged: a name is not UTF-8", { cause });
    }
  }

  #follow(at: number): number {
    return at + this.#view.getUint32(at, true);
  }

  /** Where a field of a table is, or `null` when it has its default. */
  #field(table: number, number: number): number | null {
    const vtable = table - this.#view.getInt32(table, true);
    const slot = VTABLE_HEADER_BYTES + number * 2;
    if (slot + 2 > this.#view.getUint16(vtable, true)) return null;
    const offset = this.#view.getUint16(vtable + slot, true);
    return offset === 0 ? null : table + offset;
  }
}
