import type { MsgId } from "../protocol/packet.ts";
import type { Conversation } from "./conversation.ts";
import type { Progress } from "./progress.ts";
import type { Addressee, Publication } from "./publication.ts";

/** Whoever subscribed: the twin of a component, or the broker itself. */
export interface Subscriber {
  /** Name of the component; the broker-given id of an anonymous one. */
  readonly name: string;
  /** Whether it is the broker's own handle. */
  readonly isBroker: boolean;
  /** Takes one message for one of its subscriptions. Does not throw and does not wait. */
  deliver(publication: Publication, subscription: Subscription): void;
}

/** One QoS 1/2 message on its way to one subscription (D11, D13). */
export interface Delivery {
  readonly publication: Publication;
  readonly subscription: Subscription;
  readonly id: MsgId;
  /** Bytes that it counts for in the queue: its payload, and a fixed part. */
  readonly bytes: number;
  /** Transmissions so far, over all sessions. */
  attempts: number;
  /** Sessions it was sent on so far. */
  sessions: number;
  /** The session it was sent on last; `null` before the first time. */
  conversation: Conversation | null;
  /** Transmissions on that session. */
  tries: number;
  /** When it was sent last, on the broker's clock. */
  sentAt: number;
}

/** One topic or pattern that one subscriber asked for. */
export interface Subscription extends Addressee {
  readonly subscriber: Subscriber;
  /** Makes delivery ids of this subscription differ from those of others (D11). */
  key: bigint;
  /** How it is served from the journal; `null` when there is none, or it needs none. */
  readonly progress: Progress | null;
  /** Window of stored messages asked for, in nanoseconds; Infinity for all not received (spec 5.4). */
  msgFrom: number;
  /** Whether QoS 1/2 may flow: after login not before the peer said it is ready (D14). */
  open: boolean;
  /** Whether it was taken back: what still waits for it is dropped. */
  removed: boolean;
  /** Deliveries that wait for `open`, oldest first. */
  parked: Delivery[];
}

/** Odd constants of 53 and 32 bits: multiplication by them never maps two offsets to one id. */
const ID_FACTOR = 0x1e3779b97f4a7dn;
const SLOT_FACTOR = 0x9e3779b1;
const ID_BITS = 53;

/**
 * The id of a delivery: a function of offset and topic as subscribed, so that it is the same after a
 * reconnect (D11). Below 2^53, so that JSON peers in any language can echo it, unless a slot fills the low
 * half: then 32 bits are left, and two subscriptions of one component can, rarely, get equal ids.
 */
export function deliveryId(
  publication: Publication,
  subscription: Pick<Subscription, "key">,
): MsgId {
  const { position: { offset }, slot } = publication;
  if (slot === null) {
    const id = BigInt.asUintN(ID_BITS, BigInt(offset) * ID_FACTOR + subscription.key);
    return (id === 0n ? 1n : id) as MsgId;
  }
  const low = Number(BigInt.asUintN(32, subscription.key));
  const high = (Math.imul(offset % 2 ** 32, SLOT_FACTOR) + low) >>> 0;
  return (BigInt(high === 0 ? 1 : high) << 32n | BigInt(slot)) as MsgId;
}

/** A key for a topic as subscribed: FNV-1a, 64 bits. Not secret, only spread out. */
export function subscriptionKey(topic: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < topic.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(topic.charCodeAt(i))) * 0x100000001b3n);
  }
  return hash;
}
