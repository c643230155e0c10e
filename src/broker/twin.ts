import type { Timer } from "../util/clock.ts";
import type { Conversation } from "./conversation.ts";
import { IdWindow } from "./id_window.ts";
import { Following, type FollowingParts } from "./following.ts";
import type { HistoryStart } from "./history_start.ts";
import { DELIVERY_BYTES, REACTIVE_GRACE_MS, SERVICES_MAX, SUBSCRIPTIONS_MAX } from "./limits.ts";
import { Outbox, type OutboxParts } from "./outbox.ts";
import type { Publication } from "./publication.ts";
import type { Publisher } from "./publishing.ts";
import {
  type Delivery,
  deliveryId,
  type Subscriber,
  type Subscription,
  subscriptionKey,
} from "./subscription.ts";

/** How twins treat what they are given. */
export interface TwinParts extends OutboxParts {
  /** Whether nothing is pushed to a component before it said `reactive` (spec 5.3). */
  readonly strictReactive: boolean;
  /** The journal and what belongs to it; `null` when what passes is not kept. */
  readonly following?: FollowingParts | null;
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
  readonly #following: Following | null;
  /** The offset that the next message had when the session began. */
  #since = 0;
  /** Subscriptions that were announced in this session. */
  readonly #announced = new Set<Subscription>();
  /** Subscriptions that were announced before the component said that it wants what it missed. */
  readonly #early = new Set<Subscription>();
  /** Ends the wait for that. */
  #grace: Timer | null = null;
  #conversation: Conversation | null = null;
  #reactive = false;
  /** Subscriptions that were begun anew. */
  #rewinds = 0;
  #awaySince: number;

  constructor(identity: { readonly name: string; readonly anonymous: boolean }, parts: TwinParts) {
    this.name = identity.name;
    this.anonymous = identity.anonymous;
    this.#parts = parts;
    this.outbox = new Outbox({ ...parts, onDone: (delivery) => this.#arrived(delivery) });
    this.#following = parts.following ? this.#follow(parts.following) : null;
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

  /** How its subscriptions follow the journal; `null` when there is none. */
  get following(): Following | null {
    return this.#following;
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
    this.#announced.clear();
    this.#reactive = false;
    this.#since = this.#parts.following?.journal.next ?? 0;
    this.outbox.attach(conversation);
  }

  /** The session ended. Subscriptions stay and wait to be opened again (D14). */
  detach(): void {
    this.#conversation = null;
    this.#endGrace();
    this.#awaySince = this.#parts.clock.now();
    for (const subscription of this.subscriptions.values()) subscription.open = false;
    if (this.#following === null) {
      this.outbox.detach();
    } else {
      this.#following.close(this.subscriptions.values(), this.#since);
      this.outbox.discard();
    }
  }

  /** The component said whether it wants to be sent messages (spec 5.3, D14). */
  setReactive(reactive: boolean): void {
    this.#reactive = reactive;
    this.#endGrace();
    if (reactive) {
      for (const subscription of this.subscriptions.values()) {
        if (this.opensWhenReactive(subscription)) this.#open(subscription);
      }
    } else if (this.#parts.strictReactive) {
      for (const subscription of this.subscriptions.values()) subscription.open = false;
      this.#following?.close(this.subscriptions.values(), this.#since);
      if (this.#following !== null) this.outbox.forgetLogged();
      this.outbox.pause();
    }
  }

  /**
   * Whether `reactive` opens a subscription. A peer with capabilities announces again what it has a handler for, so
   * that nothing comes before; others may count on being remembered.
   */
  opensWhenReactive(subscription: Subscription): boolean {
    return this.#conversation?.capable !== true || this.#announced.has(subscription);
  }

  /** A `subscribe` of this session opens its subscription, unless `reactive` is asked for too. */
  announced(subscription: Subscription): void {
    this.#announced.add(subscription);
    if (subscription.removed) return;
    if (this.#reactive) this.#open(subscription);
    else if (this.#parts.strictReactive) return;
    else if (this.#following?.wantsMissed(subscription) !== true) this.#open(subscription);
    else this.#openLater(subscription);
  }

  /** Begins a subscription anew at a place in the journal. Its deliveries get other ids: they are asked for again. */
  rewind(subscription: Subscription, start: HistoryStart): void {
    if (this.#following === null) return;
    const { topic, progress } = subscription;
    const salt = `${progress?.salt}\n${this.#since}\n${this.#rewinds++}`;
    subscription.key = subscriptionKey(`${topic}\n${salt}`);
    this.#following.rewind(subscription, start);
  }

  /** Finds out where a subscription would go on, if it was opened now. */
  prepare(subscription: Subscription): void {
    this.#following?.prepare(subscription, this.#since);
  }

  /** A new subscription goes on where the same session had it before its component named itself. */
  goOn(before: Twin, old: Subscription): void {
    const served = before.following?.served(old);
    if (served === undefined) return;
    this.subscriptions.get(old.topic)?.progress?.takeOver(served, this.#since);
  }

  /** Takes what is under way to the same session from before its component named itself. */
  takeOver(
    before: Twin,
    pairs: readonly (readonly [old: Subscription, now: Subscription])[],
  ): void {
    if (this.#following === null) this.outbox.takeOver(before.outbox, pairs);
  }

  /** A subscription was taken back. */
  dropped(subscription: Subscription): void {
    this.#announced.delete(subscription);
    this.outbox.drop(subscription);
    this.#following?.forget(subscription);
  }

  /** Takes one message. What it cannot get while it is away is a matter of the log (spec 5.4). */
  deliver(publication: Publication, subscription: Subscription): void {
    const conversation = this.#conversation;
    if (conversation === null) return;
    const { counters } = this.#parts;
    const isFollowed = this.#following !== null && publication.position.isLogged;
    if (publication.qos === 0) {
      if (this.#parts.strictReactive && !this.#reactive) return;
      if (isFollowed && this.#following?.take(publication, subscription) === false) return;
      if (isFollowed && this.outbox.hasPlain && this.outbox.hasRoom) {
        // Stored ones are before it.
        this.#give(publication, subscription);
        return;
      }
      const sent = isFollowed && this.outbox.hasPlain
        ? "full"
        : conversation.sendPublication(publication, subscription, publication.plainId);
      if (sent === "sent") {
        counters.delivered++;
      } else {
        counters.dropped++;
        conversation.countGap(publication.topic, publication.position.offset);
      }
      return;
    }
    if (isFollowed && this.#following?.take(publication, subscription) === false) return;
    this.#give(publication, subscription);
  }

  /**
   * What was missed comes before what comes now: that waits for `reactive`, which a peer of another make may never
   * say, so that it waits only for so long.
   */
  #openLater(subscription: Subscription): void {
    this.#early.add(subscription);
    this.#grace ??= this.#parts.clock.setTimer(() => {
      this.#grace = null;
      for (const one of this.#early) if (!one.removed) this.#open(one);
      this.#early.clear();
    }, REACTIVE_GRACE_MS);
  }

  #endGrace(): void {
    this.#grace?.cancel();
    this.#grace = null;
    this.#early.clear();
  }

  #open(subscription: Subscription): void {
    this.outbox.open(subscription);
    this.#following?.open(subscription, this.#since);
  }

  #follow(parts: FollowingParts): Following {
    const { outbox } = this;
    return new Following(parts, {
      name: this.name,
      isBroker: false,
      isRemembered: !this.anonymous,
      room: () => outbox.room(),
      get hasRoom() {
        return outbox.hasRoom;
      },
      give: (publication, subscription) => this.#give(publication, subscription),
    });
  }

  #arrived({ publication, subscription }: Delivery): void {
    this.#following?.done(publication, subscription);
  }

  #give(publication: Publication, subscription: Subscription): void {
    this.#parts.counters.delivered++;
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
