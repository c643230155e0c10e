import { clearImmediate, setImmediate } from "node:timers";
import type { RememberedState, StateChange, StateStore } from "../broker/state_store.ts";
import type { Clock, Timer } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { checkChange } from "./check_change.ts";
import { type Database, detailOf, meaningOf, transaction } from "./database.ts";
import { StateError } from "./errors.ts";
import type { StateHealth } from "./health.ts";
import { COMMIT_CHANGES_MAX, LAZY_MS, RETRY_MS_MAX, RETRY_MS_MIN } from "./limits.ts";
import { Pending } from "./pending.ts";
import type { StoredState } from "./read_state.ts";
import { FORMAT } from "./schema.ts";
import { Statements } from "./statements.ts";
import { StoredRows } from "./stored_rows.ts";

/** What a {@link DurableState} works with. */
export interface DurableStateParts {
  /** The opened and checked file. */
  readonly database: Database;
  /** Where it is, for the operator. */
  readonly path: string;
  /** What was in it. */
  readonly stored: StoredState;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1), for pauses. */
  readonly random: () => number;
  readonly onHealth: (health: StateHealth) => void;
}

/**
 * Where the writing stands.
 *
 *     open ──▶ failing ──▶ open       a commit failed; one succeeded
 *     any  ──▶ closed
 */
type State =
  | { readonly kind: "open" }
  | { readonly kind: "failing"; readonly attempts: number; readonly reason: string }
  | { readonly kind: "closed" };

interface Waiter {
  /** Changes that must be stored. */
  readonly noted: number;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: StateError) => void;
}

/** What a change is called in an error; those that nobody is told about have no name. */
const NOUNS: Readonly<Partial<Record<StateChange["kind"], string>>> = {
  subscribed: "the subscription",
  unsubscribed: "the subscription",
  exposed: "the service",
  unexposed: "the service",
  private: "the privacy of the topic",
  public: "the privacy of the topic",
  admins: "the admins",
  tenants: "the tenants",
};

/** The state of a broker on SQLite. Made by `openStateStore`. */
export class DurableState implements StateStore, AsyncDisposable {
  readonly remembered: Required<RememberedState>;
  readonly #parts: DurableStateParts;
  readonly #statements: Statements;
  readonly #rows: StoredRows;
  readonly #pending = new Pending();
  #logId: string | null;
  #state: State = { kind: "open" };
  /** Oldest first. */
  #waiters: Waiter[] = [];
  /** What waits for the next commit, for the text of its failure. */
  readonly #nouns = new Set<string>();
  #turn: ReturnType<typeof setImmediate> | null = null;
  #timer: Timer | null = null;

  /** Takes a file that was checked. */
  constructor(parts: DurableStateParts) {
    this.#parts = parts;
    this.remembered = parts.stored.remembered;
    this.#logId = parts.stored.logId;
    this.#statements = new Statements(parts.database);
    this.#rows = new StoredRows(parts.database);
  }

  /** Whether changes can be stored at the moment. */
  get health(): StateHealth {
    switch (this.#state.kind) {
      case "open":
        return { kind: "green" };
      case "failing":
        return { kind: "red", reason: this.#state.reason };
      case "closed":
        return { kind: "red", reason: "the state is closed" };
      default:
        return this.#state satisfies never;
    }
  }

  /** The log that positions belong to; `null` before one was noted. */
  get logId(): string | null {
    return this.#logId;
  }

  /**
   * Notes which log positions belong to. Those of another log mean nothing: they are all forgotten, behind which
   * everything in the new log counts as missed. They are as before in `remembered`. Durable as after `put`.
   */
  putLogId(logId: string): void {
    if (logId === this.#logId) return;
    for (const { name, subscriptions } of this.remembered.components) {
      for (const { topic } of subscriptions) {
        this.put({ kind: "served", name, topic, mark: 0, seen: 0, until: 0 });
      }
    }
    // The last of all: when only some of the positions are stored, they are forgotten again at the next start.
    this.#logId = logId;
    this.#pending.setLogId(logId);
    this.#urge();
  }

  /**
   * As the interface says; of a tenant that is given twice the last one counts. Throws `RangeError` for offsets and
   * times that are no whole numbers.
   */
  put(change: StateChange): void {
    checkChange(change);
    if (this.#state.kind === "closed") {
      this.#parts.logger.debug("stateChangeAfterClose", { kind: change.kind });
      return;
    }
    this.#pending.add(change, {
      nowMs: Math.trunc(this.#parts.clock.wallMs()),
      stored: this.#state.kind === "failing" ? this.#rows : null,
    });
    if (change.kind === "served" || change.kind === "seen") {
      this.#timer ??= this.#parts.clock.setTimer(() => this.#write(), LAZY_MS);
      return;
    }
    const noun = NOUNS[change.kind];
    if (noun !== undefined) this.#nouns.add(noun);
    this.#urge();
  }

  /**
   * Settles when everything that was put before is durable. Rejects with a {@link StateError} whose text is fit for a
   * peer when it cannot be written. While the disk fails it settles with the next try, within a second.
   */
  committed(): Promise<void> {
    if (this.#state.kind === "closed") {
      return Promise.reject(new StateError("closed", "Cannot store the change: the broker closes"));
    }
    const { noted } = this.#pending;
    if (this.#pending.isStored(noted)) return Promise.resolve();
    const last = this.#waiters.at(-1);
    if (last?.noted === noted) return last.promise;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ noted, promise, resolve, reject });
    this.#urge();
    return promise;
  }

  /** Stores what waits, and closes the file. What cannot be stored is reported and lost. Idempotent. */
  close(): Promise<void> {
    if (this.#state.kind === "closed") return Promise.resolve();
    this.#unschedule();
    try {
      while (this.#pending.size > 0) this.#writeSome();
      this.#settle();
    } catch (error) {
      const { path, logger } = this.#parts;
      logger.error("stateLost", { path, reason: detailOf(error), changed: this.#pending.size });
      this.#rejectAll(this.#failure(error));
    }
    this.#state = { kind: "closed" };
    this.#parts.database.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Writes in this turn of the event loop, once everything that came with it was taken (D25). While the disk fails,
   * the timer decides when to try again.
   */
  #urge(): void {
    if (this.#state.kind !== "open" || this.#turn !== null) return;
    this.#turn = setImmediate(() => this.#write());
  }

  /** Nothing is written by itself any more, until that is scheduled again. */
  #unschedule(): void {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    this.#timer?.cancel();
    this.#timer = null;
  }

  #write(): void {
    // Only one of turn and timer is left when both were set: two chains of writes would outlive `close`.
    this.#unschedule();
    try {
      this.#writeSome();
    } catch (error) {
      this.#onFailure(error);
      return;
    }
    this.#onSuccess();
    if (this.#pending.size > 0) this.#urge();
  }

  #writeSome(): void {
    const { writes, subjects } = this.#pending.next(COMMIT_CHANGES_MAX);
    const { database } = this.#parts;
    transaction(database, () => {
      // When the disk has failed there must be something to write, to find out whether it works again.
      if (this.#state.kind === "failing") database.exec(`PRAGMA user_version = ${FORMAT}`);
      for (const write of writes) this.#statements.run(write);
    });
    this.#pending.stored(subjects);
  }

  #onSuccess(): void {
    if (this.#state.kind === "failing") {
      this.#parts.logger.info("stateStoredAgain", { path: this.#parts.path });
      this.#state = { kind: "open" };
      this.#parts.onHealth(this.health);
    }
    if (this.#pending.size === 0) this.#nouns.clear();
    this.#settle();
  }

  /** Resolves those whose changes are stored. */
  #settle(): void {
    while (this.#waiters[0] !== undefined && this.#pending.isStored(this.#waiters[0].noted)) {
      this.#waiters.shift()?.resolve();
    }
  }

  #onFailure(error: unknown): void {
    const { clock, logger, onHealth, path, random } = this.#parts;
    const attempts = this.#state.kind === "failing" ? this.#state.attempts + 1 : 1;
    const reason = `Cannot write the state "${path}": ${detailOf(error)}`;
    const isNews = this.#state.kind !== "failing" || this.#state.reason !== reason;
    this.#state = { kind: "failing", attempts, reason };
    // At least half of the pause: a disk in trouble is not asked all the time.
    const ceiling = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(attempts, 16));
    this.#timer = clock.setTimer(() => this.#write(), ceiling / 2 * (1 + random()));
    this.#rejectAll(this.#failure(error));
    if (!isNews) return;
    logger.error("stateNotStored", { path, reason, changed: this.#pending.size });
    onHealth(this.health);
  }

  /** Without path and numbers: peers see it. */
  #failure(cause: unknown): StateError {
    const { fault, reason } = meaningOf(cause);
    const [noun = "the change", ...others] = this.#nouns;
    const what = others.length === 0 ? noun : "the change";
    return new StateError(fault, `Cannot store ${what}: ${reason}`, { cause });
  }

  #rejectAll(error: StateError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(error);
  }
}
