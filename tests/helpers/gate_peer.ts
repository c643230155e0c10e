import type { Link, LinkClose } from "../../src/link/link.ts";
import { readSigner } from "../../src/identity/signer.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { Status } from "../../src/protocol/errors.ts";
import type { MsgId, Packet, Publish, QoS, Register } from "../../src/protocol/packet.ts";
import { decodePacket, encodePacket } from "../../src/protocol/packet_cbor.ts";
import { Payload } from "../../src/protocol/payload.ts";
import type { GateActor } from "./gate_oracle.ts";

/** What a peer was answered. */
export interface Reply {
  /** A wire status; 0 for an ACK, -1 when the connection ended. */
  readonly status: number;
  readonly data: unknown;
}

/** One PUB that came. */
export interface Delivered {
  /** Topic, or pattern of the subscription. */
  readonly wire: string;
  readonly topic: string;
  readonly number: unknown;
}

const CLOSED: Reply = { status: -1, data: null };

/** One connection for the gate test: every request by itself, nothing repeated, everything that comes noted. */
export class GatePeer implements AsyncDisposable, GateActor {
  /** Says who it is in failures, and in answers to calls. */
  readonly label: string;
  readonly delivered: Delivered[] = [];
  #name: string | null = null;
  #isProven = false;
  readonly #link: Link;
  readonly #waiting = new Map<MsgId, (reply: Reply) => void>();
  readonly #closed = Promise.withResolvers<LinkClose>();
  #isOpen = true;
  #lastId = 0n;

  constructor(link: Link, label: string) {
    this.#link = link;
    this.label = label;
    link.start({
      message: (frame) => {
        if (typeof frame === "string") throw new Error("a text frame came");
        this.#receive(decodePacket(frame));
      },
      drained: () => {},
      closed: (close) => {
        this.#isOpen = false;
        for (const settle of this.#waiting.values()) settle(CLOSED);
        this.#waiting.clear();
        this.#closed.resolve(close);
      },
    });
  }

  get name(): string | null {
    return this.#name;
  }

  get isProven(): boolean {
    return this.#isProven;
  }

  /** Says a name, and answers the challenge with this secret. Gives the last status. */
  async login(name: string, secret: string): Promise<number> {
    const asked = await this.ask((id) => ({ type: "identity", id, cid: name }));
    if (asked.status === Status.OK) this.#name = name;
    if (asked.status !== Status.CHALLENGE || !(asked.data instanceof Uint8Array)) {
      return asked.status;
    }
    const signer = await readSigner(new TextEncoder().encode(secret));
    const signature = await signer.attest(asked.data, name);
    const { status } = await this.attest(name, signature);
    if (status === Status.OK) {
      this.#name = name;
      this.#isProven = true;
    }
    return status;
  }

  /** Says a name, and gives the challenge. Rejects when none came. */
  async challengeFor(name: string): Promise<Uint8Array> {
    const { status, data } = await this.ask((id) => ({ type: "identity", id, cid: name }));
    if (data instanceof Uint8Array) return data;
    throw new Error(`no challenge for "${name}": ${status} ${String(data)}`);
  }

  /** Answers a challenge. */
  attest(name: string, signature: Uint8Array): Promise<Reply> {
    return this.ask((id) => ({ type: "attestation", id, cid: name, signature }));
  }

  /** Registers a key. */
  register(given: Omit<Register, "type" | "id">): Promise<Reply> {
    return this.ask((id) => ({ type: "register", id, ...given }));
  }

  /** How the connection ended. */
  get closed(): Promise<LinkClose> {
    return this.#closed.promise;
  }

  /** Runs an admin command. */
  admin(topic: string, data: Record<string, unknown>): Promise<Reply> {
    return this.ask((id) => ({ type: "admin", id, topic, data }));
  }

  /** Calls a service; of one component, if `target` is not `null`. */
  call(topic: string, target: string | null = null): Promise<Reply> {
    const data = Payload.fromCbor(encodeCbor([]));
    return this.ask((id) => ({ type: "rpc", id, topic, target, data, extras: null }));
  }

  /** Publishes a number. QoS 0 gives OK at once. */
  publish(topic: string, number: number, qos: QoS): Promise<Reply> {
    const data = Payload.fromCbor(encodeCbor([number]));
    const body = {
      type: "publish",
      topic,
      qos,
      slot: null,
      data,
      extras: null,
      frame: null,
    } as const;
    const packet = (id: MsgId | null): Publish => ({ ...body, id });
    if (qos !== 0) return this.ask(packet);
    this.#send(packet(null));
    return Promise.resolve({ status: Status.OK, data: null });
  }

  /** Resolves when everything that the broker had sent before is here. */
  async barrier(): Promise<void> {
    await this.admin("__config__", { cmd: "barrier" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#link.close(1000, "");
    await this.#closed.promise;
  }

  /** Sends a packet and gives its answer. */
  ask(make: (id: MsgId) => Packet): Promise<Reply> {
    if (!this.#isOpen) return Promise.resolve(CLOSED);
    const id = ++this.#lastId as MsgId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send(make(id));
    });
  }

  #send(packet: Packet): void {
    const { head, tail } = encodePacket(packet);
    this.#link.send(head, tail);
  }

  #receive(packet: Packet): void {
    switch (packet.type) {
      case "response":
        this.#settle(packet.id, { status: packet.status, data: packet.data.value });
        return;
      case "ack":
        this.#settle(packet.id, { status: Status.OK, data: null });
        return;
      case "publish":
        this.#take(packet);
        return;
      case "rpc": {
        const data = Payload.fromValue(this.label);
        this.#send({ type: "response", id: packet.id, status: Status.OK, data });
        return;
      }
      default:
        return;
    }
  }

  #settle(id: MsgId, reply: Reply): void {
    this.#waiting.get(id)?.(reply);
    this.#waiting.delete(id);
  }

  #take({ id, qos, topic: wire, data }: Publish): void {
    if (id !== null && qos !== 0) this.#send({ type: "ack", id });
    const [first, second] = data.args;
    const isSpace = wire.includes("*") && typeof first === "string";
    this.delivered.push(
      isSpace ? { wire, topic: first, number: second } : { wire, topic: wire, number: first },
    );
  }
}
