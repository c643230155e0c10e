import { Broker } from "../../src/broker/broker.ts";
import type { BrokerOptions } from "../../src/broker/options.ts";
import { component, type ComponentOptions } from "../../src/client/component.ts";
import { memoryPair } from "../../src/link/memory.ts";
import type { MessageLog } from "../../src/log/message_log.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import type { MessageLogOptions } from "../../src/log/options.ts";
import type { Component } from "../../src/peer/api.ts";
import type { Encoding } from "../../src/protocol/packet.ts";
import { SimDisk } from "./log_sim_files.ts";
import { RawSession } from "./raw_session.ts";
import type {
  RememberedComponent,
  RememberedState,
  StateChange,
  StateStore,
} from "../../src/broker/state_store.ts";

/** How a {@link KeptBroker} is made. */
export interface KeptOptions {
  readonly broker?: BrokerOptions;
  readonly log?: Partial<MessageLogOptions>;
}

/** A broker with a message log on a disk in memory, and what it remembers; it can be started again. */
export class KeptBroker implements AsyncDisposable {
  readonly disk: SimDisk;
  readonly broker: Broker;
  readonly log: MessageLog;
  readonly state: KeptState;
  readonly #options: KeptOptions;
  readonly #components: Component[] = [];

  private constructor(
    parts: Pick<KeptBroker, "disk" | "broker" | "log" | "state">,
    options: KeptOptions,
  ) {
    this.disk = parts.disk;
    this.broker = parts.broker;
    this.log = parts.log;
    this.state = parts.state;
    this.#options = options;
  }

  static async start(
    options: KeptOptions = {},
    disk: SimDisk = new SimDisk(),
    state: KeptState = new KeptState(),
  ): Promise<KeptBroker> {
    const log = await openMessageLog({ files: disk.files(), ...options.log });
    const broker = new Broker({ drainMs: 500, ...options.broker, journal: log, state });
    await broker.recall();
    return new KeptBroker({ disk, broker, log, state }, options);
  }

  /** A component of that name; an anonymous one without. */
  async connect(name?: string, options: ComponentOptions = {}): Promise<Component> {
    const url = "ws://127.0.0.1:8338";
    const made = await component(name === undefined ? url : `${url}/${name}`, {
      requestTimeoutMs: 5_000,
      dial: () => Promise.resolve(this.#link()),
      ...options,
    });
    this.#components.push(made);
    return made;
  }

  /** A peer that does only what the test says. */
  raw(encoding: Encoding = "cbor"): RawSession {
    return new RawSession(this.#link(), encoding);
  }

  /** Ends it in order and starts one on the same disk. */
  async restart(): Promise<KeptBroker> {
    await this[Symbol.asyncDispose]();
    return await KeptBroker.start(this.#options, this.disk, this.state);
  }

  /** The machine loses power: only what was synced is there when a broker starts on the same disk. */
  async crash(): Promise<KeptBroker> {
    const disk = this.disk.durableCopy();
    const state = this.state.copy();
    await this[Symbol.asyncDispose]();
    return await KeptBroker.start(this.#options, disk, state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#components.map((one) => one.close()));
    await this.broker.close();
    await this.log.close();
  }

  #link() {
    const [ours, theirs] = memoryPair();
    this.broker.accept(theirs, { trusted: true });
    return ours;
  }
}

/** What a broker remembers, in memory. */
export class KeptState implements StateStore {
  readonly #components = new Map<string, RememberedComponent>();
  readonly #private = new Map<string, readonly string[]>();
  #pending: StateChange[] = [];
  /** Why it cannot be written; `null` while it can. */
  failure: Error | null = null;

  get remembered(): RememberedState {
    return {
      components: [...this.#components.values()],
      privateTopics: [...this.#private].map(([topic, names]) => ({ topic, names })),
    };
  }

  put(change: StateChange): void {
    this.#pending.push(change);
  }

  async committed(): Promise<void> {
    await Promise.resolve();
    if (this.failure !== null) throw this.failure;
    for (const change of this.#pending.splice(0)) this.#apply(change);
  }

  /** What a crash now would leave. */
  copy(): KeptState {
    const copy = new KeptState();
    for (const [name, component] of this.#components) copy.#components.set(name, component);
    for (const [topic, names] of this.#private) copy.#private.set(topic, names);
    return copy;
  }

  #apply(change: StateChange): void {
    switch (change.kind) {
      case "private":
        this.#private.set(change.topic, change.names);
        return;
      case "public":
        this.#private.delete(change.topic);
        return;
      case "forgotten":
        this.#components.delete(change.name);
        return;
      default:
    }
    const known = this.#components.get(change.name) ??
      { name: change.name, lastSeenMs: 0, subscriptions: [], services: [] };
    this.#components.set(change.name, changed(known, change));
  }
}

function changed(
  known: RememberedComponent,
  change: Exclude<StateChange, { readonly kind: "private" | "public" | "forgotten" }>,
): RememberedComponent {
  const { subscriptions, services } = known;
  switch (change.kind) {
    case "subscribed": {
      const others = subscriptions.filter(({ topic }) => topic !== change.subscription.topic);
      return { ...known, subscriptions: [...others, change.subscription] };
    }
    case "unsubscribed":
      return { ...known, subscriptions: subscriptions.filter((one) => one.topic !== change.topic) };
    case "served": {
      const { mark, seen, until } = change;
      return {
        ...known,
        subscriptions: subscriptions.map((one) =>
          one.topic === change.topic ? { ...one, mark, seen, until } : one
        ),
      };
    }
    case "exposed":
      return { ...known, services: [...services, change.topic] };
    case "unexposed":
      return { ...known, services: services.filter((topic) => topic !== change.topic) };
    case "seen":
      return { ...known, lastSeenMs: change.atMs };
    default:
      return change satisfies never;
  }
}
