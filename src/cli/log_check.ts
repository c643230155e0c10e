import { Catalog } from "../log/catalog.ts";
import { type Damage, SegmentGone } from "../log/cursor.ts";
import { LogError } from "../log/errors.ts";
import type { LogFiles } from "../log/files.ts";
import { readIndexFile } from "../log/index_file.ts";
import { findIdentity, listSegments } from "../log/recovery.ts";
import { scanSegment } from "../log/scan.ts";
import { type Segment, Segments } from "../log/segment.ts";
import { RECORDS_AT } from "../log/segment_header.ts";
import { waitUntil } from "../peer/wait.ts";
import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { LOOK_MS } from "./log_view.ts";

/** What was found wrong, or right, with a log. */
export interface LogCheck {
  /** Identity of the log. */
  readonly logId: string;
  /** Files with records. */
  readonly files: number;
  /** Bytes of them. */
  readonly bytes: number;
  /** Whole records. */
  readonly records: number;
  /** The oldest offset that can be there; 0 when there is no file. */
  readonly first: number;
  /** The last offset that is used. */
  readonly last: number;
  /** Places that no record or header could be read from. */
  readonly damaged: number;
  /** Places without damage where offsets are missing. */
  readonly gaps: number;
  /** Offsets that are missing, for either reason. */
  readonly lost: number;
  /** Indexes whose checksum is wrong. Nothing is lost: they are made anew. */
  readonly indexes: number;
  /** Bytes behind the last whole record: the rest of a commit that nobody was told of. */
  readonly tornBytes: number;
  /** Files that were set aside earlier, because nothing in them could be read. */
  readonly setAside: number;
}

/** How the names of files end that were set aside at a start (docs/LOG.md). */
const SET_ASIDE_END = ".damaged";

/** Whether something was lost, or will be. A torn tail is none: nobody was told that it is stored. */
export function isDamaged({ damaged, gaps, indexes, setAside }: LogCheck): boolean {
  return damaged + gaps + indexes + setAside > 0;
}

/** What is checked. */
export interface LogCheckOptions {
  /** The directory of the log. */
  readonly files: LogFiles;
  /** Told each place of damage. */
  readonly logger: Logger;
  /** Ends the check with its reason. */
  readonly signal: AbortSignal;
  /** Time between two looks at the end of the log. @default the clock of the machine */
  readonly clock?: Clock;
}

/** What one file adds. */
interface Counts {
  readonly bytes: number;
  readonly records: number;
  readonly damaged: number;
  readonly gaps: number;
  readonly lost: number;
  readonly indexes: number;
  readonly tornBytes: number;
}

const NOTHING: Counts = {
  bytes: 0,
  records: 0,
  damaged: 0,
  gaps: 0,
  lost: 0,
  indexes: 0,
  tornBytes: 0,
};

/**
 * Verifies every checksum of a log, also while its broker writes to it. Throws {@link LogError} `foreign` when
 * there is none.
 */
export async function checkLog(options: LogCheckOptions): Promise<LogCheck> {
  const { files, logger, signal } = options;
  const catalog = new Catalog({ files, logger, isWriter: false });
  try {
    const segments = await listSegments(files);
    const identity = await findIdentity(files, catalog, segments);
    if (identity === null) throw new LogError("foreign", "Cannot check the log: there is none");
    catalog.identify(identity);
    const check = new Check(catalog, options);
    let counts = NOTHING;
    for (const segment of segments) {
      signal.throwIfAborted();
      const isNewest = segment === segments.at(-1);
      counts = sum(counts, await check.file(segment, isNewest));
    }
    const names = await files.list();
    return {
      logId: identity.logId,
      files: segments.length,
      first: segments[0]?.base ?? 0,
      last: check.last,
      ...counts,
      // Only headers are read through the catalog.
      damaged: counts.damaged + catalog.damage.places,
      setAside: names.filter((name) => name.endsWith(SET_ASIDE_END)).length,
    };
  } finally {
    await catalog.close();
  }
}

function sum(one: Counts, other: Counts): Counts {
  return {
    bytes: one.bytes + other.bytes,
    records: one.records + other.records,
    damaged: one.damaged + other.damaged,
    gaps: one.gaps + other.gaps,
    lost: one.lost + other.lost,
    indexes: one.indexes + other.indexes,
    tornBytes: one.tornBytes + other.tornBytes,
  };
}

/** Reads one file after the other. */
class Check {
  /** The last offset that is used. */
  last = 0;
  readonly #catalog: Catalog;
  readonly #options: LogCheckOptions;

  constructor(catalog: Catalog, options: LogCheckOptions) {
    this.#catalog = catalog;
    this.#options = options;
  }

  /** What one file adds; nothing when retention has dropped it meanwhile. */
  async file(segment: Segment, isNewest: boolean): Promise<Counts> {
    const { files } = this.#options;
    await this.#catalog.headerOf(segment);
    const index = await readIndexFile(files, segment.indexName);
    const hasBadIndex = index === null && await files.size(segment.indexName) !== null;
    // A log that was closed says where it ends, so that what is missing there is missed.
    const isClosed = !isNewest || (index !== null && index.index.end >= segment.end);
    if (isNewest && isClosed && index !== null) segment.last = index.index.last;
    try {
      const counts = isClosed ? await this.#closed(segment) : await this.#open(segment);
      return { ...counts, indexes: hasBadIndex ? 1 : 0 };
    } catch (error) {
      if (error instanceof SegmentGone) return NOTHING;
      throw error;
    }
  }

  async #closed(segment: Segment): Promise<Counts> {
    const { records, damages } = await this.#scan(segment, segment.last + 1);
    this.last = segment.last;
    return this.#count(segment, { records, damages });
  }

  /** The file that somebody may be writing to. */
  async #open(segment: Segment): Promise<Counts> {
    const { files, signal, clock = SYSTEM_CLOCK } = this.#options;
    let found = await this.#scan(segment, Infinity);
    const { end } = segment;
    const { provenAt } = found;
    if (found.end < end || found.damages.some(({ position }) => position >= provenAt)) {
      // What was half written at the first look is whole at the second.
      await waitUntil(null, clock, { timeoutMs: LOOK_MS, signal });
      signal.throwIfAborted();
      this.#catalog.segments = new Segments([segment]);
      this.#catalog.forgetNewest();
      segment.end = Math.max(RECORDS_AT, await files.size(segment.name) ?? 0);
      found = await this.#scan(segment, Infinity);
    }
    this.last = found.last;
    const tornBytes = found.end < end ? Math.max(0, segment.end - found.end) : 0;
    return { ...this.#count(segment, found), tornBytes };
  }

  async #scan(segment: Segment, stop: number): Promise<{
    readonly records: number;
    readonly last: number;
    readonly end: number;
    readonly damages: readonly Damage[];
    /** Everything in front of this was durable once. */
    readonly provenAt: number;
  }> {
    const damages: Damage[] = [];
    const { chunks, identity, texts } = this.#catalog;
    const { index, provenAt } = await scanSegment(chunks, {
      name: segment.name,
      base: segment.base,
      end: segment.end,
      stop,
      marker: identity.marker,
      texts,
      onDamage: (damage) => damages.push(damage),
    });
    const { records, last, end } = index;
    return { records, last, end, damages, provenAt: provenAt ?? RECORDS_AT };
  }

  #count(
    { end }: Segment,
    { records, damages }: { readonly records: number; readonly damages: readonly Damage[] },
  ): Counts {
    const { logger } = this.#options;
    for (const damage of damages) {
      logger.error("log damaged", { ...damage, lost: damage.to - damage.from });
    }
    const damaged = damages.filter(({ bytes }) => bytes > 0).length;
    return {
      ...NOTHING,
      bytes: end,
      records,
      damaged,
      gaps: damages.length - damaged,
      lost: damages.reduce((lost, { from, to }) => lost + to - from, 0),
    };
  }
}
