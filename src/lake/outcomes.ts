/** Outcomes that nobody asked for yet; the oldest are forgotten beyond this: the tables know them. */
const OUTCOMES_MAX = 10_000;

interface Waiter {
  readonly resolve: (error: string | null | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** Matches the outcomes of commands with those who wait for them, in whichever order they come. */
export class Outcomes {
  readonly #known = new Map<number, string | null>();
  readonly #waiting = new Map<number, Waiter>();

  /** Whether the outcome came already. */
  has(offset: number): boolean {
    return this.#known.has(offset);
  }

  /**
   * The outcome: `null` for success, a text for a failure, `undefined` when it must be asked for, since
   * the process was started again meanwhile.
   */
  wait(offset: number): Promise<string | null | undefined> {
    const known = this.#known.get(offset);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve, reject) => this.#waiting.set(offset, { resolve, reject }));
  }

  /** An outcome came. */
  settle(offset: number, error: string | null): void {
    const waiter = this.#waiting.get(offset);
    if (waiter !== undefined) {
      this.#waiting.delete(offset);
      waiter.resolve(error);
      return;
    }
    this.#known.set(offset, error);
    const [oldest] = this.#known.keys();
    if (this.#known.size > OUTCOMES_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Nobody waits for it any more. */
  forget(offset: number): void {
    this.#known.delete(offset);
    this.#waiting.delete(offset);
  }

  /** Everything below the offset was applied: who still waits must ask. */
  release(nextOffset: number): void {
    for (const [offset, waiter] of this.#waiting) {
      if (offset >= nextOffset) continue;
      this.#waiting.delete(offset);
      waiter.resolve(undefined);
    }
  }

  /** Nothing will come any more. */
  rejectAll(error: Error): void {
    for (const waiter of this.#waiting.values()) waiter.reject(error);
    this.#waiting.clear();
  }
}
