import { Broker } from "../../src/broker/broker.ts";
import type { BrokerOptions } from "../../src/broker/options.ts";
import { memoryPair } from "../../src/link/memory.ts";
import type { Link, LinkClose } from "../../src/link/link.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import type { Encoding, MsgId, Packet, Publish, Response } from "../../src/protocol/packet.ts";
import { decodePacket, encodePacket } from "../../src/protocol/packet_cbor.ts";
import {
  decodePacketJson,
  encodePacketJson,
  JSON_DIALECT_DEFAULT,
} from "../../src/protocol/packet_json.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { ManualClock, settle } from "./manual_clock.ts";
import { SeededRandom } from "./seeded_random.ts";
import { NotingLogger } from "./noting_logger.ts";

/** A peer over a memory link: nothing happens but what a test says. */
export class Peer {
  /** What came and was not taken. */
  readonly inbox: Packet[] = [];
  close: LinkClose | null = null;
  /** The frame that came last, as it was. */
  lastFrame: Uint8Array | string = "";
  readonly link: Link;
  readonly encoding: Encoding;
  #nextId = 1n;

  constructor(link: Link, encoding: Encoding = "cbor", onClosed: () => void = () => {}) {
    this.link = link;
    this.encoding = encoding;
    link.start({
      message: (frame) => {
        this.lastFrame = frame;
        this.inbox.push(
          typeof frame === "string" ? decodePacketJson(frame).packet : decodePacket(frame),
        );
      },
      drained: () => {},
      closed: (close) => {
        this.close = close;
        onClosed();
      },
    });
  }

  /** Sends a packet and lets the broker answer. */
  async send(packet: Packet): Promise<void> {
    if (this.encoding === "json") {
      this.link.send(encodePacketJson(packet, { ...JSON_DIALECT_DEFAULT, slots: true }));
    } else {
      const { head, tail } = encodePacket(packet);
      this.link.send(head, tail);
    }
    await settle();
  }

  /** Everything that came since the last call. */
  take(): Packet[] {
    return this.inbox.splice(0);
  }

  /** The publications that came since the last call; other packets stay. */
  takePublications(): Publish[] {
    const found = this.inbox.filter((packet) => packet.type === "publish");
    const others = this.inbox.filter((packet) => packet.type !== "publish");
    this.inbox.splice(0, this.inbox.length, ...others);
    return found;
  }

  /** A new id. */
  id(): MsgId {
    return this.#nextId++ as MsgId;
  }

  /** Sends a request and takes its answer; what else came stays. */
  async ask(packet: Packet): Promise<Response> {
    await this.send(packet);
    return this.answerTo(packet.id);
  }

  /** Takes the answer to a request that was sent before. Throws when none came. */
  answerTo(id: MsgId | null): Response {
    const at = this.inbox.findIndex((one) => one.type === "response" && one.id === id);
    const [answer] = at === -1 ? [] : this.inbox.splice(at, 1);
    if (answer?.type !== "response") throw new Error(`Cannot find the answer to ${id}`);
    return answer;
  }

  /** IDENTITY. */
  login(cid: string): Promise<Response> {
    return this.ask({ type: "identity", id: this.id(), cid });
  }

  /** ADMIN. */
  admin(topic: string, data: unknown): Promise<Response> {
    return this.ask({ type: "admin", id: this.id(), topic, data });
  }

  /** ADMIN `subscribe` from now on. */
  subscribe(topic: string): Promise<Response> {
    return this.admin(topic, { cmd: "subscribe", msg_from: 0 });
  }

  /** ADMIN `expose`. */
  expose(topic: string): Promise<Response> {
    return this.admin(topic, { cmd: "expose" });
  }

  /** RPC; its answer may come later. Returns its id. */
  async call(
    topic: string,
    args: readonly unknown[] = [],
    target: string | null = null,
  ): Promise<MsgId> {
    const id = this.id();
    const data = Payload.fromCbor(encodeCbor(args));
    await this.send({ type: "rpc", id, topic, target, data, extras: null });
    return id;
  }

  /** ACK of a delivery. Throws for one without an id. */
  ack({ id }: { readonly id: MsgId | null }): Promise<void> {
    if (id === null) throw new Error("Cannot acknowledge QoS 0");
    return this.send({ type: "ack", id });
  }

  /** RESPONSE. */
  respond(id: MsgId, value: unknown, status = 0): Promise<void> {
    return this.send({ type: "response", id, status, data: Payload.fromValue(value) });
  }
}

/** A broker under a manual clock, and peers of it. */
export class BenchBroker implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly log = new NotingLogger();
  readonly broker: Broker;
  /** Those that are connected: what is closed must not be kept, for tests that measure memory. */
  readonly #peers = new Set<Peer>();

  constructor(options: BrokerOptions = {}) {
    this.broker = new Broker({
      clock: this.clock,
      logger: this.log,
      random: new SeededRandom(1),
      drainMs: 0,
      ...options,
    });
  }

  /** A connected peer that said nothing yet. */
  peer(options: { readonly encoding?: Encoding; readonly trusted?: boolean } = {}): Peer {
    const [ours, theirs] = memoryPair();
    this.broker.accept(theirs, { trusted: options.trusted ?? false });
    const peer: Peer = new Peer(ours, options.encoding, () => this.#peers.delete(peer));
    this.#peers.add(peer);
    return peer;
  }

  /** A peer that is logged in. */
  async named(cid: string, options: Parameters<BenchBroker["peer"]>[0] = {}): Promise<Peer> {
    const peer = this.peer(options);
    await peer.login(cid);
    return peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { link } of this.#peers) link.resume();
    for (const { link } of this.#peers) link.close(1000, "");
    await settle();
    await this.broker.close();
  }
}
