import { Fifo } from "../util/fifo.ts";

type QueueState =
  | { readonly kind: "open" }
  | { readonly kind: "ended" }
  /** The error goes to one reader; after that the queue has ended. */
  | { readonly kind: "failed"; readonly error: unknown };

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/** Items for whoever reads them by `next`, in order. Its owner limits it by {@link AsyncQueue.length}. */
export class AsyncQueue<T> {
  readonly #items = new Fifo<T>();
  readonly #readers = new Fifo<Reader<T>>();
  #state: QueueState = { kind: "open" };

  /** Items that wait for a reader. */
  get length(): number {
    return this.#items.length;
  }

  /** Whether a reader waits for an item. */
  get isWanted(): boolean {
    return this.#readers.length > 0;
  }

  /** Whether items are still taken. */
  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** Adds an item; ignored after the end. */
  push(item: T): void {
    if (this.#state.kind !== "open") return;
    const reader = this.#readers.shift();
    if (reader === undefined) this.#items.push(item);
    else reader.resolve({ done: false, value: item });
  }

  /** Takes the oldest item that waits. */
  shift(): T | undefined {
    return this.#items.shift();
  }

  /** The next item; waits for one. Done after the end, when nothing is left. */
  next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve({ done: false, value: item });
    const state = this.#state;
    switch (state.kind) {
      case "open": {
        const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T, undefined>>();
        this.#readers.push({ resolve, reject });
        return promise;
      }
      case "failed":
        this.#state = { kind: "ended" };
        return Promise.reject(state.error);
      case "ended":
        return Promise.resolve({ done: true, value: undefined });
      default:
        return state satisfies never;
    }
  }

  /** No more items will come; those that wait can still be read. */
  end(): void {
    if (this.#state.kind !== "open") return;
    this.#state = { kind: "ended" };
    for (const reader of this.#readers.drain()) reader.resolve({ done: true, value: undefined });
  }

  /** Ends with an error, which is thrown at one reader after the items that wait. */
  fail(error: unknown): void {
    if (this.#state.kind !== "open") return;
    const [first, ...others] = this.#readers.drain();
    this.#state = first === undefined ? { kind: "failed", error } : { kind: "ended" };
    first?.reject(error);
    for (const reader of others) reader.resolve({ done: true, value: undefined });
  }
}
