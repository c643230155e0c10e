import { assertEquals } from "@std/assert";
import { Announcements } from "../../../src/client/announcements.ts";
import {
  CALLS_RUNNING_MAX,
  DELIVERIES_RUNNING_MAX,
  Receiver,
  UNCLAIMED_MS,
} from "../../../src/client/receiver.ts";
import { Session } from "../../../src/client/session.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import type { ConnectionEvent, HandlerContext } from "../../../src/peer/api.ts";
import { Handlers } from "../../../src/peer/handlers.ts";
import { WINDOW_MS } from "../../../src/peer/window.ts";
import { FRAME_BYTES_MAX } from "../../../src/protocol/limits.ts";
import type { Extras, MsgId, Packet, Publish, QoS, Rpc } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { SILENT } from "../../../src/util/log.ts";
import { FakeSession, idle } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

function setUp(name: string | null = "me") {
  const clock = new ManualClock();
  const handlers = new Handlers({ log: SILENT });
  const [ours, theirs] = memoryPair();
  const peer = new FakeSession(theirs, () => null);
  const session = new Session({
    link: ours,
    encoding: "cbor",
    clock,
    random: new SeededRandom(1),
    log: SILENT,
    requestTimeoutMs: 10_000,
    heartbeatMs: 0,
    heartbeatTimeoutMs: 1,
    onPacket: () => {},
  });
  const replies: Packet[] = [];
  const events: ConnectionEvent[] = [];
  const announcements = new Announcements({ isNamed: name !== null, clock, log: SILENT });
  const reliefs = { count: 0 };
  const receiver = new Receiver({
    handlers,
    name,
    node: { rid: "me", publish: () => Promise.resolve(), rpc: () => Promise.resolve(null) },
    clock,
    log: SILENT,
    onEvent: (event) => void events.push(event),
    reply: (packet) => void replies.push(packet),
    announcements,
    onRelief: () => void reliefs.count++,
  });
  /** Ids of the acknowledgements since the last look. */
  const acks = (): (bigint | null)[] => replies.splice(0).map(({ id }) => id);
  return { clock, handlers, peer, session, receiver, events, acks, announcements, reliefs };
}

function message(id: number | null, qos: QoS, parts: Partial<Publish> = {}): Publish {
  return {
    type: "publish",
    id: id === null ? null : BigInt(id) as MsgId,
    topic: "t",
    qos,
    slot: null,
    data: Payload.fromValue([id]),
    extras: null,
    frame: null,
    ...parts,
  };
}

function call(
  id: number,
  topic: string,
  args: readonly unknown[] = [],
  target: string | null = null,
): Rpc {
  return {
    type: "rpc",
    id: BigInt(id) as MsgId,
    topic,
    target,
    data: Payload.fromValue(args),
    extras: null,
  };
}

/** Status and data of the responses that the broker got. */
function answers(peer: FakeSession): unknown[] {
  return peer.received.map((one) =>
    one.type === "response" ? [Number(one.id), one.status, one.data.value] : one.type
  );
}

Deno.test("a message of QoS 1 or 2 is acknowledged when its handler has settled", async () => {
  const { receiver, session, handlers, acks } = setUp();
  const gate = Promise.withResolvers<void>();
  handlers.setSubscriber("t", () => gate.promise);
  receiver.receive(message(1, 1), session);
  receiver.receive(message(2, 2), session);
  await idle();
  assertEquals(acks(), []);
  gate.resolve();
  await idle();
  assertEquals(acks(), [1n, 2n]);
});

Deno.test("a message is acknowledged although its handler failed", async () => {
  const { receiver, session, handlers, acks } = setUp();
  handlers.setSubscriber("t", () => Promise.reject(new Error("failed")));
  receiver.receive(message(1, 2), session);
  await idle();
  assertEquals(acks(), [1n]);
});

Deno.test("a repeated QoS 2 message is not handled again: silent while handled, then acknowledged for ten minutes", async () => {
  const { receiver, session, handlers, acks, clock } = setUp();
  let handled = 0;
  const gate = Promise.withResolvers<void>();
  handlers.setSubscriber("t", async () => {
    handled++;
    await gate.promise;
  });
  receiver.receive(message(1, 2), session);
  receiver.receive(message(1, 2), session);
  await idle();
  assertEquals([handled, acks()], [1, []]);
  gate.resolve();
  await idle();
  receiver.receive({ type: "ack2", id: 1n as MsgId }, session);
  receiver.receive(message(1, 2), session);
  await idle();
  assertEquals([handled, acks()], [1, [1n, 1n]]);
  await clock.advance(WINDOW_MS);
  receiver.receive(message(1, 2), session);
  await idle();
  assertEquals([handled, acks()], [2, [1n]]);
});

Deno.test("a repeated QoS 1 message is handled again, but not while it is handled", async () => {
  const { receiver, session, handlers, acks } = setUp();
  let handled = 0;
  const gate = Promise.withResolvers<void>();
  handlers.setSubscriber("t", async () => {
    handled++;
    await gate.promise;
  });
  receiver.receive(message(1, 1), session);
  receiver.receive(message(1, 1), session);
  await idle();
  gate.resolve();
  await idle();
  receiver.receive(message(1, 1), session);
  await idle();
  assertEquals([handled, acks()], [2, [1n, 1n]]);
});

Deno.test("a QoS 1 message that nobody subscribed is left for ten seconds, then acknowledged", async () => {
  const { receiver, session, handlers, acks, clock } = setUp();
  receiver.connected();
  receiver.receive(message(1, 1), session);
  await clock.advance(UNCLAIMED_MS - 1);
  receiver.receive(message(2, 2), session);
  await idle();
  assertEquals(acks(), []);
  let handled = 0;
  handlers.setSubscriber("t", () => void handled++);
  receiver.receive(message(2, 2), session);
  await idle();
  assertEquals([handled, acks()], [1, [2n]]);
  handlers.removeSubscriber("t");
  await clock.advance(1);
  receiver.receive(message(1, 1), session);
  await idle();
  assertEquals(acks(), [1n]);
});

Deno.test("a message that a full stream did not take is not acknowledged, and new when it comes again", async () => {
  const { receiver, session, handlers, acks } = setUp();
  const sink = { hasRoom: false, keepsAll: false, countDropped: () => {}, push: () => true };
  handlers.addStream("t", sink);
  receiver.receive(message(1, 2), session);
  await idle();
  assertEquals(acks(), []);
  sink.hasRoom = true;
  receiver.receive(message(1, 2), session);
  await idle();
  assertEquals(acks(), [1n]);
});

Deno.test("1,024 messages are handled at once; of one more QoS 0 is dropped, QoS 1 is not taken", async () => {
  const { receiver, session, handlers, acks } = setUp();
  const gate = Promise.withResolvers<void>();
  let started = 0;
  handlers.setSubscriber("t", async () => {
    started++;
    await gate.promise;
  });
  for (let n = 1; n <= DELIVERIES_RUNNING_MAX; n++) receiver.receive(message(null, 0), session);
  receiver.receive(message(null, 0), session);
  receiver.receive(message(7, 1), session);
  await idle();
  assertEquals([started, acks()], [DELIVERIES_RUNNING_MAX, []]);
  gate.resolve();
  await idle();
  receiver.receive(message(7, 1), session);
  await idle();
  assertEquals([started, acks()], [DELIVERIES_RUNNING_MAX + 1, [7n]]);
});

Deno.test("a handler is told topic, publisher, slot and QoS, also through a space", async () => {
  const { receiver, session, handlers } = setUp();
  const seen: unknown[] = [];
  handlers.setSubscriber("*/t", (...args: unknown[]) => {
    const { topic, from, slot, qos } = args.pop() as HandlerContext;
    seen.push([args, topic, from, slot, qos]);
  }, { context: true });
  const extras: Extras = { p: "publisher" };
  const data = Payload.fromValue(["dn/t", 1]);
  receiver.receive(message(1, 2, { topic: "*/t", slot: 9, extras, data }), session);
  await idle();
  assertEquals(seen, [[["dn/t", 1], "dn/t", "publisher", 9, 2]]);
});

Deno.test("every call is answered, with the status of what happened", async () => {
  const { receiver, session, handlers, peer } = setUp();
  handlers.setService("add", (x: number, y: number) => x + y);
  handlers.setService("boom", () => {
    throw new Error("boom");
  });
  receiver.receive(call(1, "add", [1, 2]), session);
  receiver.receive(call(2, "boom"), session);
  receiver.receive(call(3, "nope"), session);
  receiver.receive(call(4, "add", [1, 2], "me"), session);
  receiver.receive(call(5, "add", [1, 2], "other"), session);
  await idle();
  assertEquals(answers(peer).sort(), [
    [1, 0, 3],
    [2, 40, "boom"],
    [3, 42, "nope"],
    [4, 0, 3],
    [5, 45, "other"],
  ]);
});

Deno.test("an anonymous component answers whatever the target: it does not know its name", async () => {
  const { receiver, session, handlers, peer } = setUp(null);
  handlers.setService("svc", () => 1);
  receiver.receive(call(1, "svc", [], "some-uuid"), session);
  await idle();
  assertEquals(answers(peer), [[1, 0, 1]]);
});

Deno.test("a result that has no form or is too large is answered with 40 and a text", async () => {
  const { receiver, session, handlers, peer } = setUp();
  handlers.setService("symbol", () => Symbol("x"));
  handlers.setService("large", () => new Uint8Array(FRAME_BYTES_MAX));
  receiver.receive(call(1, "symbol"), session);
  receiver.receive(call(2, "large"), session);
  await idle();
  const told = answers(peer) as [number, number, string][];
  assertEquals(told.map(([id, status]) => [id, status]), [[1, 40], [2, 40]]);
  assertEquals(told[0]?.[2].startsWith('Cannot answer "symbol": '), true);
  assertEquals(told[1]?.[2].endsWith("ask for it in parts"), true);
});

Deno.test("1,024 calls run at once; one more is answered with 43", async () => {
  const { receiver, session, handlers, peer } = setUp();
  const gate = Promise.withResolvers<void>();
  handlers.setService("slow", () => gate.promise);
  for (let n = 1; n <= CALLS_RUNNING_MAX + 1; n++) receiver.receive(call(n, "slow"), session);
  await idle();
  assertEquals(answers(peer), [[CALLS_RUNNING_MAX + 1, 43, "slow"]]);
  gate.resolve();
  await idle();
  receiver.receive(call(5_000, "slow"), session);
  await idle();
  assertEquals(peer.received.length, CALLS_RUNNING_MAX + 2);
  session.close(1000, "");
});

Deno.test("a command is answered with OK, what only a broker understands with 10", async () => {
  const { receiver, session, peer } = setUp();
  const id = 1n as MsgId;
  receiver.receive({ type: "admin", id, topic: "t", data: { cmd: "expose" } }, session);
  receiver.receive({ type: "identity", id: 2n as MsgId, cid: "x" }, session);
  await idle();
  assertEquals(answers(peer).map((one) => (one as unknown[]).slice(0, 2)), [[1, 0], [2, 10]]);
});

Deno.test("gap notices become events; what is none is ignored", async () => {
  const { receiver, session, events } = setUp();
  const data = Payload.fromValue([{ topic: "a", count: 3, from: 1, to: 9 }, "nonsense", null, {}]);
  receiver.receive(message(null, 0, { topic: "__gap__", data }), session);
  await idle();
  assertEquals(events, [{ type: "gap", topic: "a", count: 3 }]);
});
