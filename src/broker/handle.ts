import { outgoingArgs } from "../frame/arguments.ts";
import { encodeCbor } from "../protocol/cbor.ts";
import { checkName } from "../protocol/name.ts";
import { ConnectionClosedError, LimitError, RembusError, Status } from "../protocol/errors.ts";
import { idWithSlot } from "../protocol/msg_id.ts";
import type { MsgId, Publish, QoS, Rpc } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { isSpace } from "../protocol/topic.ts";
import type {
  CallOptions,
  ExposeOptions,
  Handler,
  MessageStream,
  NodeHandle,
  SubscribeOptions,
} from "../peer/api.ts";
import { mergeCallOptions } from "../peer/call_options.ts";
import { OFFSET_FIRST, resolveFrom } from "../peer/history_from.ts";
import { assertTopic, type RegistrationArgs, registrationOf } from "../peer/registration.ts";
import { Stream } from "../peer/stream.ts";
import { waitUntil } from "../peer/wait.ts";
import { newSubscription } from "./admin.ts";
import { resultOf } from "./callers.ts";
import type { HistoryStart } from "./history_start.ts";
import type { BrokerParts } from "./parts.ts";
import type { Outcome } from "./publishing.ts";
import { routeCall } from "./routing.ts";
import type { Subscription } from "./subscription.ts";

/** What a handle needs of the broker behind it. */
export interface Lifecycle {
  readonly isOpen: () => boolean;
  readonly close: () => Promise<void>;
  /** Resolves when the broker was closed. */
  readonly closed: Promise<void>;
}

const NS_PER_MS = 1_000_000n;

/** What a handle and its `with()` views share. */
interface Shared {
  /** Topic or pattern that callbacks and loops of the broker listen to -> its subscription. */
  readonly subscriptions: Map<string, Subscription>;
  /** Loops that have not ended. */
  readonly streams: Set<Stream>;
}

/** The broker as a node. Its calls use exposers like those of any component (spec 6.8). */
export class BrokerHandle implements NodeHandle {
  readonly #parts: BrokerParts;
  readonly #lifecycle: Lifecycle;
  readonly #shared: Shared;
  readonly #call: CallOptions;

  constructor(
    parts: BrokerParts,
    lifecycle: Lifecycle,
    view: { readonly shared: Shared; readonly call: CallOptions } = {
      shared: { subscriptions: new Map(), streams: new Set() },
      call: {},
    },
  ) {
    this.#parts = parts;
    this.#lifecycle = lifecycle;
    this.#shared = view.shared;
    this.#call = view.call;
  }

  get rid(): string {
    return this.#parts.options.name;
  }

  get uid(): string {
    return `repl://${this.#parts.options.name}`;
  }

  get isOpen(): boolean {
    return this.#lifecycle.isOpen();
  }

  with(options: CallOptions): BrokerHandle {
    return new BrokerHandle(this.#parts, this.#lifecycle, {
      shared: this.#shared,
      call: mergeCallOptions(this.#call, options),
    });
  }

  publish(topic: string, ...args: readonly unknown[]): Promise<void> {
    return this.#act(`publish on "${topic}"`, async () => {
      assertTopic(topic);
      const { qos = 0, slot = null } = this.#call;
      await this.#publish({
        type: "publish",
        id: this.#publicationId(qos, slot),
        topic,
        qos,
        slot,
        data: Payload.fromCbor(encodeCbor(outgoingArgs(args))),
        extras: null,
        frame: null,
      });
    });
  }

  put(topic: string, ...args: readonly unknown[]): Promise<void> {
    return this.publish(`${this.rid}/${topic}`, ...args);
  }

  subscribe(...args: RegistrationArgs<SubscribeOptions>): Promise<void> {
    return this.#act("subscribe", () => {
      const { topic, handler, options } = registrationOf("subscribe", args);
      const start = this.#startOf(topic, options);
      this.#listen(topic);
      this.#parts.local.handlers.setSubscriber(topic, handler, options);
      if (start !== null) this.#readFrom(topic, start);
    });
  }

  unsubscribe(topic: string | Handler): Promise<void> {
    return this.#act("unsubscribe", () => {
      const removed = this.#parts.local.handlers.removeSubscriber(topic);
      if (removed !== null) this.#release(removed);
    });
  }

  // deno-lint-ignore no-explicit-any -- the type of the arguments is the contract's, checked by the interface
  messages(topic: string, options: SubscribeOptions = {}): MessageStream<any> {
    if (!this.isOpen) throw new ConnectionClosedError();
    assertTopic(topic);
    const start = this.#startOf(topic, options);
    this.#listen(topic);
    const { handlers } = this.#parts.local;
    const { streams } = this.#shared;
    const stream: Stream = new Stream(() => {
      streams.delete(stream);
      handlers.removeStream(topic, stream);
      this.#release(topic);
    }, { keepsAll: start !== null });
    streams.add(stream);
    handlers.addStream(topic, stream);
    if (start !== null) this.#readFrom(topic, start);
    return stream;
  }

  expose(...args: RegistrationArgs<ExposeOptions>): Promise<void> {
    return this.#act("expose", () => {
      const { topic, handler, options } = registrationOf("expose", args);
      this.#parts.local.handlers.setService(topic, handler, options);
    });
  }

  unexpose(topic: string | Handler): Promise<void> {
    return this.#act("unexpose", () => {
      this.#parts.local.handlers.removeService(topic);
    });
  }

  // deno-lint-ignore no-explicit-any -- the type of the result is the contract's, checked by the interface
  rpc(topic: string, ...args: readonly unknown[]): Promise<any> {
    return this.#rpc(topic, null, args);
  }

  direct(target: string, topic: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#rpc(topic, target, args);
  }

  /** A broker is always ready: nothing happens. */
  reactive(): Promise<void> {
    return Promise.resolve();
  }

  /** A broker is always ready: nothing happens. */
  unreactive(): Promise<void> {
    return Promise.resolve();
  }

  privateTopic(topic: string): Promise<void> {
    return this.#administer(topic, () => this.#parts.rules.makePrivate(topic));
  }

  publicTopic(topic: string): Promise<void> {
    return this.#administer(topic, () => this.#parts.rules.makePublic(topic));
  }

  authorize(component: string, topic: string): Promise<void> {
    return this.#administer(topic, () => {
      const problem = checkName(component);
      if (problem !== null) throw new TypeError(`Cannot authorize on "${topic}": ${problem}`);
      this.#parts.rules.authorize(component, topic);
    });
  }

  unauthorize(component: string, topic: string): Promise<void> {
    return this.#administer(topic, () => this.#parts.rules.unauthorize(component, topic));
  }

  inject(ctx: unknown): void {
    this.#parts.local.handlers.ctx = ctx;
  }

  wait(
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    return waitUntil(this.#lifecycle.closed, this.#parts.options.clock, options);
  }

  close(): Promise<void> {
    return this.#lifecycle.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  toString(): string {
    return this.rid;
  }

  /** Ends all loops over messages: the broker was closed. */
  endStreams(): void {
    for (const stream of this.#shared.streams) stream.end();
    this.#shared.streams.clear();
  }

  #act(what: string, action: () => void | Promise<void>): Promise<void> {
    return Promise.try(() => {
      this.#call.signal?.throwIfAborted();
      if (!this.isOpen) throw new ConnectionClosedError(`Cannot ${what}: the broker is closed`);
      return action();
    });
  }

  /** Publishes, once there is room for it; QoS 1/2 are done when they are durable. */
  async #publish(packet: Publish): Promise<void> {
    const { publishing, options: { journal } } = this.#parts;
    const from = { name: this.rid, isBroker: true, window: null };
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    let outcome = publishing.publish(from, packet, resolve);
    while (outcome.kind === "full") {
      await journal?.writable(this.#call.signal);
      outcome = publishing.publish(from, packet, resolve);
    }
    const last = outcome.kind === "pending" ? await promise : outcome;
    const { topic } = packet;
    if (last.kind === "busy") {
      throw new LimitError(`Cannot publish on "${topic}": handlers of the broker are busy`);
    }
    if (last.kind === "lost") {
      throw new RembusError(Status.ERROR, `Cannot publish on "${topic}": ${last.reason}`);
    }
  }

  #administer(topic: string, action: () => void): Promise<void> {
    return this.#act(`change who may use "${topic}"`, async () => {
      assertTopic(topic);
      action();
      await this.#parts.options.state?.committed();
    });
  }

  #publicationId(qos: QoS, slot: number | null): MsgId | null {
    if (qos === 0 && slot === null) return null;
    return idWithSlot(this.#parts.options.random, slot, qos);
  }

  #listen(topic: string): void {
    const { subscriptions: known } = this.#shared;
    if (known.has(topic)) return;
    const { local, options, subscriptions } = this.#parts;
    const progress = local.following?.newProgress("now") ?? null;
    const subscription = newSubscription(
      local,
      topic,
      options.spaces && isSpace(topic),
      progress,
    );
    known.set(topic, subscription);
    subscriptions.add(subscription);
    local.following?.open(subscription, options.journal?.next ?? 0);
  }

  /** Where a listener begins that asks for stored messages; `null` for what comes. Throws where nothing is stored. */
  #startOf(topic: string, { from }: SubscribeOptions): HistoryStart | null {
    const start = resolveFrom(topic, from);
    const { options: { clock, journal } } = this.#parts;
    const isWindow = start.kind === "window" || start.kind === "unreceived";
    if (start.kind === "now" || (journal === null && isWindow)) return null;
    if (journal === null) {
      throw new RembusError(
        Status.ERROR,
        `Cannot subscribe "${topic}" from the past: this broker keeps no messages`,
      );
    }
    // A broker does not remember what it received itself.
    if (start.kind === "unreceived") return { kind: "offset", offset: OFFSET_FIRST };
    if (start.kind !== "window") return start;
    const nowNs = BigInt(Math.trunc(clock.wallMs())) * NS_PER_MS;
    const timeNs = nowNs - BigInt(Math.trunc(Math.min(start.ns, Number(nowNs))));
    return { kind: "time", timeNs };
  }

  #readFrom(topic: string, start: HistoryStart): void {
    const { local: { following }, options } = this.#parts;
    const subscription = this.#shared.subscriptions.get(topic);
    if (subscription === undefined || following === null) return;
    following.rewind(subscription, start);
    following.open(subscription, options.journal?.next ?? 0);
  }

  /** The last listener of a topic is gone. */
  #release(topic: string): void {
    if (this.#parts.local.handlers.hasSubscriber(topic)) return;
    const { subscriptions: known } = this.#shared;
    const subscription = known.get(topic);
    if (subscription === undefined) return;
    known.delete(topic);
    this.#parts.subscriptions.remove(subscription);
    this.#parts.local.following?.forget(subscription);
  }

  async #rpc(topic: string, target: string | null, args: readonly unknown[]): Promise<unknown> {
    const { options: { random, requestTimeoutMs }, waits } = this.#parts;
    const { signal, timeoutMs = requestTimeoutMs } = this.#call;
    signal?.throwIfAborted();
    if (!this.isOpen) throw new ConnectionClosedError();
    assertTopic(topic);
    const packet: Rpc = {
      type: "rpc",
      id: idWithSlot(random, null, 1),
      topic,
      target,
      data: Payload.fromCbor(encodeCbor(outgoingArgs(args))),
      extras: { ttl: timeoutMs },
    };
    const from = { name: this.rid, isBroker: true, conversation: null, twin: null };
    const answer = await waits.answer(
      (settle) => routeCall(this.#parts, from, packet, settle),
      { timeoutMs, signal },
    );
    return resultOf(topic, answer);
  }
}
