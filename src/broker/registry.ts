import type { Clock } from "../util/clock.ts";
import type { Exposers } from "./exposers.ts";
import type { StateStore } from "./state_store.ts";
import { DELIVERIES_KEEP_MS, NAME_ENTRIES_MAX, NAME_KEEP_MS, NAMES_MAX } from "./limits.ts";
import type { Subscriptions } from "./subscriptions.ts";
import { Twin, type TwinParts } from "./twin.ts";

/** What a registry needs from its broker. */
export interface RegistryParts extends TwinParts {
  readonly clock: Clock;
  readonly subscriptions: Subscriptions;
  readonly exposers: Exposers;
  /** Where names are remembered across a restart; `null` when they are not. */
  readonly state?: StateStore | null;
}

/** Every component that the broker knows, by name; also anonymous ones while they are connected. */
export class Registry {
  readonly #parts: RegistryParts;
  readonly #connected = new Map<string, Twin>();
  /** Name -> twin of named ones that are away, the one away longest first. */
  readonly #away = new Map<string, Twin>();
  /** Those of them whose deliveries and QoS 2 ids are kept still, in the same order. */
  readonly #fresh = new Set<Twin>();
  /** Entries of all that are away. */
  #awayEntries = 0;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /** Named components that are away and remembered. */
  get awayCount(): number {
    return this.#away.size;
  }

  /** The twin of a name, connected or not. */
  get(name: string): Twin | undefined {
    return this.#connected.get(name) ?? this.#away.get(name);
  }

  /** The twin of a name for a session that begins: the remembered one, or a new one. */
  enter(identity: { readonly name: string; readonly anonymous: boolean }): Twin {
    const { name } = identity;
    const twin = this.get(name) ?? new Twin(identity, this.#parts);
    this.#takeBack(twin);
    this.#connected.set(name, twin);
    this.#saw(twin);
    return twin;
  }

  /** A name that is remembered from before the broker started, and away. */
  recall(name: string): Twin {
    const known = this.#away.get(name);
    if (known !== undefined) return known;
    const twin = new Twin({ name, anonymous: false }, this.#parts);
    this.#away.set(name, twin);
    this.#fresh.add(twin);
    return twin;
  }

  /** Everything recalled is there: from now on it counts. */
  recalled(): void {
    this.#awayEntries = 0;
    for (const twin of this.#away.values()) this.#awayEntries += twin.entries;
  }

  /** The session of a twin ended. An anonymous one ends with it. */
  leave(twin: Twin): void {
    twin.detach();
    this.#connected.delete(twin.name);
    if (twin.anonymous) {
      this.#forget(twin);
      return;
    }
    this.#saw(twin);
    this.#away.set(twin.name, twin);
    this.#fresh.add(twin);
    this.#awayEntries += twin.entries;
    while (this.#away.size > NAMES_MAX || this.#awayEntries > NAME_ENTRIES_MAX) {
      const [longest] = this.#away.values();
      if (longest === undefined) return;
      this.#forget(longest);
    }
  }

  /** Forgets names that are away for too long, and deliveries that nobody came back for. */
  sweep(): void {
    const now = this.#parts.clock.now();
    for (const twin of this.#fresh) {
      if (now - twin.awaySince < DELIVERIES_KEEP_MS) break;
      this.#fresh.delete(twin);
      twin.outbox.clear(twin.subscriptions.values());
      // Ids are remembered for as long as deliveries: all of them are too old to count.
      this.#awayEntries -= twin.window.size;
      twin.window.clear();
    }
    for (const twin of this.#away.values()) {
      if (now - twin.awaySince < NAME_KEEP_MS) break;
      this.#forget(twin);
    }
  }

  /** Gives up the deliveries of the component that is away longest. Returns `false` when there are none. */
  shed(): boolean {
    for (const { outbox, subscriptions } of this.#fresh) {
      if (outbox.bytes === 0) continue;
      outbox.clear(subscriptions.values());
      return true;
    }
    return false;
  }

  #saw({ name, anonymous }: Twin): void {
    if (anonymous) return;
    this.#parts.state?.put({ kind: "seen", name, atMs: Math.trunc(this.#parts.clock.wallMs()) });
  }

  /** A twin is not away any more. */
  #takeBack(twin: Twin): void {
    if (!this.#away.delete(twin.name)) return;
    this.#fresh.delete(twin);
    this.#awayEntries -= twin.entries;
  }

  #forget(twin: Twin): void {
    this.#takeBack(twin);
    if (!twin.anonymous) this.#parts.state?.put({ kind: "forgotten", name: twin.name });
    twin.outbox.clear(twin.subscriptions.values());
    for (const subscription of twin.subscriptions.values()) {
      this.#parts.subscriptions.remove(subscription);
    }
    for (const topic of twin.services) this.#parts.exposers.remove(topic, twin);
    twin.subscriptions.clear();
    twin.services.clear();
  }
}
