// What a subscription with `from` says to its broker, over a whole component; the rules are in reach_test.ts.
import { assertEquals, assertRejects } from "@std/assert";
import { BACKLOG_MESSAGES_MAX } from "../../../src/client/backlog.ts";
import { REST_MS } from "../../../src/client/session.ts";
import { type From, type HandlerContext, LAST_RECEIVED } from "../../../src/peer/api.ts";
import { STREAM_MESSAGES_MAX } from "../../../src/peer/stream.ts";
import { RembusError } from "../../../src/protocol/errors.ts";
import type { MsgId, Packet, QoS } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { commandOf, type FakeAnswer, FakeBroker, idle } from "../../helpers/fake_broker.ts";
import { type FakeSetUp, startFake } from "../../helpers/fake_component.ts";

const NAMED = "alice";
const ANONYMOUS = "ws://127.0.0.1";
const MAP = { v: 1, name: "broker", history: true };
/** Longer than the first pause before a reconnect. */
const PAUSE_MS = 200;

/** A broker that keeps messages. */
class Keeping extends FakeBroker {
  override answer = (packet: Packet): FakeAnswer | undefined =>
    commandOf(packet).cmd === "capabilities" ? [0, MAP] : undefined;
}

function commands({ broker }: FakeSetUp, name: string): Readonly<Record<string, unknown>>[] {
  return broker.last.received.map(commandOf).filter(({ cmd }) => cmd === name);
}

function subscriptions(it: FakeSetUp): Readonly<Record<string, unknown>>[] {
  return commands(it, "subscribe").map(({ cmd: _, ...rest }) => rest);
}

function send(it: FakeSetUp, offset: number, { topic = "t", qos = 0 as QoS } = {}): void {
  it.broker.last.send({
    type: "publish",
    id: qos === 0 ? null : BigInt(offset) as MsgId,
    topic,
    qos,
    slot: null,
    data: Payload.fromValue([offset]),
    extras: { o: offset, t: 1_790_000_000_000_000_000n + BigInt(offset), p: "pub" },
    frame: null,
  });
}

async function reconnect(it: FakeSetUp): Promise<void> {
  it.broker.last.cut();
  await it.clock.advance(PAUSE_MS);
  await idle();
}

const FORMS: readonly (readonly [From, unknown, unknown])[] = [
  [0, { msg_from: 0 }, { msg_from: 0 }],
  [LAST_RECEIVED, { msg_from: Infinity }, { msg_from: Infinity }],
  [
    60e9,
    { msg_from: 60e9 },
    { msg_from: Infinity, from: { time: 1_789_999_940_000_000_000n } },
  ],
  [
    "-1m",
    { msg_from: 60e9 },
    { msg_from: Infinity, from: { time: 1_789_999_940_000_000_000n } },
  ],
  [
    new Date(1_700_000_000_000),
    { msg_from: Infinity, from: { time: 1_700_000_000_000_000_000n } },
    { msg_from: Infinity, from: { time: 1_700_000_000_000_000_000n } },
  ],
  [
    { offset: 7 },
    { msg_from: Infinity, from: { offset: 7 } },
    { msg_from: Infinity, from: { offset: 7 } },
  ],
  ["first", { msg_from: Infinity, from: { offset: 1 } }, {
    msg_from: Infinity,
    from: { offset: 1 },
  }],
  ["last", { msg_from: Infinity, from: "last" }, { msg_from: Infinity, from: "last" }],
];

for (const encoding of ["cbor", "json"] as const) {
  for (const url of [NAMED, ANONYMOUS]) {
    Deno.test(`subscribe() says where to begin to a broker with history (${url}, ${encoding})`, async () => {
      for (const [from, named, anonymous] of FORMS) {
        await using it = await startFake(url, { broker: new Keeping(), encoding });
        await it.node.subscribe("t", () => {}, { from });
        const wanted = (url === NAMED ? named : anonymous) as { readonly msg_from: number };
        const isText = encoding === "json" && wanted.msg_from === Infinity;
        assertEquals(subscriptions(it), [isText ? { ...wanted, msg_from: "inf" } : { ...wanted }]);
      }
    });
  }
}

Deno.test("offsets are asked for once, with the first subscription that reaches into the past", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  await it.node.subscribe("now", () => {});
  assertEquals(commands(it, "capabilities").map(({ extras }) => extras), [undefined]);
  const from = LAST_RECEIVED;
  await Promise.all(["a", "b", "c"].map((topic) => it.node.subscribe(topic, () => {}, { from })));
  assertEquals(it.broker.last.said.slice(4), [
    "capabilities",
    "subscribe a",
    "subscribe b",
    "subscribe c",
  ]);
  assertEquals(commands(it, "capabilities").map(({ extras }) => extras), [undefined, true]);
  await reconnect(it);
  assertEquals(commands(it, "capabilities").map(({ extras }) => extras), [true]);
});

Deno.test("offsets are not asked for from a broker without history", async () => {
  await using it = await startFake(NAMED);
  await it.node.subscribe("t", () => {}, { from: LAST_RECEIVED });
  assertEquals(it.broker.last.said.slice(3), ["subscribe t"]);
});

Deno.test("a broker that does not answer what it understands fails the subscription", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping(), requestTimeoutMs: 50 });
  it.broker.answer = (packet) => commandOf(packet).cmd === "capabilities" ? null : undefined;
  const failed = assertRejects(() => it.node.subscribe("t", () => {}, { from: "first" }));
  await it.clock.advance(50);
  await failed;
  assertEquals(subscriptions(it), []);
});

Deno.test("a subscription that is taken back before the broker was asked is never made", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  const made = it.node.subscribe("t", () => {}, { from: "first" });
  const gone = it.node.unsubscribe("t");
  await Promise.all([made, gone]);
  await idle();
  assertEquals(it.broker.last.said.slice(3), ["capabilities"]);
});

Deno.test("handlers and loops are told offset and receive time, and null where the broker did not tell", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  const contexts: HandlerContext[] = [];
  const handler = (_value: unknown, context: HandlerContext): void => void contexts.push(context);
  await it.node.subscribe("t", handler, { context: true, from: LAST_RECEIVED });
  await using stream = it.node.messages("t");
  send(it, 7);
  const { value } = await stream.next();
  const wanted = [7, 1_790_000_000_000_000_007n, "pub"];
  assertEquals([value?.offset, value?.recvNs, value?.from], wanted);
  assertEquals(contexts.map(({ offset, recvNs, from }) => [offset, recvNs, from]), [wanted]);
  it.broker.last.send({
    type: "publish",
    id: null,
    topic: "t",
    qos: 0,
    slot: null,
    data: Payload.fromValue([1]),
    extras: { t: 1.5 },
    frame: null,
  });
  await idle();
  assertEquals([contexts[1]?.offset, contexts[1]?.recvNs], [null, null]);
});

Deno.test("after a reconnect a component with a name goes on at the mark of its broker", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  await it.node.subscribe("now", () => {});
  await it.node.subscribe("t", () => {}, { from: "-1h" });
  await it.node.subscribe("u", () => {}, { from: { offset: 3 } });
  send(it, 12);
  await idle();
  await reconnect(it);
  assertEquals(subscriptions(it), [{ msg_from: 0 }, { msg_from: Infinity }, {
    msg_from: Infinity,
  }]);
  assertEquals(it.broker.last.said.at(-1), "reactive true");
});

Deno.test("after a reconnect a component without a name goes on behind what it received", async () => {
  await using it = await startFake(ANONYMOUS, { broker: new Keeping() });
  await it.node.subscribe("now", () => {});
  await it.node.subscribe("t", () => {}, { from: LAST_RECEIVED });
  await it.node.subscribe("u", () => {}, { from: "first" });
  send(it, 12);
  send(it, 13, { topic: "now" });
  await idle();
  await reconnect(it);
  assertEquals(subscriptions(it), [
    { msg_from: 0 },
    { msg_from: Infinity, from: { offset: 13 } },
    { msg_from: Infinity, from: { offset: 1 } },
  ]);
});

Deno.test("what the broker did not take is asked for as at first after a reconnect", async () => {
  const broker = new Keeping();
  const { answer } = broker;
  broker.answer = (packet) => commandOf(packet).cmd === "subscribe" ? null : answer(packet);
  await using it = await startFake(NAMED, { broker });
  const made = it.node.subscribe("t", () => {}, { from: "last" });
  await idle();
  broker.answer = answer;
  await reconnect(it);
  await made;
  assertEquals(subscriptions(it), [{ msg_from: Infinity, from: "last" }]);
});

Deno.test("a place that the broker does not know rejects, and leaves the listeners before it", async () => {
  await using it = await startFake(NAMED);
  const got: unknown[] = [];
  await it.node.subscribe("t", (value: unknown) => void got.push(value), { from: LAST_RECEIVED });
  const stream = it.node.messages("t", { from: "last" });
  await assertRejects(() => stream.next(), RembusError, "the broker keeps no last messages");
  await assertRejects(
    () => it.node.subscribe("t", () => {}, { from: { offset: 7 } }),
    RembusError,
    'Cannot subscribe "t": the broker keeps no messages by offset',
  );
  send(it, 1);
  await idle();
  await reconnect(it);
  assertEquals([got, subscriptions(it)], [[1], [{ msg_from: Infinity }]]);
});

Deno.test("a callback beside a stream does not shorten its reach, a new callback alone does", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  const stream = it.node.messages("t", { from: LAST_RECEIVED });
  await idle();
  await it.node.subscribe("t", () => {});
  assertEquals(subscriptions(it), [{ msg_from: Infinity }]);
  await stream[Symbol.asyncDispose]();
  await it.node.subscribe("t", () => {});
  assertEquals(subscriptions(it), [{ msg_from: Infinity }, { msg_from: 0 }]);
});

Deno.test("a second loop that names a place has the broker begin there", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  await using _first = it.node.messages("t", { from: "first" });
  await idle();
  await using _second = it.node.messages("t", { from: "first" });
  await using _third = it.node.messages("t");
  await idle();
  assertEquals(subscriptions(it), [
    { msg_from: Infinity, from: { offset: 1 } },
    { msg_from: Infinity, from: { offset: 1 } },
  ]);
});

/** Sends so many messages with offsets from `first` on, in one go. */
function sendMany(it: FakeSetUp, first: number, count: number): void {
  for (let n = 0; n < count; n++) send(it, first + n);
}

/** Lets a hundred thousand messages pass. */
async function long(): Promise<void> {
  for (let n = 0; n < 10; n++) await idle();
}

Deno.test("a slow loop over what is stored loses nothing", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  await using stream = it.node.messages("t", { from: "first" });
  await idle();
  const count = 5 * STREAM_MESSAGES_MAX;
  sendMany(it, 1, count);
  await idle();
  const got: unknown[] = [];
  for await (const { data } of stream) if (got.push(data) === count) break;
  assertEquals(got, Array.from({ length: count }, (_, n) => n + 1));
  assertEquals(stream.dropped, 0);
});

Deno.test("a slow handler of what is stored loses nothing", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  const got: unknown[] = [];
  const gate = Promise.withResolvers<void>();
  await it.node.subscribe("t", async (value: unknown) => {
    got.push(value);
    await gate.promise;
  }, { from: "first" });
  sendMany(it, 1, 5_000);
  await idle();
  assertEquals(got.length < 5_000, true);
  gate.resolve();
  await idle();
  assertEquals(got, Array.from({ length: 5_000 }, (_, n) => n + 1));
});

Deno.test("a loop that falls far behind has the broker begin again where there was no room", async () => {
  const broker = new Keeping();
  await using it = await startFake(NAMED, { broker });
  await using stream = it.node.messages("t", { from: "first" });
  await idle();
  const held = STREAM_MESSAGES_MAX + BACKLOG_MESSAGES_MAX;
  const { answer } = broker;
  // The broker sends again from there right behind its answer.
  broker.answer = (packet) => {
    const { cmd, from } = commandOf(packet);
    if (cmd !== "subscribe" || packet.id === null) return answer(packet);
    broker.last.respond(packet.id, 0, null);
    sendMany(it, (from as { offset: number }).offset, 3);
    return null;
  };
  sendMany(it, 1, held + 10);
  await long();
  await it.clock.advance(REST_MS);
  assertEquals(subscriptions(it).length, 1);
  let last = 0;
  for await (const { data } of stream) {
    assertEquals(data, last + 1);
    last = data as number;
    if (last === held + 3) break;
    if (last % 10_000 === 0) await it.clock.advance(REST_MS);
  }
  assertEquals([stream.dropped, subscriptions(it)[1]], [0, {
    msg_from: Infinity,
    from: { offset: held + 1 },
  }]);
});

Deno.test("a stall outlives the link, and calls are answered while it lasts", async () => {
  const broker = new Keeping();
  await using it = await startFake(NAMED, { broker });
  await using stream = it.node.messages("t", { from: "first" });
  await idle();
  const held = STREAM_MESSAGES_MAX + BACKLOG_MESSAGES_MAX;
  sendMany(it, 1, held + 10);
  await long();
  assertEquals(await it.node.rpc("svc"), "svc");
  await reconnect(it);
  assertEquals(subscriptions(it), [{ msg_from: Infinity, from: { offset: held + 1 } }]);
  assertEquals((await stream.next()).value?.data, 1);
});

Deno.test("without offsets, what a slow loop has no room for is counted", async () => {
  await using it = await startFake(NAMED);
  await using stream = it.node.messages("t", { from: LAST_RECEIVED });
  await idle();
  sendMany(it, 1, STREAM_MESSAGES_MAX + BACKLOG_MESSAGES_MAX + 10);
  await long();
  assertEquals(stream.dropped, 10);
});

Deno.test("messages that wait outside a loop are acknowledged when it is left", async () => {
  await using it = await startFake(NAMED, { broker: new Keeping() });
  const stream = it.node.messages("t", { from: "first" });
  await idle();
  sendMany(it, 1, STREAM_MESSAGES_MAX);
  send(it, 1_001, { qos: 1 });
  send(it, 1_002, { qos: 2 });
  await idle();
  const acks = (): unknown[] =>
    it.broker.last.received.flatMap(({ type, id }) => type === "ack" ? [id] : []);
  assertEquals(acks(), []);
  await stream[Symbol.asyncDispose]();
  await idle();
  assertEquals(acks(), [1_001n, 1_002n]);
});
