import { Fifo } from "../util/fifo.ts";
import type { Journal } from "./journal.ts";

interface Waiting {
  readonly offset: number;
  /** Settles when it is durable; shared by all of one commit. */
  readonly commit: Promise<void>;
  readonly committed: () => void;
  readonly failed: (error: unknown) => void;
}

/** Publications of QoS 1/2 that wait for the disk: they leave in the order of the journal, after their commit (D9). */
export class Commits {
  readonly #journal: Pick<Journal, "next" | "committed">;
  readonly #waiting = new Fifo<Waiting>();
  /** The commit of the newest one. */
  #newest: Promise<void> | null = null;

  constructor(journal: Pick<Journal, "next" | "committed">) {
    this.#journal = journal;
  }

  /** Publications that wait. The journal limits them. */
  get pending(): number {
    return this.#waiting.length;
  }

  /** The last offset that went to live subscriptions: every one of QoS 1/2 up to it did. */
  get dispatched(): number {
    return (this.#waiting.peek()?.offset ?? this.#journal.next) - 1;
  }

  /** Calls one of the two when the record of an offset is durable, or lost. Offsets come in order. */
  add(
    offset: number,
    outcome: { readonly committed: () => void; readonly failed: (error: unknown) => void },
  ): void {
    const commit = this.#journal.committed(offset);
    this.#waiting.push({ offset, commit, ...outcome });
    if (commit === this.#newest) return;
    this.#newest = commit;
    commit.then(
      () => this.#settle(commit, (waiting) => waiting.committed()),
      (error) => this.#settle(commit, (waiting) => waiting.failed(error)),
    );
  }

  #settle(commit: Promise<void>, settle: (waiting: Waiting) => void): void {
    if (commit === this.#newest) this.#newest = null;
    for (;;) {
      const waiting = this.#waiting.peek();
      if (waiting === undefined || waiting.commit !== commit) return;
      this.#waiting.shift();
      settle(waiting);
    }
  }
}
