import { outgoingValue } from "../frame/arguments.ts";
import type { Caller, ConnectionEvent } from "../peer/api.ts";
import type { CallResult, DeliveryInfo, Handlers } from "../peer/handlers.ts";
import { DeliveryWindow } from "../peer/window.ts";
import { LimitError, Status } from "../protocol/errors.ts";
import type { Extras, MsgId, Packet, Publish, QoS, Rpc } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { isSpace } from "../protocol/topic.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { errorText } from "../util/error_text.ts";
import type { Announcements } from "./announcements.ts";
import { Backlog } from "./backlog.ts";
import type { Reach } from "./reach.ts";
import type { Session } from "./session.ts";

/**
 * Messages whose handlers run at once. Exceeded: those of subscriptions that reach into the past wait (see
 * `Backlog`); of others QoS 0 is dropped and logged, QoS 1/2 is not taken.
 */
export const DELIVERIES_RUNNING_MAX = 1_024;
/** Calls whose handlers run at once (D35). Exceeded: answered with 43. */
export const CALLS_RUNNING_MAX = 1_024;
/**
 * So long after a connect a QoS 1/2 message that nobody subscribed here is left unacknowledged, in
 * milliseconds: a program that starts again subscribes one topic after the other, while its broker still
 * knows them all. Later such a message is acknowledged and dropped.
 */
export const UNCLAIMED_MS = 10_000;
/** Topic of gap notices (D3). */
const GAP_TOPIC = "__gap__";

/** Turns of the microtask queue between the end of a handler and its acknowledgement, with room to spare. */
const ACKNOWLEDGE_TURNS = 32;

/** What a {@link Receiver} needs. */
export interface ReceiverOptions {
  readonly handlers: Handlers;
  /** Own name; `null` for an anonymous component, which does not know how its broker calls it. */
  readonly name: string | null;
  /** The node that handlers may use. */
  readonly node: Caller;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onEvent: (event: ConnectionEvent) => void;
  /** Sends over the connection of now: an acknowledgement may be due after a reconnect. */
  readonly reply: (packet: Packet) => void;
  /** What is known of the subscriptions at this broker. */
  readonly announcements: Pick<Announcements, "hasStalled" | "reachOf" | "stall">;
  /** There is room again for a subscription that was stalled. May be called more than once. */
  readonly onRelief: () => void;
}

/** Takes what a broker sends of its own accord: messages, calls and commands. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #window: DeliveryWindow;
  readonly #backlog = new Backlog();
  #isDraining = false;
  #deliveries = 0;
  #calls = 0;
  #unclaimedUntil = 0;

  /** Whether handlers are at work. */
  get isDelivering(): boolean {
    return this.#deliveries > 0;
  }

  /** Lets handlers that have ended be acknowledged; those that are at work are not waited for. */
  async acknowledge(): Promise<void> {
    for (let turn = 0; turn < ACKNOWLEDGE_TURNS && this.isDelivering; turn++) {
      await Promise.resolve();
    }
  }

  /** Makes a receiver. It outlives connections, as ids are remembered across them (D15). */
  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#window = new DeliveryWindow(options.clock);
  }

  /** A connection began. */
  connected(): void {
    this.#unclaimedUntil = this.#options.clock.now() + UNCLAIMED_MS;
  }

  /** There is room for messages of a subscription again. */
  hasRoom(topic: string): void {
    if (this.#backlog.has(topic)) this.#drain();
  }

  /** Nobody wants the messages of a subscription any more: those that wait count as handled. */
  forget(topic: string): void {
    while (this.#backlog.has(topic)) {
      const { packet, id } = this.#backlog.shift(topic) ?? {};
      if (packet !== undefined && id) this.#handled(packet, id, true);
    }
    this.#drain();
  }

  /** Takes one packet; answers to it go to the session that it came over. */
  receive(packet: Packet, session: Session): void {
    switch (packet.type) {
      case "publish":
        this.#publish(packet, session);
        return;
      case "rpc":
        void this.#call(packet, session);
        return;
      case "admin":
        // Rembus.jl announces itself to its peers, too (rembus-jl 7.2). There is nothing to do about it.
        session.send(answer(packet.id, Status.OK, null));
        return;
      case "identity":
      case "register":
      case "unregister":
      case "attestation":
        session.send(
          answer(packet.id, Status.ERROR, `Cannot take "${packet.type}": this is not a broker`),
        );
        return;
      case "response":
      case "ack":
      case "ack2":
        this.#options.log.debug("nobody waits for it", { type: packet.type });
        return;
      default:
        packet satisfies never;
    }
  }

  #publish(packet: Publish, session: Session): void {
    if (packet.topic === GAP_TOPIC) {
      this.#gap(packet);
      return;
    }
    const { log, clock, handlers, announcements } = this.#options;
    const id = packet.qos === 0 ? null : packet.id;
    const reach = announcements.reachOf(packet.topic);
    if (reach?.isStalled === true) {
      this.#leave(packet, reach, session);
      return;
    }
    if (id !== null && !this.#isNew(id)) return;
    if (reach !== null) {
      this.#follow(packet, id, { reach, session });
      return;
    }
    const isUnclaimed = !handlers.hasSubscriber(packet.topic) && clock.now() < this.#unclaimedUntil;
    const isBusy = this.#deliveries >= DELIVERIES_RUNNING_MAX;
    if (isBusy || (id !== null && isUnclaimed)) {
      if (id !== null) this.#window.release(id);
      else log.warn("message for busy handlers dropped", { topic: packet.topic });
      return;
    }
    void this.#deliver(packet, id);
  }

  /** Takes a message of a subscription that reaches into the past: it waits while others are at work. */
  #follow(
    packet: Publish,
    id: MsgId | null,
    { reach, session }: { readonly reach: Reach; readonly session: Session },
  ): void {
    const { announcements, handlers, log } = this.#options;
    const { topic, qos, extras } = packet;
    const offset = offsetOf(extras);
    const isNext = !this.#backlog.has(topic) && this.#takes(topic, qos);
    if (isNext || this.#backlog.push({ packet, id })) {
      reach.took(offset);
      if (isNext) void this.#deliver(packet, id);
      return;
    }
    if (id !== null) this.#window.release(id);
    if (session.hasHistory && offset !== null) {
      log.debug("subscription stalled", { topic, offset });
      announcements.stall(topic, offset);
      session.rest();
    } else if (id === null) {
      // Nobody could be asked for it again.
      handlers.countDropped(topic);
      log.warn("message for busy handlers dropped", { topic });
    }
  }

  /** Leaves a message that comes again once there is room: the broker sends faster than is good. */
  #leave(packet: Publish, reach: Reach, session: Session): void {
    reach.stall(offsetOf(packet.extras));
    session.rest();
    this.#relieve();
  }

  /** Whether a message can be handled now. */
  #takes(topic: string, qos: QoS): boolean {
    return this.#deliveries < DELIVERIES_RUNNING_MAX && this.#options.handlers.hasRoom(topic, qos);
  }

  /** Hands over what waits as far as there is room, a message of each topic in turn. */
  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (const topic of this.#backlog.topics()) {
      if (this.#deliveries >= DELIVERIES_RUNNING_MAX) break;
      const next = this.#backlog.peek(topic);
      if (next === undefined || !this.#takes(topic, next.packet.qos)) continue;
      this.#backlog.shift(topic);
      void this.#deliver(next.packet, next.id);
    }
    this.#isDraining = false;
    this.#relieve();
  }

  #relieve(): void {
    const { announcements, onRelief } = this.#options;
    if (announcements.hasStalled && this.#backlog.isHalfEmpty) onRelief();
  }

  /** Whether a QoS 1/2 message is to be handled; answers a repeated one. */
  #isNew(id: MsgId): boolean {
    const state = this.#window.begin(id);
    if (state === "handled") this.#options.reply({ type: "ack", id });
    return state === "new";
  }

  async #deliver(packet: Publish, id: MsgId | null): Promise<void> {
    this.#deliveries++;
    let isTaken = true;
    try {
      const { topic, data, qos, slot, extras } = packet;
      const { args } = data;
      const [first] = args;
      const origin = isSpace(topic) && typeof first === "string" ? first : topic;
      isTaken = await this.#options.handlers.deliver(topic, args, {
        topic: origin,
        from: extras?.p ?? null,
        slot,
        qos,
        offset: offsetOf(extras),
        recvNs: recvNsOf(extras),
        node: this.#options.node,
      });
    } catch (error) {
      this.#options.log.error("message not delivered", { topic: packet.topic, error });
    } finally {
      this.#deliveries--;
      if (this.#backlog.length > 0) this.#drain();
    }
    if (id !== null) this.#handled(packet, id, isTaken);
  }

  #handled({ qos }: Publish, id: MsgId, isTaken: boolean): void {
    // Without an acknowledgement the broker sends it again, and then it is a new one.
    if (isTaken && qos === 2) this.#window.settle(id);
    else this.#window.release(id);
    if (isTaken) this.#options.reply({ type: "ack", id });
  }

  async #call(packet: Rpc, session: Session): Promise<void> {
    const { topic, id, target } = packet;
    const { name } = this.#options;
    if (name !== null && target !== null && target !== name) {
      session.send(answer(id, Status.TARGET_NOT_FOUND, target));
      return;
    }
    if (this.#calls >= CALLS_RUNNING_MAX) {
      session.send(answer(id, Status.METHOD_UNAVAILABLE, topic));
      return;
    }
    this.#calls++;
    try {
      const result = await this.#run(packet);
      this.#answer(packet, result, session);
    } finally {
      this.#calls--;
    }
  }

  async #run({ topic, data, extras }: Rpc): Promise<CallResult> {
    const { handlers, node, log } = this.#options;
    const info: DeliveryInfo = { topic, from: extras?.p ?? null, slot: null, qos: 0, node };
    try {
      return await handlers.call(topic, data.args, info);
    } catch (error) {
      log.error("call failed", { topic, error });
      return { status: Status.METHOD_EXCEPTION, data: "internal error" };
    }
  }

  #answer({ topic, id }: Rpc, { status, data }: CallResult, session: Session): void {
    try {
      session.send(answer(id, status, outgoingValue(data, session.encoding)));
    } catch (error) {
      this.#options.log.warn("result not sent", { topic, error });
      const reason = errorText(error);
      const hint = error instanceof LimitError ? "; ask for it in parts" : "";
      const text = `Cannot answer "${topic}": ${reason}${hint}`;
      session.send(answer(id, Status.METHOD_EXCEPTION, text));
    }
  }

  #gap(packet: Publish): void {
    for (const gap of packet.data.args) {
      if (!isGap(gap)) continue;
      this.#options.log.warn("messages dropped by the broker", {
        topic: gap.topic,
        count: gap.count,
      });
      this.#options.onEvent({ type: "gap", topic: gap.topic, count: gap.count });
    }
  }
}

function answer(id: MsgId, status: number, data: unknown): Packet {
  return { type: "response", id, status, data: Payload.fromValue(data) };
}

/** The offset that a broker told, if it is one that can be asked for. */
function offsetOf(extras: Extras | null): number | null {
  const offset = Number(extras?.o ?? NaN);
  return Number.isSafeInteger(offset) && offset >= 0 ? offset : null;
}

/** The receive time that a broker told, if it is one. */
function recvNsOf(extras: Extras | null): bigint | null {
  const time = extras?.t;
  if (typeof time === "bigint") return time;
  return time !== undefined && Number.isSafeInteger(time) ? BigInt(time) : null;
}

function isGap(value: unknown): value is { readonly topic: string; readonly count: number } {
  return typeof value === "object" && value !== null && "topic" in value && "count" in value &&
    typeof value.topic === "string" && typeof value.count === "number";
}
