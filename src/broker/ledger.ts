import type { Clock, Timer } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { SERVED_COVER_MS, SERVED_STORE_MS } from "./limits.ts";
import type { ServedTo, StateStore } from "./state_store.ts";

/** A subscription whose state is remembered. */
export interface Entry {
  readonly name: string;
  readonly topic: string;
  /** How far it is served now. */
  served(): ServedTo;
}

interface Covered {
  readonly offset: number;
  readonly run: () => void;
}

/**
 * Writes how far subscriptions were served: at most once a second, as more of it is only repeated after a crash, and
 * within {@link SERVED_COVER_MS} when an ACK2 waits for it (D11).
 */
export class Ledger {
  readonly #state: StateStore;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #changed = new Set<Entry>();
  /** Subscription -> what waits until its mark is durable. */
  readonly #covered = new Map<Entry, Covered[]>();
  #timer: Timer | null = null;
  /** When the timer fires, on the clock. */
  #timerAt = Infinity;
  #writing: Promise<void> | null = null;

  constructor(parts: { readonly state: StateStore; readonly clock: Clock; readonly log: Logger }) {
    this.#state = parts.state;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** A subscription was served further. */
  changed(entry: Entry): void {
    this.#changed.add(entry);
    this.#schedule(SERVED_STORE_MS);
  }

  /** Runs something when the mark of a subscription has passed an offset, and is durable. */
  covered(entry: Entry, offset: number, run: () => void): void {
    const waiting = this.#covered.get(entry);
    if (waiting === undefined) this.#covered.set(entry, [{ offset, run }]);
    else waiting.push({ offset, run });
    this.#changed.add(entry);
    this.#schedule(SERVED_COVER_MS);
  }

  /** Settles when the state of some subscriptions is remembered. Rejects when it cannot be written. */
  async store(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) this.#put(entry, entry.served());
    await this.#state.committed();
  }

  /** Notes the state of a subscription now, with what else is written in this turn. Nothing waits for it any more. */
  close(entry: Entry, served: ServedTo): void {
    this.forget(entry);
    this.#put(entry, served);
  }

  /** A subscription is gone. */
  forget(entry: Entry): void {
    this.#changed.delete(entry);
    this.#covered.delete(entry);
  }

  /** Writes all that changed. Does not reject: what cannot be written is written later. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = null;
    this.#timerAt = Infinity;
    await this.#writing;
    this.#writing = this.#write();
    await this.#writing;
    this.#writing = null;
  }

  /** Nothing is written any more. */
  end(): void {
    this.#timer?.cancel();
    this.#changed.clear();
    this.#covered.clear();
  }

  #put({ name, topic }: Entry, served: ServedTo): void {
    this.#state.put({ kind: "served", name, topic, ...served });
  }

  #schedule(ms: number): void {
    const at = this.#clock.now() + ms;
    if (at >= this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(() => void this.flush(), ms);
  }

  async #write(): Promise<void> {
    const ready: (() => void)[] = [];
    const entries = [...this.#changed];
    this.#changed.clear();
    for (const entry of entries) {
      const served = entry.served();
      this.#put(entry, served);
      this.#take(entry, served.mark, ready);
    }
    try {
      await this.#state.committed();
    } catch (error) {
      this.#log.warn("positions not stored", { error });
      // An ACK2 that never comes is harmless: the peer keeps the id for longer.
      return;
    }
    for (const run of ready) run();
    if (this.#covered.size > 0) this.#schedule(SERVED_STORE_MS);
  }

  /** Moves what a mark covers to `ready`. */
  #take(entry: Entry, mark: number, ready: (() => void)[]): void {
    const waiting = this.#covered.get(entry);
    if (waiting === undefined) return;
    const left = waiting.filter(({ offset }) => offset > mark);
    for (const { offset, run } of waiting) if (offset <= mark) ready.push(run);
    if (left.length === 0) this.#covered.delete(entry);
    else {
      this.#covered.set(entry, left);
      this.#changed.add(entry);
    }
  }
}
