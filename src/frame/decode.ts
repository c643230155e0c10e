import { checkData, damaged, tooShort } from "./check.ts";
import { FlatReader, type FlatVector } from "./flat_reader.ts";
import {
  type Dictionary,
  type Frame,
  type FrameBatch,
  type FrameData,
  NO_BYTES,
  viewOf,
} from "./frame_data.ts";
import { FrameError } from "./frame_error.ts";
import {
  type DictionaryType,
  fieldsOf,
  type FrameField,
  type FrameType,
  isSameType,
} from "./frame_type.ts";
import { DICTIONARIES_MAX, FIELDS_MAX, NULLS_MAX } from "./limits.ts";
import { readSchema } from "./read_schema.ts";

const CONTINUATION = 0xffff_ffff;
const PREFIX_BYTES = 8;
const BITS = 8;
const PAIR_BYTES = 16;
const LONG_BYTES = 8;
/** `MetadataVersion.V4`: the format has been the same since 2017. */
const VERSION_MIN = 3;
const FILE_MAGIC = "ARROW1";
/** Dictionary messages times fields: readers of other libraries do work for both. */
const DICTIONARY_WORK_MAX = 1_000_000;

/** Numbers of what is read (Message.fbs). */
const MESSAGE = { VERSION: 0, KIND: 1, HEADER: 2, BODY_BYTES: 3 } as const;
const KIND = { SCHEMA: 1, DICTIONARY: 2, BATCH: 3 } as const;
const DICTIONARY = { ID: 0, DATA: 1, IS_DELTA: 2 } as const;
const BATCH = { LENGTH: 0, NODES: 1, BUFFERS: 2, COMPRESSION: 3, VIEW_COUNTS: 4 } as const;

/**
 * Decodes an Arrow IPC stream (spec 2.6) and proves every part of it before anything is made from it: what
 * is claimed must be there, at its place and only once, so that a reader of the frame can neither leave its
 * bytes nor do more work than they are worth. Nothing is copied.
 *
 * @throws {FrameError} For anything else than a whole stream of types that are read.
 */
export function decodeFrame(bytes: Uint8Array): Frame {
  try {
    return new StreamReader(bytes).read();
  } catch (cause) {
    // A position beyond its buffer: the view says so.
    if (cause instanceof RangeError) throw damaged("a position lies outside of it", { cause });
    throw cause;
  }
}

/** One message: its metadata, and the body behind them. */
interface FrameMessage {
  readonly flat: FlatReader;
  readonly header: number;
  readonly kind: number;
  readonly body: Uint8Array;
}

class StreamReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  #fields: readonly FrameField[] | null = null;
  /** Dictionary number -> its type. */
  readonly #types = new Map<bigint, DictionaryType>();
  /** Dictionary number -> its values so far. */
  readonly #dictionaries = new Map<bigint, Dictionary>();
  readonly #batches: FrameBatch[] = [];
  #rowCount = 0;
  #dictionaryMessages = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
  }

  read(): Frame {
    for (let message = this.#next(); message !== null; message = this.#next()) this.#take(message);
    if (this.#fields === null) throw new FrameError("expected an Arrow IPC stream, got no schema");
    return { fields: this.#fields, rowCount: this.#rowCount, batches: this.#batches };
  }

  /** The next message; `null` at the end of the stream. */
  #next(): FrameMessage | null {
    if (this.#at >= this.#bytes.length) return null;
    const isShort = this.#bytes.length - this.#at < PREFIX_BYTES;
    if (isShort || this.#view.getUint32(this.#at, true) !== CONTINUATION) throw this.#noStream();
    const size = this.#view.getInt32(this.#at + LONG_BYTES / 2, true);
    if (size === 0) return null;
    const start = this.#at + PREFIX_BYTES;
    const end = start + size;
    if (size < 0 || end > this.#bytes.length) throw damaged("a message is cut off");
    const flat = new FlatReader(this.#bytes.subarray(start, end));
    const message = flat.root;
    if (flat.short(message, MESSAGE.VERSION) < VERSION_MIN) {
      throw new FrameError("expected the Arrow format since version 0.8, got an older one");
    }
    const bodyBytes = Number(flat.long(message, MESSAGE.BODY_BYTES));
    if (!(bodyBytes >= 0 && end + bodyBytes <= this.#bytes.length)) {
      throw damaged("a body is cut off");
    }
    this.#at = end + bodyBytes;
    return {
      flat,
      header: flat.required(message, MESSAGE.HEADER),
      kind: flat.byte(message, MESSAGE.KIND),
      body: this.#bytes.subarray(end, this.#at),
    };
  }

  #noStream(): FrameError {
    if (this.#at > 0) return damaged("other bytes stand where a message must");
    const magic = String.fromCharCode(...this.#bytes.subarray(0, FILE_MAGIC.length));
    return new FrameError(
      magic === FILE_MAGIC
        ? "expected an Arrow IPC stream, got the file format"
        : "expected an Arrow IPC stream, got other bytes",
    );
  }

  #take(message: FrameMessage): void {
    const { kind, flat, header } = message;
    if (kind === KIND.SCHEMA) {
      if (this.#fields !== null) throw damaged("it has two schemas");
      this.#fields = readSchema(flat, header);
      for (const { type } of this.#fields) this.#noteDictionaries(type);
      return;
    }
    if (this.#fields === null) throw damaged("it does not begin with its schema");
    if (kind === KIND.BATCH) this.#takeBatch(message, this.#fields);
    else if (kind === KIND.DICTIONARY) this.#takeDictionary(message, this.#fields);
    else throw damaged(`a message of kind ${kind}`);
  }

  #noteDictionaries(type: FrameType): void {
    if (type.kind === "dictionary") {
      const other = this.#types.get(type.id);
      if (other !== undefined && !isSameType(other.value, type.value)) {
        throw damaged("two columns of different types share a dictionary");
      }
      this.#types.set(type.id, type);
      this.#noteDictionaries(type.value);
    }
    for (const field of fieldsOf(type)) this.#noteDictionaries(field.type);
  }

  #takeBatch({ flat, header, body }: FrameMessage, fields: readonly FrameField[]): void {
    const reader = new BatchReader({ flat, batch: header, body, dictionaries: this.#dictionaries });
    const length = Number(flat.long(header, BATCH.LENGTH));
    this.#rowCount += length;
    if (!(length >= 0 && this.#rowCount <= this.#bytes.length * BITS + NULLS_MAX)) {
      throw damaged(`${length} rows do not fit into it`);
    }
    const columns = fields.map(({ type }) => {
      const data = reader.data(type);
      if (data.length !== length) throw damaged("its columns differ in length");
      checkData(data);
      return data;
    });
    this.#batches.push({ length, columns });
  }

  #takeDictionary({ flat, header, body }: FrameMessage, fields: readonly FrameField[]): void {
    const messages = ++this.#dictionaryMessages;
    if (messages > DICTIONARIES_MAX || messages * fields.length > DICTIONARY_WORK_MAX) {
      throw new FrameError(
        `expected at most ${DICTIONARIES_MAX} dictionaries for ${FIELDS_MAX} fields, got more`,
      );
    }
    const id = flat.long(header, DICTIONARY.ID);
    const type = this.#types.get(id);
    if (type === undefined) throw damaged("a dictionary belongs to no column");
    const batch = flat.required(header, DICTIONARY.DATA);
    const part = new BatchReader({ flat, batch, body, dictionaries: this.#dictionaries }).data(
      type.value,
    );
    // Readers of other libraries decode all of it at once: nothing may be there that takes no bytes.
    if (part.length > Math.max(1, body.length)) throw damaged("a dictionary is too long");
    checkData(part);
    const before = this.#dictionaries.get(id);
    const isDelta = flat.byte(header, DICTIONARY.IS_DELTA) !== 0;
    if (isDelta && before === undefined) throw damaged("a dictionary begins with an addition");
    this.#dictionaries.set(id, {
      parts: isDelta && before !== undefined ? [...before.parts, part] : [part],
      length: part.length + (isDelta && before !== undefined ? before.length : 0),
    });
  }
}

/** What a {@link BatchReader} needs. */
interface BatchParts {
  readonly flat: FlatReader;
  /** The table of the batch. */
  readonly batch: number;
  readonly body: Uint8Array;
  /** Dictionary number -> its values so far. */
  readonly dictionaries: ReadonlyMap<bigint, Dictionary>;
}

/** Takes nodes and buffers off a batch in the order of the fields. */
class BatchReader {
  readonly #flat: FlatReader;
  readonly #body: Uint8Array;
  readonly #dictionaries: ReadonlyMap<bigint, Dictionary>;
  readonly #nodes: FlatVector;
  readonly #buffers: FlatVector;
  readonly #viewCounts: FlatVector;
  #node = 0;
  #buffer = 0;
  #viewCount = 0;
  #bufferBytes = 0;

  constructor({ flat, batch, body, dictionaries }: BatchParts) {
    if (flat.table(batch, BATCH.COMPRESSION) !== null) {
      throw new FrameError("expected a frame without compression, got a compressed one");
    }
    this.#flat = flat;
    this.#body = body;
    this.#dictionaries = dictionaries;
    this.#nodes = flat.vector(batch, BATCH.NODES, PAIR_BYTES);
    this.#buffers = flat.vector(batch, BATCH.BUFFERS, PAIR_BYTES);
    this.#viewCounts = flat.vector(batch, BATCH.VIEW_COUNTS, LONG_BYTES);
  }

  /** The next column, or part of one. */
  data(type: FrameType): FrameData {
    const { length, hasNulls } = this.#nextNode();
    const none = {
      type,
      length,
      validity: null,
      values: NO_BYTES,
      offsets: NO_BYTES,
      views: [],
      children: [],
      dictionary: null,
    };
    if (type.kind === "null") return none;
    const bitmap = this.#nextBuffer();
    const data = { ...none, validity: hasNulls ? bitmap : null };
    switch (type.kind) {
      case "text":
      case "binary":
        if (type.layout === "view") {
          const values = this.#nextBuffer();
          return { ...data, values, views: this.#nextViews() };
        }
        return { ...data, offsets: this.#nextBuffer(), values: this.#nextBuffer() };
      case "list":
      case "map":
        return { ...data, offsets: this.#nextBuffer(), children: this.#children(type) };
      case "array":
      case "struct":
        return { ...data, children: this.#children(type) };
      case "dictionary":
        return {
          ...data,
          values: this.#nextBuffer(),
          dictionary: this.#dictionaries.get(type.id) ?? null,
        };
      default:
        return { ...data, values: this.#nextBuffer() };
    }
  }

  #children(type: FrameType): readonly FrameData[] {
    return fieldsOf(type).map((field) => this.data(field.type));
  }

  #nextNode(): { readonly length: number; readonly hasNulls: boolean } {
    if (this.#node >= this.#nodes.count) throw tooShort();
    const at = this.#nodes.start + this.#node++ * PAIR_BYTES;
    const length = Number(this.#flat.longAt(at));
    const nullCount = Number(this.#flat.longAt(at + LONG_BYTES));
    if (!(length >= 0 && length <= this.#body.length * BITS + NULLS_MAX && nullCount <= length)) {
      throw damaged(`${length} values in ${this.#body.length} bytes`);
    }
    return { length, hasNulls: nullCount !== 0 };
  }

  #nextBuffer(): Uint8Array {
    if (this.#buffer >= this.#buffers.count) throw tooShort();
    const at = this.#buffers.start + this.#buffer++ * PAIR_BYTES;
    const start = Number(this.#flat.longAt(at));
    const bytes = Number(this.#flat.longAt(at + LONG_BYTES));
    // Buffers that lie on each other would let a small frame claim a large one.
    this.#bufferBytes += bytes;
    if (
      !(start >= 0 && bytes >= 0 && start + bytes <= this.#body.length &&
        this.#bufferBytes <= this.#body.length)
    ) {
      throw damaged("a buffer lies outside of its body, or on another");
    }
    return this.#body.subarray(start, start + bytes);
  }

  #nextViews(): readonly Uint8Array[] {
    if (this.#viewCount >= this.#viewCounts.count) throw tooShort();
    const at = this.#viewCounts.start + this.#viewCount++ * LONG_BYTES;
    const count = Number(this.#flat.longAt(at));
    if (!(count >= 0 && count <= this.#buffers.count)) throw damaged("too many buffers of texts");
    return Array.from({ length: count }, () => this.#nextBuffer());
  }
}
