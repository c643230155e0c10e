import type { Catalog } from "./catalog.ts";
import { type LogFiles, TEMPORARY_END } from "./files.ts";
import { readIndexFile } from "./index_file.ts";
import { QUEUE_RECORDS_MAX } from "./limits.ts";
import { RECORD_HEADER_BYTES } from "./record.ts";
import { recoverSegment } from "./scan.ts";
import type { LogIdentity } from "./identity.ts";
import { baseOfName, RECORDS_AT } from "./segment_header.ts";
import type { SegmentIndex } from "./segment_index.ts";
import { Segment, Segments } from "./segment.ts";

/** What was found at start, for the operator. */
export interface OpenReport {
  /** Whether the log was closed properly, or is new. */
  readonly isClean: boolean;
  /** Segments. */
  readonly segments: number;
  /** Bytes that were read to find the end. */
  readonly scannedBytes: number;
  /** Bytes cut off behind the last whole record: the rest of a commit that nobody was told of. */
  readonly cutBytes: number;
  /** Whole records among them. */
  readonly cutRecords: number;
  /** Offsets that are skipped, because they may have been given to records that are lost. */
  readonly skippedOffsets: number;
  /** Files that are of no use and were renamed; `null` when there is none. */
  readonly setAside: readonly string[];
}

/** A segment to go on in. */
export interface ResumableSegment {
  /** The segment. */
  readonly segment: Segment;
  /** Its index. */
  readonly index: SegmentIndex;
  /** Everything before this position is known to be durable, and not only seen in the memory of the system. */
  readonly provenAt: number;
}

/** Where a log goes on. */
export interface Recovery {
  /** What was found. */
  readonly report: OpenReport;
  /** Whether there is no segment yet, and the log needs an identity. */
  readonly isNew: boolean;
  /** The last offset that is used; 0 in a new log. */
  readonly last: number;
  /** Receive time of the last record. */
  readonly lastNs: bigint;
  /** The segment to go on in; `null` when there is none, or none that is whole enough. */
  readonly newest: ResumableSegment | null;
}

/** End of the name of a file that is of no use any more, and is kept for people to look at. */
const SET_ASIDE_END = ".damaged";

/**
 * Lists the segments without opening them. Names of files that do not belong to the log are ignored. Segments
 * that are `known` and sealed are not looked at again.
 */
export async function listSegments(
  files: LogFiles,
  known: readonly Segment[] = [],
): Promise<Segment[]> {
  const byBase = new Map(known.map((segment) => [segment.base, segment]));
  const bases = (await files.list()).map(baseOfName).filter((base) => base !== null);
  const found: Segment[] = [];
  for (const base of bases.sort((a, b) => a - b)) {
    const segment = byBase.get(base) ?? await statSegment(files, base);
    if (segment === null) continue;
    const before = found.at(-1);
    if (before !== undefined) before.last = base - 1;
    found.push(segment);
  }
  return found;
}

async function statSegment(files: LogFiles, base: number): Promise<Segment | null> {
  const segment = new Segment(base);
  const size = await files.size(segment.name);
  if (size === null) return null;
  segment.end = Math.max(RECORDS_AT, size);
  return segment;
}

/**
 * Finds the end of the log. A log that was closed properly has an index of its newest segment, and nothing is
 * scanned; otherwise that one segment is. Fills the catalog.
 *
 * @throws {LogError} `version` for files of a newer version, `foreign` for a renamed segment.
 */
export async function recover(files: LogFiles, catalog: Catalog): Promise<Recovery> {
  await removeRemnants(files);
  const segments = await listSegments(files);
  const newest = segments.at(-1);
  if (newest === undefined) return newLog({ setAside: [], last: 0 });
  const identity = await findIdentity(files, catalog, segments);
  if (identity === null) return await setAllAside(files, segments);
  catalog.identify(identity);
  const clean = await cleanIndexOf(files, newest, identity);
  if (clean !== null) {
    return goOn(catalog, { segments, newest, index: clean, provenAt: clean.end, cut: null });
  }
  const { index, cutRecords, provenAt } = await recoverSegment(catalog.chunks, {
    name: newest.name,
    base: newest.base,
    end: newest.end,
    stop: Infinity,
    marker: identity.marker,
    texts: catalog.texts,
    onDamage: catalog.noteDamage,
  });
  const cut = { bytes: newest.end - index.end, records: cutRecords };
  return goOn(catalog, { segments, newest, index, provenAt, cut });
}

interface Found {
  readonly segments: readonly Segment[];
  readonly newest: Segment;
  readonly index: SegmentIndex;
  readonly provenAt: number;
  readonly cut: { readonly bytes: number; readonly records: number } | null;
}

async function goOn(catalog: Catalog, found: Found): Promise<Recovery> {
  const { segments, newest, index, provenAt, cut } = found;
  const scannedBytes = cut === null ? 0 : newest.end - RECORDS_AT;
  newest.end = index.end;
  newest.last = index.last;
  catalog.segments = new Segments(segments);
  catalog.addGrowing(newest, index);
  return {
    report: {
      isClean: cut === null,
      segments: segments.length,
      scannedBytes,
      cutBytes: cut?.bytes ?? 0,
      cutRecords: cut?.records ?? 0,
      skippedOffsets: cut === null ? 0 : QUEUE_RECORDS_MAX,
      setAside: [],
    },
    isNew: false,
    last: index.last,
    // A segment without records begins after the last record of the one before.
    lastNs: index.last < newest.base ? await catalog.startOf(newest) ?? 0n : index.lastNs,
    // What is written behind a header that is lost would be lost with the last other header.
    newest: await catalog.headerOf(newest) === null ? null : { segment: newest, index, provenAt },
  };
}

function newLog(found: { setAside: readonly string[]; last: number }): Recovery {
  const { setAside, last } = found;
  return {
    report: {
      isClean: setAside.length === 0,
      segments: 0,
      scannedBytes: 0,
      cutBytes: 0,
      cutRecords: 0,
      skippedOffsets: last,
      setAside,
    },
    isNew: true,
    last,
    lastNs: 0n,
    newest: null,
  };
}

/** Files that an earlier run did not finish, and indexes without a segment. */
async function removeRemnants(files: LogFiles): Promise<void> {
  const names = await files.list();
  const bases = new Set(names.map(baseOfName).filter((base) => base !== null));
  for (const name of names) {
    const isIndexOfNone = name.endsWith(".idx") && !bases.has(baseOfName(segmentOf(name)) ?? NaN);
    if (name.endsWith(TEMPORARY_END) || isIndexOfNone) await files.remove(name);
  }
}

function segmentOf(index: string): string {
  return index.replace(/\.idx$/, ".seg");
}

/** Identity of the log: from the newest header or index that is whole; `null` when none is. */
export async function findIdentity(
  files: LogFiles,
  catalog: Catalog,
  segments: readonly Segment[],
): Promise<LogIdentity | null> {
  for (const segment of segments.toReversed()) {
    const header = await catalog.headerOf(segment);
    if (header !== null) return header;
    const found = await readIndexFile(files, segment.indexName);
    if (found !== null) return found.identity;
  }
  return null;
}

/** The index of the newest segment, if it tells where the file ends: the log was closed properly. */
async function cleanIndexOf(
  files: LogFiles,
  newest: Segment,
  identity: LogIdentity,
): Promise<SegmentIndex | null> {
  const found = await readIndexFile(files, newest.indexName);
  if (found === null || found.identity.logId !== identity.logId) return null;
  const { index } = found;
  return index.base === newest.base && index.end === newest.end ? index : null;
}

/**
 * No header and no index of any segment is whole: nothing in them can be told from chance. They are kept
 * under another name, and a new log begins behind every offset that they can have held.
 */
async function setAllAside(files: LogFiles, segments: readonly Segment[]): Promise<Recovery> {
  let last = 0;
  const setAside: string[] = [];
  for (const { name, base, end } of segments) {
    await files.rename(name, `${name}${SET_ASIDE_END}`);
    setAside.push(`${name}${SET_ASIDE_END}`);
    // The smallest record is a padding, which covers so many offsets.
    last = base + Math.ceil(end / RECORD_HEADER_BYTES) * QUEUE_RECORDS_MAX;
  }
  await files.syncDirectory();
  return newLog({ setAside, last });
}
