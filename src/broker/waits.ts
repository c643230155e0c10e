import type { Clock } from "../util/clock.ts";
import { ConnectionClosedError, TimeoutError } from "../protocol/errors.ts";
import type { Answer } from "./conversation.ts";

/** When a wait ends without an answer. */
export interface WaitLimits {
  /** In milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Calls of the broker itself that wait for an answer. */
export class Waits {
  readonly #clock: Clock;
  /** Ends one wait with an error. */
  readonly #waiting = new Set<(error: unknown) => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Starts a call and waits for its answer. Rejects with `TimeoutError`, with the reason of the signal, or
   * with `ConnectionClosedError` when the broker closes first.
   */
  answer(
    start: (settle: (answer: Answer) => void) => void,
    { timeoutMs, signal }: WaitLimits,
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", abort);
      this.#waiting.delete(fail);
    };
    const fail = (error: unknown): void => {
      end();
      reject(error);
    };
    const abort = (): void => fail(signal?.reason);
    const timer = this.#clock.setTimer(() => fail(new TimeoutError()), timeoutMs);
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiting.add(fail);
    start((answer) => {
      end();
      resolve(answer);
    });
    return promise;
  }

  /** Ends all waits with `ConnectionClosedError`. */
  close(): void {
    for (const fail of this.#waiting) fail(new ConnectionClosedError());
  }
}
