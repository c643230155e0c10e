import { Fifo } from "../util/fifo.ts";
import type { Duck } from "./duck.ts";
import { QueryError } from "./errors.ts";
import { QUERIES_PENDING_MAX, QUERIES_RUNNING_MAX } from "./limits.ts";
import type { LakeStore } from "./store.ts";

/** Connections for queries, one for each that runs; the others wait in order. */
export class Readers {
  readonly #store: LakeStore;
  readonly #idle: Duck[] = [];
  readonly #all = new Set<Duck>();
  /** Connections that there are, and those that are being made. */
  #count = 0;
  readonly #waiting = new Fifo<(duck: Duck) => void>();

  /** Connections are made when they are needed. */
  constructor(store: LakeStore) {
    this.#store = store;
  }

  /**
   * Lends a connection to `work`.
   *
   * @throws {QueryError} When too many queries wait already.
   */
  async use<T>(work: (duck: Duck) => Promise<T>): Promise<T> {
    const duck = await this.#take();
    try {
      return await work(duck);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(duck);
      else next(duck);
    }
  }

  /** Interrupts what runs and closes all connections. */
  close(): void {
    for (const duck of this.#all) {
      duck.interrupt();
      duck.close();
    }
    this.#all.clear();
  }

  async #connect(): Promise<Duck> {
    this.#count++;
    try {
      const duck = await this.#store.connect();
      this.#all.add(duck);
      return duck;
    } catch (error) {
      this.#count--;
      throw error;
    }
  }

  async #take(): Promise<Duck> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#count < QUERIES_RUNNING_MAX) return await this.#connect();
    if (this.#waiting.length >= QUERIES_PENDING_MAX) {
      throw new QueryError(
        `Cannot answer the query: expected at most ${QUERIES_PENDING_MAX} that wait`,
      );
    }
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }
}
