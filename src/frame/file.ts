import { encodeSchema } from "./encode.ts";
import { FlatReader } from "./flat_reader.ts";
import { FrameError } from "./frame_error.ts";
import { viewOf } from "./frame_data.ts";
import { readSchema } from "./read_schema.ts";

const MAGIC = new TextEncoder().encode("ARROW1");
/** The magic, padded. */
const HEAD_BYTES = 8;
const PREFIX_BYTES = 8;
const SIZE_BYTES = 4;
/** Numbers of what is read (File.fbs, Message.fbs). */
const FOOTER_SCHEMA = 1;
const MESSAGE_KIND = 1;
const KIND_SCHEMA = 1;

/**
 * The stream of what may be a file. The file format is a stream between a magic and a footer; only
 * apache-arrow leaves the schema to the footer.
 *
 * @throws {FrameError} For a file that is damaged.
 */
export function fileToStream(bytes: Uint8Array): Uint8Array {
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) return bytes;
  const footerEnd = bytes.length - MAGIC.length - SIZE_BYTES;
  const isWhole = MAGIC.every((byte, i) => bytes[bytes.length - MAGIC.length + i] === byte);
  if (!isWhole || footerEnd < HEAD_BYTES) throw new FrameError("the Arrow file is cut off");
  const footerBytes = viewOf(bytes).getInt32(footerEnd, true);
  if (footerBytes < 0 || footerBytes > footerEnd - HEAD_BYTES) {
    throw new FrameError("the Arrow file is damaged: its footer lies outside of it");
  }
  const footerAt = footerEnd - footerBytes;
  const stream = bytes.subarray(HEAD_BYTES, footerAt);
  try {
    if (beginsWithSchema(stream)) return stream;
    const footer = new FlatReader(bytes.subarray(footerAt, footerEnd));
    const schema = encodeSchema(readSchema(footer, footer.required(footer.root, FOOTER_SCHEMA)));
    const joined = new Uint8Array(schema.length + stream.length);
    joined.set(schema);
    joined.set(stream, schema.length);
    return joined;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new FrameError("the Arrow file is damaged: a position lies outside of it", { cause });
  }
}

function beginsWithSchema(stream: Uint8Array): boolean {
  const size = viewOf(stream).getInt32(SIZE_BYTES, true);
  if (size <= 0) return false;
  const message = new FlatReader(stream.subarray(PREFIX_BYTES, PREFIX_BYTES + size));
  return message.byte(message.root, MESSAGE_KIND) === KIND_SCHEMA;
}
