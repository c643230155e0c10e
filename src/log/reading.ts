import type { QoS } from "../protocol/packet.ts";
import type { Catalog } from "./catalog.ts";
import { SegmentCursor, SegmentGone } from "./cursor.ts";
import { CHUNK_BYTES, PROGRESS_BYTES } from "./limits.ts";
import { type LogRecord, RecordKind, type RecordView } from "./record.ts";
import { RECORDS_AT } from "./segment_header.ts";
import type { Segment } from "./segment.ts";

/** Where to begin reading. */
export type LogPosition =
  /** At an offset, or at the first one behind it that still exists. */
  | { readonly offset: number }
  /** At the first record that was received at this time or later, in nanoseconds since the epoch. */
  | { readonly timeNs: bigint };

/** The beginning of the log, as far as retention left it. */
export const LOG_START: LogPosition = { offset: 1 };

/** What is read of the log. */
export interface ReadOptions {
  /** Where to begin. */
  readonly from: LogPosition;
  /** The offset to end before. @default behind the last durable one */
  readonly to?: number;
  /** Whether a topic is wanted. Asked for each record, so it should be fast. @default all are */
  readonly topics?: (topic: string) => boolean;
  /** The only quality of service that is wanted. @default all are */
  readonly qos?: QoS;
  /** Ends the reading with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A piece of what was asked for. */
export interface LogBatch {
  /** Records in the order of their offsets. It may be empty, only to tell how far the reader came. */
  readonly records: readonly LogRecord[];
  /** Everything before this offset was considered: the offset to go on from. */
  readonly next: number;
}

/** A log that is read. */
export interface ReadSource {
  /** Its segments. */
  readonly catalog: Catalog;
  /** The last offset that may be read. */
  readonly durable: number;
}

interface Place {
  readonly name: string;
  readonly offset: number;
  readonly position: number;
}

/** What a {@link Reading} begins with. */
export interface ReadingOptions extends Omit<ReadOptions, "from" | "to"> {
  /** The first offset. */
  readonly from: number;
  /** A reader that may have ended nearby. */
  readonly after?: Reading | null;
}

/** One reader on its way through the log. It remembers its place, so that reading on costs no search. */
export class Reading {
  readonly #source: ReadSource;
  readonly #topics: ((topic: string) => boolean) | null;
  readonly #qos: QoS | null;
  readonly #signal: AbortSignal | null;
  #next: number;
  #place: Place | null = null;

  /** Makes a reader that begins at an offset. It knows the place of an earlier reader, if one is given. */
  constructor(source: ReadSource, options: ReadingOptions) {
    this.#source = source;
    this.#topics = options.topics ?? null;
    this.#qos = options.qos ?? null;
    this.#signal = options.signal ?? null;
    this.#next = Math.max(1, options.from);
    const after = options.after ?? null;
    this.#place = after === null ? null : after.#place;
  }

  /** The offset to go on from. */
  get next(): number {
    return this.#next;
  }

  /** Goes on from another offset. */
  seek(offset: number): void {
    this.#next = offset;
  }

  /**
   * Reads on to an offset, or to the end of what is durable now. Records that are damaged, or dropped by
   * retention, are not there.
   *
   * @throws {LogError} `io` when the disk cannot be read.
   */
  async *until(to: number): AsyncGenerator<LogBatch, void, undefined> {
    const { catalog } = this.#source;
    const end = Math.min(to, this.#source.durable + 1);
    while (this.#next < end) {
      const segment = catalog.segments.find(this.#next);
      if (segment === undefined) break;
      const from = Math.max(this.#next, segment.base);
      const stop = Math.min(end, segment.last + 1);
      try {
        if (from < stop) yield* this.#readSegment(segment, from, stop);
      } catch (error) {
        // Retention was faster.
        if (!(error instanceof SegmentGone)) throw error;
      }
      const behind = catalog.segments.after(segment)?.base ?? end;
      this.#next = Math.max(this.#next, Math.min(end, behind));
    }
  }

  async *#readSegment(
    segment: Segment,
    from: number,
    stop: number,
  ): AsyncGenerator<LogBatch, void, undefined> {
    const { catalog } = this.#source;
    const plan = await this.#plan(segment, from, stop);
    if (plan === null) return;
    const cursor = new SegmentCursor(catalog.chunks, {
      name: segment.name,
      position: plan.position,
      expected: plan.offset,
      end: segment.end,
      stop: plan.stop,
      marker: catalog.identity.marker,
      onDamage: catalog.noteDamage,
    });
    let records: LogRecord[] = [];
    let hasRecords = false;
    const visit = (view: RecordView): void => {
      if (view.kind === RecordKind.PADDING) return;
      hasRecords = true;
      if (view.offset < from || (this.#qos !== null && view.qos !== this.#qos)) return;
      if (this.#topics !== null && !this.#topics(view.topic(catalog.texts))) return;
      records.push(view.toRecord(catalog.texts));
    };
    let toldAt = plan.position;
    while (await cursor.step(visit)) {
      this.#signal?.throwIfAborted();
      this.#next = Math.max(from, Math.min(stop, cursor.expected));
      // A segment that holds nothing but padding may be replaced by another of its name.
      if (hasRecords && cursor.holeAt === null) {
        this.#place = { name: segment.name, offset: cursor.expected, position: cursor.position };
      }
      if (records.length === 0 && cursor.position - toldAt < PROGRESS_BYTES) continue;
      toldAt = cursor.position;
      yield { records, next: this.#next };
      records = [];
    }
  }

  /** Where to begin in a segment, and before which offset to end; `null` when nothing in it is wanted. */
  async #plan(
    segment: Segment,
    from: number,
    stop: number,
  ): Promise<{ offset: number; position: number; stop: number } | null> {
    this.#signal?.throwIfAborted();
    const start = { offset: segment.base, position: RECORDS_AT };
    const place = this.#place?.name === segment.name && this.#place.offset <= from
      ? this.#place
      : null;
    const isOn = place?.offset === from;
    // What is new for a follower is read faster than an index with many topics is asked.
    const isNearEnd = isOn && segment.end - place.position <= CHUNK_BYTES;
    if (isNearEnd || (this.#topics === null && (isOn || from === segment.base))) {
      return { ...place ?? start, stop };
    }
    const index = await this.#source.catalog.indexOf(segment);
    if (index === null) return { ...place ?? start, stop };
    const range = this.#topics === null ? null : index.rangeOf(this.#topics);
    if (this.#topics !== null && range === null) return null;
    const first = Math.max(from, range?.first ?? from);
    const before = Math.min(stop, (range?.last ?? stop) + 1);
    if (first >= before) return null;
    const seek = index.seekOffset(first) ?? start;
    const isPlaceBetter = place !== null && place.position > seek.position;
    return { ...isPlaceBetter ? place : seek, stop: before };
  }
}

/**
 * Reads what is durable when it begins, up to `to`; the last batch tells where the reading ended. `after` is a
 * reader that may have ended where this one begins; `onReading` gets the new one.
 */
export async function* readDurable(
  source: ReadSource,
  options: ReadOptions,
  hints: { readonly after?: Reading | null; readonly onReading?: (reading: Reading) => void } = {},
): AsyncGenerator<LogBatch, void, undefined> {
  const to = Math.min(options.to ?? Infinity, source.durable + 1);
  const from = await resolvePosition(source, options.from);
  const reading = new Reading(source, { ...options, from, after: hints.after ?? null });
  hints.onReading?.(reading);
  let told = 0;
  for await (const batch of reading.until(to)) {
    told = batch.next;
    yield batch;
  }
  if (told < to) yield { records: [], next: Math.max(reading.next, to) };
}

/** The offset of a position. */
export async function resolvePosition(source: ReadSource, from: LogPosition): Promise<number> {
  return "offset" in from ? from.offset : await offsetAt(source, from.timeNs);
}

/** The offset of the first record that was received at `timeNs` or later; behind the end when none was. */
export async function offsetAt(source: ReadSource, timeNs: bigint): Promise<number> {
  const { catalog, durable } = source;
  const all = catalog.segments.all;
  let at = await countBefore(catalog, timeNs);
  for (at = Math.max(0, at - 1); at < all.length; at++) {
    const segment = all[at];
    const found = segment === undefined ? null : await firstSince(source, segment, timeNs);
    if (found !== null) return found;
  }
  return durable + 1;
}

/** How many segments, from the first, are known to begin before a time. */
async function countBefore(catalog: Catalog, timeNs: bigint): Promise<number> {
  const all = catalog.segments.all;
  let low = 0;
  let high = all.length;
  while (low < high) {
    // A segment whose header is damaged says nothing: the one before it is asked.
    let middle = (low + high) >>> 1;
    let startNs: bigint | null = null;
    for (; middle >= low; middle--) {
      const segment = all[middle];
      startNs = segment === undefined ? null : await catalog.startOf(segment);
      if (startNs !== null) break;
    }
    if (startNs === null) break;
    if (startNs < timeNs) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function firstSince(
  { catalog, durable }: ReadSource,
  segment: Segment,
  timeNs: bigint,
): Promise<number | null> {
  const seek = (await catalog.indexOf(segment))?.seekTime(timeNs) ??
    { offset: segment.base, position: RECORDS_AT };
  let found: number | null = null;
  const cursor = new SegmentCursor(catalog.chunks, {
    name: segment.name,
    position: seek.position,
    expected: seek.offset,
    end: segment.end,
    stop: Math.min(durable, segment.last) + 1,
    marker: catalog.identity.marker,
    onDamage: catalog.noteDamage,
  });
  const visit = (view: RecordView): void => {
    if (view.kind === RecordKind.PADDING || view.recvNs < timeNs) return;
    found ??= view.offset;
  };
  try {
    while (found === null && await cursor.step(visit));
  } catch (error) {
    if (!(error instanceof SegmentGone)) throw error;
  }
  return found;
}
