import type { MsgId, Publish } from "../protocol/packet.ts";
import { Fifo } from "../util/fifo.ts";

/** Messages that wait for their handlers and loops, all subscriptions of one broker together. */
export const BACKLOG_MESSAGES_MAX = 100_000;
/** Bytes of their payloads. Exceeded, either: see {@link Backlog.push}. */
export const BACKLOG_BYTES_MAX: number = 64 * 1024 * 1024;

/** A message that waits. */
export interface Waiting {
  readonly packet: Publish;
  /** Its id, when it is to be acknowledged. */
  readonly id: MsgId | null;
}

/** Messages of subscriptions that reach into the past, whose handlers or loops are slower than the broker. */
export class Backlog {
  /** Topic as subscribed -> what waits, never empty. */
  readonly #waiting = new Map<string, Fifo<Waiting>>();
  #messages = 0;
  #bytes = 0;

  /** Messages that wait. */
  get length(): number {
    return this.#messages;
  }

  /** Whether there is so much room that it is worth asking for more. */
  get isHalfEmpty(): boolean {
    return this.#messages <= BACKLOG_MESSAGES_MAX / 2 && this.#bytes <= BACKLOG_BYTES_MAX / 2;
  }

  /** The topics of which messages wait. One that was taken from while this goes on comes again at the end. */
  topics(): IterableIterator<string> {
    return this.#waiting.keys();
  }

  /** Whether messages of a topic wait: later ones wait behind them. */
  has(topic: string): boolean {
    return this.#waiting.has(topic);
  }

  /** Adds a message. Returns `false` when there is no room for it. */
  push(message: Waiting): boolean {
    const { packet: { topic, data } } = message;
    const bytes = data.compact().byteLength;
    const isFull = this.#messages >= BACKLOG_MESSAGES_MAX ||
      (this.#messages > 0 && this.#bytes + bytes > BACKLOG_BYTES_MAX);
    if (isFull) return false;
    let waiting = this.#waiting.get(topic);
    if (waiting === undefined) this.#waiting.set(topic, waiting = new Fifo());
    waiting.push(message);
    this.#messages++;
    this.#bytes += bytes;
    return true;
  }

  /** The oldest message of a topic, which stays. */
  peek(topic: string): Waiting | undefined {
    return this.#waiting.get(topic)?.peek();
  }

  /** Takes the oldest message of a topic. */
  shift(topic: string): Waiting | undefined {
    const waiting = this.#waiting.get(topic);
    const message = waiting?.shift();
    if (waiting === undefined || message === undefined) return undefined;
    this.#waiting.delete(topic);
    if (waiting.length > 0) this.#waiting.set(topic, waiting);
    this.#messages--;
    this.#bytes -= message.packet.data.byteLength;
    return message;
  }
}
