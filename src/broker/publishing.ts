import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { Status } from "../protocol/errors.ts";
import type { MsgId, Packet, Publish } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { checkTopic, isReserved } from "../protocol/topic.ts";
import { errorText } from "../util/error_text.ts";
import type { Access } from "./access.ts";
import type { Commits } from "./commits.ts";
import type { Counters } from "./counters.ts";
import type { IdWindow } from "./id_window.ts";
import type { Journal } from "./journal.ts";
import { Publication } from "./publication.ts";
import { loggedPosition, type Position, type Sequence } from "./sequence.ts";
import type { Subscription } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Whose publication it is: the twin of a component, which never gets its own message, or the broker. */
export interface Publisher {
  /** Name for the gate and for extras. */
  readonly name: string;
  readonly isBroker: boolean;
  /** Whether the name stands for one connection only. @default {false} */
  readonly anonymous?: boolean;
  /** Ids that it sent before. `null` where nothing can be repeated. */
  readonly window: IdWindow | null;
}

/** What became of a publication. */
export type Outcome =
  | { readonly kind: "accepted" | "duplicate" }
  /** Handlers of the broker itself are busy: the publisher is to try again. */
  | { readonly kind: "busy" }
  /** It was not allowed: the publisher is told so. */
  | { readonly kind: "refused"; readonly reason: string }
  /** It is on its way to the disk: what became of it is told later. */
  | { readonly kind: "pending" }
  /** Too much waits for the disk: the publisher is not read from until `writable`, and then it is tried again. */
  | { readonly kind: "full" }
  /** It cannot be stored at the moment (D4). */
  | { readonly kind: "lost"; readonly reason: string };

/** Told what became of a publication that was pending. */
export type OnSettled = (outcome: Outcome) => void;

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
  /** What passes is kept here; `null` when it is not. */
  readonly kept?: { readonly journal: Journal; readonly commits: Commits } | null;
}

const ACCEPTED: Outcome = { kind: "accepted" };
const DUPLICATE: Outcome = { kind: "duplicate" };
const BUSY: Outcome = { kind: "busy" };
const PENDING: Outcome = { kind: "pending" };
const FULL: Outcome = { kind: "full" };

const ignore: OnSettled = () => {};

/** The way of a publication from its publisher to all subscribers (spec 5.1, in the order of D9 and 12 #6). */
export class Publishing {
  readonly #parts: PublishingParts;

  constructor(parts: PublishingParts) {
    this.#parts = parts;
  }

  /**
   * Takes one publication. Nothing is delivered of one that is refused or repeated. `onSettled` is called, later,
   * when the outcome is "pending".
   */
  publish(from: Publisher, packet: Publish, onSettled: OnSettled = ignore): Outcome {
    const { access, clock, counters, kept = null, sequence, subscriptions } = this.#parts;
    const reason = this.#refusal(from, packet.topic, access);
    if (reason !== null) {
      counters.refused++;
      this.#parts.log.warn("publication refused", { topic: packet.topic, from: from.name, reason });
      return { kind: "refused", reason };
    }
    const repeatable = packet.qos === 2 ? packet.id : null;
    if (repeatable !== null && from.window?.has(repeatable, clock.now()) === true) {
      counters.duplicates++;
      return kept === null ? DUPLICATE : this.#duplicate(kept.journal, onSettled);
    }
    if (kept !== null) return this.#keep(kept, from, packet, onSettled);
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
   * does not get it: whom it is about, or who caused it. Only the tenant of `about` gets it.
   */
  announce(
    topic: string,
    data: Payload,
    by: { readonly name: string; readonly about: string; readonly except: unknown },
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
      by.about,
    );
  }

  /** Puts a publication into the journal. QoS 0 goes out at once, QoS 1/2 when it is durable (D9). */
  #keep(
    { journal, commits }: NonNullable<PublishingParts["kept"]>,
    from: Publisher,
    packet: Publish,
    onSettled: OnSettled,
  ): Outcome {
    const { clock, counters, sequence } = this.#parts;
    const { id, qos, slot, topic } = packet;
    const appended = journal.append({
      kind: "publication",
      id,
      slot,
      qos,
      publisher: from.name,
      isAnonymous: from.anonymous ?? false,
      topic,
      data: packet.data.cbor,
    });
    if (appended.kind === "busy") return FULL;
    if (appended.kind === "refused") {
      counters.lost++;
      return { kind: "lost", reason: `Cannot store the message: ${appended.reason}` };
    }
    counters.published++;
    const { window } = from;
    const repeatable = qos === 2 ? id : null;
    if (repeatable !== null) window?.add(repeatable, clock.now());
    if (appended.kind === "notLogged") {
      this.#send(from, packet, sequence.next());
      return ACCEPTED;
    }
    const { offset, recvNs } = appended;
    if (qos === 0) {
      this.#send(from, packet, loggedPosition(offset, recvNs));
      return ACCEPTED;
    }
    // It waits for the disk: it must not pin the whole read that it came with.
    packet.data.compact();
    commits.add(offset, {
      committed: () => {
        onSettled(ACCEPTED);
        this.#send(from, packet, loggedPosition(offset, recvNs));
      },
      failed: (error) => {
        counters.lost++;
        if (repeatable !== null) window?.delete(repeatable);
        onSettled({ kind: "lost", reason: errorText(error) });
      },
    });
    return PENDING;
  }

  /** A copy is acknowledged when the original is durable: at the latest with all that was taken before the copy. */
  #duplicate(journal: Journal, onSettled: OnSettled): Outcome {
    const last = journal.next - 1;
    if (last <= journal.durable) return DUPLICATE;
    journal.committed(last).then(
      () => onSettled(DUPLICATE),
      (error) => onSettled({ kind: "lost", reason: errorText(error) }),
    );
    return PENDING;
  }

  #send(from: Publisher, packet: Publish, position: Position): void {
    const receivers = this.#parts.subscriptions.match(packet.topic);
    if (receivers.length > 0) {
      this.#deliver(new Publication(packet, from.name, position), receivers, from);
    }
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
    origin: string = publication.publisher,
  ): void {
    const { access, log } = this.#parts;
    const { topic } = publication;
    const judged = access.judges(topic);
    for (const subscription of receivers) {
      const { subscriber } = subscription;
      if (subscriber === except) continue;
      if (judged && !access.mayReceive(subscriber, topic, origin)) continue;
      try {
        subscriber.deliver(publication, subscription);
      } catch (error) {
        log.error("delivery failed", { topic, to: subscriber.name, error });
      }
    }
  }
}

/** The reply that a publisher of QoS 1/2 gets, or `null` (spec 5.2, D4). */
export function replyTo(
  packet: Pick<Publish, "id" | "qos">,
  outcome: Outcome,
  peer: { readonly isCapable: boolean } = { isCapable: false },
): Packet | null {
  if (packet.qos === 0 || packet.id === null) return null;
  switch (outcome.kind) {
    case "accepted":
    case "duplicate":
      return { type: "ack", id: packet.id };
    case "pending":
    case "full":
      return null;
    case "lost":
      // To a peer without capabilities an answer means "delivered": it gets none, and repeats (D4).
      return peer.isCapable ? refusal(packet.id, outcome.reason) : null;
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
