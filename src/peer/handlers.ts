import { incomingArgs, outgoingValue } from "../frame/arguments.ts";
import { Status } from "../protocol/errors.ts";
import type { QoS } from "../protocol/packet.ts";
import { isSpace } from "../protocol/topic.ts";
import type { Logger } from "../util/log.ts";
import type { Caller, Handler, Message } from "./api.ts";
import type { Contract } from "./contract.ts";
import { check, type Checked, serviceSchema, topicSchema } from "./edges.ts";
import {
  arityProblem,
  type HandlerOptions,
  invoke,
  type Registered,
  toRegistered,
} from "./registered.ts";
import { errorText } from "../util/error_text.ts";

/** What a handler may know of one message or call. */
export interface DeliveryInfo {
  /** The topic that it was published on, also when it came through a space; the service of a call. */
  readonly topic: string;
  /** Name of the publisher or caller; `null` where nobody told. */
  readonly from: string | null;
  /** Slot of the message, if it has one. */
  readonly slot: number | null;
  /** Quality of service of the message; 0 for calls. */
  readonly qos: QoS;
  /** Offset of the message in the broker's log. @default {null} */
  readonly offset?: number | null;
  /** When the broker received it, in nanoseconds since the epoch. @default {null} */
  readonly recvNs?: bigint | null;
  /** The node that handlers may use. */
  readonly node: Caller;
}

/** The answer to a call: status and data of the RESPONSE. */
export interface CallResult {
  readonly status: number;
  readonly data: unknown;
}

/** Takes messages beside or instead of a callback. */
export interface MessageSink {
  /** Whether there is room for one more message. Without it, QoS 1 or 2 is not taken. */
  readonly hasRoom: boolean;
  /** Whether everything is taken: who gives it something has looked whether there is room. */
  readonly keepsAll: boolean;
  /** Takes a message. Resolves to `false` when there was no room for it. */
  push(message: Message): Promise<boolean> | boolean;
  /** A message of QoS 0 was dropped before it came here. */
  countDropped(): void;
}

/** Who takes the messages of one subscription. */
interface Takers {
  callback: Registered | null;
  readonly sinks: Set<MessageSink>;
  /** The last message that an asynchronous validator still checks: later ones start behind it. */
  checking: Promise<unknown> | null;
}

/** One message on its way to the takers of its subscription. */
interface Delivery {
  readonly wireTopic: string;
  /** The arguments as published. */
  readonly args: readonly unknown[];
  /** Whether it came through a space, whose callbacks get the topic in front (spec 5.6). */
  readonly viaSpace: boolean;
  readonly info: DeliveryInfo;
}

/**
 * What a node offers and listens to. Services and subscribers have tables of their own: a publication
 * never runs a service (spec 6.1).
 *
 * A handler with `{ context: true }` and named parameters gets exactly as many arguments as it has in front
 * of its context: more are refused (call) or cut off (message), so that a peer cannot put one in its place.
 */
export class Handlers {
  /** What was given to `inject`. */
  ctx: unknown = undefined;
  readonly #contract: Contract;
  readonly #log: Logger;
  /** Service that every node has -> handler. A service of the same name goes before it. */
  readonly #builtins = new Map<string, Registered>();
  /** Service -> handler. */
  readonly #services = new Map<string, Registered>();
  /** Topic or pattern as subscribed -> takers. */
  readonly #subscribers = new Map<string, Takers>();

  /** Makes empty tables. */
  constructor(parts: { readonly contract?: Contract; readonly log: Logger }) {
    this.#contract = parts.contract ?? {};
    this.#log = parts.log;
  }

  /** Adds a service that cannot be removed. */
  setBuiltin(topic: string, handler: Handler, options: HandlerOptions = {}): void {
    this.#builtins.set(topic, toRegistered(handler, options));
  }

  /** Adds or replaces a service. Returns what puts back the one before, unless it was replaced again. */
  setService(topic: string, handler: Handler, options: HandlerOptions = {}): () => void {
    const before = this.#services.get(topic);
    const added = toRegistered(handler, options);
    this.#services.set(topic, added);
    return () => {
      if (this.#services.get(topic) !== added) return;
      if (before === undefined) this.#services.delete(topic);
      else this.#services.set(topic, before);
    };
  }

  /** Removes a service by topic or handler. Returns its topic, or `null` when there is none. */
  removeService(topicOrHandler: string | Handler): string | null {
    for (const [topic, { handler }] of this.#services) {
      if (topic === topicOrHandler || handler === topicOrHandler) {
        this.#services.delete(topic);
        return topic;
      }
    }
    return null;
  }

  /** Whether a service of that name would answer. */
  hasService(topic: string): boolean {
    return this.#services.has(topic) || this.#builtins.has(topic);
  }

  /** Whether a service of that name was added, whatever is built in. */
  isExposed(topic: string): boolean {
    return this.#services.has(topic);
  }

  /** Runs a service. Never rejects: what goes wrong is told by the status (spec 2.5, D34). */
  async call(topic: string, args: readonly unknown[], info: DeliveryInfo): Promise<CallResult> {
    const service = this.#services.get(topic) ?? this.#builtins.get(topic);
    if (service === undefined) return { status: Status.METHOD_NOT_FOUND, data: topic };
    try {
      const schemas = serviceSchema(this.#contract, topic);
      const checking = check(schemas?.args, incomingArgs(args));
      // Only what must wait waits: handlers start in the order in which calls came.
      const checked = checking instanceof Promise ? await checking : checking;
      if (!checked.ok) return { status: Status.METHOD_ARGS_ERROR, data: checked.problem };
      const mismatch = arityProblem(topic, service, checked.value.length);
      if (mismatch !== null) return { status: Status.METHOD_EXCEPTION, data: mismatch };
      const value: unknown = await this.#invoke(service, checked.value, info);
      const result = await check(schemas?.result, value);
      if (!result.ok) {
        const problem =
          `Cannot answer "${topic}": its result breaks the contract, ${result.problem}`;
        this.#log.warn("service broke its contract", { topic, problem: result.problem });
        return { status: Status.METHOD_EXCEPTION, data: problem };
      }
      const data = outgoingValue(result.value);
      return { status: Status.OK, data: data === undefined ? null : data };
    } catch (error) {
      this.#log.warn("service failed", { topic, error });
      return { status: Status.METHOD_EXCEPTION, data: errorText(error) };
    }
  }

  /**
   * Sets the callback of a subscription, or replaces it. Returns what puts back the one before, unless it
   * was replaced again.
   */
  setSubscriber(topic: string, handler: Handler, options: HandlerOptions = {}): () => void {
    const takers = this.#takers(topic);
    const before = takers.callback;
    const added = toRegistered(handler, options);
    takers.callback = added;
    return () => {
      if (takers.callback !== added) return;
      takers.callback = before;
      this.#forgetBare(topic);
    };
  }

  /** Adds a stream to a subscription. */
  addStream(topic: string, stream: MessageSink): void {
    this.#takers(topic).sinks.add(stream);
  }

  /** Removes a stream from a subscription. */
  removeStream(topic: string, stream: MessageSink): void {
    this.#subscribers.get(topic)?.sinks.delete(stream);
    this.#forgetBare(topic);
  }

  /** Removes a callback by topic or function. Returns its topic, or `null` when there is none. */
  removeSubscriber(topicOrHandler: string | Handler): string | null {
    for (const [topic, takers] of this.#subscribers) {
      if (takers.callback === null) continue;
      if (topic === topicOrHandler || takers.callback.handler === topicOrHandler) {
        takers.callback = null;
        this.#forgetBare(topic);
        return topic;
      }
    }
    return null;
  }

  /** Whether a callback or a stream takes the messages of that subscription. */
  hasSubscriber(topic: string): boolean {
    return this.#subscribers.has(topic);
  }

  /** Whether a stream takes the messages of that subscription. */
  hasStream(topic: string): boolean {
    return (this.#subscribers.get(topic)?.sinks.size ?? 0) > 0;
  }

  /** Whether all streams of a subscription that must not lose a message of that QoS have room for it. */
  hasRoom(topic: string, qos: QoS): boolean {
    const sinks = this.#subscribers.get(topic)?.sinks;
    if (sinks === undefined) return true;
    for (const sink of sinks) if (!sink.hasRoom && (sink.keepsAll || qos !== 0)) return false;
    return true;
  }

  /** A message of QoS 0 was dropped for want of room. */
  countDropped(topic: string): void {
    for (const sink of this.#subscribers.get(topic)?.sinks ?? []) sink.countDropped();
  }

  /**
   * Gives a message to the callback and the streams of a subscription. Callbacks start in the order of the
   * calls. Never rejects: errors are logged. Resolves when all are done with it: `false` when a stream had
   * no room, so that the message must not be acknowledged.
   */
  async deliver(wireTopic: string, args: readonly unknown[], info: DeliveryInfo): Promise<boolean> {
    const takers = this.#subscribers.get(wireTopic);
    if (takers === undefined) {
      this.#log.debug("message without subscriber", { topic: wireTopic });
      return true;
    }
    const viaSpace = args.length > 0 && args[0] === info.topic && wireTopic !== info.topic &&
      isSpace(wireTopic);
    const published = incomingArgs(viaSpace ? args.slice(1) : args);
    try {
      const checking = check(topicSchema(this.#contract, wireTopic), published);
      if (checking instanceof Promise || takers.checking !== null) {
        const checked = await inTurn(takers, checking);
        return await this.#hand(takers, { wireTopic, args: published, viaSpace, info }, checked);
      }
      return await this.#hand(takers, { wireTopic, args: published, viaSpace, info }, checking);
    } catch (error) {
      this.#log.error("message not delivered", { topic: wireTopic, error });
      return true;
    }
  }

  #takers(topic: string): Takers {
    const known = this.#subscribers.get(topic);
    if (known !== undefined) return known;
    const takers: Takers = { callback: null, sinks: new Set(), checking: null };
    this.#subscribers.set(topic, takers);
    return takers;
  }

  #forgetBare(topic: string): void {
    const takers = this.#subscribers.get(topic);
    if (takers !== undefined && takers.callback === null && takers.sinks.size === 0) {
      this.#subscribers.delete(topic);
    }
  }

  async #hand(
    takers: Takers,
    delivery: Delivery,
    checked: Checked<readonly unknown[]>,
  ): Promise<boolean> {
    const { wireTopic, info } = delivery;
    // All or nobody: whoever took it already would get it again with the next copy.
    const isFull = (sink: MessageSink): boolean => !sink.keepsAll && !sink.hasRoom;
    if (info.qos !== 0 && takers.sinks.values().some(isFull)) return false;
    if (!checked.ok) {
      this.#log.warn("message broke the contract", { topic: wireTopic, problem: checked.problem });
      return true;
    }
    const args = checked.value;
    const running = takers.callback === null
      ? null
      : this.#runCallback(takers.callback, { ...delivery, args });
    let allTaken = true;
    if (takers.sinks.size > 0) {
      const message: Message = {
        topic: info.topic,
        args,
        data: args[0],
        slot: info.slot,
        qos: info.qos,
        from: info.from,
        offset: info.offset ?? null,
        recvNs: info.recvNs ?? null,
      };
      const pushed = await Promise.all([...takers.sinks].map((sink) => sink.push(message)));
      allTaken = pushed.every((taken) => taken);
    }
    await running;
    return allTaken;
  }

  async #runCallback(callback: Registered, delivery: Delivery): Promise<void> {
    const { wireTopic, viaSpace, info } = delivery;
    try {
      const args = viaSpace ? [info.topic, ...delivery.args] : delivery.args;
      const given = callback.context && callback.handler.length > 0
        ? args.slice(0, callback.handler.length - 1)
        : args;
      const mismatch = arityProblem(wireTopic, callback, given.length);
      if (mismatch !== null) {
        this.#log.warn("message does not fit its subscriber", {
          topic: wireTopic,
          problem: mismatch,
        });
        return;
      }
      await this.#invoke(callback, given, info);
    } catch (error) {
      this.#log.error("subscriber failed", { topic: wireTopic, error });
    }
  }

  #invoke(registered: Registered, args: readonly unknown[], info: DeliveryInfo): unknown {
    const { topic, from, slot, qos, offset = null, recvNs = null, node } = info;
    const context = { ctx: this.ctx, topic, from, slot, qos, offset, recvNs, node };
    return invoke(registered, args, context);
  }
}

/** Waits for a check, and for all checks of the same subscription that began before. */
function inTurn<T>(takers: Takers, checking: T | Promise<T>): Promise<T> {
  const before = takers.checking;
  const turn = (async () => {
    try {
      return await checking;
    } finally {
      await before?.catch(() => undefined); // that message reports its own failure
    }
  })();
  takers.checking = turn;
  const done = (): void => {
    if (takers.checking === turn) takers.checking = null;
  };
  turn.then(done, done);
  return turn;
}
