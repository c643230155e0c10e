import type { Packet } from "../protocol/packet.ts";
import type { Logger } from "../util/log.ts";

/** The sender of an intercepted packet. */
export interface Sender {
  /** Name of the component; the broker-given id of an anonymous one. */
  readonly name: string;
  /** Whether it never named itself. */
  readonly anonymous: boolean;
}

/** One packet on its way from a peer into the broker. */
export interface Interception {
  /** Who sent it. */
  readonly from: Sender;
  /** What was sent. Not RESPONSE, ACK or ACK2: those belong to exchanges under way. */
  readonly packet: Packet;
  /** Sends a packet back to the sender, most often a response in place of the broker's. */
  answer(packet: Packet): void;
}

/**
 * Sees every message before the broker does; may change, answer, delay or drop it (spec 10.3).
 * One that throws loses that one message, and is reported.
 *
 * @example
 * ```ts
 * import type { Interceptor } from "@rembus/cli/broker";
 *
 * const noDebug: Interceptor = {
 *   name: "no-debug",
 *   intercept({ packet }, next) {
 *     if (packet.type !== "publish" || !packet.topic.startsWith("debug/")) next(packet);
 *   },
 * };
 * ```
 */
export interface Interceptor {
  /** For logs. */
  readonly name: string;
  /** Calls `next` with the packet, or another one, to pass it on; now, later, or never. */
  intercept(interception: Interception, next: (packet: Packet) => void): void;
  /** A component logged in. */
  connected?(component: Sender): void;
}

/** The interceptors in their order, and the broker behind them. */
export class InterceptorChain {
  readonly #interceptors: Interceptor[];
  readonly #log: Logger;

  constructor(interceptors: readonly Interceptor[], log: Logger) {
    this.#interceptors = [...interceptors];
    this.#log = log;
  }

  /** Whether nobody intercepts: the broker then takes packets directly. */
  get isEmpty(): boolean {
    return this.#interceptors.length === 0;
  }

  /** Adds one at the end, next to the broker. */
  add(interceptor: Interceptor): void {
    this.#interceptors.push(interceptor);
  }

  /** Passes a packet through all of them, then to `deliver`. */
  run(interception: Interception, deliver: (packet: Packet) => void): void {
    const original = interception.packet;
    this.#step(0, interception, (packet) => {
      deliver(packet === original ? packet : withoutFrame(packet));
    });
  }

  /** Tells all of them that a component logged in. */
  connected(component: Sender): void {
    for (const interceptor of this.#interceptors) {
      this.#guard(interceptor, () => interceptor.connected?.(component));
    }
  }

  #step(index: number, interception: Interception, deliver: (packet: Packet) => void): void {
    const interceptor = this.#interceptors[index];
    if (interceptor === undefined) {
      deliver(interception.packet);
      return;
    }
    this.#guard(
      interceptor,
      () =>
        interceptor.intercept(interception, (packet) => {
          this.#step(index + 1, { ...interception, packet }, deliver);
        }),
    );
  }

  /** An interceptor that fails, at once or later, harms nothing but the message that it had. */
  #guard({ name }: Interceptor, action: () => unknown): void {
    const report = (error: unknown): void => {
      this.#log.error("interceptor failed", { interceptor: name, error });
    };
    try {
      const result = action();
      if (result instanceof Promise) result.catch(report);
    } catch (error) {
      report(error);
    }
  }
}

/** A changed publication without the bytes that came: they say what it was before. */
function withoutFrame(packet: Packet): Packet {
  return packet.type === "publish" ? { ...packet, frame: null } : packet;
}
