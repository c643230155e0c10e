import type { ConnectionEvent } from "../peer/api.ts";
import { AsyncQueue } from "../peer/async_queue.ts";

/** Events that may wait in one iterator. Exceeded: the oldest is dropped. */
export const EVENTS_MAX = 100;

/** Connection events of one component for any number of loops. */
export class EventHub {
  readonly #queues = new Set<AsyncQueue<ConnectionEvent>>();
  #isClosed = false;

  /** Tells all loops. `closed` is the last event and ends them. */
  emit(event: ConnectionEvent): void {
    if (this.#isClosed) return;
    for (const queue of this.#queues) {
      if (queue.length >= EVENTS_MAX) queue.shift();
      queue.push(event);
    }
    if (event.type !== "closed") return;
    this.#isClosed = true;
    for (const queue of this.#queues) queue.end();
    this.#queues.clear();
  }

  /** Events from now on. */
  listen(): AsyncIterableIterator<ConnectionEvent> & AsyncDisposable {
    const queue = new AsyncQueue<ConnectionEvent>();
    if (this.#isClosed) queue.end();
    else this.#queues.add(queue);
    const leave = (): void => {
      this.#queues.delete(queue);
      queue.end();
    };
    return {
      next: () => queue.next(),
      return: () => {
        leave();
        return Promise.resolve({ done: true, value: undefined });
      },
      [Symbol.asyncIterator]() {
        return this;
      },
      [Symbol.asyncDispose]: () => {
        leave();
        return Promise.resolve();
      },
    };
  }
}
