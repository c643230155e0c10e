import type { AppendQueue } from "./append_queue.ts";
import type { Catalog, DamageCount } from "./catalog.ts";
import type { Committer } from "./committer.ts";
import { LogError } from "./errors.ts";
import { type LogHealth, wholeHealth } from "./health.ts";
import { type LastOptions, readLast } from "./last_values.ts";
import type { ResolvedLogOptions } from "./options.ts";
import {
  type LogBatch,
  offsetAt,
  readDurable,
  Reading,
  type ReadOptions,
  type ReadSource,
  resolvePosition,
} from "./reading.ts";
import type { ReceiveTimes } from "./receive_times.ts";
import type { LogEntry } from "./record.ts";
import type { OpenReport } from "./recovery.ts";
import type { Retention } from "./retention.ts";

/** Why a QoS 0 publication, or one on a topic that is not logged, is not in the log. */
export type NotLoggedCause =
  /** The topic is not logged by rule; for any QoS. */
  | "rule"
  /** Too much waits for the disk (D35). */
  | "full"
  /** The disk fails (D4). */
  | "failed"
  /** The lake is too far behind (D22). */
  | "held"
  /** The log is closed. */
  | "closed";

/** What became of an entry. */
export type AppendResult =
  /** It has its place. It is durable when `committed(offset)` says so. */
  | { readonly kind: "logged"; readonly offset: number; readonly recvNs: bigint }
  /** It goes on without the log. Counted. */
  | { readonly kind: "notLogged"; readonly cause: NotLoggedCause; readonly recvNs: bigint }
  /** Too much waits for the disk: pause the publisher until `writable()`, and append it again. */
  | { readonly kind: "busy" }
  /** It cannot be stored at the moment: no acknowledgement (D4). Counted. */
  | { readonly kind: "refused"; readonly reason: string };

/** What the log did since it was opened, and where it stands. */
export interface LogStatus {
  /** Identity of the log. */
  readonly logId: string;
  /** The oldest offset that still exists. */
  readonly first: number;
  /** The offset that the next record gets. */
  readonly next: number;
  /** The last offset that is durable. */
  readonly durable: number;
  /** Bytes on the disk. */
  readonly bytes: number;
  /** Files with records. */
  readonly segments: number;
  /** Bytes that wait for the disk. */
  readonly queuedBytes: number;
  /** Whether the log keeps its word at the moment. */
  readonly health: LogHealth;
  /** Records taken. */
  readonly appended: number;
  /** Publications not logged, by cause. */
  readonly notLogged: Readonly<Record<NotLoggedCause, number>>;
  /** Entries that `append` refused. */
  readonly refused: number;
  /** Records that were refused after they had an offset: those whose `committed` rejects, and QoS 0. */
  readonly failed: number;
  /** Commits: a write and a sync each. */
  readonly commits: number;
  /** Segments dropped by retention. */
  readonly dropped: number;
  /** What could not be read. */
  readonly damage: DamageCount;
}

/** What a {@link MessageLog} is made of. */
export interface MessageLogParts {
  /** What was found at start. */
  readonly opened: OpenReport;
  /** All options. */
  readonly options: ResolvedLogOptions;
  /** The segments. */
  readonly catalog: Catalog;
  /** Records on their way to the disk. */
  readonly queue: AppendQueue;
  /** What writes them. */
  readonly committer: Committer;
  /** What drops them. */
  readonly retention: Retention;
  /** Where receive times come from. */
  readonly times: ReceiveTimes;
  /** The lock of the directory. */
  readonly lock: AsyncDisposable;
}

const HALF = 0.5;

/**
 * The message log of a broker: what it acknowledges is in here (docs/LOG.md). One process has it open.
 * Appending never waits; readers see only what is durable.
 */
export class MessageLog implements AsyncDisposable {
  /** What was found when it was opened. */
  readonly opened: OpenReport;
  readonly #options: ResolvedLogOptions;
  readonly #catalog: Catalog;
  readonly #queue: AppendQueue;
  readonly #committer: Committer;
  readonly #retention: Retention;
  readonly #lock: AsyncDisposable;
  readonly #times: ReceiveTimes;
  #appended = 0;
  #refused = 0;
  readonly #notLogged = { rule: 0, full: 0, failed: 0, held: 0, closed: 0 };
  #closing: Promise<void> | null = null;

  /** Use `openMessageLog`. */
  constructor(parts: MessageLogParts) {
    this.opened = parts.opened;
    this.#options = parts.options;
    this.#catalog = parts.catalog;
    this.#queue = parts.queue;
    this.#committer = parts.committer;
    this.#retention = parts.retention;
    this.#lock = parts.lock;
    this.#times = parts.times;
  }

  /** Identity of the log, a UUID: the offsets of another log mean nothing (D19). */
  get logId(): string {
    return this.#catalog.identity.logId;
  }

  /** The last offset that is durable; 0 when there is none. */
  get durable(): number {
    return this.#committer.durable;
  }

  /** The offset that the next record gets. */
  get next(): number {
    return this.#committer.next;
  }

  /** The oldest offset that still exists; `next` when none does. */
  get first(): number {
    return this.#catalog.segments.oldest?.base ?? this.next;
  }

  /** Whether acknowledgements are kept at the moment, and if not, why. */
  get health(): LogHealth {
    return wholeHealth(this.#committer, this.#retention);
  }

  /** What the log did, and where it stands. */
  get status(): LogStatus {
    const { segments, damage } = this.#catalog;
    return {
      logId: this.logId,
      first: this.first,
      next: this.next,
      durable: this.durable,
      bytes: segments.bytes,
      segments: segments.all.length,
      queuedBytes: this.#queue.bytes,
      health: this.health,
      appended: this.#appended,
      notLogged: { ...this.#notLogged },
      refused: this.#refused,
      failed: this.#committer.failed,
      commits: this.#committer.commits,
      dropped: this.#retention.dropped,
      damage,
    };
  }

  /**
   * Takes an entry, at once. QoS 1, 2 and commands are synced as soon as the disk is free, QoS 0 with the next
   * sync, at most a second later.
   *
   * @throws {RangeError} When no record can hold it: see `RECORD_BYTES_MAX`.
   */
  append(entry: LogEntry): AppendResult {
    const { isLogged } = this.#options;
    const isCommand = entry.kind === "command";
    if (!isCommand && !isLogged(entry.topic)) return this.#pass("rule");
    const isPassed = entry.qos === 0 && !isCommand;
    const trouble = this.#troubleOf(entry);
    if (trouble !== null) return isPassed ? this.#pass(trouble) : this.#refuse(trouble);
    const measured = this.#queue.measure(entry);
    if (!this.#queue.hasRoom(measured.bytes)) {
      return isPassed ? this.#pass("full") : { kind: "busy" };
    }
    const recvNs = this.#times.next();
    this.#appended++;
    return { kind: "logged", offset: this.#committer.push(entry, measured, recvNs), recvNs };
  }

  /**
   * Settles when the record of an offset is durable; asks for a sync, also for QoS 0. All records of one
   * commit share one promise.
   *
   * @throws {LogError} `refused` when the disk failed first: the record is not stored and never appears.
   */
  committed(offset: number): Promise<void> {
    return this.#committer.committed(offset);
  }

  /** Makes everything that was appended durable. Returns the last durable offset. */
  async flush(): Promise<number> {
    const last = this.next - 1;
    if (last > this.durable) await this.committed(last);
    return this.durable;
  }

  /** Settles when there is room again after `busy`, or when `append` would say something else. */
  async writable(signal?: AbortSignal): Promise<void> {
    const bytes = this.#options.queueBytesMax * HALF;
    while (!this.#committer.isClosed && !this.#queue.hasRoom(bytes)) {
      await this.#committer.reached(this.durable + 1, signal ?? null);
    }
  }

  /**
   * Reads what is durable now, oldest first, in batches. Nothing is read before the consumer asks for it.
   * Records that are damaged or dropped are not there; the last batch tells where the reading ended.
   */
  read(options: ReadOptions): AsyncGenerator<LogBatch, void, undefined> {
    return readDurable(this.#source, options);
  }

  /**
   * Reads what is durable and then what becomes durable, without gap or repeat, until the signal ends it or the
   * log is closed. A QoS 0 record comes at most a second late.
   */
  async *follow(options: Omit<ReadOptions, "to">): AsyncGenerator<LogBatch, void, undefined> {
    const from = await resolvePosition(this.#source, options.from);
    const reading = new Reading(this.#source, { ...options, from });
    try {
      while (!this.#committer.isClosed) {
        yield* reading.until(Infinity);
        await this.#committer.reached(reading.next, options.signal ?? null);
      }
    } catch (error) {
      // The log was closed while a piece of it was read.
      if (!this.#committer.isClosed || !isClosedError(error)) throw error;
    }
  }

  /** The last record of each topic that is wanted, see `readLast` (D23). */
  last(options: LastOptions): AsyncGenerator<LogBatch, void, undefined> {
    return readLast(this.#source, options);
  }

  /** The offset of the first durable record that was received at a time or later; `durable + 1` for none. */
  offsetAt(timeNs: bigint): Promise<number> {
    return offsetAt(this.#source, timeNs);
  }

  /**
   * Keeps all records from `offset` on, until the next call: the lake has not committed them (D22). `null`, as
   * in the beginning, when nobody needs them; call it right after opening. Above `HELD_FACTOR` times the byte
   * limit QoS 0 is not logged, QoS 1/2 on topics with a table and commands are refused, and health is red.
   */
  hold(offset: number | null): void {
    this.#retention.hold(offset);
  }

  /** Drops what is too old or too much, now instead of within a minute. */
  async retain(): Promise<void> {
    await this.#retention.check();
  }

  /** Writes and syncs what waits, and ends the log properly. Idempotent. Does not reject. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Closes the log. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#committer.close();
    await this.#retention.close();
    await this.#catalog.close();
    await this.#lock[Symbol.asyncDispose]();
  }

  get #source(): ReadSource {
    const committer = this.#committer;
    return {
      catalog: this.#catalog,
      get durable() {
        return committer.durable;
      },
    };
  }

  /** Why an entry is not taken now, whatever room there is. */
  #troubleOf(entry: LogEntry): "closed" | "failed" | "held" | null {
    if (this.#closing !== null) return "closed";
    if (!this.#committer.isOpen) return "failed";
    if (!this.#retention.isOverHeld) return null;
    const isHeld = entry.qos === 0 || entry.kind === "command" ||
      this.#options.isTabled(entry.topic);
    return isHeld ? "held" : null;
  }

  #pass(cause: NotLoggedCause): AppendResult {
    this.#notLogged[cause]++;
    return { kind: "notLogged", cause, recvNs: this.#times.next() };
  }

  #refuse(trouble: "closed" | "failed" | "held"): AppendResult {
    this.#refused++;
    const { health } = this;
    const reason = trouble === "closed" || health.kind === "green"
      ? "the log is closed"
      : health.reason;
    return { kind: "refused", reason };
  }
}

function isClosedError(error: unknown): boolean {
  return error instanceof LogError && error.fault === "closed";
}
