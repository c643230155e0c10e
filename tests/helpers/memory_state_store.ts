import type {
  RememberedState,
  RememberedSubscription,
  StateChange,
  StateStore,
  Tenant,
} from "../../src/broker/state_store.ts";

interface Component {
  lastSeenMs: number;
  readonly subscriptions: Map<string, RememberedSubscription>;
  readonly services: Set<string>;
}

/** How a memory store begins. */
export interface MemoryStateStoreOptions {
  /** What it remembers already. @default nothing */
  readonly remembered?: RememberedState;
  /** When a component counts as seen that has only subscribed or exposed, in milliseconds. @default Date.now */
  readonly wallMs?: () => number;
  /** Whether nothing is written before somebody waits for it: what a crash loses at most. @default false */
  readonly isLazy?: boolean;
}

/** A state store for tests: durable is what the next one is made from. */
export class MemoryStateStore implements StateStore {
  readonly remembered: Required<RememberedState>;
  /** Everything that was put, in order. */
  readonly changes: StateChange[] = [];
  /** Why `committed()` rejects; `null` when it does not. What was put waits meanwhile. */
  failing: string | null = null;
  readonly #wallMs: () => number;
  readonly #isLazy: boolean;
  readonly #components = new Map<string, Component>();
  readonly #privateTopics = new Map<string, readonly string[]>();
  #admins: readonly string[];
  #tenants: readonly Tenant[];
  #waiting: StateChange[] = [];
  #turn: Promise<void> | null = null;

  constructor(options: MemoryStateStoreOptions = {}) {
    const { components = [], privateTopics = [], admins = [], tenants = [] } = options.remembered ??
      {};
    this.remembered = { components, privateTopics, admins, tenants };
    this.#admins = admins;
    this.#tenants = tenants;
    this.#wallMs = options.wallMs ?? Date.now;
    this.#isLazy = options.isLazy ?? false;
    for (const { name, lastSeenMs, subscriptions, services } of this.remembered.components) {
      this.#components.set(name, {
        lastSeenMs,
        subscriptions: new Map(subscriptions.map((one) => [one.topic, one])),
        services: new Set(services),
      });
    }
    for (const { topic, names } of this.remembered.privateTopics) {
      this.#privateTopics.set(topic, names);
    }
  }

  put(change: StateChange): void {
    this.changes.push(change);
    this.#waiting.push(change);
    if (!this.#isLazy) void this.#write();
  }

  async committed(): Promise<void> {
    await this.#write();
    if (this.#waiting.length > 0) throw new Error(`Cannot store the change: ${this.failing}`);
  }

  /** What is durable at the moment: as a crash now would leave it. */
  get durable(): Required<RememberedState> {
    return {
      components: [...this.#components].map(([name, { lastSeenMs, subscriptions, services }]) => ({
        name,
        lastSeenMs,
        subscriptions: [...subscriptions.values()],
        services: [...services],
      })).sort((a, b) => a.lastSeenMs - b.lastSeenMs || (a.name < b.name ? -1 : 1)),
      privateTopics: [...this.#privateTopics].map(([topic, names]) => ({ topic, names })),
      admins: this.#admins,
      tenants: this.#tenants,
    };
  }

  /** The store that a restart opens; the old one must not be used any more. */
  reopen(): MemoryStateStore {
    const remembered = this.durable;
    return new MemoryStateStore({ remembered, wallMs: this.#wallMs, isLazy: this.#isLazy });
  }

  /** One commit for all of a turn. */
  #write(): Promise<void> {
    this.#turn ??= Promise.resolve().then(() => {
      this.#turn = null;
      if (this.failing !== null) return;
      for (const change of this.#waiting) this.#apply(change);
      this.#waiting = [];
    });
    return this.#turn;
  }

  #apply(change: StateChange): void {
    switch (change.kind) {
      case "subscribed":
        this.#component(change.name).subscriptions.set(
          change.subscription.topic,
          change.subscription,
        );
        return;
      case "unsubscribed":
        this.#components.get(change.name)?.subscriptions.delete(change.topic);
        return;
      case "exposed":
        this.#component(change.name).services.add(change.topic);
        return;
      case "unexposed":
        this.#components.get(change.name)?.services.delete(change.topic);
        return;
      case "served": {
        const { name, topic, mark, seen, until } = change;
        const subscriptions = this.#components.get(name)?.subscriptions;
        const known = subscriptions?.get(topic);
        if (known !== undefined) subscriptions?.set(topic, { ...known, mark, seen, until });
        return;
      }
      case "seen":
        this.#component(change.name).lastSeenMs = change.atMs;
        return;
      case "forgotten":
        this.#components.delete(change.name);
        return;
      case "private":
        this.#privateTopics.set(change.topic, change.names);
        return;
      case "public":
        this.#privateTopics.delete(change.topic);
        return;
      case "admins":
        this.#admins = [...change.names];
        return;
      case "tenants":
        this.#tenants = [...change.tenants];
        return;
      default:
        change satisfies never;
    }
  }

  #component(name: string): Component {
    const known = this.#components.get(name);
    if (known !== undefined) return known;
    const component: Component = {
      lastSeenMs: this.#wallMs(),
      subscriptions: new Map(),
      services: new Set(),
    };
    this.#components.set(name, component);
    return component;
  }
}
