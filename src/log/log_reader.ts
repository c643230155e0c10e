import { type Logger, SILENT } from "../util/log.ts";
import { Catalog } from "./catalog.ts";
import { LogError } from "./errors.ts";
import type { LogFiles } from "./files.ts";
import {
  type LogBatch,
  offsetAt,
  readDurable,
  type Reading,
  type ReadOptions,
  type ReadSource,
} from "./reading.ts";
import { findIdentity, listSegments } from "./recovery.ts";
import { recoverSegment } from "./scan.ts";
import { type Segment, Segments } from "./segment.ts";

/** How a log is opened for reading only. */
export interface LogReaderOptions {
  /** Its directory. */
  readonly files: LogFiles;
  /** Where damage is reported. @default silent */
  readonly logger?: Logger;
}

/**
 * Reads a log that another process writes. It takes no lock and writes nothing, and it reads no further than the
 * writer says is durable (D19): see {@link LogReader.advance}.
 */
export class LogReader implements AsyncDisposable {
  readonly #files: LogFiles;
  readonly #catalog: Catalog;
  #durable = 0;
  /** What was durable when the directory was listed. */
  #listed = -1;
  /** The reader of the last call: a call that goes on where that ended costs no search. */
  #reading: Reading | null = null;

  /** Use {@link openLogReader}. */
  constructor(files: LogFiles, catalog: Catalog) {
    this.#files = files;
    this.#catalog = catalog;
  }

  /** Identity of the log: the offsets of another log mean nothing (D19). */
  get logId(): string {
    return this.#catalog.identity.logId;
  }

  /** The last offset that may be read. */
  get durable(): number {
    return this.#durable;
  }

  /** The oldest offset that existed when the directory was listed. */
  get first(): number {
    return this.#catalog.segments.oldest?.base ?? 1;
  }

  /** The writer told that everything up to `durable` is. It never becomes less. */
  advance(durable: number): void {
    this.#durable = Math.max(this.#durable, durable);
  }

  /** As `MessageLog.read`, up to what the writer told. One reading at a time. */
  async *read(options: ReadOptions): AsyncGenerator<LogBatch, void, undefined> {
    await this.#refresh();
    yield* readDurable(this.#source, options, {
      after: this.#reading,
      onReading: (reading) => this.#reading = reading,
    });
  }

  /** As `MessageLog.offsetAt`. */
  async offsetAt(timeNs: bigint): Promise<number> {
    await this.#refresh();
    return await offsetAt(this.#source, timeNs);
  }

  /**
   * The last offset of a whole record in the files. Only for tools that look at a log whose writer they cannot ask:
   * that it is durable, nobody promises.
   */
  async findEnd(): Promise<number> {
    this.#catalog.forgetNewest();
    const newest = (await listSegments(this.#files)).at(-1);
    if (newest === undefined) return 0;
    const { index } = await recoverSegment(this.#catalog.chunks, {
      name: newest.name,
      base: newest.base,
      end: newest.end,
      stop: Infinity,
      marker: this.#catalog.identity.marker,
      texts: this.#catalog.texts,
      onDamage: this.#catalog.noteDamage,
    });
    return index.last;
  }

  /** Closes the files. Idempotent. */
  close(): Promise<void> {
    return this.#catalog.close();
  }

  /** Closes the files. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #source(): ReadSource {
    return { catalog: this.#catalog, durable: this.#durable };
  }

  /** Lists the directory again when the writer has gone on since. */
  async #refresh(): Promise<void> {
    const durable = this.#durable;
    if (durable === this.#listed) return;
    // The newest file of the last list has grown, or was replaced.
    this.#catalog.forgetNewest();
    this.#catalog.segments = new Segments(
      await listReadable(this.#files, this.#catalog.segments.all, durable),
    );
    this.#listed = durable;
  }
}

/**
 * Opens a log for reading beside the process that writes it.
 *
 * @throws {LogError} `foreign` when there is no log in the directory, `version` for files of a newer version.
 */
export async function openLogReader(options: LogReaderOptions): Promise<LogReader> {
  const { files, logger = SILENT } = options;
  const catalog = new Catalog({ files, logger, isWriter: false });
  try {
    const identity = await findIdentity(files, catalog, await listSegments(files));
    if (identity === null) {
      throw new LogError("foreign", "Cannot read the log: the directory must hold one, got none");
    }
    catalog.identify(identity);
  } catch (error) {
    await catalog.close();
    throw error;
  }
  return new LogReader(files, catalog);
}

/** The segments as they are now. Nothing behind `durable` is looked at: it may be half written. */
async function listReadable(
  files: LogFiles,
  known: readonly Segment[],
  durable: number,
): Promise<Segment[]> {
  const segments = await listSegments(files, known.slice(0, -1));
  const newest = segments.at(-1);
  if (newest !== undefined) newest.last = Math.max(newest.base - 1, durable);
  return segments;
}
