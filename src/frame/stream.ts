import { field, FlatBuffer, type Offset } from "./flat_buffer.ts";

/** Arrow's `MetadataVersion.V5`. */
const VERSION = 4;
const ALIGNMENT = 8;
const PREFIX_BYTES = 8;
const CONTINUATION = 0xffff_ffff;

/** What a message of an Arrow IPC stream is (Message.fbs). */
export const HEADER = { SCHEMA: 1, DICTIONARY: 2, BATCH: 3 } as const;

/** What a batch says about its columns, in Arrow's order. */
export interface Buffers {
  /** Length and count of nulls of each field. */
  readonly nodes: (readonly [length: number, nulls: number])[];
  /** The bytes of each field. */
  readonly parts: Uint8Array[];
  /** Buffers of each field with views. */
  readonly viewCounts: number[];
}

/** Nothing yet. */
export function newBuffers(): Buffers {
  return { nodes: [], parts: [], viewCounts: [] };
}

/** An Arrow IPC stream that is written, message by message. */
export class ArrowStream {
  readonly #parts: Uint8Array[] = [];
  #byteLength = 0;

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#byteLength;
  }

  /** Adds bytes of the stream as they are, a schema message for example. */
  push(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#byteLength += part.length;
  }

  /** Adds a message: `header` is in `buffer`, the parts are behind it. */
  message(
    buffer: FlatBuffer,
    { header, kind, body }: {
      readonly header: Offset;
      readonly kind: number;
      readonly body: readonly Uint8Array[];
    },
  ): void {
    const bodyBytes = body.reduce((sum, part) => sum + padded(part.length), 0);
    this.push(messageHead(buffer, { header, kind, bodyBytes }));
    for (const part of body) {
      this.push(part);
      this.push(new Uint8Array(padded(part.length) - part.length));
    }
  }

  /** Adds a record batch of so many rows. */
  batch(length: number, buffers: Buffers): void {
    const buffer = new FlatBuffer();
    const header = writeBatch(buffer, length, buffers);
    this.message(buffer, { header, kind: HEADER.BATCH, body: buffers.parts });
  }

  /** Ends the stream; the whole of it. */
  finish(): Uint8Array {
    const end = new Uint8Array(PREFIX_BYTES);
    new DataView(end.buffer).setUint32(0, CONTINUATION, true);
    this.push(end);
    const whole = new Uint8Array(this.#byteLength);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

/** The metadata of a message, with its length in front. */
export function messageHead(
  buffer: FlatBuffer,
  { header, kind, bodyBytes }: {
    readonly header: Offset;
    readonly kind: number;
    readonly bodyBytes: number;
  },
): Uint8Array {
  const root = buffer.table([
    field.short(0, VERSION),
    field.byte(1, kind),
    field.offset(2, header),
    field.long(3, bodyBytes),
  ]);
  const metadata = buffer.finish(root);
  const head = new Uint8Array(PREFIX_BYTES + padded(metadata.length));
  const view = new DataView(head.buffer);
  view.setUint32(0, CONTINUATION, true);
  view.setInt32(4, padded(metadata.length), true);
  head.set(metadata, PREFIX_BYTES);
  return head;
}

/** Writes the table of a batch: what lies where behind it. */
export function writeBatch(
  buffer: FlatBuffer,
  length: number,
  { nodes, parts, viewCounts }: Buffers,
): Offset {
  let at = 0;
  const places = parts.map((part) => {
    const place = [at, part.length] as const;
    at += padded(part.length);
    return place;
  });
  const viewCountList = viewCounts.length === 0 ? null : buffer.longs(viewCounts);
  const bufferList = buffer.pairs(places);
  const nodeList = buffer.pairs(nodes);
  return buffer.table([
    field.long(0, length),
    field.offset(1, nodeList),
    field.offset(2, bufferList),
    ...(viewCountList === null ? [] : [field.offset(4, viewCountList)]),
  ]);
}

function padded(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
