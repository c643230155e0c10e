import type { MsgId } from "../protocol/packet.ts";
import type { Clock } from "../util/clock.ts";

/** How long the id of a handled QoS 2 message is remembered, in milliseconds (D15). */
export const WINDOW_MS: number = 10 * 60_000;
/** Handled ids that are remembered. Exceeded: the oldest is forgotten. */
export const WINDOW_IDS_MAX = 65_536;

/** What is known of a message id. */
export type WindowState =
  /** Never seen, or forgotten: it counts as being handled from now on. */
  | "new"
  /** A handler works on it. */
  | "handling"
  /** It was handled in the last ten minutes. */
  | "handled";

/**
 * Ids of received messages, so that a repeated one is not handled again (D15): neither while its handler
 * works nor for ten minutes after, across reconnects, and also after ACK2.
 */
export class DeliveryWindow {
  readonly #clock: Clock;
  /** Bounded by who runs handlers. */
  readonly #handling = new Set<MsgId>();
  /** Id -> when it is forgotten, the oldest first. */
  readonly #handled = new Map<MsgId, number>();

  /** Makes an empty window. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ids that are known. */
  get size(): number {
    return this.#handling.size + this.#handled.size;
  }

  /** A message came: says what is known of it, and notes a new one as being handled. */
  begin(id: MsgId): WindowState {
    this.#expire();
    if (this.#handling.has(id)) return "handling";
    if (this.#handled.has(id)) return "handled";
    this.#handling.add(id);
    return "new";
  }

  /** The message was handled: its id is remembered. */
  settle(id: MsgId): void {
    this.#handling.delete(id);
    if (this.#handled.size >= WINDOW_IDS_MAX) {
      const [oldest] = this.#handled.keys();
      if (oldest !== undefined) this.#handled.delete(oldest);
    }
    this.#handled.set(id, this.#clock.now() + WINDOW_MS);
  }

  /** The message was not taken, or may be handled again: a repeated one is new. */
  release(id: MsgId): void {
    this.#handling.delete(id);
  }

  #expire(): void {
    const now = this.#clock.now();
    for (const [id, until] of this.#handled) {
      if (until > now) break;
      this.#handled.delete(id);
    }
  }
}
