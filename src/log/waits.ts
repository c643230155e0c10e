import { REFUSED_RUNS_MAX } from "./limits.ts";

interface Waiting {
  readonly offset: number;
  readonly resolve: () => void;
}

/** Those who wait for the log to reach an offset. */
export class OffsetWaits {
  readonly #waiting = new Set<Waiting>();

  /** Settles when the log has reached `offset`, or is closed. Rejects with the signal's reason. */
  wait(offset: number, signal: AbortSignal | null): Promise<void> {
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(waiting);
        reject(signal?.reason);
      };
      const waiting: Waiting = {
        offset,
        resolve: () => {
          signal?.removeEventListener("abort", abort);
          resolve();
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** The log has reached this offset. */
  reach(offset: number): void {
    for (const waiting of this.#waiting) {
      if (waiting.offset > offset) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }
}

interface Run {
  readonly from: number;
  readonly through: number;
}

/** Offsets that were given to records that are refused. One run for each failure of the disk. */
export class RefusedRuns {
  #runs: Run[] = [];

  /** Remembers a run; an empty one is none. */
  add(from: number, through: number): void {
    if (through < from) return;
    this.#runs.push({ from, through });
    if (this.#runs.length > REFUSED_RUNS_MAX) this.#runs.shift();
  }

  /** Whether the record of this offset was refused. */
  has(offset: number): boolean {
    return this.#runs.some(({ from, through }) => from <= offset && offset <= through);
  }
}
