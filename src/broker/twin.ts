import type { Conversation } from "./conversation.ts";
import { IdWindow } from "./id_window.ts";
import { DELIVERY_BYTES, SERVICES_MAX, SUBSCRIPTIONS_MAX } from "./limits.ts";
import { Outbox, type OutboxParts } from "./outbox.ts";
import type { Publication } from "./publication.ts";
import type { Publisher } from "./publishing.ts";
import { deliveryId, type Subscriber, type Subscription } from "./subscription.ts";

/** How twins treat what they are given. */
export interface TwinParts extends OutboxParts {
  /** Whether nothing is pushed to a component before it said `reactive` (spec 5.3). */
  readonly strictReactive: boolean;
}

/**
 * What a broker knows of one component, connected or not: its subscriptions, its services, and what is on
 * the way to it. A named one outlives its connection; an anonymous one ends with it.
 */
export class Twin implements Subscriber, Publisher {
  readonly name: string;
  readonly anonymous: boolean;
  readonly isBroker = false;
  /** Topic or pattern -> subscription. At most {@link SUBSCRIPTIONS_MAX}. */
  readonly subscriptions = new Map<string, Subscription>();
  /** Services that it exposes. At most {@link SERVICES_MAX}. */
  readonly services = new Set<string>();
  /** Its QoS 2 publications of the last minutes. */
  readonly window = new IdWindow();
  readonly outbox: Outbox;
  readonly #parts: TwinParts;
  #conversation: Conversation | null = null;
  #reactive = false;
  #awaySince: number;

  constructor(identity: { readonly name: string; readonly anonymous: boolean }, parts: TwinParts) {
    this.name = identity.name;
    this.anonymous = identity.anonymous;
    this.#parts = parts;
    this.outbox = new Outbox(parts);
    this.#awaySince = parts.clock.now();
  }

  /** The connected session, or `null`. */
  get conversation(): Conversation | null {
    return this.#conversation;
  }

  /** When it disconnected last, on the broker's clock. */
  get awaySince(): number {
    return this.#awaySince;
  }

  /** Subscriptions, services and QoS 2 ids that are remembered for it. */
  get entries(): number {
    return this.subscriptions.size + this.services.size + this.window.size;
  }

  /** Whether one more subscription of `topic` is allowed. */
  takesSubscription(topic: string): boolean {
    return this.subscriptions.size < SUBSCRIPTIONS_MAX || this.subscriptions.has(topic);
  }

  /** Whether one more service is allowed. */
  takesService(topic: string): boolean {
    return this.services.size < SERVICES_MAX || this.services.has(topic);
  }

  /** A session began under this name. */
  attach(conversation: Conversation): void {
    this.#conversation = conversation;
    this.#reactive = false;
    this.outbox.attach(conversation);
  }

  /** The session ended. Subscriptions stay and wait to be opened again (D14). */
  detach(): void {
    this.#conversation = null;
    this.#awaySince = this.#parts.clock.now();
    for (const subscription of this.subscriptions.values()) subscription.open = false;
    this.outbox.detach();
  }

  /** The component said whether it wants to be sent messages (spec 5.3, D14). */
  setReactive(reactive: boolean): void {
    this.#reactive = reactive;
    if (reactive) {
      for (const subscription of this.subscriptions.values()) this.outbox.open(subscription);
    } else if (this.#parts.strictReactive) {
      for (const subscription of this.subscriptions.values()) subscription.open = false;
      this.outbox.pause();
    }
  }

  /** A `subscribe` of this session opens its subscription, unless `reactive` is asked for too. */
  announced(subscription: Subscription): void {
    if (!this.#parts.strictReactive || this.#reactive) this.outbox.open(subscription);
  }

  /** Takes one message. What it cannot get while it is away is a matter of the log (spec 5.4). */
  deliver(publication: Publication, subscription: Subscription): void {
    const conversation = this.#conversation;
    if (conversation === null) return;
    const { counters } = this.#parts;
    if (publication.qos === 0) {
      if (this.#parts.strictReactive && !this.#reactive) return;
      const sent = conversation.sendPublication(publication, subscription, publication.plainId);
      if (sent === "sent") {
        counters.delivered++;
      } else {
        counters.dropped++;
        conversation.countGap(publication.topic, publication.position.offset);
      }
      return;
    }
    counters.delivered++;
    this.outbox.add({
      publication,
      subscription,
      id: deliveryId(publication, subscription),
      bytes: publication.data.byteLength + DELIVERY_BYTES,
      attempts: 0,
      sessions: 0,
      conversation: null,
      tries: 0,
      sentAt: 0,
    });
  }
}
