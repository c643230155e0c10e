import { field, FlatBuffer, type Offset } from "./flat_buffer.ts";
import {
  countNulls,
  type Dictionary,
  type Frame,
  type FrameData,
  frameData,
} from "./frame_data.ts";
import { type DictionaryType, fieldsOf, type FrameField, type FrameType } from "./frame_type.ts";
import { writeSchema } from "./write_schema.ts";

/** Arrow's `MetadataVersion.V5`. */
const VERSION = 4;
const HEADER = { SCHEMA: 1, DICTIONARY: 2, BATCH: 3 } as const;
const ALIGNMENT = 8;
const PREFIX_BYTES = 8;
const CONTINUATION = 0xffff_ffff;

/** Writes an Arrow IPC stream (spec 2.6): the schema, dictionaries before what uses them, batches, the end. */
export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new StreamWriter();
  writer.schema(frame);
  for (const { length, columns } of frame.batches) writer.batch(length, columns);
  return writer.finish();
}

/** Writes a schema message whose dictionaries have the numbers of their types. */
export function encodeSchema(fields: readonly FrameField[]): Uint8Array {
  const buffer = new FlatBuffer();
  const header = writeSchema(buffer, fields, ({ id }) => id);
  return messageHead(buffer, { header, kind: HEADER.SCHEMA, bodyBytes: 0 });
}

/** What a batch says about its columns, in Arrow's order. */
interface Buffers {
  /** Length and count of nulls of each field. */
  readonly nodes: [number, number][];
  readonly parts: Uint8Array[];
  readonly viewCounts: number[];
}

class StreamWriter {
  readonly #parts: Uint8Array[] = [];
  #byteLength = 0;
  /** Dictionary type -> its number. */
  readonly #ids = new Map<DictionaryType, number>();
  /** Dictionary number -> the dictionary that was written last. */
  readonly #written = new Map<number, Dictionary>();

  schema({ fields }: Frame): void {
    const buffer = new FlatBuffer();
    const header = writeSchema(buffer, fields, (type) => this.#idOf(type));
    this.#message(buffer, { header, kind: HEADER.SCHEMA, body: [] });
  }

  batch(length: number, columns: readonly FrameData[]): void {
    for (const column of columns) this.#dictionaries(column);
    const buffers = collected(columns);
    const buffer = new FlatBuffer();
    const header = writeBatch(buffer, length, buffers);
    this.#message(buffer, { header, kind: HEADER.BATCH, body: buffers.parts });
  }

  finish(): Uint8Array {
    const end = new Uint8Array(PREFIX_BYTES);
    new DataView(end.buffer).setUint32(0, CONTINUATION, true);
    this.#push(end);
    const whole = new Uint8Array(this.#byteLength);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  #idOf(type: DictionaryType): number {
    let id = this.#ids.get(type);
    if (id === undefined) this.#ids.set(type, id = this.#ids.size);
    return id;
  }

  /** Writes the dictionaries of a column that differ from those before. */
  #dictionaries({ type, dictionary, children }: FrameData): void {
    for (const child of children) this.#dictionaries(child);
    if (type.kind !== "dictionary") return;
    const id = this.#idOf(type);
    const last = this.#written.get(id);
    // Keys that are all null need none, but readers do.
    const wanted = dictionary ?? last ?? { parts: [emptyData(type.value)], length: 0 };
    if (wanted === last) return;
    this.#written.set(id, wanted);
    const before = last?.parts ?? [];
    const isLonger = before.every((part, i) => part === wanted.parts[i]);
    const known = isLonger ? before.length : 0;
    for (const [i, part] of wanted.parts.entries()) {
      if (i < known) continue;
      this.#dictionaries(part);
      const buffers = collected([part]);
      const buffer = new FlatBuffer();
      const data = writeBatch(buffer, part.length, buffers);
      const header = buffer.table([
        field.long(0, id),
        field.offset(1, data),
        field.byte(2, i > 0 ? 1 : 0),
      ]);
      this.#message(buffer, { header, kind: HEADER.DICTIONARY, body: buffers.parts });
    }
  }

  #message(
    buffer: FlatBuffer,
    { header, kind, body }: {
      readonly header: Offset;
      readonly kind: number;
      readonly body: readonly Uint8Array[];
    },
  ): void {
    const bodyBytes = body.reduce((sum, part) => sum + padded(part.length), 0);
    this.#push(messageHead(buffer, { header, kind, bodyBytes }));
    for (const part of body) {
      this.#push(part);
      this.#push(new Uint8Array(padded(part.length) - part.length));
    }
  }

  #push(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#byteLength += part.length;
  }
}

/** The metadata of a message, with its length in front. */
function messageHead(
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

/** No values of a type. */
function emptyData(type: FrameType): FrameData {
  const children = fieldsOf(type).map((field) => emptyData(field.type));
  return frameData({ type, length: 0, children });
}

function collected(columns: readonly FrameData[]): Buffers {
  const buffers: Buffers = { nodes: [], parts: [], viewCounts: [] };
  for (const column of columns) collect(column, buffers);
  return buffers;
}

function collect(data: FrameData, buffers: Buffers): void {
  const { type, length, validity, values, offsets, views } = data;
  const nulls = countNulls(data);
  buffers.nodes.push([length, nulls]);
  if (type.kind === "null") return;
  buffers.parts.push(validity === null || nulls === 0 ? new Uint8Array(0) : validity);
  switch (type.kind) {
    case "text":
    case "binary":
      if (type.layout === "view") {
        buffers.parts.push(values, ...views);
        buffers.viewCounts.push(views.length);
      } else buffers.parts.push(offsets, values);
      break;
    case "list":
    case "map":
      buffers.parts.push(offsets);
      break;
    case "array":
    case "struct":
      break;
    default:
      buffers.parts.push(values);
  }
  for (const child of data.children) collect(child, buffers);
}

function writeBatch(
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
