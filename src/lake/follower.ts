import type { Clock, Timer } from "../util/clock.ts";
import { StoreError } from "./errors.ts";
import type { Applied, Ingest } from "./ingest.ts";
import { BATCH_RECORDS_MAX } from "./limits.ts";
import type { Careful } from "./message.ts";
import type { LakeRecord, LakeSource } from "./source.ts";
import type { LakeStore } from "./store.ts";

/** Pauses between tries of a storage that fails, in milliseconds. */
const RETRY_MS = { first: 250, max: 30_000 } as const;

/** What a follower works with. */
export interface FollowerOptions {
  /** The tables. */
  readonly store: LakeStore;
  /** What fills them. */
  readonly ingest: Ingest;
  /** The log. */
  readonly source: LakeSource;
  /** Time. */
  readonly clock: Clock;
  /** Pause between two transactions while nobody waits, in milliseconds. */
  readonly commitMs: number;
  /** How carefully to begin; absent when there is no doubt. */
  readonly careful?: Careful;
  /** Called before each transaction of a careful beginning, and waited for. */
  readonly onTrying?: (offset: number) => Promise<void>;
  /** Called after each transaction. */
  readonly onApplied: (applied: Applied) => void;
  /** Called when the storage fails and each time it fails again, and with null once it works. */
  readonly onHealth: (error: StoreError | null) => void;
}

interface Waiter {
  readonly offset: number;
  readonly resolve: (isThere: boolean) => void;
}

/** Follows the log up to the durable end, for ever (D19). */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #waiters = new Set<Waiter>();
  #durableEnd = 0;
  #isStopped = false;
  /** Resolves when the last that wanted to be alone has ended. */
  #busy: Promise<void> = Promise.resolve();
  /** Messages of the careful beginning. */
  #tried = 0;
  /** Ends the pause of the loop early. */
  #wake: () => void = () => {};
  #timer: Timer | null = null;

  /** Stands still until {@link Follower.run}. */
  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** The log is on disk up to `end`, exclusive. */
  durable(end: number): void {
    if (end <= this.#durableEnd) return;
    this.#durableEnd = end;
    this.#wake();
  }

  /** Whether everything below `offset` is in the tables, within `ms` milliseconds. */
  waitFor(offset: number, ms: number): Promise<boolean> {
    if (this.#options.store.nextOffset >= offset) return Promise.resolve(true);
    if (this.#isStopped) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        offset,
        resolve: (isThere) => {
          timer.cancel();
          this.#waiters.delete(waiter);
          resolve(isThere);
        },
      };
      const timer = this.#options.clock.setTimer(() => waiter.resolve(false), ms);
      this.#waiters.add(waiter);
      this.#wake();
    });
  }

  /** Ends the loop after the transaction that runs. */
  stop(): void {
    this.#isStopped = true;
    this.#wake();
    for (const waiter of this.#waiters) waiter.resolve(false);
  }

  /**
   * The loop; resolves after `stop`.
   *
   * @throws {StoreError} When going on makes no sense: the file is damaged.
   */
  async run(): Promise<void> {
    const { store, commitMs, onHealth } = this.#options;
    let failures = 0;
    while (!this.#isStopped) {
      if (store.nextOffset >= this.#durableEnd) {
        await this.#pause(null);
        continue;
      }
      const before = store.nextOffset;
      try {
        await this.#catchUp();
        if (failures > 0) onHealth(null);
        failures = 0;
      } catch (error) {
        this.#noteMoved(before);
        if (!(error instanceof StoreError) || error.fault !== "unavailable") throw error;
        onHealth(error);
        await this.#pause(Math.min(RETRY_MS.max, RETRY_MS.first * 2 ** failures++), true);
        continue;
      }
      if (commitMs > 0 && this.#waiters.size === 0) await this.#pause(commitMs, true);
    }
  }

  async #catchUp(): Promise<void> {
    const { store, source, careful } = this.#options;
    const end = this.#durableEnd;
    let pending: LakeRecord[] = [];
    for await (const records of source.read(store.nextOffset, end)) {
      if (careful !== undefined && this.#tried < careful.count) {
        await this.#tryParts(records, careful);
        if (this.#isStopped) return;
        continue;
      }
      for (const record of records) pending.push(record);
      if (pending.length < BATCH_RECORDS_MAX) continue;
      await this.#apply(pending, (pending.at(-1)?.offset ?? 0) + 1);
      pending = [];
      if (this.#isStopped) return;
    }
    await this.#apply(pending, end);
  }

  /** Small transactions: the one that the process dies of was announced. */
  async #tryParts(records: readonly LakeRecord[], { size }: Careful): Promise<void> {
    for (let at = 0; at < records.length && !this.#isStopped; at += size) {
      const part = records.slice(at, at + size);
      const [first] = part;
      const last = part.at(-1);
      if (first === undefined || last === undefined) return;
      this.#tried += part.length;
      await this.#options.onTrying?.(first.offset);
      await this.#apply(part, last.offset + 1);
    }
  }

  async #apply(records: readonly LakeRecord[], nextOffset: number): Promise<void> {
    this.#note(await this.alone(() => this.#options.ingest.apply(records, nextOffset)));
  }

  /** Runs `work` while no transaction is under way: housekeeping and rows would undo each other. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#busy;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#busy = promise;
    await before;
    try {
      return await work();
    } finally {
      resolve();
    }
  }

  /** What failed may have been carried out all the same. */
  #noteMoved(before: number): void {
    const { nextOffset } = this.#options.store;
    if (nextOffset > before) this.#note({ nextOffset, rows: 0, deadLetters: 0, outcomes: [] });
  }

  #note(applied: Applied): void {
    this.#options.onApplied(applied);
    for (const waiter of this.#waiters) {
      if (waiter.offset <= applied.nextOffset) waiter.resolve(true);
    }
  }

  /** Waits for news, or for time to pass; a wait for time ends early when somebody waits for rows. */
  #pause(ms: number | null, isForTime = false): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#timer?.cancel();
        this.#timer = null;
        this.#wake = () => {};
        resolve();
      };
      this.#wake = () => {
        if (!isForTime || this.#isStopped || this.#waiters.size > 0) done();
      };
      if (ms !== null) this.#timer = this.#options.clock.setTimer(done, ms);
    });
  }
}
