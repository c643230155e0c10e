import { TimeoutError } from "../protocol/errors.ts";
import type { Clock } from "../util/clock.ts";

/** Time that a call may take when its caller did not tell, in milliseconds. */
const CALL_MS = 60_000;
/** What is kept of the caller's time so that the answer still reaches it, in milliseconds. */
const RETURN_MS = 250;
/** The part of a short time to live that is kept for the way back. */
const RETURN_SHARE = 0.1;

/** When a call must be answered. */
export class Deadline {
  readonly #clock: Clock;
  readonly #atMs: number;

  /** The end of a call whose caller waits `ttlMs` milliseconds, less the time that the answer needs. */
  constructor(clock: Clock, ttlMs: number | null) {
    const ms = ttlMs ?? CALL_MS;
    this.#clock = clock;
    this.#atMs = clock.now() + ms - Math.min(RETURN_MS, ms * RETURN_SHARE);
  }

  /** Milliseconds that are left, 1 at least: what is ready then is still taken. */
  get leftMs(): number {
    return Math.max(1, this.#atMs - this.#clock.now());
  }

  /** Whether it is over. */
  get isOver(): boolean {
    return this.#clock.now() >= this.#atMs;
  }

  /**
   * What `work` gives, which is told by a signal when the time is over.
   *
   * @throws {TimeoutError} When the time is over first. What was begun goes on.
   */
  async wait<T>(work: (signal: AbortSignal) => Promise<T>, what: string): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const controller = new AbortController();
    const timer = this.#clock.setTimer(() => {
      const error = new TimeoutError(`Cannot ${what}: the time of the caller is over`);
      controller.abort(error);
      reject(error);
    }, this.leftMs);
    try {
      return await Promise.race([work(controller.signal), promise]);
    } finally {
      timer.cancel();
    }
  }
}
