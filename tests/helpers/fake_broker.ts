import type { Link, LinkClose } from "../../src/link/link.ts";
import { memoryPair } from "../../src/link/memory.ts";
import type { MsgId, Packet } from "../../src/protocol/packet.ts";
import { decodePacket, encodePacket } from "../../src/protocol/packet_cbor.ts";
import {
  decodePacketJson,
  encodePacketJson,
  JSON_DIALECT_DEFAULT,
} from "../../src/protocol/packet_json.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { settle } from "./manual_clock.ts";

/** An answer: status and data of a RESPONSE; `"ack"`; or `null` for silence. */
export type FakeAnswer = readonly [status: number, data: unknown] | "ack" | null;

/** One connection of a component, seen from the broker. */
export class FakeSession {
  /** Everything that came, oldest first. */
  readonly received: Packet[] = [];
  readonly closed: Promise<LinkClose>;
  readonly #link: Link;
  #isJson = false;

  constructor(link: Link, answer: (packet: Packet) => FakeAnswer) {
    this.#link = link;
    const { promise, resolve } = Promise.withResolvers<LinkClose>();
    this.closed = promise;
    link.start({
      message: (frame) => {
        this.#isJson = typeof frame === "string";
        const packet = typeof frame === "string"
          ? decodePacketJson(frame).packet
          : decodePacket(frame);
        this.received.push(packet);
        const given = answer(packet);
        if (given === null || packet.id === null) return;
        if (given === "ack") this.send({ type: "ack", id: packet.id });
        else this.respond(packet.id, ...given);
      },
      drained: () => {},
      closed: resolve,
    });
  }

  /** Sends a packet in the encoding of the component. */
  send(packet: Packet): void {
    if (this.#isJson) {
      this.#link.send(encodePacketJson(packet, JSON_DIALECT_DEFAULT));
      return;
    }
    const { head, tail } = encodePacket(packet);
    this.#link.send(head, tail);
  }

  /** Sends a RESPONSE. */
  respond(id: MsgId, status: number, data: unknown): void {
    this.send({ type: "response", id, status, data: Payload.fromValue(data) });
  }

  /** Sends bytes or text as they are. */
  sendRaw(frame: Uint8Array | string): void {
    this.#link.send(frame);
  }

  /** Cuts the link. */
  cut(): void {
    this.#link.terminate();
  }

  /** Closes the link. */
  close(code: number, reason = ""): void {
    this.#link.close(code, reason);
  }

  /** Stops reading, as a peer that hangs. */
  pause(): void {
    this.#link.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#link.resume();
  }

  /** What was said, in short: `identity alice`, `subscribe t`, `reactive true`, `publish t`, `rpc add`. */
  get said(): string[] {
    return this.received.map(short);
  }
}

/** A broker that does only what a test says: it lets everybody in and answers every command with OK. */
export class FakeBroker {
  /** All connections, oldest first. */
  readonly sessions: FakeSession[] = [];
  /** Whether it accepts connections. */
  isUp = true;
  /** Answers instead of the default; `undefined` leaves it to that. */
  answer: (packet: Packet) => FakeAnswer | undefined = () => undefined;
  /** Attempts to connect. */
  dials = 0;

  /** For the option `dial` of a component. */
  readonly dial = (): Promise<Link> => {
    this.dials++;
    if (!this.isUp) return Promise.reject(new Error("nobody there"));
    const [ours, theirs] = memoryPair();
    this.sessions.push(
      new FakeSession(theirs, (packet) => {
        const given = this.answer(packet);
        return given === undefined ? byDefault(packet) : given;
      }),
    );
    return Promise.resolve(ours);
  };

  /** The newest connection. */
  get last(): FakeSession {
    const session = this.sessions.at(-1);
    if (session === undefined) throw new Error("Cannot look at a session: nobody connected");
    return session;
  }
}

/** Lets everything run that waits for no timer, several round trips long. */
export async function idle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await settle();
}

/** The command of an ADMIN packet. */
export function commandOf(packet: Packet): Readonly<Record<string, unknown>> {
  if (packet.type !== "admin") return {};
  return packet.data as Readonly<Record<string, unknown>>;
}

function byDefault(packet: Packet): FakeAnswer {
  switch (packet.type) {
    case "identity":
    case "admin":
      return [0, null];
    case "rpc":
      return [0, packet.topic];
    case "publish":
      return packet.qos === 0 ? null : "ack";
    default:
      return null;
  }
}

function short(packet: Packet): string {
  switch (packet.type) {
    case "identity":
      return `identity ${packet.cid}`;
    case "admin": {
      const { cmd, status } = commandOf(packet);
      return cmd === "reactive"
        ? `reactive ${status}`
        : cmd === "capabilities"
        ? "capabilities"
        : `${cmd} ${packet.topic}`;
    }
    case "publish":
    case "rpc":
      return `${packet.type} ${packet.topic}`;
    default:
      return packet.type;
  }
}
