import { waitUntil } from "../peer/wait.ts";
import { Catalog } from "../log/catalog.ts";
import { LogError } from "../log/errors.ts";
import type { LogFiles } from "../log/files.ts";
import { readLast } from "../log/last_values.ts";
import { type LogBatch, type LogPosition, offsetAt, readDurable } from "../log/reading.ts";
import type { LogRecord } from "../log/record.ts";
import { findIdentity, listSegments } from "../log/recovery.ts";
import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { LogTail, type Wanted } from "./log_tail.ts";

/** Pause between two looks at a log that grows, in milliseconds. */
export const LOOK_MS = 500;

/** How a log is opened to look at it. */
export interface LogViewOptions {
  /** Its directory. */
  readonly files: LogFiles;
  /** Where damage is reported. */
  readonly logger: Logger;
  /** Time between looks. @default the clock of the machine */
  readonly clock?: Clock;
}

/** What is read. */
export interface LogQuery {
  /** Where to begin; `end` is behind what is there now. */
  readonly from: LogPosition | "end";
  /** Whether a topic is wanted; `null` for all. */
  readonly topics: ((topic: string) => boolean) | null;
  /** Whether to go on with what is appended, until the signal ends it. */
  readonly follow: boolean;
  /** Ends the reading, which is no error. */
  readonly signal: AbortSignal;
}

/** A log as somebody sees it who only reads its files: its writer may be at work, or gone. Takes no lock. */
export class LogView implements AsyncDisposable {
  readonly #files: LogFiles;
  readonly #catalog: Catalog;
  readonly #clock: Clock;

  private constructor(catalog: Catalog, { files, clock = SYSTEM_CLOCK }: LogViewOptions) {
    this.#files = files;
    this.#catalog = catalog;
    this.#clock = clock;
  }

  /** Opens the log. Throws {@link LogError} `foreign` when there is none, `version` for a newer format. */
  static async open(options: LogViewOptions): Promise<LogView> {
    const { files, logger } = options;
    const catalog = new Catalog({ files, logger, isWriter: false });
    try {
      const identity = await findIdentity(files, catalog, await listSegments(files));
      if (identity === null) throw new LogError("foreign", "Cannot read the log: there is none");
      catalog.identify(identity);
      return new LogView(catalog, options);
    } catch (error) {
      await catalog.close();
      throw error;
    }
  }

  /** Records in the order of their offsets. */
  async *read(query: LogQuery): AsyncGenerator<LogRecord, void, undefined> {
    const { signal } = query;
    try {
      for await (const records of this.#pieces(query)) {
        for (const record of records) {
          if (signal.aborted) return;
          yield record;
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** The last record of each wanted topic, in the order of their offsets. */
  async *last(
    topics: (topic: string) => boolean,
    signal: AbortSignal,
  ): AsyncGenerator<LogRecord, void, undefined> {
    const tail = new LogTail({ files: this.#files, catalog: this.#catalog });
    await this.#toEnd(tail, signal);
    const { newest } = this.#catalog.segments;
    if (newest !== undefined) newest.last = Math.max(newest.base - 1, tail.next - 1);
    const source = { catalog: this.#catalog, durable: tail.next - 1 };
    for await (const { records } of readLast(source, { topics, signal })) yield* records;
  }

  /** Closes the files. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#catalog.close();
  }

  async *#pieces(
    { from, topics, follow, signal }: LogQuery,
  ): AsyncGenerator<readonly LogRecord[], void, undefined> {
    const tail = new LogTail({ files: this.#files, catalog: this.#catalog });
    if (from === "end") await this.#toEnd(tail, signal);
    else {
      for await (const { records, next } of this.#sealed(tail, { from, topics, signal })) {
        tail.seek(next);
        yield records;
      }
    }
    const sinceNs = from !== "end" && "timeNs" in from ? from.timeNs : 0n;
    const wanted = { topics: topics ?? (() => true), sinceNs };
    for (;;) {
      yield* tail.look(wanted);
      if (signal.aborted || !(follow || tail.isInDoubt)) return;
      await this.#pause(signal);
    }
  }

  /** What is in files that grow no more: all of it is durable, and indexes tell where to look. */
  async *#sealed(
    tail: LogTail,
    { from, topics, signal }: Omit<LogQuery, "from" | "follow"> & { readonly from: LogPosition },
  ): AsyncGenerator<LogBatch, void, undefined> {
    const newest = (await tail.list()).at(-1);
    if (newest === undefined) return;
    const source = { catalog: this.#catalog, durable: newest.base - 1 };
    const offset = "offset" in from ? from.offset : await offsetAt(source, from.timeNs);
    tail.seek(offset);
    if (offset > source.durable) return;
    const wanted = topics === null ? {} : { topics };
    yield* readDurable(source, { from: { offset }, signal, ...wanted });
  }

  /** Passes over everything that is there. */
  async #toEnd(tail: LogTail, signal: AbortSignal): Promise<void> {
    const newest = (await tail.list()).at(-1);
    if (newest !== undefined) tail.seek(newest.base);
    const nothing: Wanted = { topics: () => false, sinceNs: 0n };
    do {
      if (tail.isInDoubt) await this.#pause(signal);
      for await (const _ of tail.look(nothing));
    } while (tail.isInDoubt && !signal.aborted);
  }

  async #pause(signal: AbortSignal): Promise<void> {
    await waitUntil(null, this.#clock, { timeoutMs: LOOK_MS, signal });
  }
}
