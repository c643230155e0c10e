import type { AcceptOptions, Broker } from "../broker/broker.ts";
import { type DataHealth, NOTHING_KEPT } from "../store/health.ts";
import type { Storage } from "../store/open_storage.ts";
import type { Link, Listener } from "../link/link.ts";
import type {
  CallOptions,
  ExposeOptions,
  Handler,
  MessageStream,
  NodeHandle,
  SubscribeOptions,
} from "../peer/api.ts";
import type {
  AnyContract,
  Contract,
  ServiceArgs,
  ServiceResult,
  TopicArgs,
} from "../peer/contract.ts";

/** A broker of this process, with every verb that a component has. */
export interface BrokerNode<C extends Contract = AnyContract> extends NodeHandle<C> {
  /** Where components connect to, `ws://127.0.0.1:8338`, or `wss:` with TLS; `null` without a port. */
  readonly url: string | null;
  /** The port it listens on; `null` without one. */
  readonly port: number | null;
  /** How the log, the state and the tables are at the moment; green when it keeps none. */
  readonly health: DataHealth;
  /**
   * Takes one more connection, for example one end of a memory pair. Resolves when the peer may do something, or is
   * gone; never rejects.
   */
  accept(link: Link, options?: AcceptOptions): Promise<void>;
}

/** What a {@link BrokerNode} is put together from. */
export interface BrokerNodeParts {
  readonly broker: Broker;
  /** `null` when the broker listens on no port. */
  readonly listener: Listener | null;
  /** What the broker keeps, which is closed after it; `null` when it keeps nothing. */
  readonly storage: Storage | null;
  /** Code that runs beside the broker, which is stopped after it; `null` without any. */
  readonly code: AsyncDisposable | null;
}

/** Joins a broker and its listener to one handle. */
export function createBrokerNode<C extends Contract>(parts: BrokerNodeParts): BrokerNode<C> {
  return new ListeningBroker<C>(parts);
}

class ListeningBroker<C extends Contract> implements BrokerNode<C> {
  readonly url: string | null;
  readonly port: number | null;
  readonly #broker: Broker;
  readonly #handle: NodeHandle<C>;
  readonly #listener: Listener | null;
  readonly #storage: Storage | null;
  readonly #code: AsyncDisposable | null;
  #closing: Promise<void> | null = null;

  constructor({ broker, listener, storage, code }: BrokerNodeParts) {
    this.#broker = broker;
    // The contract was given to the broker as a value, of which C is the type.
    this.#handle = broker.handle as NodeHandle<C>;
    this.#listener = listener;
    this.#storage = storage;
    this.#code = code;
    this.url = listener?.url ?? null;
    this.port = listener?.port ?? null;
  }

  get rid(): string {
    return this.#handle.rid;
  }

  get uid(): string {
    return this.url === null ? this.#handle.uid : `${this.url}/${this.rid}`;
  }

  get isOpen(): boolean {
    return this.#closing === null && this.#handle.isOpen;
  }

  get health(): DataHealth {
    return this.#storage?.health ?? NOTHING_KEPT;
  }

  accept(link: Link, options?: AcceptOptions): Promise<void> {
    return this.#broker.accept(link, options);
  }

  /** Stops accepting, lets the broker drain, closes its links with 1001, and then what it keeps. */
  close(): Promise<void> {
    this.#closing ??= this.#closeInOrder();
    return this.#closing;
  }

  async #closeInOrder(): Promise<void> {
    try {
      await this.#listener?.close();
    } finally {
      await this.#closeBroker();
    }
  }

  async #closeBroker(): Promise<void> {
    try {
      await this.#broker.close();
    } finally {
      await this.#closeRest();
    }
  }

  async #closeRest(): Promise<void> {
    try {
      await this.#code?.[Symbol.asyncDispose]();
    } finally {
      await this.#storage?.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  with(options: CallOptions): NodeHandle<C> {
    return this.#handle.with(options);
  }

  publish<T extends string>(topic: T, ...args: TopicArgs<C, T>): Promise<void> {
    return this.#handle.publish(topic, ...args);
  }

  put(topic: string, ...args: readonly unknown[]): Promise<void> {
    return this.#handle.put(topic, ...args);
  }

  subscribe(topic: string, handler: Handler, options?: SubscribeOptions): Promise<void>;
  subscribe(handler: Handler, options?: SubscribeOptions): Promise<void>;
  subscribe(...args: readonly unknown[]): Promise<void> {
    return this.#handle.subscribe(...args as Parameters<NodeHandle<C>["subscribe"]>);
  }

  unsubscribe(topic: string | Handler): Promise<void> {
    return this.#handle.unsubscribe(topic);
  }

  messages<T extends string>(topic: T, options?: SubscribeOptions): MessageStream<TopicArgs<C, T>> {
    return this.#handle.messages(topic, options);
  }

  expose(topic: string, handler: Handler, options?: ExposeOptions): Promise<void>;
  expose(handler: Handler, options?: ExposeOptions): Promise<void>;
  expose(...args: readonly unknown[]): Promise<void> {
    return this.#handle.expose(...args as Parameters<NodeHandle<C>["expose"]>);
  }

  unexpose(topic: string | Handler): Promise<void> {
    return this.#handle.unexpose(topic);
  }

  rpc<T extends string>(topic: T, ...args: ServiceArgs<C, T>): Promise<ServiceResult<C, T>> {
    return this.#handle.rpc(topic, ...args);
  }

  direct(target: string, topic: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#handle.direct(target, topic, ...args);
  }

  reactive(): Promise<void> {
    return this.#handle.reactive();
  }

  unreactive(): Promise<void> {
    return this.#handle.unreactive();
  }

  privateTopic(topic: string): Promise<void> {
    return this.#handle.privateTopic(topic);
  }

  publicTopic(topic: string): Promise<void> {
    return this.#handle.publicTopic(topic);
  }

  authorize(component: string, topic: string): Promise<void> {
    return this.#handle.authorize(component, topic);
  }

  unauthorize(component: string, topic: string): Promise<void> {
    return this.#handle.unauthorize(component, topic);
  }

  inject(ctx: unknown): void {
    this.#handle.inject(ctx);
  }

  wait(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void> {
    return this.#handle.wait(options);
  }
}
