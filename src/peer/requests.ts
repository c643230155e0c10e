import { LimitError, TimeoutError } from "../protocol/errors.ts";
import type { MsgId, Response } from "../protocol/packet.ts";
import type { Clock, Timer } from "../util/clock.ts";

/** Requests that may wait for an answer on one connection (D35). Exceeded: `LimitError`. */
export const REQUESTS_MAX = 1_024;

/** How long one request waits. */
export interface RequestOptions {
  /** Time to wait, in milliseconds. Exceeded: `TimeoutError`. */
  readonly timeoutMs: number;
  /** Gives up when aborted; the request rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the answer at once: what comes behind it may be taken before the promise settles. */
  readonly onAnswer?: ((response: Response) => void) | undefined;
}

interface Pending {
  readonly resolve: (response: Response) => void;
  readonly reject: (reason: unknown) => void;
  /** Stops the timer and forgets the signal. */
  readonly release: () => void;
}

/** Requests that wait for their RESPONSE, by message id. An answer that comes too late is nobody's. */
export class Requests {
  readonly #clock: Clock;
  readonly #max: number;
  /** Message id -> who waits. */
  readonly #pending = new Map<MsgId, Pending>();

  /** Makes an empty table. */
  constructor(parts: { readonly clock: Clock; readonly max?: number }) {
    this.#clock = parts.clock;
    this.#max = parts.max ?? REQUESTS_MAX;
  }

  /** Requests that wait now. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Waits for the answer to a request that is about to be sent. Throws, so that it is not sent, the reason
   * of a signal that is aborted already, and `LimitError` when too many wait.
   */
  open(id: MsgId, { timeoutMs, signal, onAnswer }: RequestOptions): Promise<Response> {
    signal?.throwIfAborted();
    if (this.#pending.size >= this.#max) {
      throw new LimitError(
        `Cannot send the request: at most ${this.#max} may wait for an answer`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const timer: Timer = this.#clock.setTimer(
      () => this.cancel(id, new TimeoutError()),
      timeoutMs,
    );
    const onAbort = (): void => this.cancel(id, signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const release = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
    };
    const answered = (response: Response): void => {
      onAnswer?.(response);
      resolve(response);
    };
    this.#pending.set(id, { resolve: answered, reject, release });
    return promise;
  }

  /** An answer came. Returns `false` when nobody waits for it. */
  answered(response: Response): boolean {
    const pending = this.#take(response.id);
    pending?.resolve(response);
    return pending !== undefined;
  }

  /** Gives up one request; an unknown one is ignored. */
  cancel(id: MsgId, reason: unknown): void {
    this.#take(id)?.reject(reason);
  }

  /** Gives up all requests, each with an error of its own. */
  failAll(makeError: () => Error): void {
    for (const id of [...this.#pending.keys()]) this.cancel(id, makeError());
  }

  #take(id: MsgId): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.release();
    return pending;
  }
}
