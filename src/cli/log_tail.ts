import type { Catalog } from "../log/catalog.ts";
import { type Damage, SegmentCursor, SegmentGone } from "../log/cursor.ts";
import type { LogFiles } from "../log/files.ts";
import { type LogRecord, RecordKind, type RecordView } from "../log/record.ts";
import { listSegments } from "../log/recovery.ts";
import { type Segment, Segments } from "../log/segment.ts";
import { RECORDS_AT } from "../log/segment_header.ts";

/** Which records are wanted. */
export interface Wanted {
  /** Whether a topic is wanted. */
  readonly topics: (topic: string) => boolean;
  /** No record that was received before, in nanoseconds since the epoch. */
  readonly sinceNs: bigint;
}

/** What a {@link LogTail} begins with. */
export interface LogTailOptions {
  /** The files of the log. */
  readonly files: LogFiles;
  /** What its readers share. */
  readonly catalog: Catalog;
}

/** Where the tail is in a file. */
interface Place {
  readonly base: number;
  readonly position: number;
  /** The offset of the record there. */
  readonly expected: number;
}

/** Bytes that are no record, with records behind them. */
interface Hole {
  readonly position: number;
  /** Whether a padding behind it proves that it was durable once, and so is damage. */
  readonly isProven: boolean;
}

/**
 * Reads the end of a log that another process may write to at this moment, and nobody tells how far that process
 * got. Each look reads on from the last one, over the ends of files, so that no record is missed or repeated.
 *
 * Bytes of the newest file that are no record, with records behind them, may be in the middle of being written.
 * The tail stops in front of them; when a padding behind them proves that they are damage, or they are the same at
 * the next look, it passes over them.
 */
export class LogTail {
  readonly #files: LogFiles;
  readonly #catalog: Catalog;
  #place: Place | null = null;
  #next = 1;
  /** Where the last look stopped before bytes that were no record. */
  #doubt: { readonly base: number; readonly position: number } | null = null;

  /** Makes a tail; {@link list} or {@link look} come first. */
  constructor({ files, catalog }: LogTailOptions) {
    this.#files = files;
    this.#catalog = catalog;
  }

  /** The offset of the next record. */
  get next(): number {
    return this.#next;
  }

  /** Whether the last look stopped before bytes that may be damage: another one tells. */
  get isInDoubt(): boolean {
    return this.#doubt !== null;
  }

  /** Goes on from an offset, forwards only. */
  seek(offset: number): void {
    this.#next = Math.max(this.#next, offset);
  }

  /** Lists the files again. What was kept of the newest ones is dropped: they have grown since. */
  async list(): Promise<readonly Segment[]> {
    const catalog = this.#catalog;
    catalog.forgetNewest();
    catalog.segments = new Segments(
      await listSegments(this.#files, catalog.segments.all.slice(0, -1)),
    );
    catalog.forgetNewest();
    return catalog.segments.all;
  }

  /** Everything that is new since the last look, in pieces. */
  async *look(wanted: Wanted): AsyncGenerator<readonly LogRecord[], void, undefined> {
    const segments = await this.list();
    const newest = segments.at(-1);
    for (const segment of segments) {
      const isNewest = segment === newest;
      if (!isNewest && segment.last < this.#next) continue;
      try {
        yield* this.#walk(segment, { isNewest, wanted });
      } catch (error) {
        // Retention was faster.
        if (!(error instanceof SegmentGone)) throw error;
      }
      if (!isNewest) this.seek(segment.last + 1);
    }
  }

  async *#walk(
    segment: Segment,
    { isNewest, wanted }: { readonly isNewest: boolean; readonly wanted: Wanted },
  ): AsyncGenerator<readonly LogRecord[], void, undefined> {
    let start = this.#startIn(segment);
    let isResumed = start.position > RECORDS_AT;
    for (;;) {
      const hole = yield* this.#run(segment, { isNewest, wanted, start });
      if (hole === null) {
        this.#doubt = null;
        return;
      }
      const { position, isProven } = hole;
      if (isResumed && position === start.position) {
        // The writer may have been started again, and have cut the file in front of the place.
        this.#place = null;
        isResumed = false;
      } else {
        this.#doubt = { base: segment.base, position };
        if (!isProven) return;
      }
      start = this.#startIn(segment);
    }
  }

  #startIn({ base, end }: Segment): Place {
    const place = this.#place;
    if (place !== null && place.base === base && place.position <= end) return place;
    return { base, position: RECORDS_AT, expected: base };
  }

  /** Reads on to the end of a file, or to bytes that leave a doubt: those it returns. */
  async *#run(
    segment: Segment,
    { isNewest, wanted, start }: {
      readonly isNewest: boolean;
      readonly wanted: Wanted;
      readonly start: Place;
    },
  ): AsyncGenerator<readonly LogRecord[], Hole | null, undefined> {
    const { chunks, identity, texts, noteDamage } = this.#catalog;
    const { base } = segment;
    const found: { hole: Hole | null } = { hole: null };
    // A file that holds nothing but padding may be replaced by another of its name.
    let hasRecords = start.position > RECORDS_AT;
    let records: LogRecord[] = [];
    const cursor = new SegmentCursor(chunks, {
      name: segment.name,
      position: start.position,
      expected: start.expected,
      end: segment.end,
      stop: isNewest ? Infinity : segment.last + 1,
      marker: identity.marker,
      onDamage: (damage) => {
        if (found.hole !== null) return;
        const isDoubtful = isNewest && damage.bytes > 0 && !this.#isConfirmed(base, damage);
        if (isDoubtful) found.hole = { position: damage.position, isProven: false };
        else noteDamage(damage);
      },
    });
    const visit = (view: RecordView, position: number): void => {
      const isMessage = view.kind !== RecordKind.PADDING;
      if (found.hole !== null) {
        // Everything in front of a padding was durable once (docs/LOG.md).
        found.hole = { ...found.hole, isProven: found.hole.isProven || !isMessage };
        return;
      }
      hasRecords ||= isMessage;
      if (hasRecords) {
        this.#place = { base, position: position + view.bytes, expected: view.through + 1 };
      }
      const isNew = view.through >= this.#next;
      this.seek(view.through + 1);
      if (!isMessage || !isNew) return;
      if (view.recvNs < wanted.sinceNs || !wanted.topics(view.topic(texts))) return;
      records.push(view.toRecord(texts));
    };
    while (found.hole?.isProven !== true && await cursor.step(visit)) {
      if (records.length === 0) continue;
      yield records;
      records = [];
    }
    return found.hole;
  }

  /** Whether the last look stopped at the same place. */
  #isConfirmed(base: number, { position }: Damage): boolean {
    return this.#doubt?.base === base && this.#doubt.position === position;
  }
}
