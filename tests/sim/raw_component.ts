import { encodeCbor } from "../../src/protocol/cbor.ts";
import type { Encoding, MsgId, Packet, Publish, QoS } from "../../src/protocol/packet.ts";
import { decodePacket, encodePacket } from "../../src/protocol/packet_cbor.ts";
import {
  decodePacketJson,
  encodePacketJson,
  JSON_DIALECT_DEFAULT,
} from "../../src/protocol/packet_json.ts";
import { Payload } from "../../src/protocol/payload.ts";
import type { Timer } from "../../src/util/clock.ts";
import type { CallRecord, Ledger } from "./ledger.ts";
import type { SimNetwork, SimPair } from "./network.ts";

/** Pause before a publication is sent again, and copies of it in all (PROTOCOL.md 11.1). */
const RETRY_MS = 2_000;
const COPIES_MAX = 11;

/** What a {@link RawComponent} is. */
export interface RawOptions {
  readonly network: SimNetwork;
  readonly ledger: Ledger;
  readonly name: string;
  readonly encoding: Encoding;
  readonly subscriptions: readonly string[];
  /** Those of them that also want what they missed. */
  readonly missed: ReadonlySet<string>;
  readonly services: readonly string[];
}

interface Outgoing {
  readonly packet: Publish & { readonly id: MsgId };
  copies: number;
  timer: Timer | null;
}

/**
 * A named component written from docs/PROTOCOL.md, by somebody who has not seen ours: it reconnects, announces
 * everything again, repeats its publications, and suppresses repeated QoS 2 ids.
 */
export class RawComponent {
  readonly #options: RawOptions;
  #pair: SimPair | null = null;
  #isReady = false;
  #isStopped = false;
  #nextId: bigint;
  #published = 0;
  #called = 0;
  /** Requests of the login that are not answered yet. */
  readonly #announcing = new Set<MsgId>();
  /** Publications that are not acknowledged, in the order they were made. */
  readonly #outgoing = new Map<MsgId, Outgoing>();
  readonly #calls = new Map<MsgId, CallRecord>();
  /** Delivery ids that are being handled, and QoS 2 ids that were (PROTOCOL.md 11.2). */
  readonly #handling = new Set<MsgId>();
  readonly #known = new Set<MsgId>();

  constructor(options: RawOptions) {
    this.#options = options;
    this.#nextId = BigInt(options.network.random.below(2 ** 30)) + 1n;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Whether nothing of its own is under way. */
  get isIdle(): boolean {
    return this.#outgoing.size === 0 && this.#handling.size === 0;
  }

  /** Dials, and again whenever the connection ends. */
  connect(): void {
    if (this.#isStopped || this.#pair !== null) return;
    const { network } = this.#options;
    const pair = network.connect();
    this.#pair = pair;
    pair.peerEnd.start({
      message: (data) => {
        if (this.#pair !== pair) return;
        this.#receive(
          typeof data === "string" ? decodePacketJson(data).packet : decodePacket(data),
        );
      },
      drained: () => {},
      closed: () => this.#closed(pair),
    });
    this.#announce({ type: "identity", id: this.#id(), cid: this.name });
  }

  /** Cuts the connection. */
  break(): void {
    this.#pair?.break();
  }

  /** Loses the connection without the broker noticing. */
  halfBreak(): void {
    this.#pair?.halfBreak();
  }

  /** Ends it for good. */
  stop(): void {
    this.#isStopped = true;
    for (const { timer } of this.#outgoing.values()) timer?.cancel();
    this.#pair?.break();
  }

  /** Publishes `[name, number]`. QoS 0 without a connection is lost. */
  publish(topic: string, qos: QoS, slot: number | null): void {
    const number = this.#published++;
    const data = Payload.fromCbor(encodeCbor([this.name, number]));
    const base = { type: "publish", topic, qos, data, extras: null, frame: null } as const;
    if (qos === 0) {
      const id = slot === null ? null : BigInt(slot) as MsgId;
      if (this.#isReady) this.#send({ ...base, id, slot });
      return;
    }
    this.#options.ledger.published++;
    const random = this.#id();
    const id = (slot === null ? random : (random << 32n) | BigInt(slot)) as MsgId;
    const outgoing: Outgoing = { packet: { ...base, id, slot }, copies: 0, timer: null };
    this.#outgoing.set(id, outgoing);
    if (this.#isReady) this.#transmit(outgoing);
  }

  /** Calls a service with `[name, number]`. */
  call(service: string): void {
    if (!this.#isReady) return;
    const number = this.#called++;
    const id = this.#id();
    this.#calls.set(id, this.#options.ledger.called(this.name, number));
    const data = Payload.fromCbor(encodeCbor([this.name, number]));
    this.#send({ type: "rpc", id, topic: service, target: null, data, extras: null });
  }

  #receive(packet: Packet): void {
    switch (packet.type) {
      case "response":
        this.#answered(packet.id, packet.status);
        return;
      case "ack":
        this.#acknowledged(packet.id);
        return;
      case "publish":
        this.#delivered(packet);
        return;
      case "rpc":
        if (packet.topic === "rid") this.#respond(packet.id, this.name);
        else this.#serve(packet.id, packet.data.args);
        return;
      default:
    }
  }

  /** One step of the login, or a call, was answered. */
  #answered(id: MsgId, status: number): void {
    const call = this.#calls.get(id);
    if (call !== undefined) {
      call.answers++;
      return;
    }
    if (!this.#announcing.delete(id)) return;
    if (status !== 0) return; // the broker closes
    if (this.#announcing.size > 0 || this.#isReady) return;
    if (!this.#hasAnnounced) this.#announceAll();
    else this.#ready();
  }

  #hasAnnounced = false;

  #announceAll(): void {
    this.#hasAnnounced = true;
    const { subscriptions, missed, services } = this.#options;
    for (const topic of subscriptions) {
      const data = { cmd: "subscribe", msg_from: missed.has(topic) ? "inf" : 0 };
      this.#announce({ type: "admin", id: this.#id(), topic, data });
    }
    for (const topic of services) {
      this.#announce({ type: "admin", id: this.#id(), topic, data: { cmd: "expose" } });
    }
    const data = { cmd: "reactive", status: true };
    this.#announce({ type: "admin", id: this.#id(), topic: "__config__", data });
  }

  #announce(packet: Packet & { readonly id: MsgId }): void {
    this.#announcing.add(packet.id);
    this.#send(packet);
  }

  /** Logged in: what was not acknowledged is sent again, in order, before anything new. */
  #ready(): void {
    this.#isReady = true;
    for (const outgoing of this.#outgoing.values()) this.#transmit(outgoing);
  }

  #closed(pair: SimPair): void {
    if (this.#pair !== pair) return;
    this.#pair = null;
    this.#isReady = false;
    this.#hasAnnounced = false;
    this.#announcing.clear();
    for (const call of this.#calls.values()) call.isAbandoned = call.answers === 0;
    this.#calls.clear();
    for (const outgoing of this.#outgoing.values()) {
      outgoing.timer?.cancel();
      outgoing.timer = null;
    }
    const { clock, random } = this.#options.network;
    if (!this.#isStopped) clock.setTimer(() => this.connect(), 10 + random.below(2_000));
  }

  #transmit(outgoing: Outgoing): void {
    outgoing.timer?.cancel();
    if (outgoing.copies >= COPIES_MAX) {
      this.#options.ledger.unacknowledged++;
      this.#outgoing.delete(outgoing.packet.id);
      return;
    }
    outgoing.copies++;
    this.#send(outgoing.packet);
    const { clock } = this.#options.network;
    outgoing.timer = clock.setTimer(() => this.#transmit(outgoing), RETRY_MS);
  }

  #acknowledged(id: MsgId): void {
    const outgoing = this.#outgoing.get(id);
    if (outgoing === undefined) return;
    outgoing.timer?.cancel();
    this.#outgoing.delete(id);
    if (outgoing.packet.qos === 2) this.#send({ type: "ack2", id });
  }

  #delivered({ topic: wireTopic, qos, id, data }: Publish): void {
    if (id !== null && qos !== 0) {
      if (this.#handling.has(id)) return;
      if (qos === 2 && this.#known.has(id)) {
        this.#send({ type: "ack", id });
        return;
      }
    }
    const args = data.args as readonly unknown[];
    const [topic, publisher, number] = wireTopic.includes("*")
      ? args as [string, string, number]
      : [wireTopic, ...args] as [string, string, number];
    const { ledger, network: { clock, random } } = this.#options;
    ledger.handled({ subscriber: this.name, wireTopic, topic, qos, publisher, number });
    if (id === null || qos === 0) return;
    this.#handling.add(id);
    if (qos === 2) this.#known.add(id);
    // The handler takes its time, and its connection may be another one when it has finished.
    clock.setTimer(() => {
      this.#handling.delete(id);
      this.#send({ type: "ack", id });
    }, random.float() < 0.9 ? random.below(20) : random.below(3_000));
  }

  /** Answers now, later, twice or never. */
  #serve(id: MsgId, args: readonly unknown[]): void {
    const { ledger, network: { clock, random } } = this.#options;
    ledger.served(args.join(":"));
    const chance = random.float();
    if (chance < 0.1) return;
    const copies = chance < 0.2 ? 2 : 1;
    clock.setTimer(() => {
      for (let left = copies; left > 0; left--) this.#respond(id, args[1]);
    }, random.below(200));
  }

  #respond(id: MsgId, value: unknown): void {
    this.#send({ type: "response", id, status: 0, data: Payload.fromValue(value) });
  }

  #send(packet: Packet): void {
    const link = this.#pair?.peerEnd;
    if (link === undefined) return;
    if (this.#options.encoding === "json") {
      link.send(encodePacketJson(packet, { ...JSON_DIALECT_DEFAULT, slots: true }));
    } else {
      const { head, tail } = encodePacket(packet);
      link.send(head, tail);
    }
  }

  #id(): MsgId {
    return this.#nextId++ as MsgId;
  }
}
