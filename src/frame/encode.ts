import { field, FlatBuffer } from "./flat_buffer.ts";
import {
  countNulls,
  type Dictionary,
  type Frame,
  type FrameData,
  frameData,
} from "./frame_data.ts";
import { type DictionaryType, fieldsOf, type FrameField, type FrameType } from "./frame_type.ts";
import {
  ArrowStream,
  type Buffers,
  HEADER,
  messageHead,
  newBuffers,
  writeBatch,
} from "./stream.ts";
import { writeSchema } from "./write_schema.ts";

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

class StreamWriter {
  readonly #stream = new ArrowStream();
  /** Dictionary type -> its number. */
  readonly #ids = new Map<DictionaryType, number>();
  /** Dictionary number -> the dictionary that was written last. */
  readonly #written = new Map<number, Dictionary>();

  schema({ fields }: Frame): void {
    const buffer = new FlatBuffer();
    const header = writeSchema(buffer, fields, (type) => this.#idOf(type));
    this.#stream.message(buffer, { header, kind: HEADER.SCHEMA, body: [] });
  }

  batch(length: number, columns: readonly FrameData[]): void {
    for (const column of columns) this.#dictionaries(column);
    this.#stream.batch(length, collected(columns));
  }

  finish(): Uint8Array {
    return this.#stream.finish();
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
      this.#stream.message(buffer, { header, kind: HEADER.DICTIONARY, body: buffers.parts });
    }
  }
}

/** No values of a type. */
function emptyData(type: FrameType): FrameData {
  const children = fieldsOf(type).map((field) => emptyData(field.type));
  return frameData({ type, length: 0, children });
}

function collected(columns: readonly FrameData[]): Buffers {
  const buffers = newBuffers();
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
