import type { Careful } from "./message.ts";

/** Deaths without a step forward after which transactions become small. */
const DEATHS_UNTIL_CAREFUL = 2;
/** Deaths with one message after which it is skipped: chance may kill a process, but not so often. */
const DEATHS_UNTIL_SKIPPED = 3;
/**
 * The same when a process was killed from outside: most often by an operator, which says nothing about the
 * message; but the kernel kills so too when memory ends, and it may be the message that takes it.
 */
const KILLS_UNTIL_SKIPPED = 12;
/** Messages of one transaction, step by step smaller around the one that a process dies of. */
const SIZES = [500, 25, 1] as const;
/** Messages until the doubt is over, at first: more than one transaction takes. */
const CAREFUL_RECORDS = 20_000;
/** Messages that are skipped; the oldest are tried again beyond this. */
const SKIPPED_MAX = 1_000;

/** What is known of a process that ended. */
export interface Death {
  /** Whether anything was ingested. */
  readonly hasProgressed: boolean;
  /** Where the transaction begins that it had announced, or `null`. */
  readonly trying: number | null;
  /** Whether somebody else killed it. */
  readonly wasKilled: boolean;
}

/**
 * Finds the message that the lake process dies of, so that one message cannot stop all tables for ever.
 * After two deaths without a step forward transactions become small and are announced; the one that a
 * process dies of is cut into smaller ones by the next. A single message that three processes died of
 * is skipped and becomes a dead letter.
 */
export class Suspicion {
  readonly #skip = new Set<number>();
  #barren = 0;
  /** Position in `SIZES`, or `null` without a doubt. */
  #step: number | null = null;
  #suspect: { readonly offset: number; deaths: number; kills: number } | null = null;

  /** How carefully the next process is to begin, or `null`. */
  get careful(): Careful | null {
    const step = this.#step;
    if (step === null) return null;
    const size = SIZES[step] ?? 1;
    // What was tried in one transaction is tried in smaller ones; what follows is not in doubt.
    return { size, count: step === 0 ? CAREFUL_RECORDS : SIZES[step - 1] ?? 1 };
  }

  /** Offsets of messages that are not to be tried again. */
  get skip(): readonly number[] {
    return [...this.#skip];
  }

  /** A process ended by itself while it had messages to ingest. */
  onDeath({ hasProgressed, trying, wasKilled }: Death): void {
    this.#barren = hasProgressed ? 0 : this.#barren + 1;
    if (trying === null) {
      // It died of something else, or before it began.
      const isInDoubt = this.#step !== null && !hasProgressed;
      this.#step = isInDoubt || this.#barren >= DEATHS_UNTIL_CAREFUL ? 0 : null;
      return;
    }
    const step = this.#step ?? 0;
    if (step < SIZES.length - 1) {
      this.#step = step + 1;
      return;
    }
    if (this.#suspect?.offset !== trying) this.#suspect = { offset: trying, deaths: 0, kills: 0 };
    const kind = wasKilled ? "kills" : "deaths";
    const count = ++this.#suspect[kind];
    if (count >= (wasKilled ? KILLS_UNTIL_SKIPPED : DEATHS_UNTIL_SKIPPED)) this.#skipIt(trying);
  }

  #skipIt(offset: number): void {
    this.#suspect = null;
    this.#step = null;
    this.#barren = 0;
    this.#skip.add(offset);
    const [oldest] = this.#skip;
    if (this.#skip.size > SKIPPED_MAX && oldest !== undefined) this.#skip.delete(oldest);
  }
}
