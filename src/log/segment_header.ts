import { crc32c } from "./crc32c.ts";
import { LogError } from "./errors.ts";
import { type LogIdentity, uuidBytes, uuidText } from "./identity.ts";
import { readU64, Span, writeU64 } from "./span.ts";

/*
 * A segment begins with two copies of its header, 4,096 bytes apart, so that one bad page leaves the
 * other. Little-endian (docs/LOG.md):
 *
 *      0  8    magic "RembusLg"
 *      8  u16  format version
 *     10  6    zero
 *     16  16   log id
 *     32  u32  marker of the records
 *     36  u32  zero
 *     40  u64  base: offset of the first record
 *     48  u64  start: every record is later, in nanoseconds since the epoch
 *     56  u64  time of creation, in milliseconds since the epoch
 *     64       zeros
 *   4092  u32  CRC32C of bytes 0 to 4091
 */

/** Version of the file format: segments and indexes. */
export const FORMAT_VERSION = 1;
/** Where the records of a segment begin. */
export const RECORDS_AT = 8_192;
const COPIES = 2;
/** Bytes of one copy of the header. */
export const SEGMENT_HEADER_BYTES = 4_096;
const CRC_AT = SEGMENT_HEADER_BYTES - 4;
const MAGIC = 0x67_4c_73_75_62_6d_65_52n; // "RembusLg", little-endian

/** The header of a segment. */
export interface SegmentHeader extends LogIdentity {
  /** Offset of the first record. */
  readonly base: number;
  /** Every record of the segment is later; none before the segment is. Nanoseconds since the epoch. */
  readonly startNs: bigint;
  /** Time of creation, in milliseconds since the epoch. */
  readonly createdMs: number;
}

/** Everything of a segment that comes before its records. */
export function writeSegmentHeader(header: SegmentHeader): Span {
  const span = Span.ofSize(RECORDS_AT);
  const { view } = span;
  for (let copy = 0; copy < COPIES; copy++) {
    const at = copy * SEGMENT_HEADER_BYTES;
    view.setBigUint64(at, MAGIC, true);
    view.setUint16(at + 8, FORMAT_VERSION, true);
    span.bytes.set(uuidBytes(header.logId), at + 16);
    view.setUint32(at + 32, header.marker, true);
    writeU64(view, at + 40, header.base);
    view.setBigUint64(at + 48, header.startNs, true);
    writeU64(view, at + 56, header.createdMs);
    view.setInt32(at + CRC_AT, crc32c(view, at, at + CRC_AT), true);
  }
  return span;
}

/** What was found where a header should be. */
export interface FoundHeader {
  /** The header; `null` when no copy of it is whole. */
  readonly header: SegmentHeader | null;
  /** Copies that are damaged. */
  readonly damaged: number;
}

/**
 * Reads the header from the first `RECORDS_AT` bytes of a file, or from fewer when it is shorter.
 *
 * @throws {LogError} `version` when it was written in a newer format (D24).
 */
export function readSegmentHeader(span: Span, name: string): FoundHeader {
  let header: SegmentHeader | null = null;
  let damaged = 0;
  for (let copy = 0; copy < COPIES; copy++) {
    const found = readCopy(span, copy * SEGMENT_HEADER_BYTES, name);
    if (found === null) damaged++;
    else header ??= found;
  }
  return { header, damaged };
}

function readCopy({ view, bytes }: Span, at: number, name: string): SegmentHeader | null {
  if (view.byteLength < at + CRC_AT + 4 || view.getBigUint64(at, true) !== MAGIC) return null;
  if (crc32c(view, at, at + CRC_AT) !== view.getInt32(at + CRC_AT, true)) return null;
  checkVersion(view.getUint16(at + 8, true), name);
  const base = readU64(view, at + 40);
  if (!(base >= 1)) return null;
  return {
    logId: uuidText(bytes.subarray(at + 16, at + 32)),
    marker: view.getUint32(at + 32, true),
    base,
    startNs: view.getBigUint64(at + 48, true),
    createdMs: readU64(view, at + 56),
  };
}

/** Throws {@link LogError} `version` for a format that this program does not know. */
export function checkVersion(version: number, name: string): void {
  if (version === FORMAT_VERSION) return;
  throw new LogError(
    "version",
    `Cannot open log file "${name}": format version ${FORMAT_VERSION} wanted, got ${version}. ` +
      "It was written by a newer version of Rembus, which can read it",
  );
}

const NAME = /^(\d{16})\.seg$/;
const BASE_DIGITS = 16;

/** Name of the segment that begins with offset `base`. Names sort as offsets do. */
export function segmentName(base: number): string {
  return `${String(base).padStart(BASE_DIGITS, "0")}.seg`;
}

/** Name of the index of that segment. */
export function indexName(base: number): string {
  return `${String(base).padStart(BASE_DIGITS, "0")}.idx`;
}

/** The base offset in the name of a segment; `null` for the name of something else. */
export function baseOfName(name: string): number | null {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}
