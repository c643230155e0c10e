import type { QoS } from "../protocol/packet.ts";
import type { AnyContract, Contract, ServiceArgs, ServiceResult, TopicArgs } from "./contract.ts";

/** `from` of a subscription: only messages from now on. */
export const NOW = 0;
/**
 * `from` of a subscription: everything stored that this component has not received. Brokers remember that of
 * components with a name; one without a name begins with what comes, and misses nothing when its link breaks.
 */
export const LAST_RECEIVED: number = Infinity;

/** So long ago: `"-500ms"`, `"-90s"`, `"-5m"`, `"-1h"`, `"-2d"`. */
export type Age = `-${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** A point in time as `Temporal.Instant` has it. */
export type Instant =
  | { readonly epochNanoseconds: bigint }
  | { readonly epochMilliseconds: number };

/**
 * Where a subscription begins; from there on it gets everything, and then what comes, without gap or repeat.
 *
 * - {@link NOW}: with what comes.
 * - {@link LAST_RECEIVED}: behind what this component received.
 * - a number, or an {@link Age}: the last so many nanoseconds. A component with a name does not get again
 *   what it received on this subscription before.
 * - `"first"`: all that is stored. A component with a name gets only what it has not received from a broker
 *   that keeps messages but cannot be asked for a place in them (rembus.python).
 * - `"last"`: the last message of each matching topic.
 * - a `Date` or `Temporal.Instant`: what the broker received then or later.
 * - `{ offset }`: the message with that offset in the broker's log, and all behind it.
 */
export type From = number | Age | "first" | "last" | Date | Instant | { readonly offset: number };

/** Options of the calls made through {@link NodeHandle.with}. */
export interface CallOptions {
  /** Quality of service of publications. @default {0} */
  readonly qos?: QoS;
  /** Unsigned 32-bit number attached to publications, usually a time bucket. */
  readonly slot?: number;
  /** Time to wait for a reply, or for the acknowledgement of a publication, in milliseconds. */
  readonly timeoutMs?: number;
  /** Gives up waiting when aborted; the call rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
}

/** Options of a subscription. */
export interface SubscribeOptions {
  /**
   * Where to begin. The subscription is refused with `RembusError` when the broker keeps no messages and the
   * place is of no use without; a component without a name needs a broker that keeps them for any but
   * {@link NOW} and {@link LAST_RECEIVED}. Listeners of one topic share its subscription: when one of them
   * asks for the past, all of them get it. @default {NOW}
   */
  readonly from?: From;
  /** Adds a {@link HandlerContext} as one last argument. @default {false} */
  readonly context?: boolean;
}

/** Options of a service. */
export interface ExposeOptions {
  /** Adds a {@link HandlerContext} as one last argument. @default {false} */
  readonly context?: boolean;
}

/** What a handler may do with the node behind a message: itself on a component, the sender on a broker. */
export interface Caller {
  /** Name of the node; the broker-given id of an anonymous one. */
  readonly rid: string;
  /** Publishes to that node (broker), or as this component. */
  publish(topic: string, ...args: readonly unknown[]): Promise<void>;
  /** Calls a service of that node (broker), or as this component. */
  rpc(topic: string, ...args: readonly unknown[]): Promise<unknown>;
}

/** The last argument of handlers that asked for it by `{ context: true }` (D34). */
export interface HandlerContext {
  /** What was given to `inject`, else `undefined`. */
  readonly ctx: unknown;
  /** The topic that the message was published on, or the service that was called. */
  readonly topic: string;
  /** Name of the publisher or caller; `null` where the broker did not tell. */
  readonly from: string | null;
  /** Slot of the message, if it has one. */
  readonly slot: number | null;
  /** Quality of service of the message; 0 for calls. */
  readonly qos: QoS;
  /** Offset of the message in the broker's log, for `from`; `null` for calls and where the broker did not tell. */
  readonly offset: number | null;
  /** When the broker received it, in nanoseconds since the epoch; `null` for calls and where it did not tell. */
  readonly recvNs: bigint | null;
  /** On a component: the component itself. On a broker: the peer that published or called. */
  readonly node: Caller;
}

/** A subscriber or service. Its result is the answer of a call; a publication ignores it. */
// deno-lint-ignore no-explicit-any -- parameters are contravariant: only `any` accepts every function
export type Handler = (...args: any[]) => unknown;

/** One received message of {@link NodeHandle.messages}. */
export interface Message<Args extends readonly unknown[] = readonly unknown[]> {
  /** The topic that it was published on, also when it came through a space. */
  readonly topic: string;
  /** The positional arguments. */
  readonly args: Args;
  /** The first argument: most messages have one. */
  readonly data: unknown;
  /** Slot of the message, if it has one. */
  readonly slot: number | null;
  /** Quality of service it was delivered with. */
  readonly qos: QoS;
  /** Name of the publisher; `null` where the broker did not tell. */
  readonly from: string | null;
  /** Offset in the broker's log, for `from`; `null` where the broker did not tell. */
  readonly offset: number | null;
  /** When the broker received it, in nanoseconds since the epoch; `null` where it did not tell. */
  readonly recvNs: bigint | null;
}

/** Messages of one subscription, as they come. Ending the loop ends the subscription. */
export interface MessageStream<Args extends readonly unknown[] = readonly unknown[]>
  extends AsyncIterableIterator<Message<Args>>, AsyncDisposable {
  /** QoS 0 messages that were dropped since the loop was slower than the publishers. */
  readonly dropped: number;
}

/** The verbs that every node has: a component and the handle of a broker alike. */
export interface NodeHandle<C extends Contract = AnyContract> extends AsyncDisposable {
  /** Name of this node. */
  readonly rid: string;
  /** Name and address, `ws://127.0.0.1:8338/name`. */
  readonly uid: string;
  /** Whether the node is ready to send. */
  readonly isOpen: boolean;

  /** The same node with options for the calls made through it. The original is not changed. */
  with(options: CallOptions): NodeHandle<C>;

  /**
   * Publishes the arguments on a topic. Resolves when the frame was handed to the link (QoS 0), or
   * acknowledged (QoS 1, 2). Rejects with `ConnectionClosedError`, `TimeoutError`, `LimitError` or `RembusError`.
   */
  publish<T extends string>(topic: T, ...args: TopicArgs<C, T>): Promise<void>;
  /** Publishes on `<own name>/<topic>`. */
  put(topic: string, ...args: readonly unknown[]): Promise<void>;

  /** Subscribes a callback to a topic or space. A space callback gets the topic first. */
  subscribe(topic: string, handler: Handler, options?: SubscribeOptions): Promise<void>;
  /** Subscribes a named function to the topic of its name. */
  subscribe(handler: Handler, options?: SubscribeOptions): Promise<void>;
  /** Ends a subscription made with `subscribe`; unknown ones are ignored. */
  unsubscribe(topic: string | Handler): Promise<void>;
  /**
   * Subscribes and gives the messages as an async iterator; at most 1,000 wait in it (D35). With `from`, what
   * is more waits outside, and from a broker that keeps messages nothing is ever dropped.
   */
  messages<T extends string>(topic: T, options?: SubscribeOptions): MessageStream<TopicArgs<C, T>>;

  /** Offers a service. The handler gets the positional arguments; what it throws is answered with 40. */
  expose(topic: string, handler: Handler, options?: ExposeOptions): Promise<void>;
  /** Offers a named function under its name. */
  expose(handler: Handler, options?: ExposeOptions): Promise<void>;
  /** Takes a service back; unknown ones are ignored. */
  unexpose(topic: string | Handler): Promise<void>;

  /** Calls a service, whoever exposes it. Rejects with the typed error of the answered status. */
  rpc<T extends string>(topic: T, ...args: ServiceArgs<C, T>): Promise<ServiceResult<C, T>>;
  /** Calls a service of one component. */
  direct(target: string, topic: string, ...args: readonly unknown[]): Promise<unknown>;

  /** Asks for what was missed and says that this node is ready to receive (spec 5.3). */
  reactive(): Promise<void>;
  /** Takes `reactive` back. */
  unreactive(): Promise<void>;

  /** Makes a topic private; for admins (spec 5.7, 7). */
  privateTopic(topic: string): Promise<void>;
  /** Makes a topic public again; for admins. */
  publicTopic(topic: string): Promise<void>;
  /** Lets a component use a private topic; for admins. */
  authorize(component: string, topic: string): Promise<void>;
  /** Takes the right back; for admins. */
  unauthorize(component: string, topic: string): Promise<void>;

  /** Sets the object that handlers with `{ context: true }` get as `ctx`. */
  inject(ctx: unknown): void;
  /** Resolves when the node was closed, or after `timeoutMs`, or when `signal` is aborted. Closes nothing. */
  wait(options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void>;
  /** Ends the node. Idempotent. */
  close(): Promise<void>;
}

/** What happened to the connection of a component. */
export type ConnectionEvent =
  /** Logged in and everything announced. */
  | { readonly type: "connected"; readonly url: string }
  /** The link was lost or closed by the peer. */
  | {
    readonly type: "disconnected";
    readonly url: string;
    readonly code: number;
    readonly reason: string;
  }
  /** Next attempt in so many milliseconds; the `attempt`-th in a row. */
  | {
    readonly type: "retrying";
    readonly url: string;
    readonly attempt: number;
    readonly delayMs: number;
    readonly error: Error;
  }
  /** The broker dropped QoS 0 messages for this component. */
  | { readonly type: "gap"; readonly topic: string; readonly count: number }
  /** Closed for good. The last event. */
  | { readonly type: "closed" };

/** A component: a node that dials a broker. */
export interface Component<C extends Contract = AnyContract> extends NodeHandle<C> {
  /** The same component with options for the calls made through it. The original is not changed. */
  with(options: CallOptions): Component<C>;
  /**
   * Runs a command of an administrator (docs/PROTOCOL.md) and gives the data of the answer: `admin("list_users")`,
   * `admin("authorize", "town/alarm", { cid: "alice" })`. What is about the broker goes to the default topic,
   * `__config__`. Of a pool only one broker is asked, which its policy chooses among those that are open. Rejects
   * with `RembusError` when the broker refuses, with `ConnectionClosedError` when none is open, and with
   * `TypeError` for a command that has a method of its own here, such as `subscribe`.
   */
  admin(
    command: string,
    topic?: string,
    args?: Readonly<Record<string, unknown>>,
  ): Promise<unknown>;
  /**
   * Takes the registration of this component back (spec 4.3): its broker forgets the public key, a pool has all
   * of its brokers do it, and when they have, what proved the name is removed from the `keys` of this component.
   * The connection stays. Rejects with `RembusError` when the broker refuses, as it does on a connection that
   * was not asked for a proof, and with `TypeError` for a component without a name; then the keys are kept.
   */
  unregister(): Promise<void>;
  /** Connection events from now on, as an async iterator (the newest 100 wait in it). */
  events(): AsyncIterableIterator<ConnectionEvent> & AsyncDisposable;
}
