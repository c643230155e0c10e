import { crc32c } from "./crc32c.ts";
import { type LogFiles, readWhole } from "./files.ts";
import { INDEX_BYTES_MAX } from "./limits.ts";
import { type LogIdentity, uuidBytes, uuidText } from "./identity.ts";
import { checkVersion, FORMAT_VERSION } from "./segment_header.ts";
import { type SeekPoint, SegmentIndex, type TopicSpan } from "./segment_index.ts";
import { readU64, Span, writeU64 } from "./span.ts";

/*
 * The index of a sealed segment, in a file beside it. Little-endian (docs/LOG.md):
 *
 *      0  8    magic "RembusIx"
 *      8  u16  format version
 *     10  6    zero
 *     16  16   log id
 *     32  u32  marker of the records
 *     36  u32  1 when it lists the topics, 0 when there were too many
 *     40  u64  base: offset of the first record
 *     48  u64  last: offset of the last record, or of the last padded offset
 *     56  u64  end: position behind the last record
 *     64  u64  receive time of the last record
 *     72  u64  records, padding not counted
 *     80  u32  points of the seek table
 *     84  u32  topics
 *     88       points: u64 offset, u64 position, u64 receive time
 *              topics: u64 first offset, u64 last offset, u32 count, u16 bytes, text
 *          u32 CRC32C of everything before
 */

const MAGIC = 0x78_49_73_75_62_6d_65_52n; // "RembusIx", little-endian
const HEADER_BYTES = 88;
const SEEK_POINT_BYTES = 24;
const TOPIC_ENTRY_BYTES = 22;
const CRC_BYTES = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The file of an index. */
export function writeIndex(index: SegmentIndex, { logId, marker }: LogIdentity): Uint8Array {
  const topics = [...index.topics ?? []].map(([topic, span]) => ({
    text: encoder.encode(topic),
    span,
  }));
  const topicBytes = topics.reduce((sum, { text }) => sum + TOPIC_ENTRY_BYTES + text.byteLength, 0);
  const end = HEADER_BYTES + index.seeks.length * SEEK_POINT_BYTES + topicBytes;
  const span = Span.ofSize(end + CRC_BYTES);
  const { view, bytes } = span;
  view.setBigUint64(0, MAGIC, true);
  view.setUint16(8, FORMAT_VERSION, true);
  bytes.set(uuidBytes(logId), 16);
  view.setUint32(32, marker, true);
  view.setUint32(36, index.topics === null ? 0 : 1, true);
  writeU64(view, 40, index.base);
  writeU64(view, 48, index.last);
  writeU64(view, 56, index.end);
  view.setBigUint64(64, index.lastNs, true);
  writeU64(view, 72, index.records);
  view.setUint32(80, index.seeks.length, true);
  view.setUint32(84, topics.length, true);
  let at = HEADER_BYTES;
  for (const point of index.seeks) {
    writeU64(view, at, point.offset);
    writeU64(view, at + 8, point.position);
    view.setBigUint64(at + 16, point.recvNs, true);
    at += SEEK_POINT_BYTES;
  }
  for (const { text, span: { first, last, count } } of topics) {
    writeU64(view, at, first);
    writeU64(view, at + 8, last);
    view.setUint32(at + 16, count, true);
    view.setUint16(at + 20, text.byteLength, true);
    bytes.set(text, at + TOPIC_ENTRY_BYTES);
    at += TOPIC_ENTRY_BYTES + text.byteLength;
  }
  view.setInt32(at, crc32c(view, 0, at), true);
  return bytes;
}

/** An index as it was read. */
export interface FoundIndex {
  /** Which log it belongs to. */
  readonly identity: LogIdentity;
  /** The index. */
  readonly index: SegmentIndex;
}

/**
 * Reads the index in a file; `null` when there is none, or when it is damaged or cannot be read: it is made
 * anew then.
 *
 * @throws {LogError} `version` when it was written in a newer format (D24).
 */
export async function readIndexFile(files: LogFiles, name: string): Promise<FoundIndex | null> {
  let content: Uint8Array<ArrayBuffer> | null;
  try {
    content = await readWhole(files, name, INDEX_BYTES_MAX);
  } catch {
    // The disk fails. That matters when the records cannot be read, either, and is said then.
    return null;
  }
  return content === null ? null : readIndex(content, name);
}

/**
 * Reads the content of the file of an index; `null` when it is damaged.
 *
 * @throws {LogError} `version` when it was written in a newer format (D24).
 */
export function readIndex(content: Uint8Array<ArrayBuffer>, name: string): FoundIndex | null {
  const { byteLength } = content;
  const view = new DataView(content.buffer, content.byteOffset, byteLength);
  const end = byteLength - CRC_BYTES;
  if (end < HEADER_BYTES || view.getBigUint64(0, true) !== MAGIC) return null;
  if (crc32c(view, 0, end) !== view.getInt32(end, true)) return null;
  checkVersion(view.getUint16(8, true), name);
  const seekCount = view.getUint32(80, true);
  const topicsAt = HEADER_BYTES + seekCount * SEEK_POINT_BYTES;
  if (topicsAt > end) return null;
  const topics = readTopics(content, topicsAt, view.getUint32(84, true));
  if (topics === null) return null;
  const index = new SegmentIndex({
    base: readU64(view, 40),
    last: readU64(view, 48),
    end: readU64(view, 56),
    lastNs: view.getBigUint64(64, true),
    records: readU64(view, 72),
    seeks: readSeeks(view, seekCount),
    topics: view.getUint32(36, true) === 0 ? null : topics,
  });
  const logId = uuidText(content.subarray(16, 32));
  return { identity: { logId, marker: view.getUint32(32, true) }, index };
}

function readSeeks(view: DataView, count: number): SeekPoint[] {
  return Array.from({ length: count }, (_, i) => {
    const at = HEADER_BYTES + i * SEEK_POINT_BYTES;
    return {
      offset: readU64(view, at),
      position: readU64(view, at + 8),
      recvNs: view.getBigUint64(at + 16, true),
    };
  });
}

function readTopics(
  content: Uint8Array<ArrayBuffer>,
  from: number,
  count: number,
): Map<string, TopicSpan> | null {
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const end = content.byteLength - CRC_BYTES;
  const topics = new Map<string, TopicSpan>();
  let at = from;
  for (let i = 0; i < count; i++) {
    if (at + TOPIC_ENTRY_BYTES > end) return null;
    const textAt = at + TOPIC_ENTRY_BYTES;
    const textEnd = textAt + view.getUint16(at + 20, true);
    if (textEnd > end) return null;
    topics.set(decoder.decode(content.subarray(textAt, textEnd)), {
      first: readU64(view, at),
      last: readU64(view, at + 8),
      count: view.getUint32(at + 16, true),
    });
    at = textEnd;
  }
  return at === end ? topics : null;
}
