import type { Clock, Timer } from "../util/clock.ts";
import { Fifo } from "../util/fifo.ts";
import type { Logger } from "../util/log.ts";
import type { MsgId } from "../protocol/packet.ts";
import type { Conversation, Sent } from "./conversation.ts";
import type { Counters } from "./counters.ts";
import {
  DELIVERIES_IN_FLIGHT_MAX,
  DELIVERY_ATTEMPTS_MAX,
  DELIVERY_BYTES,
  DELIVERY_SESSIONS_MIN,
  OUTBOUND_BYTES_MAX,
  OUTBOX_BYTES_MAX,
  OUTBOX_DELIVERIES_MAX,
  PROGRESS_MS_MAX,
  RESEND_PAUSES_MS,
} from "./limits.ts";
import type { OutboundMemory } from "./memory.ts";
import type { Delivery, Subscription } from "./subscription.ts";

/** What an outbox needs from its broker. */
export interface OutboxParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: Counters;
  readonly memory: Pick<OutboundMemory, "hold" | "free" | "share" | "unshare">;
  /** A delivery has arrived, or never will, but for those that `discard` forgets. */
  readonly onDone?: (delivery: Delivery) => void;
}

/** How often something was tried. */
interface Trials {
  readonly attempts: number;
  readonly sessions: number;
}

/**
 * QoS 1/2 deliveries to one component: the sender's half of spec 5.2, one for each subscriber (D11, D13).
 *
 *     add ─▶ parked (subscription not open) ─▶ waiting ─▶ in flight (64) ─▶ acknowledged
 *              ▲                                             │
 *              └──────────────── link lost ◀─────────────────┘
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #waiting = new Fifo<Delivery>();
  /** Id -> delivery, in the order of sending: the first is the oldest. */
  readonly #inFlight = new Map<MsgId, Delivery>();
  #conversation: Conversation | null = null;
  #bytes = 0;
  /** The largest delivery since the outbox was empty: it does not count for the limit (D6). */
  #largest = 0;
  #progressAt = 0;
  /** When the delivery in front of the oldest was acknowledged, if its first copy was. */
  #inStepAt = 0;
  #timer: Timer | null = null;
  /** When the timer fires, on the broker's clock. */
  #timerAt = 0;
  /** Id -> trials of what was in flight when the last session ended. */
  #tried: ReadonlyMap<MsgId, Trials> = new Map();
  /** Deliveries of QoS 0 that wait: what comes now must not overtake them. */
  #plain = 0;
  /** Who waits for room. */
  #roomWanted: PromiseWithResolvers<void> | null = null;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Bytes of everything that is not acknowledged. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Deliveries that are neither acknowledged nor parked. */
  get active(): number {
    return this.#inFlight.size + this.#waiting.length;
  }

  /** Whether stored messages of QoS 0 wait. */
  get hasPlain(): boolean {
    return this.#plain > 0;
  }

  /** Whether one more delivery is taken that could stay in the journal. */
  get hasRoom(): boolean {
    return this.active < OUTBOX_DELIVERIES_MAX && this.#bytes - this.#largest < OUTBOX_BYTES_MAX;
  }

  /** Settles when there is room, or when all was forgotten. */
  room(): Promise<void> {
    if (this.hasRoom) return Promise.resolve();
    return (this.#roomWanted ??= Promise.withResolvers()).promise;
  }

  /** A session began. Nothing flows before a subscription is opened (D14). */
  attach(conversation: Conversation): void {
    this.#conversation = conversation;
    this.#progressAt = this.#parts.clock.now();
  }

  /** The session ended: all that is not acknowledged waits for the next one, in order. */
  detach(): void {
    this.#conversation = null;
    this.#timer?.cancel();
    this.#timer = null;
    this.#inStepAt = 0;
    const unacknowledged = [...this.#inFlight.values(), ...this.#waiting.drain()];
    this.#inFlight.clear();
    this.#park(unacknowledged);
  }

  /**
   * The session ended, and everything is in the journal: all is forgotten, but how often what was in flight was
   * tried (D13).
   */
  discard(): void {
    this.#conversation = null;
    this.#timer?.cancel();
    this.#timer = null;
    this.#inStepAt = 0;
    const tried = new Map<MsgId, Trials>();
    for (const delivery of this.#inFlight.values()) {
      if (delivery.publication.position.isLogged) tried.set(delivery.id, delivery);
      this.#forget(delivery);
    }
    this.#tried = tried;
    this.#inFlight.clear();
    for (const delivery of this.#waiting.drain()) this.#forget(delivery);
    this.#makeRoom();
  }

  /** What waits and is in the journal is forgotten: it will be read again. */
  forgetLogged(): void {
    for (const delivery of this.#waiting.drain()) {
      if (delivery.publication.position.isLogged) this.#forget(delivery);
      else this.#waiting.push(delivery);
    }
  }

  /** The component wants nothing for now: what was not sent yet waits until its subscription is opened. */
  pause(): void {
    this.#park(this.#waiting.drain());
  }

  /** Takes one delivery; it is sent as soon as its turn comes. A queue that is too long ends the session. */
  add(delivery: Delivery): void {
    this.#keep(delivery);
    const tried = this.#tried.get(delivery.id);
    if (tried !== undefined) {
      delivery.attempts = tried.attempts;
      delivery.sessions = tried.sessions;
    }
    const { subscription } = delivery;
    if (!subscription.open) {
      subscription.parked.push(delivery);
      this.#trimParked(subscription);
      return;
    }
    this.#waiting.push(delivery);
    this.pump();
    // What is in the journal was only given since there was room.
    if (this.#isFull && !delivery.publication.position.isLogged) {
      this.#conversation?.close(1013, "slow consumer");
    }
  }

  /**
   * Takes all deliveries to subscriptions that the same session had before its component named itself.
   * Those in flight are sent again, with their ids.
   */
  takeOver(before: Outbox, pairs: Iterable<readonly [old: Subscription, now: Subscription]>): void {
    before.detach();
    for (const [old, now] of pairs) {
      for (const delivery of old.parked) {
        before.#forget(delivery);
        const moved = { ...delivery, subscription: now };
        this.#keep(moved);
        if (now.open) this.#waiting.push(moved);
        else now.parked.push(moved);
      }
      old.parked = [];
    }
    this.pump();
  }

  /** The peer is ready for this subscription: what is parked flows, then what comes. */
  open(subscription: Subscription): void {
    if (subscription.open) return;
    subscription.open = true;
    const parked = subscription.parked;
    subscription.parked = [];
    for (const delivery of parked) this.#waiting.push(delivery);
    this.pump();
  }

  /** A subscription was taken back: what is parked for it is dropped, what waits is skipped later. */
  drop(subscription: Subscription): void {
    subscription.removed = true;
    this.#dropParked(subscription);
  }

  /** The peer acknowledged. Returns the delivery, or `undefined` for an id that is not in flight. */
  acknowledged(id: MsgId): Delivery | undefined {
    const delivery = this.#inFlight.get(id);
    if (delivery === undefined) return undefined;
    const now = this.#parts.clock.now();
    if (delivery === this.#oldest()) this.#inStepAt = delivery.tries === 1 ? now : 0;
    this.#inFlight.delete(id);
    this.#done(delivery);
    this.#progressAt = now;
    this.pump();
    this.#makeRoom();
    return delivery;
  }

  /** Sends what may be sent now. Called when the link has drained, too. */
  pump(): void {
    const conversation = this.#conversation;
    if (conversation === null) return;
    while (this.#inFlight.size < DELIVERIES_IN_FLIGHT_MAX) {
      const delivery = this.#waiting.peek();
      if (delivery === undefined) break;
      if (delivery.subscription.removed) {
        this.#waiting.shift();
        this.#done(delivery);
        continue;
      }
      if (delivery.publication.qos === 0) {
        if (!this.#hand(delivery, conversation)) break;
        continue;
      }
      // Two deliveries of one id can only be told apart one after the other.
      if (this.#inFlight.has(delivery.id)) break;
      const sent = this.#transmit(delivery, conversation);
      if (sent === "full") break;
      this.#waiting.shift();
      if (sent === "impossible") this.#giveUp(delivery, "it fits no frame");
    }
    this.#arm();
    this.#makeRoom();
  }

  /** Gives up all deliveries of a component that is away. Its subscriptions stay. */
  clear(subscriptions: Iterable<Subscription>): void {
    for (const subscription of subscriptions) {
      this.#parts.counters.deadLetters += subscription.parked.length;
      this.#dropParked(subscription);
    }
  }

  /** Whether more than the limit is not acknowledged, the largest delivery not counted (D6). */
  get #isFull(): boolean {
    return this.#bytes - this.#largest > OUTBOUND_BYTES_MAX;
  }

  /** Sends a stored message of QoS 0, which nobody acknowledges. Returns `false` when the link takes no more. */
  #hand(delivery: Delivery, conversation: Conversation): boolean {
    const { publication, subscription } = delivery;
    const sent = conversation.sendPublication(publication, subscription, publication.plainId);
    if (sent === "full") return false;
    this.#waiting.shift();
    if (sent === "impossible") this.#giveUp(delivery, "it fits no frame");
    else this.#done(delivery);
    return true;
  }

  #transmit(delivery: Delivery, conversation: Conversation): Sent {
    const { publication, subscription, id } = delivery;
    const sent = conversation.sendPublication(publication, subscription, id);
    if (sent !== "sent") return sent;
    const now = this.#parts.clock.now();
    if (this.#inFlight.size === 0) this.#progressAt = now;
    this.#inFlight.set(id, delivery);
    delivery.attempts++;
    if (delivery.conversation !== conversation) {
      delivery.conversation = conversation;
      delivery.sessions++;
      delivery.tries = 0;
    }
    delivery.tries++;
    delivery.sentAt = now;
    return sent;
  }

  /** Sees to it that the timer fires when the oldest delivery is due, at the latest. */
  #arm(): void {
    const oldest = this.#oldest();
    if (oldest === undefined) return;
    const due = Math.min(this.#dueMs(oldest), this.#progressAt + PROGRESS_MS_MAX);
    if (this.#timer !== null && this.#timerAt <= due) return;
    this.#timer?.cancel();
    const { clock } = this.#parts;
    this.#timerAt = due;
    this.#timer = clock.setTimer(() => this.#onTimer(), Math.max(0, due - clock.now()));
  }

  #onTimer(): void {
    this.#timer = null;
    const conversation = this.#conversation;
    const oldest = this.#oldest();
    if (conversation === null || oldest === undefined) return;
    const now = this.#parts.clock.now();
    const isDue = now >= this.#dueMs(oldest);
    if (isDue && oldest.subscription.removed) {
      // Nobody wants it any more, so that nobody may ever acknowledge it.
      this.#inFlight.delete(oldest.id);
      this.#done(oldest);
      this.#progressAt = now;
    } else if (now >= this.#progressAt + PROGRESS_MS_MAX) {
      conversation.close(1013, "no acknowledgement");
      return;
    } else if (isDue) {
      this.#resend(oldest, conversation);
    }
    this.pump();
  }

  #resend(oldest: Delivery, conversation: Conversation): void {
    if (
      oldest.attempts >= DELIVERY_ATTEMPTS_MAX && oldest.sessions >= DELIVERY_SESSIONS_MIN
    ) {
      this.#inFlight.delete(oldest.id);
      this.#giveUp(oldest, "it was never acknowledged");
      return;
    }
    switch (this.#transmit(oldest, conversation)) {
      case "sent":
        this.#parts.counters.resent++;
        return;
      case "full":
        // The link still holds the earlier copy: the pause begins anew.
        oldest.sentAt = this.#parts.clock.now();
        return;
      case "impossible":
        // The peer changed its encoding.
        this.#inFlight.delete(oldest.id);
        this.#giveUp(oldest, "it fits no frame");
        return;
      default:
    }
  }

  #giveUp(delivery: Delivery, why: string): void {
    this.#done(delivery);
    const { publication: { topic, position }, subscription } = delivery;
    this.#parts.counters.deadLetters++;
    this.#conversation?.countGap(topic, position.offset);
    this.#parts.log.warn("delivery given up", {
      topic,
      subscriber: subscription.subscriber.name,
      attempts: delivery.attempts,
      why,
    });
  }

  /** Puts deliveries in front of what is parked for their subscriptions. */
  #park(deliveries: readonly Delivery[]): void {
    const parkedNow = new Map<Subscription, Delivery[]>();
    for (const delivery of deliveries) {
      const { subscription } = delivery;
      if (subscription.removed) {
        this.#forget(delivery);
        continue;
      }
      const list = parkedNow.get(subscription);
      if (list === undefined) parkedNow.set(subscription, [delivery]);
      else list.push(delivery);
    }
    for (const [subscription, list] of parkedNow) {
      subscription.parked = [...list, ...subscription.parked];
    }
  }

  /**
   * Parked deliveries of a peer that never says it is ready must not grow: the oldest of this subscription
   * go, and in the end the new one, when others fill the outbox.
   */
  #trimParked(subscription: Subscription): void {
    while (this.#isFull) {
      const oldest = subscription.parked.shift();
      if (oldest === undefined) return;
      this.#giveUp(oldest, "the subscriber is not reactive");
    }
  }

  #dropParked(subscription: Subscription): void {
    for (const delivery of subscription.parked) this.#forget(delivery);
    subscription.parked = [];
  }

  #oldest(): Delivery | undefined {
    return this.#inFlight.values().next().value;
  }

  /**
   * When the oldest delivery is sent again, on the broker's clock. A subscriber that works one by one, and
   * keeps in step, is not behind with the next: its pause begins when it becomes the oldest.
   */
  #dueMs({ tries, sentAt }: Delivery): number {
    const pause = RESEND_PAUSES_MS[Math.min(tries, RESEND_PAUSES_MS.length) - 1] ?? 0;
    return Math.max(sentAt, this.#inStepAt) + pause;
  }

  #done(delivery: Delivery): void {
    this.#forget(delivery);
    this.#parts.onDone?.(delivery);
  }

  #makeRoom(): void {
    if (this.#roomWanted === null || !(this.hasRoom || this.#conversation === null)) return;
    const wanted = this.#roomWanted;
    this.#roomWanted = null;
    wanted.resolve();
  }

  #keep({ publication, bytes }: Delivery): void {
    const { memory } = this.#parts;
    if (publication.qos === 0) this.#plain++;
    publication.data.compact();
    memory.share(publication);
    memory.hold(DELIVERY_BYTES);
    if (this.#bytes === 0) this.#largest = 0;
    this.#largest = Math.max(this.#largest, bytes);
    this.#bytes += bytes;
  }

  #forget({ publication, bytes }: Delivery): void {
    const { memory } = this.#parts;
    if (publication.qos === 0) this.#plain--;
    memory.unshare(publication);
    memory.free(DELIVERY_BYTES);
    this.#bytes -= bytes;
  }
}
