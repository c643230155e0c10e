import type { ImportItem } from "./import_report.ts";

/** Counts what becomes of the things of one kind. */
export class Tally {
  readonly #kind: string;
  #taken = 0;
  /** Reason -> how many. */
  readonly #skipped = new Map<string, number>();

  /** Takes the kind, as in `ImportItem`. */
  constructor(kind: string) {
    this.#kind = kind;
  }

  /** Some were taken over. */
  take(count = 1): void {
    this.#taken += count;
  }

  /** Some were not, for a reason. */
  skip(reason: string, count = 1): void {
    if (count > 0) this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + count);
  }

  /** The result. */
  item(): ImportItem {
    return {
      kind: this.#kind,
      taken: this.#taken,
      skipped: [...this.#skipped].map(([reason, count]) => ({ count, reason })),
    };
  }
}
