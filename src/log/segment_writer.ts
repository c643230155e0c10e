import type { Clock } from "../util/clock.ts";
import type { Block } from "./append_queue.ts";
import { type LogFile, type LogFiles, TEMPORARY_END, writeAll } from "./files.ts";
import { PROBE_BYTES } from "./limits.ts";
import { RECORD_HEADER_BYTES, writePadding } from "./record.ts";
import type { ResumableSegment } from "./recovery.ts";
import type { LogIdentity } from "./identity.ts";
import { RECORDS_AT, writeSegmentHeader } from "./segment_header.ts";
import { SegmentIndex } from "./segment_index.ts";
import { Segment } from "./segment.ts";
import { Span } from "./span.ts";

/** What a {@link SegmentWriter} needs. */
export interface SegmentWriterParts {
  /** The directory. */
  readonly files: LogFiles;
  /** What all segments have in common. */
  readonly identity: LogIdentity;
  /** Time of creation. */
  readonly clock: Clock;
}

/** How a new segment begins. */
export interface SegmentStart {
  /** Offset of its first record. */
  readonly base: number;
  /** Receive time of the record before it. */
  readonly startNs: bigint;
  /** The last offset that holds no record; `base - 1` when all do. */
  readonly through: number;
  /** Whether to find out first that there is room for more than the header. */
  readonly isProbe: boolean;
}

/**
 * The one file that is written to: only at its end, and never again after a write or sync of it failed. A
 * system may drop what it could not write and then say that the next sync went well.
 */
export class SegmentWriter {
  /** What readers see of the file. */
  readonly segment: Segment;
  /** Index of what they see. */
  readonly index: SegmentIndex;
  readonly #file: LogFile;
  readonly #marker: number;
  readonly #padding = Span.ofSize(RECORD_HEADER_BYTES);
  /** Where the next byte goes. */
  #end: number;
  /** Whether the file ends with a padding that proves everything before it durable. */
  #isProven: boolean;

  private constructor(
    file: LogFile,
    written: { segment: Segment; index: SegmentIndex; marker: number; isProven: boolean },
  ) {
    this.#file = file;
    this.segment = written.segment;
    this.index = written.index;
    this.#marker = written.marker;
    this.#end = written.index.end;
    this.#isProven = written.isProven;
  }

  /**
   * Makes a segment. It has its name only when its header is durable, so that a segment without a header
   * does not exist. One of the same base, which holds no records, is replaced.
   */
  static async create(parts: SegmentWriterParts, start: SegmentStart): Promise<SegmentWriter> {
    const { files, identity, clock } = parts;
    const { base, startNs, through } = start;
    const isPadded = through >= base;
    const segment = new Segment(base);
    const index = SegmentIndex.empty(base);
    const header = { ...identity, base, startNs, createdMs: Math.trunc(clock.wallMs()) };
    const temporary = `${segment.name}${TEMPORARY_END}`;
    const file = await files.create(temporary);
    try {
      await writeAll(file, writeSegmentHeader(header).bytes, 0);
      if (start.isProbe) await probe(file);
      const end = isPadded
        ? await pad(file, index, { identity, recvNs: startNs, through })
        : index.end;
      await file.sync();
      if (isPadded) index.addPadding({ through, end, recvNs: startNs });
      await files.rename(temporary, segment.name);
      await files.syncDirectory();
    } catch (error) {
      await dropQuietly(files, { file, name: temporary });
      throw error;
    }
    segment.header = header;
    showAll(segment, index);
    const { marker } = identity;
    return new SegmentWriter(file, { segment, index, marker, isProven: isPadded });
  }

  /**
   * Goes on in a segment after a start. What is behind its last record is cut, and offsets up to `through`
   * and times up to `lastNs` are marked as holding no record, when there are any.
   */
  static async resume(
    parts: SegmentWriterParts,
    resumed: ResumableSegment & { readonly through: number; readonly lastNs: bigint },
  ): Promise<SegmentWriter> {
    const { segment, index, provenAt, through, lastNs } = resumed;
    const { files, identity } = parts;
    // Its index says that the log was closed properly, which is over now.
    await files.remove(segment.indexName);
    await files.syncDirectory();
    const file = await files.openForWriting(segment.name);
    if (file === null) throw new Error(`Cannot open log file "${segment.name}": it was removed`);
    const isPadded = through > index.last;
    try {
      await file.truncate(index.end);
      await rewrite(file, { from: provenAt, to: index.end });
      const end = isPadded
        ? await pad(file, index, { identity, recvNs: lastNs, through })
        : index.end;
      await file.sync();
      if (isPadded) index.addPadding({ through, end, recvNs: lastNs });
    } catch (error) {
      await closeQuietly(file);
      throw error;
    }
    showAll(segment, index);
    return new SegmentWriter(file, { segment, index, marker: identity.marker, isProven: isPadded });
  }

  /** Bytes in the file. */
  get bytes(): number {
    return this.#end;
  }

  /** Writes blocks, and makes them durable and visible. When it rejects, nothing of them is visible. */
  async commit(blocks: readonly Block[]): Promise<void> {
    let position = this.#end;
    const places: { readonly block: Block; readonly position: number }[] = [];
    for (const [i, block] of blocks.entries()) {
      // The first says that all before it is durable; the others are of the same commit.
      const isProof = i === 0 && !this.#isProven;
      if (isProof) this.#writeProof(block.span);
      const from = isProof ? 0 : RECORD_HEADER_BYTES;
      places.push({ block, position: position + RECORD_HEADER_BYTES - from });
      await writeAll(this.#file, block.span.bytes.subarray(from, block.used), position);
      position += block.used - from;
    }
    await this.#file.sync();
    this.#end = position;
    this.#isProven = false;
    for (const place of places) this.#show(place.block, place.position);
    showAll(this.segment, this.index);
  }

  /**
   * Writes down that everything is durable, without a sync: it need not survive a power loss, because the
   * disk has everything else then.
   */
  async prove(): Promise<void> {
    if (this.#isProven || this.index.records === 0) return;
    this.#writeProof(this.#padding);
    await writeAll(this.#file, this.#padding.bytes, this.#end);
    this.#end += RECORD_HEADER_BYTES;
    this.#isProven = true;
  }

  /** Makes the file end with its last record, for good: its index says so (a proper end of the log). */
  async finish(): Promise<void> {
    if (this.#end === this.index.end) return;
    await this.#file.truncate(this.index.end);
    await this.#file.sync();
    this.#end = this.index.end;
  }

  /** Cuts off what is not visible, after a failure. Goes through a new handle, and may fail as well. */
  async cut(files: LogFiles): Promise<void> {
    const file = await files.openForWriting(this.segment.name);
    if (file === null) return;
    try {
      await file.truncate(this.segment.end);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Closes the file; nothing is synced. */
  close(): Promise<void> {
    return closeQuietly(this.#file);
  }

  /** A padding that covers no offset. */
  #writeProof(span: Span): void {
    const { last, lastNs } = this.index;
    const marker = this.#marker;
    writePadding(span, 0, { marker, offset: last + 1, through: last, recvNs: lastNs });
  }

  #show(block: Block, position: number): void {
    const { index } = this;
    index.addRecords({ offset: block.first, position, recvNs: block.firstNs }, {
      last: block.last,
      lastNs: block.lastNs,
      end: position + block.bytes,
      count: block.count,
    });
    for (const [topic, span] of block.topics) index.addTopic(topic, span);
  }
}

function showAll(segment: Segment, index: SegmentIndex): void {
  segment.end = index.end;
  segment.last = index.last;
}

/** Finds out that there is room: an almost full disk takes a header, and fails again at once. */
async function probe(file: LogFile): Promise<void> {
  await writeAll(file, new Uint8Array(PROBE_BYTES), RECORDS_AT);
  await file.sync();
  await file.truncate(RECORDS_AT);
}

/**
 * Writes what is there once more. After a failed sync the memory of the system may show what the disk does not
 * have, and no later sync would write it.
 */
async function rewrite(
  file: LogFile,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  for (let at = from; at < to; at += PROBE_BYTES) {
    const bytes = new Uint8Array(Math.min(PROBE_BYTES, to - at));
    await file.read(bytes, at);
    await writeAll(file, bytes, at);
  }
}

/** Writes that offsets hold no record, at the end of a file. Returns where it ends then. */
async function pad(
  file: LogFile,
  index: SegmentIndex,
  options: {
    readonly identity: LogIdentity;
    readonly recvNs: bigint;
    readonly through: number;
  },
): Promise<number> {
  const { identity: { marker }, recvNs, through } = options;
  const span = Span.ofSize(RECORD_HEADER_BYTES);
  const offset = index.last + 1;
  writePadding(span, 0, { marker, offset, through, recvNs });
  await writeAll(file, span.bytes, index.end);
  return index.end + RECORD_HEADER_BYTES;
}

async function dropQuietly(
  files: LogFiles,
  { file, name }: { readonly file: LogFile; readonly name: string },
): Promise<void> {
  await closeQuietly(file);
  try {
    await files.remove(name);
  } catch {
    // The disk fails; what is left is removed at the next start.
  }
}

async function closeQuietly(file: LogFile): Promise<void> {
  try {
    await file.close();
  } catch {
    // What had to be durable was synced before.
  }
}
