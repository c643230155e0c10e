import type { Catalog } from "./catalog.ts";
import { LogError } from "./errors.ts";
import { CHUNK_BYTES, LAST_TOPICS_MAX } from "./limits.ts";
import { type LogBatch, Reading, type ReadSource } from "./reading.ts";
import type { LogRecord } from "./record.ts";
import type { Segment } from "./segment.ts";

/** Records of one batch at most. */
const BATCH_RECORDS_MAX = 256;

/** What {@link readLast} is asked for. */
export interface LastOptions {
  /** Whether a topic is wanted. */
  readonly topics: (topic: string) => boolean;
  /** Ends the reading with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * The last record of each wanted topic, in the order of their offsets (D23). Where that record is damaged,
 * the last one that is not comes at the end.
 *
 * @throws {LogError} `limit` when there are more than `LAST_TOPICS_MAX` topics.
 */
export async function* readLast(
  source: ReadSource,
  options: LastOptions,
): AsyncGenerator<LogBatch, void, undefined> {
  const next = source.durable + 1;
  const wanted = await findLast(source, options);
  const damaged = new Map<string, number>();
  const reading = new Reading(source, withSignal({ from: 1 }, options));
  let records: LogRecord[] = [];
  let bytes = 0;
  for (const [topic, offset] of [...wanted].sort(([, a], [, b]) => a - b)) {
    const record = await readOne(reading, offset);
    if (record === null) {
      damaged.set(topic, offset);
      continue;
    }
    records.push(record);
    bytes += record.data.byteLength;
    if (records.length < BATCH_RECORDS_MAX && bytes < CHUNK_BYTES) continue;
    yield { records, next };
    records = [];
    bytes = 0;
  }
  for (const record of await findOlder(source, damaged, options)) records.push(record);
  if (records.length > 0) yield { records, next };
}

/** Topic -> offset of its last record, from the indexes. */
async function findLast(source: ReadSource, options: LastOptions): Promise<Map<string, number>> {
  const { catalog } = source;
  const found = new Map<string, number>();
  for (const segment of catalog.segments.all.toReversed()) {
    options.signal?.throwIfAborted();
    const index = await catalog.indexOf(segment);
    const topics = index?.topics ?? null;
    const here = topics === null
      ? await scanLast(source, segment, options)
      : lastOf(topics, options.topics);
    for (const [topic, offset] of here) if (!found.has(topic)) found.set(topic, offset);
    checkCount(found);
  }
  return found;
}

function lastOf(
  topics: NonNullable<Awaited<ReturnType<Catalog["indexOf"]>>>["topics"],
  isWanted: (topic: string) => boolean,
): Map<string, number> {
  const found = new Map<string, number>();
  for (const [topic, { last }] of topics ?? []) if (isWanted(topic)) found.set(topic, last);
  return found;
}

/** A segment with too many topics for its index is read. */
async function scanLast(
  source: ReadSource,
  segment: Segment,
  options: LastOptions,
): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  const { topics } = options;
  const reading = new Reading(source, withSignal({ from: segment.base, topics }, options));
  for await (const { records } of reading.until(segment.last + 1)) {
    for (const { topic, offset } of records) found.set(topic, offset);
    checkCount(found);
  }
  return found;
}

function checkCount(found: ReadonlyMap<string, number>): void {
  if (found.size <= LAST_TOPICS_MAX) return;
  throw new LogError(
    "limit",
    `Cannot find the last values: at most ${LAST_TOPICS_MAX} topics wanted, got more. ` +
      "Use a narrower pattern",
  );
}

async function readOne(reading: Reading, offset: number): Promise<LogRecord | null> {
  reading.seek(offset);
  for await (const { records } of reading.until(offset + 1)) {
    const [record] = records;
    if (record !== undefined) return record;
  }
  return null;
}

/** The last records of topics before the offsets where they are damaged. Slow, and as rare as damage. */
async function findOlder(
  source: ReadSource,
  damaged: ReadonlyMap<string, number>,
  options: LastOptions,
): Promise<LogRecord[]> {
  const missing = new Map(damaged);
  const found: LogRecord[] = [];
  for (const segment of source.catalog.segments.all.toReversed()) {
    if (missing.size === 0) break;
    const here = new Map<string, LogRecord>();
    const topics = (topic: string): boolean => missing.has(topic);
    const reading = new Reading(source, withSignal({ from: segment.base, topics }, options));
    for await (const { records } of reading.until(segment.last + 1)) {
      for (const record of records) {
        if (record.offset < (missing.get(record.topic) ?? 0)) here.set(record.topic, record);
      }
    }
    for (const [topic, record] of here) {
      missing.delete(topic);
      found.push(record);
    }
  }
  return found;
}

function withSignal<T extends object>(
  options: T,
  { signal }: LastOptions,
): T & { signal?: AbortSignal } {
  return signal === undefined ? options : { ...options, signal };
}
