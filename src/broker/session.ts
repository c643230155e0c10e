import { Status, statusText } from "../protocol/errors.ts";
import type { Admin, MsgId, Packet, Publish, Rpc } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import type { Link, LinkClose } from "../link/link.ts";
import { anonymousName } from "../peer/anonymous_name.ts";
import { Channel } from "../peer/channel.ts";
import { unavailable } from "./calls.ts";
import type { Answer, PendingCall, Sent } from "./conversation.ts";
import { Intake } from "./intake.ts";
import { CALLS_PENDING_MAX, LOGIN_BYTES_MAX } from "./limits.ts";
import { type Holder, WATCHED_BYTES_MIN } from "./memory.ts";
import { Outbound } from "./outbound.ts";
import type { Newcomer } from "./newcomer.ts";
import type { BrokerParts } from "./parts.ts";
import type { Addressee, Publication } from "./publication.ts";
import { type Outcome, refusal, replyTo } from "./publishing.ts";
import { errorText } from "../util/error_text.ts";
import type { AdminAnswer } from "./admin_answer.ts";
import { routeCall } from "./routing.ts";
import type { Twin } from "./twin.ts";

/** How the broker took a link. */
export interface SessionOptions {
  /** Whether the link stays inside this process: then it needs no key to be an admin, or to do anything at all. */
  readonly trusted: boolean;
  /** Called once, when the session is over. */
  readonly onEnd: (session: Session) => void;
}

/** One connection of one peer: packets in, packets out, and the twin that they belong to. */
export class Session implements Newcomer, Holder {
  readonly working = new Map<MsgId, PendingCall>();
  readonly waiting = new Set<PendingCall>();
  readonly #parts: BrokerParts;
  /** Resolves when the peer may do something, or is gone. */
  readonly admitted: Promise<void>;
  readonly #options: SessionOptions;
  readonly #link: Link;
  readonly #channel: Channel;
  readonly #outbound: Outbound;
  #twin: Twin;
  #state: "open" | "closing" | "ended" = "open";
  #isProved = false;
  /** Ends {@link admitted}; `null` once it has. */
  #admit: (() => void) | null;
  readonly #intake: Intake;
  #received = 0;
  /** Calls of the peer that are not answered yet, wherever they run. */
  #calls = 0;

  constructor(parts: BrokerParts, link: Link, options: SessionOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#link = link;
    const { authenticated, encoding, logger: log, random } = parts.options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.admitted = promise;
    this.#admit = resolve;
    if (!authenticated || options.trusted) this.#admitNow();
    this.#twin = parts.registry.enter({ name: anonymousName(random), anonymous: true });
    this.#channel = new Channel({
      link,
      encoding,
      log,
      onPacket: (packet) => this.#receive(packet),
      onClosed: (close) => this.#ended(close),
      onDrained: () => this.#drained(),
    });
    this.#outbound = new Outbound({
      link,
      channel: this.#channel,
      log,
      memory: parts.memory,
      onQueued: (bytes) => {
        if (this.#outbound.queuedBytes >= WATCHED_BYTES_MIN) parts.memory.queued(this, bytes);
      },
      onOverflow: () => this.close(1013, "slow consumer"),
    });
    this.#intake = this.#newIntake();
    this.#twin.attach(this);
  }

  /** Starts to listen to the peer. */
  start(): void {
    this.#channel.start();
    if (this.#admit !== null) this.#parts.login.proofs.expect(this);
  }

  get name(): string {
    return this.#twin.name;
  }

  /** What the broker knows of the component behind this connection. */
  get twin(): Twin {
    return this.#twin;
  }

  /** The other end of the link, for logs. */
  get remote(): string {
    return this.#channel.remote;
  }

  get ownBytes(): number {
    return this.#outbound.ownBytes;
  }

  /** Nothing once it is closing: ending it again would free nothing. */
  get queuedBytes(): number {
    return this.isOpen ? this.#outbound.queuedBytes + this.#twin.outbox.bytes : 0;
  }

  get received(): number {
    return this.#received;
  }

  get capable(): boolean {
    return this.#outbound.isCapable;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get isTrusted(): boolean {
    return this.#options.trusted;
  }

  get isProved(): boolean {
    return this.#isProved;
  }

  /** Whether the component has the rights of an admin: by its name, which it proved. */
  get isAdmin(): boolean {
    return (this.#isProved || this.#options.trusted) && !this.#twin.anonymous &&
      this.#parts.admins.has(this.#twin.name);
  }

  get takesCalls(): boolean {
    return this.isOpen && this.working.size < CALLS_PENDING_MAX && this.#outbound.hasRoom;
  }

  /** The peer told what it understands (D3). */
  setCapabilities(capabilities: { readonly extras: boolean }): void {
    this.#outbound.setCapabilities(capabilities);
  }

  /** The session goes on under another twin: the component named itself. */
  become(twin: Twin, isProved: boolean): void {
    this.#twin = twin;
    this.#isProved = isProved;
    if (isProved) this.#admitNow();
    twin.attach(this);
  }

  sendPublication(publication: Publication, to: Addressee, id: MsgId | null): Sent {
    return this.isOpen ? this.#outbound.sendPublication(publication, to, id) : "full";
  }

  offer(packet: Publish | Rpc): Sent {
    return this.isOpen ? this.#outbound.offer(packet) : "full";
  }

  send(packet: Packet): void {
    if (this.isOpen) this.#outbound.send(packet);
  }

  countGap(topic: string, offset: number): void {
    this.#outbound.countGap(topic, offset);
  }

  close(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.#state = "closing";
    if (code === 1013) this.#parts.counters.slowClosed++;
    this.#leave(reason);
    this.#channel.close(code, reason);
  }

  setPending(isPending: boolean): void {
    this.#link.limitMessages(isPending ? LOGIN_BYTES_MAX : Infinity);
  }

  #admitNow(): void {
    this.#admit?.();
    this.#admit = null;
  }

  #drained(): void {
    this.#parts.memory.release(this);
    if (!this.isOpen) return;
    this.#twin.outbox.pump();
    this.#outbound.drained();
  }

  #receive(packet: Packet): void {
    if (!this.isOpen) return;
    this.#received++;
    if (this.#admit !== null) {
      this.#receiveEarly(packet);
      return;
    }
    this.#intake.count(packet);
    switch (packet.type) {
      case "response":
        this.#parts.calls.answered(this, packet);
        return;
      case "ack":
        this.#acknowledged(packet.id);
        return;
      case "ack2":
        // The id stays remembered for its ten minutes (D12): a repeat may still be on its way.
        return;
      default:
    }
    const { interceptors } = this.#parts;
    if (interceptors.isEmpty) {
      this.#handle(packet);
      return;
    }
    const from = { name: this.#twin.name, anonymous: this.#twin.anonymous };
    const interception = { from, packet, answer: (answer: Packet) => this.send(answer) };
    interceptors.run(interception, (passed) => {
      if (this.isOpen) this.#handle(passed);
    });
  }

  /** Before it logged in, a peer can only do that (D29). */
  #receiveEarly(packet: Packet): void {
    switch (packet.type) {
      case "identity":
      case "attestation":
      case "register":
        this.#handle(packet);
        return;
      case "publish":
        if (packet.qos === 0 || packet.id === null) return;
        break;
      case "response":
      case "ack":
      case "ack2":
        return;
      default:
    }
    if (packet.id !== null) this.send(refusal(packet.id, "not authenticated"));
  }

  #handle(packet: Packet): void {
    switch (packet.type) {
      case "publish":
        this.#intake.publish(packet);
        return;
      case "rpc":
        this.#call(packet);
        return;
      case "admin":
        this.#command(packet);
        return;
      case "identity":
        this.#parts.login.take(this, packet);
        return;
      case "attestation":
        this.#inBackground(this.#parts.login.proofs.attest(this, packet));
        return;
      case "register":
        this.#inBackground(this.#parts.login.proofs.register(this, packet));
        return;
      case "unregister":
        this.#inBackground(this.#parts.login.proofs.unregister(this, packet.id));
        return;
      case "response":
      case "ack":
      case "ack2":
        return;
      default:
        packet satisfies never;
    }
  }

  /** What goes on after this turn harms nobody but this session. */
  #inBackground(task: Promise<void>): void {
    task.catch((error) => {
      this.#parts.options.logger.error("handling failed", { remote: this.remote, error });
      this.close(1011, "internal error");
    });
  }

  #newIntake(): Intake {
    const isOpen = (): boolean => this.isOpen;
    const name = (): string => this.name;
    return new Intake(this.#parts.options, {
      get name() {
        return name();
      },
      get isOpen() {
        return isOpen();
      },
      reading: this.#channel,
      tryPublish: (packet) => this.#tryPublish(packet),
      close: (code, reason) => this.close(code, reason),
    });
  }

  #command(packet: Admin): void {
    const { id } = packet;
    const answer = this.#parts.admin.run(this, packet);
    if (answer instanceof Promise) {
      this.#inBackground(answer.then((settled) => this.#settle(id, settled)));
    } else this.#settle(id, answer);
  }

  #settle(id: MsgId, answer: AdminAnswer): void {
    if (answer.isStored === true) this.#inBackground(this.#answerStored(id, answer));
    else this.#answer(id, answer);
  }

  #answer(id: MsgId, { note, ...answer }: AdminAnswer): void {
    if (note !== undefined) {
      const isDone = answer.status === Status.OK;
      this.#parts.trail.note({
        ...note,
        by: this.name,
        remote: this.remote,
        outcome: isDone ? "done" : "refused",
        reason: isDone ? null : String(answer.data),
      });
    }
    this.#reply(id, answer);
  }

  #reply(id: MsgId, { status, data, after }: AdminAnswer): void {
    if (!this.isOpen) return;
    this.send({ type: "response", id, status, data: Payload.fromValue(data) });
    after?.();
  }

  /** Answers once what was changed is durable (D25). */
  async #answerStored(id: MsgId, answer: AdminAnswer): Promise<void> {
    try {
      await this.#parts.options.state?.committed();
    } catch (error) {
      const { note } = answer;
      const failed = { status: Status.ERROR, data: errorText(error) };
      this.#answer(id, note === undefined ? failed : { ...failed, note });
      return;
    }
    this.#answer(id, answer);
  }

  /** Returns `false` when the journal takes no more for now. */
  #tryPublish(packet: Publish): boolean {
    const { publishing } = this.#parts;
    if (packet.qos === 0 || packet.id === null) {
      return publishing.publish(this.#twin, packet).kind !== "full";
    }
    // Held until the disk answers: not the packet, only what the reply needs.
    const { id, qos } = packet;
    const reply = (outcome: Outcome): void => {
      const packet = replyTo({ id, qos }, outcome, { isCapable: this.capable });
      if (packet !== null) this.send(packet);
    };
    const outcome = publishing.publish(this.#twin, packet, reply);
    reply(outcome);
    return outcome.kind !== "full";
  }

  #call(packet: Rpc): void {
    const settle = this.#answerTo(packet.id);
    if (this.#calls >= CALLS_PENDING_MAX) {
      settle(unavailable(packet.topic));
      return;
    }
    this.#calls++;
    const twin = this.#twin;
    const from = {
      name: twin.name,
      isBroker: false,
      isAdmin: this.isAdmin,
      isAnonymous: twin.anonymous,
      conversation: this,
      twin,
    };
    routeCall(this.#parts, from, packet, (result) => {
      this.#calls--;
      settle(result);
    });
  }

  /** Sends the answer of a call. Holds only its id: calls under way must not keep their arguments. */
  #answerTo(id: MsgId): (answer: Answer) => void {
    return ({ status, data }) => this.send({ type: "response", id, status, data });
  }

  #acknowledged(id: MsgId): void {
    const twin = this.#twin;
    const delivery = twin.outbox.acknowledged(id);
    if (delivery === undefined || delivery.publication.qos !== 2) return;
    const { publication, subscription } = delivery;
    const confirm = (): void => this.send({ type: "ack2", id });
    if (twin.following === null) confirm();
    else twin.following.covered(publication, subscription, confirm);
  }

  #ended({ code, reason }: LinkClose): void {
    if (this.isOpen) {
      this.#state = "closing";
      this.#leave(reason === "" ? statusText(code, "") : reason);
    }
    this.#state = "ended";
    this.#outbound.ended();
    this.#options.onEnd(this);
  }

  /** The component is gone for everybody else, though the last bytes may still be on their way. */
  #leave(reason: string): void {
    const { calls, registry, publishing, local, memory, options } = this.#parts;
    const twin = this.#twin;
    this.#intake.end();
    this.#parts.login.proofs.left(this);
    this.#admitNow();
    options.logger.info("session ended", { name: twin.name, remote: this.remote, reason });
    memory.release(this);
    // First the name: who learns that a call of this session is over may want it.
    registry.leave(twin);
    if (!twin.anonymous) {
      const event = Payload.fromValue([{ event: "connection_down", cid: twin.name }]);
      publishing.announce("component_info", event, {
        name: local.name,
        about: twin.name,
        except: twin,
      });
    }
    calls.lost(this);
  }
}
