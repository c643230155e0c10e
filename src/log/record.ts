import type { MsgId, QoS } from "../protocol/packet.ts";
import { crc32c } from "./crc32c.ts";
import { PUBLISHER_BYTES_MAX, RECORD_BYTES_MAX, TOPIC_BYTES_MAX } from "./limits.ts";
import { align, readU64, type Span, writeU64 } from "./span.ts";
import type { TextBytes, Texts } from "./texts.ts";

/*
 * One record, little-endian; it begins at a multiple of 8 (docs/LOG.md):
 *
 *      0  u32  marker      random, the same in the whole log and found nowhere else
 *      4  u32  crc         CRC32C of byte 8 to the end, zeros included
 *      8  u32  length      from the marker to the last byte of the payload
 *     12  u8   kind        0 padding, 1 publication, 2 command
 *     13  u8   flags       bits 0-1 QoS, 2 slot, 3 id, 4 anonymous publisher
 *     14  u16  topic       length in bytes
 *     16  u64  offset
 *     24  u64  recv        nanoseconds since the epoch
 *     32  u64  id          padding: the last offset that it covers
 *     40  u32  slot
 *     44  u8   publisher   length in bytes
 *     45  3    zero
 *     48       publisher, topic, payload, zeros up to a multiple of 8
 */

/** Bytes of a record in front of its texts. */
export const RECORD_HEADER_BYTES = 48;

/** What a record is. */
export const RecordKind = {
  /**
   * No message: the offsets from its own up to `through` were given to records that are not stored, or it
   * covers none (`through` is one less). Everything in front of it in its file was durable when it was
   * written, so that bytes before it that cannot be read are damage and not a torn end.
   */
  PADDING: 0,
  /** A message on a topic. */
  PUBLICATION: 1,
  /** A command that the lake applies in log order (D21). */
  COMMAND: 2,
} as const;
/** What a record is: 0, 1 or 2. */
export type RecordKind = typeof RecordKind[keyof typeof RecordKind];

const FLAG = { QOS: 0x03, SLOT: 0x04, ID: 0x08, ANONYMOUS: 0x10 } as const;

/** What is appended to the log. */
export interface LogEntry {
  /** A publication, or a command (`upsert_`, `delete_`) that the lake applies in log order (D21). */
  readonly kind: "publication" | "command";
  /** Id of the message; `null` when it has none. */
  readonly id: MsgId | null;
  /** The slot that came with it. */
  readonly slot: number | null;
  /** Quality of service. A command is treated as QoS 1 whatever this says. */
  readonly qos: QoS;
  /** Name of the publisher or caller, at most 255 bytes of UTF-8. */
  readonly publisher: string;
  /** Whether that name stands for one connection only. */
  readonly isAnonymous: boolean;
  /** Topic, or the name of the service, at most 65,535 bytes of UTF-8. */
  readonly topic: string;
  /** The payload as it came. It is copied. */
  readonly data: Uint8Array;
}

/** What is read from the log. */
export interface LogRecord extends LogEntry {
  /** Position in the log: 1 for the first record; each record has one more than the record before. */
  readonly offset: number;
  /** When the broker received it, in nanoseconds since the epoch; later than that of the record before. */
  readonly recvNs: bigint;
  /** The payload. A view of a larger buffer, which it keeps alive: copy it to keep it for long. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** How many bytes an entry takes in a segment. Throws `RangeError` for one that no record can hold. */
export function recordBytes(entry: LogEntry, publisher: TextBytes, topic: TextBytes): number {
  const bytes = RECORD_HEADER_BYTES + publisher.byteLength + topic.byteLength +
    entry.data.byteLength;
  if (publisher.byteLength > PUBLISHER_BYTES_MAX) throw tooLong("publisher", publisher);
  if (topic.byteLength > TOPIC_BYTES_MAX) throw tooLong("topic", topic);
  if (bytes > RECORD_BYTES_MAX) {
    throw new RangeError(
      `Cannot append to the log: a record has at most ${RECORD_BYTES_MAX} bytes, got ${bytes}`,
    );
  }
  return align(bytes);
}

function tooLong(what: string, text: TextBytes): RangeError {
  return new RangeError(
    `Cannot append to the log: the ${what} is too long, got ${text.byteLength} bytes`,
  );
}

/** Where a record goes, and what the log adds to it. */
export interface RecordPlace {
  /** The log's marker. */
  readonly marker: number;
  /** Where in the span it begins. */
  readonly at: number;
  /** Bytes that it takes, see {@link recordBytes}. */
  readonly bytes: number;
  /** Its offset. */
  readonly offset: number;
  /** Its receive time. */
  readonly recvNs: bigint;
  /** Name of the publisher in UTF-8. */
  readonly publisher: TextBytes;
  /** Topic in UTF-8. */
  readonly topic: TextBytes;
}

/** Writes a record. The span has room for it. */
export function writeRecord(span: Span, entry: LogEntry, place: RecordPlace): void {
  const { at, bytes, publisher, topic } = place;
  const { view } = span;
  const payloadAt = at + RECORD_HEADER_BYTES + publisher.byteLength + topic.byteLength;
  const end = payloadAt + entry.data.byteLength;
  view.setUint32(at, place.marker, true);
  view.setUint32(at + 8, end - at, true);
  view.setUint8(at + 12, entry.kind === "command" ? RecordKind.COMMAND : RecordKind.PUBLICATION);
  view.setUint8(at + 13, flagsOf(entry));
  view.setUint16(at + 14, topic.byteLength, true);
  writeU64(view, at + 16, place.offset);
  view.setBigUint64(at + 24, place.recvNs, true);
  view.setBigUint64(at + 32, entry.id ?? 0n, true);
  view.setUint32(at + 40, entry.slot ?? 0, true);
  view.setUint32(at + 44, publisher.byteLength, true);
  span.bytes.set(publisher, at + RECORD_HEADER_BYTES);
  span.bytes.set(topic, at + RECORD_HEADER_BYTES + publisher.byteLength);
  span.bytes.set(entry.data, payloadAt);
  for (let i = end; i < at + bytes; i++) view.setUint8(i, 0);
  view.setInt32(at + 4, crc32c(view, at + 8, at + bytes), true);
}

function flagsOf({ qos, slot, id, isAnonymous }: LogEntry): number {
  return qos | (slot === null ? 0 : FLAG.SLOT) | (id === null ? 0 : FLAG.ID) |
    (isAnonymous ? FLAG.ANONYMOUS : 0);
}

/** Offsets that hold no message, see {@link RecordKind.PADDING}. */
export interface Padding {
  /** The log's marker. */
  readonly marker: number;
  /** The first offset that it covers, or, when it covers none, the next that will be given. */
  readonly offset: number;
  /** The last offset that it covers; `offset - 1` for none. */
  readonly through: number;
  /** Receive time of the record before it. */
  readonly recvNs: bigint;
}

/** Writes a padding record of `RECORD_HEADER_BYTES` bytes. */
export function writePadding(span: Span, at: number, padding: Padding): void {
  const { view } = span;
  span.bytes.fill(0, at, at + RECORD_HEADER_BYTES);
  view.setUint32(at, padding.marker, true);
  view.setUint32(at + 8, RECORD_HEADER_BYTES, true);
  view.setUint8(at + 12, RecordKind.PADDING);
  writeU64(view, at + 16, padding.offset);
  view.setBigUint64(at + 24, padding.recvNs, true);
  writeU64(view, at + 32, padding.through);
  view.setInt32(at + 4, crc32c(view, at + 8, at + RECORD_HEADER_BYTES), true);
}

/** What a look for a record found. */
export const Look = {
  /** A whole, undamaged record. */
  RECORD: 0,
  /** What may be a record that goes on behind the bytes at hand. */
  CUT: 1,
  /** No record. */
  NONE: 2,
} as const;
/** What a look for a record found. */
export type Look = typeof Look[keyof typeof Look];

/**
 * Reads records where they lie, without making an object for each. Its fields say what the last look that
 * returned `Look.RECORD` found; they change with the next.
 */
export class RecordView {
  /** Bytes from here to the next record; after `Look.CUT`, how many it wants to have at hand. */
  bytes = 0;
  /** What it is. */
  kind: RecordKind = RecordKind.PADDING;
  /** Its offset. */
  offset = 0;
  /** The last offset that a padding covers; for others the offset itself. */
  through = 0;
  #span: Span | null = null;
  #at = 0;

  /** Looks for a record at `at`, with the bytes before `end` at hand. Its checksum is checked. */
  look(span: Span, at: number, options: { readonly end: number; readonly marker: number }): Look {
    const { view } = span;
    const room = options.end - at;
    this.bytes = RECORD_HEADER_BYTES;
    if (room < RECORD_HEADER_BYTES) return Look.CUT;
    if (view.getUint32(at, true) !== options.marker) return Look.NONE;
    const length = view.getUint32(at + 8, true);
    const kind = view.getUint8(at + 12);
    const texts = view.getUint16(at + 14, true) + view.getUint8(at + 44);
    if (length > RECORD_BYTES_MAX || length < RECORD_HEADER_BYTES + texts) return Look.NONE;
    if (!isKind(kind)) return Look.NONE;
    this.bytes = align(length);
    if (this.bytes > room) return Look.CUT;
    if (crc32c(view, at + 8, at + this.bytes) !== view.getInt32(at + 4, true)) return Look.NONE;
    this.#span = span;
    this.#at = at;
    this.kind = kind;
    this.offset = readU64(view, at + 16);
    this.through = kind === RecordKind.PADDING ? readU64(view, at + 32) : this.offset;
    return Number.isNaN(this.offset) || !(this.through >= this.offset - 1)
      ? Look.NONE
      : Look.RECORD;
  }

  /** Receive time in nanoseconds since the epoch. */
  get recvNs(): bigint {
    return this.#held.view.getBigUint64(this.#at + 24, true);
  }

  /** Quality of service. */
  get qos(): QoS {
    return qosOf(this.#held.view.getUint8(this.#at + 13));
  }

  /** Topic. */
  topic(texts: Texts): string {
    const from = this.#at + RECORD_HEADER_BYTES + this.#held.view.getUint8(this.#at + 44);
    return texts.read(this.#held.bytes, from, from + this.#topicBytes);
  }

  /** The record as an object. The payload stays where it is. */
  toRecord(texts: Texts): LogRecord {
    const { view, bytes } = this.#held;
    const at = this.#at;
    const flags = view.getUint8(at + 13);
    const textAt = at + RECORD_HEADER_BYTES;
    const topicAt = textAt + view.getUint8(at + 44);
    const dataAt = topicAt + this.#topicBytes;
    return {
      offset: this.offset,
      recvNs: view.getBigUint64(at + 24, true),
      kind: this.kind === RecordKind.COMMAND ? "command" : "publication",
      id: (flags & FLAG.ID) === 0 ? null : view.getBigUint64(at + 32, true) as MsgId,
      slot: (flags & FLAG.SLOT) === 0 ? null : view.getUint32(at + 40, true),
      qos: qosOf(flags),
      publisher: texts.read(bytes, textAt, topicAt),
      isAnonymous: (flags & FLAG.ANONYMOUS) !== 0,
      topic: texts.read(bytes, topicAt, dataAt),
      data: bytes.subarray(dataAt, at + view.getUint32(at + 8, true)),
    };
  }

  get #topicBytes(): number {
    return this.#held.view.getUint16(this.#at + 14, true);
  }

  get #held(): Span {
    if (this.#span === null) throw new TypeError("Cannot read a record: none was looked at");
    return this.#span;
  }
}

function isKind(kind: number): kind is RecordKind {
  return kind <= RecordKind.COMMAND;
}

function qosOf(flags: number): QoS {
  const qos = flags & FLAG.QOS;
  return qos === 2 ? 2 : qos === 1 ? 1 : 0;
}
