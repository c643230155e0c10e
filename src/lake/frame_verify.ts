import { RowError } from "./errors.ts";

/** Fields of a schema, nested ones included. */
const FIELDS_MAX = 10_000;
const DEPTH_MAX = 32;

const CONTINUATION = 0xffff_ffff;
const PREFIX_BYTES = 8;
const REFERENCE_BYTES = 4;
const VALUES_PER_BYTE = 8;
/** Values that a column of nothing but null may have beyond its bytes, which are none. */
const NULLS_MAX = 1_000_000;
const STRUCT_BYTES = 16;
/** Kinds of messages (Message.fbs). */
const HEADER = { SCHEMA: 1, DICTIONARY: 2, RECORD_BATCH: 3 } as const;

/** Numbers of the fields that are looked at (Message.fbs, Schema.fbs). */
const MESSAGE = { HEADER_TYPE: 1, HEADER: 2, BODY_LENGTH: 3, METADATA: 4 } as const;
const SCHEMA = { FIELDS: 1, METADATA: 2, FEATURES: 3 } as const;
const FIELD = { NAME: 0, TYPE: 3, DICTIONARY: 4, CHILDREN: 5, METADATA: 6 } as const;
const DICTIONARY_BATCH = { DATA: 1 } as const;
const RECORD_BATCH = { LENGTH: 0, NODES: 1, BUFFERS: 2, VARIADIC: 4 } as const;
const KEY_VALUE = { KEY: 0, VALUE: 1 } as const;

/**
 * Proves that the metadata of an Arrow IPC stream stay within it: the reader believes every count, and would
 * turn some bytes into minutes of work.
 *
 * @throws {RowError} For a stream that is damaged.
 */
export function verifyFrame(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  try {
    while (at < bytes.length) {
      if (view.getUint32(at, true) !== CONTINUATION) throw damaged("expected a message");
      const size = view.getInt32(at + REFERENCE_BYTES, true);
      if (size === 0) return;
      const start = at + PREFIX_BYTES;
      if (size < 0 || start + size > bytes.length) throw damaged("a message is cut off");
      const metadata = new Metadata(bytes.subarray(start, start + size));
      at = start + size + metadata.verify(bytes.length - start - size);
    }
  } catch (error) {
    // A position beyond the metadata: the view says so.
    if (error instanceof RangeError) throw damaged("a position lies outside of it", error);
    throw error;
  }
}

/** The metadata of one message. */
class Metadata {
  readonly #view: DataView;
  #fields = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Verifies everything; the length of the body that follows. */
  verify(rest: number): number {
    const message = this.#reference(0);
    const bodyAt = this.#field(message, MESSAGE.BODY_LENGTH);
    const body = bodyAt === null ? 0 : Number(this.#view.getBigInt64(bodyAt, true));
    if (!(body >= 0 && body <= rest)) throw damaged("a body is cut off");
    const kindAt = this.#field(message, MESSAGE.HEADER_TYPE);
    const kind = kindAt === null ? 0 : this.#view.getUint8(kindAt);
    const header = this.#required(message, MESSAGE.HEADER);
    this.#keyValues(message, MESSAGE.METADATA);
    switch (kind) {
      case HEADER.SCHEMA:
        this.#schema(header);
        break;
      case HEADER.DICTIONARY:
        this.#batch(this.#required(header, DICTIONARY_BATCH.DATA), body);
        break;
      case HEADER.RECORD_BATCH:
        this.#batch(header, body);
        break;
      default:
        throw damaged(`a message of kind ${kind}`);
    }
    return body;
  }

  #schema(schema: number): void {
    this.#keyValues(schema, SCHEMA.METADATA);
    this.#vector(schema, SCHEMA.FEATURES, PREFIX_BYTES);
    for (const at of this.#tables(schema, SCHEMA.FIELDS)) this.#verifyField(at, 0);
  }

  #verifyField(at: number, depth: number): void {
    // Offsets may point back, so that a field could be its own child.
    if (depth > DEPTH_MAX || ++this.#fields > FIELDS_MAX) throw damaged("too many fields");
    this.#text(at, FIELD.NAME);
    this.#required(at, FIELD.TYPE);
    this.#keyValues(at, FIELD.METADATA);
    if (this.#field(at, FIELD.DICTIONARY) !== null) this.#required(at, FIELD.DICTIONARY);
    for (const child of this.#tables(at, FIELD.CHILDREN)) this.#verifyField(child, depth + 1);
  }

  /** Every buffer of a batch must lie in its body, and no column have more values than bits. */
  #batch(batch: number, body: number): void {
    const lengthAt = this.#field(batch, RECORD_BATCH.LENGTH);
    if (lengthAt !== null) this.#length(lengthAt, body);
    const nodes = this.#vector(batch, RECORD_BATCH.NODES, STRUCT_BYTES);
    for (let i = 0; i < nodes.count; i++) this.#length(nodes.start + i * STRUCT_BYTES, body);
    this.#vector(batch, RECORD_BATCH.VARIADIC, PREFIX_BYTES);
    const { start, count } = this.#vector(batch, RECORD_BATCH.BUFFERS, STRUCT_BYTES);
    for (let i = 0; i < count; i++) {
      const at = start + i * STRUCT_BYTES;
      const offset = Number(this.#view.getBigInt64(at, true));
      const length = Number(this.#view.getBigInt64(at + PREFIX_BYTES, true));
      if (!(offset >= 0 && length >= 0 && offset + length <= body)) {
        throw damaged("a buffer lies outside of its body");
      }
    }
  }

  #length(at: number, body: number): void {
    const length = Number(this.#view.getBigInt64(at, true));
    if (!(length >= 0 && length <= body * VALUES_PER_BYTE + NULLS_MAX)) {
      throw damaged(`${length} values in ${body} bytes`);
    }
  }

  #keyValues(table: number, number: number): void {
    for (const at of this.#tables(table, number)) {
      this.#text(at, KEY_VALUE.KEY);
      this.#text(at, KEY_VALUE.VALUE);
    }
  }

  #text(table: number, number: number): void {
    this.#vector(table, number, 1);
  }

  *#tables(table: number, number: number): Generator<number> {
    const { start, count } = this.#vector(table, number, REFERENCE_BYTES);
    for (let i = 0; i < count; i++) yield this.#reference(start + i * REFERENCE_BYTES);
  }

  /** Where the elements of a vector are; an absent vector is empty. */
  #vector(table: number, number: number, bytes: number): { start: number; count: number } {
    const at = this.#field(table, number);
    if (at === null) return { start: 0, count: 0 };
    const vector = this.#reference(at);
    const count = this.#view.getUint32(vector, true);
    const start = vector + REFERENCE_BYTES;
    if (start + count * bytes > this.#view.byteLength) throw damaged("a list is too long");
    return { start, count };
  }

  #required(table: number, number: number): number {
    const at = this.#field(table, number);
    if (at === null) throw damaged("a part is missing");
    return this.#reference(at);
  }

  #reference(at: number): number {
    return at + this.#view.getUint32(at, true);
  }

  /** Where a field of a table is, or `null` when it has its default. */
  #field(table: number, number: number): number | null {
    const vtable = table - this.#view.getInt32(table, true);
    const slot = 4 + number * 2;
    if (slot + 2 > this.#view.getUint16(vtable, true)) return null;
    const offset = this.#view.getUint16(vtable + slot, true);
    return offset === 0 ? null : table + offset;
  }
}

function damaged(cause: string, error?: unknown): RowError {
  return new RowError(`expected an Arrow IPC stream: ${cause}`, { cause: error });
}
