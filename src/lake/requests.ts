import { QueryError } from "./errors.ts";
import type { ToLake } from "./message.ts";

interface Request {
  readonly message: ToLake;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

type Send = (message: ToLake) => void;

/**
 * Requests to the lake process that have no answer yet. They survive its end: one query that the process
 * dies of must not take others with it. Those that ran are asked again by the next process, one at a time
 * and before all others; the one that the process dies of while it is alone is refused.
 */
export class Requests {
  /** Id -> request, oldest first. */
  readonly #open = new Map<number, Request>();
  /** Queries that were there when a process ended, oldest first. */
  readonly #suspects = new Set<number>();
  /** Queries that wait until no suspect is left. */
  readonly #held = new Set<number>();
  /** The suspect that is being answered. */
  #alone: number | null = null;
  /** The way to the process that is ready, or `null`. */
  #send: Send | null = null;

  /** Requests without an answer. */
  get size(): number {
    return this.#open.size;
  }

  /** Sends a request, now or when it is its turn; the answer. */
  ask(id: number, message: ToLake): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#open.set(id, { message, resolve, reject });
    this.#begin(id, message);
    return promise;
  }

  /** The process answered. */
  resolve(id: number, value: unknown): void {
    this.#open.get(id)?.resolve(value);
    this.forget(id);
  }

  /** The process refused. */
  reject(id: number, error: Error): void {
    this.#open.get(id)?.reject(error);
    this.forget(id);
  }

  /** Nobody waits for the answer any more. */
  forget(id: number): void {
    this.#open.delete(id);
    this.#suspects.delete(id);
    this.#held.delete(id);
    if (this.#alone !== id) return;
    this.#alone = null;
    this.#next();
  }

  /** A process is ready: it is asked what has no answer. */
  connect(send: Send): void {
    this.#send = send;
    for (const [id, { message }] of this.#open) {
      if (!this.#suspects.has(id)) this.#begin(id, message);
    }
    this.#next();
  }

  /** The process ended, and with it what it was working at. */
  disconnect(how: string): void {
    if (this.#send === null) return;
    this.#send = null;
    const alone = this.#alone;
    this.#alone = null;
    if (alone !== null) {
      this.reject(alone, new QueryError(`Cannot answer: the table process ended (${how}), twice`));
    }
    for (const [id, { message }] of this.#open) {
      // The answer of a command is in the tables; housekeeping comes again by itself.
      if (message.type === "maintain") this.reject(id, new QueryError("the table process ended"));
      else if (message.type === "query" && alone === null) this.#suspects.add(id);
    }
  }

  /** Nobody will answer any more. */
  rejectAll(error: Error): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#suspects.clear();
    this.#held.clear();
    this.#alone = null;
    for (const { reject } of open) reject(error);
  }

  #begin(id: number, message: ToLake): void {
    if (message.type === "query" && this.#suspects.size > 0) this.#held.add(id);
    else this.#send?.(message);
  }

  #next(): void {
    if (this.#send === null || this.#alone !== null) return;
    const [suspect] = this.#suspects;
    if (suspect !== undefined) {
      this.#alone = suspect;
      this.#repeat(suspect);
      return;
    }
    for (const id of this.#held) this.#repeat(id);
    this.#held.clear();
  }

  #repeat(id: number): void {
    const request = this.#open.get(id);
    if (request !== undefined) this.#send?.(request.message);
  }
}
