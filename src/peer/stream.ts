import type { Message, MessageStream } from "./api.ts";
import { AsyncQueue } from "./async_queue.ts";

/**
 * Messages that may wait in one stream (D35). Exceeded: QoS 0 is dropped and counted, QoS 1/2 is not taken; who
 * feeds a stream that keeps all waits for room.
 */
export const STREAM_MESSAGES_MAX = 1_000;

interface Waiting<Args extends readonly unknown[]> {
  readonly message: Message<Args>;
  /** Told whether somebody took it. */
  readonly settle: (taken: boolean) => void;
}

/** How a {@link Stream} takes messages. */
export interface StreamOptions {
  /** Whether everything is taken; who feeds it looks at {@link Stream.hasRoom} first. @default {false} */
  readonly keepsAll?: boolean;
  /** Called when there is room for one more. */
  readonly onRoom?: () => void;
}

const ignore = (): void => {};

/**
 * Messages of one subscription for a loop. A message of QoS 1 or 2 counts as handled when the loop took it,
 * so that its acknowledgement waits for a slow loop.
 */
export class Stream<Args extends readonly unknown[] = readonly unknown[]>
  implements MessageStream<Args> {
  readonly #queue = new AsyncQueue<Waiting<Args>>();
  /** Whether everything is taken: who gives it something has looked whether there is room. */
  readonly keepsAll: boolean;
  readonly #onEnd: () => void | Promise<void>;
  readonly #onRoom: () => void;
  #dropped = 0;
  #ending: Promise<void> | null = null;

  /** Makes a stream. `onEnd` is called once, when the loop is over; it takes the subscription back. */
  constructor(onEnd: () => void | Promise<void>, options: StreamOptions = {}) {
    this.#onEnd = onEnd;
    this.keepsAll = options.keepsAll ?? false;
    this.#onRoom = options.onRoom ?? ignore;
  }

  /** QoS 0 messages that were dropped since the loop was slower than the publishers. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether a message of QoS 1 or 2 would be taken now. After the end nobody wants it: it is. */
  get hasRoom(): boolean {
    return !this.#queue.isOpen || this.#queue.length < STREAM_MESSAGES_MAX;
  }

  /**
   * Adds a message. Resolves when the loop took it, `true`, or when there is no room for it, `false`:
   * then it must not be acknowledged. A message of QoS 0 never waits. After the end nobody wants it: `true`.
   */
  push(message: Message<Args>): Promise<boolean> | boolean {
    if (!this.#queue.isOpen) return true;
    if (message.qos === 0) {
      if (this.keepsAll || this.hasRoom) this.#queue.push({ message, settle: ignore });
      else this.#dropped++;
      return true;
    }
    if (!this.keepsAll && !this.hasRoom) return false;
    if (this.#queue.isWanted) {
      this.#queue.push({ message, settle: ignore });
      return true;
    }
    return new Promise((settle) => this.#queue.push({ message, settle }));
  }

  /** A message of QoS 0 was dropped before it came here. */
  countDropped(): void {
    if (this.#queue.isOpen) this.#dropped++;
  }

  /** The next message; waits for one. */
  async next(): Promise<IteratorResult<Message<Args>, undefined>> {
    const result = await this.#queue.next();
    if (result.done === true) return { done: true, value: undefined };
    const { message, settle } = result.value;
    settle(true);
    this.#onRoom();
    return { done: false, value: message };
  }

  /** Ends the loop and its subscription. */
  async return(): Promise<IteratorResult<Message<Args>, undefined>> {
    await this.#leave();
    return { done: true, value: undefined };
  }

  /** Ends the loop and its subscription with an error of the consumer. */
  async throw(error?: unknown): Promise<IteratorResult<Message<Args>, undefined>> {
    await this.#leave();
    throw error;
  }

  /** No more messages will come; those that wait can still be read. */
  end(): void {
    this.#queue.end();
  }

  /** Ends the stream with an error, which the loop gets after what waits. */
  fail(error: unknown): void {
    this.#queue.fail(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#leave();
  }

  async #leave(): Promise<void> {
    this.#queue.end();
    // Nobody wants them any more: they count as handled, else they would be sent again and again.
    for (let left = this.#queue.shift(); left !== undefined; left = this.#queue.shift()) {
      left.settle(true);
    }
    this.#ending ??= Promise.resolve(this.#onEnd());
    await this.#ending;
  }
}
