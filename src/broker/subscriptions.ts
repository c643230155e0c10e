import { SpaceTrie } from "../protocol/space_trie.ts";
import { MATCHES_CACHED_MAX } from "./limits.ts";
import type { Subscription } from "./subscription.ts";

const NOBODY: readonly Subscription[] = [];

/**
 * Who gets what: exact topics in a map, spaces in a trie. The result for a topic is kept until a
 * subscription changes, so that the hot path is one look-up.
 */
export class Subscriptions {
  /** Topic as subscribed -> subscriptions, in the order they were made. A topic is a space or it is not. */
  readonly #exact = new Map<string, Set<Subscription>>();
  readonly #spaces = new SpaceTrie<Subscription>();
  readonly #matches = new Map<string, readonly Subscription[]>();

  /** Adds a subscription. */
  add(subscription: Subscription): void {
    this.#matches.clear();
    const known = this.#exact.get(subscription.topic);
    if (known === undefined) this.#exact.set(subscription.topic, new Set([subscription]));
    else known.add(subscription);
    if (subscription.space) this.#spaces.add(subscription.topic, subscription);
  }

  /** Removes a subscription. */
  remove(subscription: Subscription): void {
    this.#matches.clear();
    const known = this.#exact.get(subscription.topic);
    known?.delete(subscription);
    if (known?.size === 0) this.#exact.delete(subscription.topic);
    if (subscription.space) this.#spaces.remove(subscription.topic, subscription);
  }

  /** Subscriptions of exactly this topic, in the order they were made: spaces are not looked at. */
  exact(topic: string): readonly Subscription[] {
    const known = this.#exact.get(topic);
    return known === undefined ? NOBODY : [...known].filter(({ space }) => !space);
  }

  /** All subscriptions that match a topic: exact ones in the order they were made, then spaces. */
  match(topic: string): readonly Subscription[] {
    const known = this.#matches.get(topic);
    if (known !== undefined) return known;
    const matches = [...this.exact(topic)];
    for (const { values } of this.#spaces.match(topic)) {
      for (const subscription of values) matches.push(subscription);
    }
    if (this.#matches.size >= MATCHES_CACHED_MAX) this.#matches.clear();
    this.#matches.set(topic, matches);
    return matches;
  }

  /** Topic or pattern -> names of its subscribers, for admins. */
  list(): Record<string, string[]> {
    const list: Record<string, string[]> = Object.create(null);
    for (const [topic, subscriptions] of this.#exact) {
      list[topic] = [...subscriptions].map(({ subscriber }) => subscriber.name);
    }
    return list;
  }
}
