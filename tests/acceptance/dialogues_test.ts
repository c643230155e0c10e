/**
 * Recorded conversations of rembus.python 0.8.12 are held again: once with our broker in place of the
 * recorded one, once with our component in place of the recorded client.
 */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { component } from "../../src/client/component.ts";
import { memoryPair } from "../../src/link/memory.ts";
import type { MsgId, Packet, Response } from "../../src/protocol/packet.ts";
import { decodePacket } from "../../src/protocol/packet_cbor.ts";
import { decodePacketJson } from "../../src/protocol/packet_json.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { Tagged } from "../../src/protocol/cbor.ts";
import { eventually } from "../helpers/eventually.ts";
import { startHarness } from "../helpers/harness.ts";
import { RawSession } from "../helpers/raw_session.ts";
import { hexToBytes } from "../helpers/vectors.ts";

interface Step {
  readonly conn: string;
  readonly from: "client" | "broker";
  readonly hex?: string;
  readonly text?: string;
  readonly open?: true;
  readonly close?: number;
  readonly note: string;
}

interface Dialogue {
  readonly name: string;
  readonly title: string;
  readonly frames: readonly Step[];
}

const { dialogues } = JSON.parse(
  await Deno.readTextFile(new URL("../vectors/dialogues-0.8.12.json", import.meta.url)),
) as { readonly dialogues: readonly Dialogue[] };

/** Dialogues about keys, which are not there yet. */
const ABOUT_KEYS = /^(register-|login-rsa|login-ecdsa|login-wrong|unregister-|reconnect-key)/;
/** Dialogues whose point is a fault of the reference that we do not repeat; each has a test of its own. */
const FAULTS = new Set([
  "pubsub-json-slot-qos1", // closes the socket over a JSON slot
  "reconnect-anonymous", // loses the subscription
]);

function packetOf({ hex, text = "" }: Step): Packet {
  return hex === undefined ? decodePacketJson(text).packet : decodePacket(hexToBytes(hex));
}

/** What must be there. */
function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`Cannot hold the dialogue: no ${what}`);
  return value;
}

function responseOf(packet: Packet | undefined, what: string): Response {
  if (packet?.type === "response") return packet;
  throw new Error(`Cannot hold the dialogue: expected a response to ${what}, got ${packet?.type}`);
}

function idOf(packet: Packet): MsgId | null {
  return packet.id;
}

/** What a packet says, without what may differ: ids, and the bytes of frames that 0.8.12 encodes anew. */
function meaning(packet: Packet): unknown {
  switch (packet.type) {
    case "publish":
      return { type: packet.type, topic: packet.topic, args: simplify(packet.data.args) };
    case "rpc":
      return {
        type: packet.type,
        topic: packet.topic,
        target: packet.target,
        args: simplify(packet.data.args),
      };
    case "response":
      return { type: packet.type, status: packet.status, data: simplify(packet.data.value) };
    default:
      return { type: packet.type };
  }
}

function simplify(value: unknown): unknown {
  if (value instanceof Tagged) return `tag ${value.tag}`;
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(simplify);
  if (typeof value === "string" && /^(python|deno)_/.test(value)) return "a version";
  return value;
}

/** Where our broker deliberately says something else (docs/PROTOCOL.md, differences to rembus.python). */
function isBetter(expected: Packet, actual: Packet, asked: Packet | undefined): boolean {
  if (expected.type === "response" && actual.type === "response" && asked?.type === "rpc") {
    // `direct` to a component that is unknown or away: 45 and 46 tell which, 43 does not.
    return asked.target !== null && expected.status === 43 && [45, 46].includes(actual.status);
  }
  if (expected.type === "publish" && actual.type === "publish") {
    // 0.8.12 loses the payload of JSON publications: handlers get one null.
    return expected.topic === actual.topic && expected.data.args.length === 1 &&
      expected.data.args[0] === null;
  }
  return false;
}

for (const dialogue of dialogues) {
  if (ABOUT_KEYS.test(dialogue.name) || FAULTS.has(dialogue.name)) continue;
  if (dialogue.name.startsWith("duplicate-name")) continue; // tests/acceptance/connection_test.ts, 15

  Deno.test(`our broker holds the dialogue ${dialogue.name}`, async () => {
    await using h = await startHarness({ transport: "memory", encoding: "cbor" }, { drainMs: 0 });
    // A service of the broker itself in the dialogue about dataframes: it counts rows.
    await h.broker.handle.expose("rows_b", () => 3);
    const sessions = new Map<string, RawSession>();
    /** Per connection: recorded id of a broker's packet -> id that ours chose. */
    const ids = new Map<string, Map<MsgId, MsgId>>();
    const asked = new Map<string, Packet>();
    for (const step of dialogue.frames) {
      if (step.open) {
        sessions.set(step.conn, new RawSession(await h.link()));
        ids.set(step.conn, new Map());
        continue;
      }
      const session = present(sessions.get(step.conn), `connection ${step.conn}`);
      const known = present(ids.get(step.conn), `connection ${step.conn}`);
      if (step.close !== undefined) {
        if (step.from === "client") await session[Symbol.asyncDispose]();
        else session.terminate();
        await session.closed;
        sessions.delete(step.conn);
        continue;
      }
      const packet = packetOf(step);
      if (step.from === "client") {
        const id = idOf(packet);
        const mapped = id === null ? undefined : known.get(id);
        if (mapped !== undefined && ["response", "ack"].includes(packet.type)) {
          if (step.text === undefined) session.send({ ...packet, id: mapped } as Packet);
          else session.sendRaw(step.text.replace(String(id), String(mapped)));
        } else {
          if (id !== null) asked.set(`${step.conn} ${id}`, packet);
          session.sendRaw(step.hex === undefined ? step.text ?? "" : hexToBytes(step.hex));
        }
        continue;
      }
      let actual = (await session.next()).packet;
      // 0.8.12 never completes its QoS 2 deliveries; ours answers the ACK.
      while (actual.type === "ack2") actual = (await session.next()).packet;
      const id = idOf(packet);
      const question = id === null ? undefined : asked.get(`${step.conn} ${id}`);
      if (!isBetter(packet, actual, question)) {
        assertEquals(meaning(actual), meaning(packet), step.note);
      }
      if (packet.type === "response" || packet.type === "ack") {
        assertEquals(idOf(actual), id, step.note);
      } else if (id !== null && idOf(actual) !== null) {
        known.set(id, idOf(actual) as MsgId);
      }
    }
    for (const session of sessions.values()) await session[Symbol.asyncDispose]();
  });
}

/** A broker that says what was recorded: answers of the recording, then its publications and calls. */
function recordedBroker(name: string, conn: string) {
  const dialogue = present(dialogues.find((one) => one.name === name), name);
  const steps = dialogue.frames.filter((step) => step.conn === conn && !step.open && !step.close);
  const pushed = steps.filter((step) =>
    step.from === "broker" && !["response", "ack", "ack2"].includes(packetOf(step).type)
  );
  const replies = steps.filter((step) => step.from === "client").map(packetOf);
  const [ours, theirs] = memoryPair();
  const broker = new RawSession(theirs, steps[0]?.text === undefined ? "cbor" : "json");
  const answering = (async () => {
    for (;;) {
      const { packet } = await broker.next();
      if (packet.type === "admin" || packet.type === "identity") {
        broker.send({ type: "response", id: packet.id, status: 0, data: Payload.fromValue(null) });
      }
      if (packet.type === "admin" && (packet.data as { cmd: string }).cmd === "reactive") return;
    }
  })();
  return { broker, link: ours, pushed, replies, answering };
}

for (
  const [name, conn] of [["pubsub-cbor", "sub"], ["pubsub-cbor-to-json", "sub"], [
    "space-cbor",
    "sub",
  ]] as const
) {
  Deno.test(`our component acknowledges what the broker of ${name} publishes`, async () => {
    const { broker, link, pushed, answering } = recordedBroker(name, conn);
    const encoding = pushed[0]?.text === undefined ? "cbor" as const : "json" as const;
    const cli = await component("sub", { dial: () => Promise.resolve(link), encoding });
    await answering;
    const topics = new Set(pushed.map((step) => (packetOf(step) as { topic: string }).topic));
    let handled = 0;
    for (const topic of topics) {
      const subscribing = cli.subscribe(topic, () => void handled++);
      const { packet } = await broker.next();
      if (packet.type !== "admin") throw new Error(packet.type);
      broker.send({ type: "response", id: packet.id, status: 0, data: Payload.fromValue(null) });
      await subscribing;
    }
    for (const step of pushed) {
      const packet = packetOf(step);
      broker.sendRaw(step.hex === undefined ? step.text ?? "" : hexToBytes(step.hex));
      if (packet.type === "publish" && packet.qos !== 0) {
        assertEquals(
          (await broker.next()).packet,
          { type: "ack", id: packet.id as MsgId },
          step.note,
        );
      }
    }
    await eventually(() => assertEquals(handled, pushed.length));
    await cli.close();
    await broker.closed;
  });
}

for (const [name, conn] of [["rpc-cbor", "srv"], ["rpc-json", "srv"]] as const) {
  Deno.test(`our component answers what the broker of ${name} forwards`, async () => {
    const { broker, link, pushed, replies, answering } = recordedBroker(name, conn);
    const encoding = pushed[0]?.text === undefined ? "cbor" as const : "json" as const;
    const cli = await component("srv", { dial: () => Promise.resolve(link), encoding });
    await answering;
    const services = {
      add: (x: number, y: number) => x + y,
      boom: () => {
        throw new Error("boom");
      },
    };
    for (const [topic, handler] of Object.entries(services)) {
      const exposing = cli.expose(topic, handler);
      const { packet } = await broker.next();
      if (packet.type !== "admin") throw new Error(packet.type);
      broker.send({ type: "response", id: packet.id, status: 0, data: Payload.fromValue(null) });
      await exposing;
    }
    for (const step of pushed) {
      const packet = packetOf(step);
      broker.sendRaw(step.hex === undefined ? step.text ?? "" : hexToBytes(step.hex));
      const answer = responseOf((await broker.next()).packet, step.note);
      const recorded = responseOf(
        replies.find((reply) => reply.type === "response" && reply.id === packet.id),
        step.note,
      );
      assertEquals(answer.id, packet.id);
      assertEquals(answer.status, recorded.status, step.note);
      // Each language has words of its own for a missing argument.
      const said = String(recorded.data.value);
      if (said.includes("argument")) assertStringIncludes(String(answer.data.value), "argument");
      else assertEquals(answer.data.value, recorded.data.value, step.note);
    }
    await cli.close();
    await broker.closed;
  });
}
