import type { Clock, Timer } from "../../src/util/clock.ts";

interface Alarm {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Where the wall clock of a manual clock starts: some time in 2026. */
const WALL_START_MS = 1_790_000_000_000;

/** A clock that moves only when a test says so. Timers fire in the order of their time. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #alarms = new Set<Alarm>();

  now(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return WALL_START_MS + this.#nowMs;
  }

  setTimer(callback: () => void, ms: number): Timer {
    const alarm: Alarm = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, callback };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /** Timers that are set. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** When the next timer fires, or `null` when none is set. */
  get nextMs(): number | null {
    return this.#next(Infinity)?.atMs ?? null;
  }

  /**
   * Moves time and fires what is due, timers set meanwhile included. Between two timers, promises and
   * microtasks that are ready get their turn.
   */
  async advance(ms: number): Promise<void> {
    const until = this.#nowMs + ms;
    await settle();
    for (let alarm = this.#next(until); alarm !== null; alarm = this.#next(until)) {
      this.#alarms.delete(alarm);
      this.#nowMs = Math.max(this.#nowMs, alarm.atMs);
      alarm.callback();
      await settle();
    }
    this.#nowMs = until;
  }

  #next(until: number): Alarm | null {
    let next: Alarm | null = null;
    for (const alarm of this.#alarms) {
      if (alarm.atMs > until) continue;
      if (
        next === null || alarm.atMs < next.atMs ||
        (alarm.atMs === next.atMs && alarm.order < next.order)
      ) {
        next = alarm;
      }
    }
    return next;
  }
}

/** Turns of the microtask queue that are enough for any chain of promises in a test. */
const TURNS = 30;

/** Lets everything run that waits for no timer. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await Promise.resolve();
}
