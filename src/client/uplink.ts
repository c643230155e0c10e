import { incomingValue, outgoingArgs } from "../frame/arguments.ts";
import { anonymousName } from "../peer/anonymous_name.ts";
import type { Caller, CallOptions, ConnectionEvent } from "../peer/api.ts";
import { webSocketDialer } from "../peer/dial.ts";
import type { Handlers } from "../peer/handlers.ts";
import type { HistoryFrom } from "../peer/history_from.ts";
import { Publisher } from "../peer/publisher.ts";
import { encodeCbor } from "../protocol/cbor.ts";
import { callError, ConnectionClosedError, type RembusError, Status } from "../protocol/errors.ts";
import { idWithSlot } from "../protocol/msg_id.ts";
import { type Encoding, type Packet, QoS } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import type { ComponentUrl } from "../protocol/url.ts";
import { type AnnouncementKind, Announcements } from "./announcements.ts";
import { runCommand } from "./command.ts";
import { Connection } from "./connection.ts";
import { CONFIG_TOPIC, login, negotiate } from "./login.ts";
import type { ResolvedComponentOptions } from "./options.ts";
import { Receiver } from "./receiver.ts";
import type { Session } from "./session.ts";

/** What an {@link Uplink} needs of the component that it belongs to. */
export interface UplinkParts {
  readonly url: ComponentUrl;
  readonly options: ResolvedComponentOptions;
  /** Whether to connect again after a failure. */
  readonly reconnects: boolean;
  readonly handlers: Handlers;
  /** What handlers may use for a message or call that came from this broker. */
  readonly caller: (uplink: Uplink) => Caller;
  readonly onEvent: (event: ConnectionEvent) => void;
  /** There will be no other session, and why. Called once. */
  readonly onEnded: (reason: Error) => void;
}

/** A call of a service. */
export interface Call {
  readonly topic: string;
  /** The component that must answer, or `null` for any. */
  readonly target: string | null;
  readonly args: readonly unknown[];
}

/**
 * One broker as a component sees it: the connection, and what outlives each session with it, which is what
 * was announced there, what waits for an acknowledgement, and the ids of what was received.
 */
export class Uplink {
  /** Name of the component at this broker; `null` for an anonymous component. */
  readonly name: string | null;
  /** That name; a random one for an anonymous component. */
  readonly rid: string;
  /** Address and name. */
  readonly uid: string;
  readonly #parts: UplinkParts;
  readonly #connection: Connection;
  readonly #announcements: Announcements;
  readonly #publisher: Publisher;
  readonly #receiver: Receiver;
  #lostAt = -Infinity;
  /** Whether the user wants to be reactive. */
  #isReactive = true;
  /** The session that was told so last. */
  #reactiveIn: Session | null = null;

  /** Makes an uplink that does nothing yet. */
  constructor(parts: UplinkParts) {
    this.#parts = parts;
    const { url: { dial: address, name, text }, options, handlers, onEvent } = parts;
    const { clock, dial, logger: log } = options;
    this.name = name;
    this.rid = name ?? anonymousName(options.random);
    this.uid = `${address}${this.rid}`;
    this.#announcements = new Announcements({ isNamed: name !== null, clock, log });
    this.#publisher = new Publisher({ ...options, isNamed: name !== null });
    this.#receiver = new Receiver({
      handlers,
      name,
      node: parts.caller(this),
      clock,
      log,
      onEvent,
      reply: (packet) => this.#connection.current?.send(packet),
      announcements: this.#announcements,
      onRelief: () => void this.#resume(),
    });
    this.#connection = new Connection({
      url: text,
      dial: dial === null ? webSocketDialer(address) : (signal) => dial(address, signal),
      reconnects: parts.reconnects,
      component: options,
      handler: {
        prepare: (session) => this.#prepare(session),
        ready: (session) => this.#ready(session),
        lost: () => this.#lost(),
        packet: (packet, session) => this.#take(packet, session),
        event: onEvent,
        ended: (reason) => this.#ended(reason),
      },
    });
  }

  /** Whether a session is ready. */
  get isOpen(): boolean {
    return this.#connection.session !== null;
  }

  /** The session that is ready. Throws `ConnectionClosedError` when there is none. */
  session(): Session {
    const { session } = this.#connection;
    if (session === null) throw new ConnectionClosedError();
    return session;
  }

  /** Calls and publications that wait for their answer. */
  get load(): number {
    return (this.#connection.session?.pending ?? 0) + this.#publisher.size;
  }

  /** When the last session was lost, by the clock; `-Infinity` before. */
  get lostAt(): number {
    return this.#lostAt;
  }

  /**
   * Connects. Resolves when the first session is ready; rejects when the first attempt fails, after which an
   * uplink that reconnects goes on trying.
   */
  start(): Promise<void> {
    return this.#connection.start();
  }

  /** Ends it; everything that waits fails. Idempotent. Resolves when the link is gone. */
  async close(): Promise<void> {
    // Whoever closes because of a message is faster than its acknowledgement.
    if (this.#receiver.isDelivering) await this.#receiver.acknowledge();
    await this.#connection.close(new ConnectionClosedError());
  }

  /**
   * Publishes. QoS 0 needs a session that is ready, and waits while the link is full; QoS 1 and 2 wait for
   * their acknowledgement, also for the next session (D16).
   */
  async publish(topic: string, args: readonly unknown[], call: CallOptions): Promise<void> {
    const { qos = QoS.ZERO, signal, timeoutMs } = call;
    const { random } = this.#parts.options;
    const sent = outgoingArgs(args, this.#encoding);
    const slot = qos === QoS.ZERO && call.slot === 0 ? null : call.slot ?? null;
    const common = { type: "publish", topic, slot, extras: null, frame: null } as const;
    if (qos === QoS.ZERO) {
      const session = this.session();
      session.assertRoom(`publish on "${topic}"`);
      // It leaves now, so that publications keep their order; who waits is the publisher.
      session.send({
        ...common,
        id: idWithSlot(random, slot, qos),
        qos,
        data: Payload.fromValue(sent),
      });
      return await session.drained(signal);
    }
    if (this.#connection.isClosed) throw new ConnectionClosedError();
    // Bytes, since it may be sent again after the caller has changed the values.
    const data = Payload.fromCbor(encodeCbor(sent));
    const id = idWithSlot(random, slot, qos);
    return await this.#publisher.publish({ ...common, id, qos, data }, { signal, timeoutMs });
  }

  /** Calls a service. Rejects with the typed error of the answered status. */
  async call({ topic, target, args }: Call, options: CallOptions): Promise<unknown> {
    const { signal, timeoutMs = this.#parts.options.requestTimeoutMs } = options;
    const session = this.session();
    session.assertRoom(`call "${topic}"`);
    const { status, data } = await session.request({
      type: "rpc",
      topic,
      target,
      data: Payload.fromValue(outgoingArgs(args, this.#encoding)),
      extras: session.isCapable ? { ttl: timeoutMs } : null,
    }, { signal, timeoutMs });
    if (status === Status.OK) return incomingValue(data.value);
    throw callError(status, topic, data.value);
  }

  /** Runs an admin command (spec 7). `action` says what is tried, for the error. */
  async command(
    action: string,
    topic: string,
    data: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<void> {
    const refusal = await runCommand(this.session(), { action, topic, data }, options);
    if (refusal !== null) throw refusal;
  }

  /** Notes a subscription or service; see `Announcements.add`. */
  announce(kind: AnnouncementKind, topic: string, from?: HistoryFrom): () => void {
    return this.#announcements.add(kind, topic, from);
  }

  /** Notes one more listener to a topic; see `Announcements.join`. */
  join(topic: string, from: HistoryFrom): () => void {
    return this.#announcements.join(topic, from);
  }

  /** There is room for messages of a subscription. */
  hasRoom(topic: string): void {
    this.#receiver.hasRoom(topic);
  }

  /** Notes that a subscription or service was taken back. Returns whether the broker must be told. */
  withdraw(kind: AnnouncementKind, topic: string): boolean {
    if (kind === "subscribe") this.#receiver.forget(topic);
    return this.#announcements.remove(kind, topic);
  }

  /**
   * Tells what was noted. Without a session that is ready it resolves at once, and when the link is lost
   * meanwhile, too: the next session is told everything before it is ready.
   */
  async tell(kind: AnnouncementKind, topic: string, options: CallOptions): Promise<void> {
    const { session } = this.#connection;
    if (session === null) return;
    try {
      await this.#announcements.tell(session, kind, topic, options);
    } catch (error) {
      if (!this.#isTemporary(error)) throw error;
    }
  }

  /** Says whether this component is ready to receive (spec 5.3); the next session is told, too. */
  async setReactive(isReactive: boolean, options: CallOptions): Promise<void> {
    this.#isReactive = isReactive;
    const { session } = this.#connection;
    if (session === null) return;
    try {
      const refusal = await this.#tellReactive(session, options);
      if (refusal !== null) throw refusal;
    } catch (error) {
      if (!this.#isTemporary(error)) throw error;
    }
  }

  /** How the next packet is written. */
  get #encoding(): Encoding {
    return this.#connection.session?.encoding ?? this.#parts.options.encoding;
  }

  /** Whether an error is a lost link that comes back. */
  #isTemporary(error: unknown): boolean {
    return error instanceof ConnectionClosedError && this.#parts.reconnects &&
      !this.#connection.isClosed;
  }

  async #prepare(session: Session): Promise<void> {
    const { options, url: { name, text } } = this.#parts;
    const { connectionMode: mode, extras, keys, logger } = options;
    this.#receiver.connected();
    if (name !== null) await login(session, { name, keys, mode });
    else void session.challenged.then(() => logger.warn("broker wants a name", { url: text }));
    await negotiate(session, extras || this.#announcements.isPast);
    await this.#announcements.tellAll(session);
    if (!this.#isReactive) return;
    const refusal = await this.#tellReactive(session, {});
    if (refusal !== null) logger.warn("not reactive", { url: text, reason: refusal.message });
  }

  #ready(session: Session): void {
    this.#receiver.connected();
    this.#publisher.attach(session);
    void this.#catchUp(session);
  }

  /** Tells what changed between the last announcement and `ready`. */
  async #catchUp(session: Session): Promise<void> {
    try {
      await this.#announcements.tellAll(session);
      if ((this.#reactiveIn === session) !== this.#isReactive) {
        await this.#tellReactive(session, {});
      }
    } catch (error) {
      this.#parts.options.logger.warn("announcement failed", { url: this.#parts.url.text, error });
    }
  }

  /** Asks for what there was no room for. */
  async #resume(): Promise<void> {
    const { session } = this.#connection;
    if (session === null) return;
    try {
      await this.#announcements.resume(session);
    } catch (error) {
      this.#parts.options.logger.warn("not resumed", { url: this.#parts.url.text, error });
    }
  }

  async #tellReactive(session: Session, options: CallOptions): Promise<RembusError | null> {
    const status = this.#isReactive;
    this.#reactiveIn = status ? session : null;
    return await runCommand(session, {
      action: status ? "become reactive" : "become unreactive",
      topic: CONFIG_TOPIC,
      data: { cmd: "reactive", status },
    }, options);
  }

  #take(packet: Packet, session: Session): void {
    const isOurs = packet.type === "ack"
      ? this.#publisher.acknowledged(packet.id)
      : packet.type === "response" && this.#publisher.answered(packet);
    if (!isOurs) this.#receiver.receive(packet, session);
  }

  #lost(): void {
    this.#lostAt = this.#parts.options.clock.now();
    this.#publisher.detach();
  }

  #ended(reason: Error): void {
    this.#publisher.failAll(() => new ConnectionClosedError());
    this.#parts.onEnded(reason);
  }
}
