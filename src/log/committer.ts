import type { Clock, Timer } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { AppendQueue, Measured } from "./append_queue.ts";
import type { Catalog } from "./catalog.ts";
import { LogError, reasonOf } from "./errors.ts";
import type { LogFiles } from "./files.ts";
import {
  PROBE_MS_MAX,
  PROBE_MS_MIN,
  STALL_MS,
  SYNC_DELAY_MS,
  UNASKED_BYTES_MAX,
} from "./limits.ts";
import { type CommitState, healthOf, type LogHealth } from "./health.ts";
import type { LogEntry } from "./record.ts";
import type { ReceiveTimes } from "./receive_times.ts";
import type { Recovery } from "./recovery.ts";
import { SegmentWriter } from "./segment_writer.ts";
import { OffsetWaits, RefusedRuns } from "./waits.ts";

/** What a {@link Committer} needs. */
export interface CommitterParts {
  /** The directory. */
  readonly files: LogFiles;
  /** The segments. */
  readonly catalog: Catalog;
  /** Records on their way to the disk. */
  readonly queue: AppendQueue;
  /** Where receive times come from. */
  readonly times: ReceiveTimes;
  /** Pauses. */
  readonly clock: Clock;
  /** Where events go. */
  readonly logger: Logger;
  /** Bytes of a segment; exceeded: a new one. */
  readonly segmentBytes: number;
  /** Told {@link Committer.durable} when it has grown. */
  readonly onDurable: (durable: number) => void;
  /** Told when {@link Committer.health} has changed. */
  readonly onHealth: () => void;
  /** Told when a segment was added. */
  readonly onRoll: () => void;
}

/** After a recovery, a failure within so long is the same trouble: the pauses go on growing. */
const SAME_TROUBLE_MS = 4 * PROBE_MS_MAX;
/** More doublings of the first pause than it takes to reach the longest. */
const DOUBLINGS_MAX = 16;

/**
 * Writes what is appended: one write and one sync for all that waits (group commit). After a failure it
 * refuses everything that is not durable, never touches that file again, and tries with growing pauses to
 * begin a new segment. It is the only writer of the directory.
 */
export class Committer {
  readonly #parts: CommitterParts;
  #state: CommitState = { kind: "open" };
  #writer: SegmentWriter | null = null;
  /** The offset that the next record gets. */
  #next: number;
  #durable: number;
  #durableNs: bigint;
  #commits = 0;
  #failed = 0;
  /** Whether somebody wants what waits to be durable. */
  #isAsked = false;
  #isRollWanted = false;
  /** A loop at work, or about to begin. */
  #work: Promise<void> | null = null;
  #syncTimer: Timer | null = null;
  #probeTimer: Timer | null = null;
  #recoveredAtMs = -Infinity;
  #attempts = 0;
  readonly #waits = new OffsetWaits();
  readonly #refused = new RefusedRuns();
  /** Indexes being written, and files being closed. */
  readonly #sealing = new Set<Promise<void>>();

  /** Makes a committer that goes on behind `recovery`; see {@link start}. */
  constructor(parts: CommitterParts, recovery: Recovery) {
    this.#parts = parts;
    this.#durable = recovery.last;
    this.#durableNs = recovery.lastNs;
    this.#next = recovery.last + 1;
  }

  /** The offset that the next record gets. */
  get next(): number {
    return this.#next;
  }

  /** The last offset that is durable. */
  get durable(): number {
    return this.#durable;
  }

  /** Commits so far. */
  get commits(): number {
    return this.#commits;
  }

  /** Records that were refused after they had an offset. */
  get failed(): number {
    return this.#failed;
  }

  /** Whether records are taken. */
  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.#state.kind === "closed";
  }

  /** Whether acknowledgements are kept at the moment. */
  get health(): LogHealth {
    return healthOf(this.#state);
  }

  /**
   * Makes the log writable. In an old log a failure is one like any later failure: it begins red. In a new
   * one it rejects, because nothing is there to be read meanwhile.
   */
  async start({ isNew, newest, last, report }: Recovery): Promise<void> {
    const through = isNew ? last : last + report.skippedOffsets;
    this.#next = through + 1;
    try {
      if (newest === null) {
        await this.#begin({ base: last + 1, through, isProbe: false });
        return;
      }
      const { lastNs } = this.#parts.times;
      const resumed = { ...newest, through, lastNs };
      this.#writer = await SegmentWriter.resume(this.#writerParts, resumed);
      this.#durableNs = this.#writer.index.lastNs;
      this.#advance(through);
    } catch (error) {
      if (isNew) throw error;
      this.#fail(error);
      this.#probeLater();
    }
  }

  /** Takes an entry that has room. The offset is its, whatever becomes of it. */
  push(entry: LogEntry, measured: Measured, recvNs: bigint): number {
    const { queue } = this.#parts;
    const offset = this.#next++;
    queue.push(entry, measured, { offset, recvNs });
    const isUrgent = entry.qos !== 0 || entry.kind === "command";
    if (isUrgent || queue.waitingBytes >= UNASKED_BYTES_MAX) this.#ask();
    else this.#askLater();
    return offset;
  }

  /** Settles when a record is durable. Rejects with {@link LogError} `refused` when it will not be. */
  committed(offset: number): Promise<void> {
    if (!(offset < this.#next)) {
      return Promise.reject(
        new RangeError(`Cannot wait for offset ${offset}: the last one is ${this.#next - 1}`),
      );
    }
    if (this.#refused.has(offset)) {
      return Promise.reject(new LogError("refused", `Cannot store offset ${offset}: disk failed`));
    }
    if (offset <= this.#durable) return Promise.resolve();
    const settled = this.#parts.queue.settled(offset);
    if (settled === null) {
      return Promise.reject(new LogError("closed", `Cannot store offset ${offset}: log closed`));
    }
    this.#ask();
    return settled;
  }

  /** Settles when everything up to `offset` is durable, or after a failure, or when the log is closed. */
  async reached(offset: number, signal: AbortSignal | null): Promise<void> {
    if (offset <= this.#durable || this.isClosed) return;
    await this.#waits.wait(offset, signal);
  }

  /** Begins a new segment soon, so that retention can drop the one that grows. */
  roll(): void {
    if (this.#writer === null || this.#writer.index.records === 0) return;
    this.#isRollWanted = true;
    this.#startWork();
  }

  /** The segment that grows; `null` when there is none. */
  get growing(): SegmentWriter | null {
    return this.#writer;
  }

  /** Writes what waits, and ends the log properly when everything is durable. */
  async close(): Promise<void> {
    this.#ask();
    while (this.#work !== null) await this.#work;
    this.#syncTimer?.cancel();
    this.#probeTimer?.cancel();
    const wasOpen = this.isOpen;
    this.#become({ kind: "closed" });
    this.#parts.queue.refuse(new LogError("closed", "Cannot store the message: log closed"));
    this.#waits.reach(Infinity);
    if (wasOpen) await this.#finish();
    await this.#writer?.close();
    await Promise.all(this.#sealing);
  }

  #ask(): void {
    this.#syncTimer?.cancel();
    this.#syncTimer = null;
    this.#isAsked = true;
    this.#startWork();
  }

  #askLater(): void {
    if (this.#isAsked || this.#syncTimer !== null) return;
    this.#syncTimer = this.#parts.clock.setTimer(() => this.#ask(), SYNC_DELAY_MS);
  }

  #startWork(): void {
    if (this.#work !== null || !this.#hasWork) return;
    // After this turn, so that everything that arrives in it goes with one commit.
    this.#work = Promise.resolve().then(() => this.#runWork());
  }

  get #hasWork(): boolean {
    if (!this.isOpen) return false;
    return this.#isRollWanted || (this.#isAsked && this.#parts.queue.waitingBytes > 0);
  }

  async #runWork(): Promise<void> {
    try {
      while (this.#hasWork) await this.#watched(this.#turn());
    } catch (error) {
      this.#fail(error);
      // At once, so that a crash before the next segment finds as little as possible of what was refused.
      await this.#cutOld();
      this.#probeLater();
    }
    this.#work = null;
  }

  /** Turns health red when the disk does not answer: nothing is refused, because it may still be stored. */
  async #watched(turn: Promise<void>): Promise<void> {
    const stall = this.#parts.clock.setTimer(() => {
      const reason = `no answer from the disk for ${STALL_MS / 1_000} s`;
      if (this.isOpen) this.#become({ kind: "stalled", reason });
    }, STALL_MS);
    try {
      await turn;
    } finally {
      stall.cancel();
    }
    if (this.#state.kind === "stalled") this.#become({ kind: "open" });
  }

  async #turn(): Promise<void> {
    const { queue, segmentBytes } = this.#parts;
    const isFull = (this.#writer?.bytes ?? Infinity) >= segmentBytes;
    if (isFull || this.#isRollWanted) {
      this.#isRollWanted = false;
      await this.#begin({ base: this.#durable + 1, through: this.#durable, isProbe: false });
    }
    const writer = this.#writer;
    const blocks = queue.take(segmentBytes - (writer?.bytes ?? 0));
    const last = blocks.at(-1)?.last;
    if (queue.waitingBytes === 0) this.#isAsked = false;
    if (writer === null || last === undefined) return;
    await writer.commit(blocks);
    this.#commits++;
    queue.settle();
    this.#durableNs = writer.index.lastNs;
    this.#advance(last);
    if (queue.waitingBytes === 0 || !this.#isAsked) await writer.prove();
  }

  /** Begins a new segment, and lets the old one be sealed. */
  async #begin(
    { base, through, isProbe }: {
      readonly base: number;
      readonly through: number;
      readonly isProbe: boolean;
    },
  ): Promise<void> {
    const { catalog, times, onRoll } = this.#parts;
    const old = this.#writer;
    // Where offsets are skipped, the times that were given with them are, too.
    if (through >= base) this.#durableNs = times.lastNs;
    const start = { base, startNs: this.#durableNs, through, isProbe };
    this.#writer = await SegmentWriter.create(this.#writerParts, start);
    catalog.addGrowing(this.#writer.segment, this.#writer.index);
    if (old !== null) this.#seal(old, old.segment.base !== base);
    this.#advance(through);
    onRoll();
  }

  #seal(old: SegmentWriter, isKept: boolean): void {
    const { catalog } = this.#parts;
    const sealing = (async () => {
      if (isKept) await catalog.seal(old.segment, old.index);
      await old.close();
    })().finally(() => this.#sealing.delete(sealing));
    this.#sealing.add(sealing);
  }

  #advance(durable: number): void {
    const hasGrown = durable > this.#durable;
    this.#durable = durable;
    if (hasGrown) this.#parts.onDurable(durable);
    this.#waits.reach(durable);
  }

  /** The disk failed: nothing that is not durable will be stored. */
  #fail(error: unknown): void {
    const { queue, clock, logger } = this.#parts;
    const reason = reasonOf(error);
    const isSameTrouble = clock.now() - this.#recoveredAtMs < SAME_TROUBLE_MS;
    this.#attempts = this.#state.kind === "failed" || isSameTrouble ? this.#attempts + 1 : 0;
    this.#isAsked = false;
    this.#refused.add(this.#durable + 1, this.#next - 1);
    const message = `Cannot store the message: the disk of the log must work, got "${reason}"`;
    const records = queue.refuse(new LogError("refused", message, { cause: error }));
    this.#failed += records;
    if (records > 0) logger.error("log records refused", { records, reason });
    this.#waits.reach(this.#next);
    this.#become({ kind: "failed", reason });
  }

  /** Looks after a pause whether the disk works again. Nothing else is at work then. */
  #probeLater(): void {
    const pauseMs = Math.min(
      PROBE_MS_MAX,
      PROBE_MS_MIN * 2 ** Math.min(this.#attempts, DOUBLINGS_MAX),
    );
    this.#probeTimer = this.#parts.clock.setTimer(() => {
      this.#work = this.#recover();
    }, pauseMs);
  }

  /** Tries to go on in a new segment. */
  async #recover(): Promise<void> {
    try {
      await this.#cutOld();
      const old = this.#writer;
      // A segment without records is replaced, so that many failures leave one file.
      const base = old !== null && old.index.records === 0 ? old.segment.base : this.#durable + 1;
      await this.#begin({ base, through: this.#next - 1, isProbe: true });
      this.#recoveredAtMs = this.#parts.clock.now();
      this.#become({ kind: "open" });
    } catch (error) {
      this.#fail(error);
      this.#probeLater();
    }
    this.#work = null;
    this.#startWork();
  }

  /** Best effort: what the cut would remove is not visible anyway once there is a newer segment. */
  async #cutOld(): Promise<void> {
    try {
      await this.#writer?.cut(this.#parts.files);
    } catch (error) {
      this.#parts.logger.warn("log end not cut", { reason: reasonOf(error) });
    }
  }

  async #finish(): Promise<void> {
    const writer = this.#writer;
    if (writer === null) return;
    try {
      await writer.finish();
      await this.#parts.catalog.seal(writer.segment, writer.index);
    } catch (error) {
      this.#parts.logger.error("log not closed properly", { reason: reasonOf(error) });
    }
  }

  #become(state: CommitState): void {
    const { kind } = this.#state;
    this.#state = state;
    if (kind === state.kind) return;
    const reason = "reason" in state ? { reason: state.reason } : {};
    this.#parts.logger.info("log state", { from: kind, to: state.kind, ...reason });
    this.#parts.onHealth();
  }

  get #writerParts(): { files: LogFiles; identity: Catalog["identity"]; clock: Clock } {
    const { files, catalog, clock } = this.#parts;
    return { files, identity: catalog.identity, clock };
  }
}
