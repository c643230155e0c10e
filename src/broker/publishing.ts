import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { Status } from "../protocol/errors.ts";
import type { MsgId, Packet, Publish } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { checkTopic, isReserved } from "../protocol/topic.ts";
import type { Access } from "./access.ts";
import type { Counters } from "./counters.ts";
import type { IdWindow } from "./id_window.ts";
import { Publication } from "./publication.ts";
import type { Sequence } from "./sequence.ts";
import type { Subscription } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Whose publication it is: the twin of a component, which never gets its own message, or the broker. */
export interface Publisher {
  /** Name for the gate and for extras. */
  readonly name: string;
  readonly isBroker: boolean;
  /** Ids that it sent before. `null` where nothing can be repeated. */
  readonly window: IdWindow | null;
}

/** What became of a publication. */
export type Outcome =
  | { readonly kind: "accepted" | "duplicate" }
  /** Handlers of the broker itself are busy: the publisher is to try again. */
  | { readonly kind: "busy" }
  | { readonly kind: "refused"; readonly reason: string };

/** What publishing needs from its broker. */
export interface PublishingParts {
  readonly access: Access;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
  readonly sequence: Sequence;
  readonly subscriptions: Subscriptions;
  /** Whether handlers of the broker itself can take one more message. */
  readonly localIsBusy: () => boolean;
}

const ACCEPTED: Outcome = { kind: "accepted" };
const DUPLICATE: Outcome = { kind: "duplicate" };
const BUSY: Outcome = { kind: "busy" };

/** The way of a publication from its publisher to all subscribers (spec 5.1, in the order of D9 and 12 #6). */
export class Publishing {
  readonly #parts: PublishingParts;

  constructor(parts: PublishingParts) {
    this.#parts = parts;
  }

  /** Takes one publication. Nothing is delivered of one that is refused or repeated. */
  publish(from: Publisher, packet: Publish): Outcome {
    const { access, clock, counters, sequence, subscriptions } = this.#parts;
    const reason = this.#refusal(from, packet.topic, access);
    if (reason !== null) {
      counters.refused++;
      this.#parts.log.warn("publication refused", { topic: packet.topic, from: from.name, reason });
      return { kind: "refused", reason };
    }
    const repeatable = packet.qos === 2 ? packet.id : null;
    if (repeatable !== null && from.window?.has(repeatable, clock.now()) === true) {
      counters.duplicates++;
      return DUPLICATE;
    }
    const receivers = subscriptions.match(packet.topic);
    if (packet.qos !== 0 && this.#parts.localIsBusy() && receivers.some(isLocal)) return BUSY;
    if (repeatable !== null) from.window?.add(repeatable, clock.now());
    counters.published++;
    if (receivers.length > 0) {
      this.#deliver(new Publication(packet, from.name, sequence.next()), receivers, from);
    }
    return ACCEPTED;
  }

  /**
   * Delivers a message that no component published as such: QoS 0, exact subscriptions only (D7). `except`
   * does not get it: whom it is about, or who caused it.
   */
  announce(
    topic: string,
    data: Payload,
    by: { readonly name: string; readonly except: unknown },
  ): void {
    const receivers = this.#parts.subscriptions.exact(topic);
    if (receivers.length === 0) return;
    const packet: Publish = {
      type: "publish",
      id: null,
      topic,
      qos: 0,
      slot: null,
      data,
      extras: null,
      frame: null,
    };
    this.#deliver(
      new Publication(packet, by.name, this.#parts.sequence.next()),
      receivers,
      by.except,
    );
  }

  #refusal(from: Publisher, topic: string, access: Access): string | null {
    if (from.isBroker) return null;
    const problem = checkTopic(topic);
    if (problem !== null) return problem;
    if (isReserved(topic)) {
      return `Cannot publish on "${topic}": names that start with "__" are reserved`;
    }
    return access.can(from, "publish", topic) ? null : "unauthorized";
  }

  #deliver(
    publication: Publication,
    receivers: readonly Subscription[],
    except: unknown,
  ): void {
    const { access, log } = this.#parts;
    const judged = access.isPrivate(publication.topic);
    for (const subscription of receivers) {
      const { subscriber } = subscription;
      if (subscriber === except) continue;
      if (judged && !access.can(subscriber, "receive", publication.topic)) continue;
      try {
        subscriber.deliver(publication, subscription);
      } catch (error) {
        log.error("delivery failed", { topic: publication.topic, to: subscriber.name, error });
      }
    }
  }
}

/** The reply that a publisher of QoS 1/2 gets, or `null` (spec 5.2, D4). */
export function replyTo(packet: Publish, outcome: Outcome): Packet | null {
  if (packet.qos === 0 || packet.id === null) return null;
  switch (outcome.kind) {
    case "accepted":
    case "duplicate":
      return { type: "ack", id: packet.id };
    case "busy":
      // Not a refusal: the publisher repeats, and nothing was remembered of this copy.
      return null;
    case "refused":
      return refusal(packet.id, outcome.reason);
    default:
      return outcome satisfies never;
  }
}

/** A response that says no, and why. */
export function refusal(id: MsgId, reason: string, status: number = Status.ERROR): Packet {
  return { type: "response", id, status, data: Payload.fromValue(reason) };
}

function isLocal(subscription: Subscription): boolean {
  return subscription.subscriber.isBroker;
}
