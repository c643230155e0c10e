import { assert, assertEquals, assertRejects } from "@std/assert";
import { UNCLAIMED_MS } from "../../../src/client/receiver.ts";
import { LAST_RECEIVED, type Message } from "../../../src/peer/api.ts";
import { ConnectionClosedError, LoginError, TimeoutError } from "../../../src/protocol/errors.ts";
import type { MsgId, Packet, Publish } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { commandOf, FakeBroker, idle } from "../../helpers/fake_broker.ts";
import { startFake } from "../../helpers/fake_component.ts";

/** Longer than the longest pause before a new attempt. */
const PAUSE_MS = 10_000;

function message(id: number, qos: 1 | 2, topic = "t"): Publish {
  return {
    type: "publish",
    id: BigInt(id) as MsgId,
    topic,
    qos,
    slot: null,
    data: Payload.fromValue([id]),
    extras: null,
    frame: null,
  };
}

function idsOf(packets: readonly Packet[], type: Packet["type"]): (bigint | null)[] {
  return packets.filter((packet) => packet.type === type).map(({ id }) => id);
}

for (const encoding of ["cbor", "json"] as const) {
  Deno.test(`a named component logs in, negotiates and says that it is reactive (${encoding})`, async () => {
    await using it = await startFake("alice", { encoding });
    assertEquals(it.broker.last.said, ["identity alice", "capabilities", "reactive true"]);
    assertEquals([it.node.isOpen, it.node.rid], [true, "alice"]);
  });
}

Deno.test("an anonymous component never names itself", async () => {
  await using it = await startFake("ws://127.0.0.1");
  assertEquals(it.broker.last.said, ["capabilities", "reactive true"]);
  assert(/^[0-9a-f-]{36}$/.test(it.node.rid), it.node.rid);
  assertEquals(it.node.uid, `ws://127.0.0.1:8338/${it.node.rid}`);
});

for (const url of ["alice", "ws://127.0.0.1"]) {
  Deno.test(`everything is announced again before a component reports ready (${url})`, async () => {
    await using it = await startFake(url);
    const { broker, clock, node } = it;
    await node.subscribe("t", () => {}, { from: LAST_RECEIVED });
    await node.expose("svc", () => 1);
    await using stream = node.messages("*/m");
    assertEquals(stream.dropped, 0);
    await idle();
    broker.last.cut();
    await clock.advance(PAUSE_MS);
    await idle();
    const login = url === "alice" ? ["identity alice"] : [];
    assertEquals(broker.sessions.length, 2);
    assertEquals(broker.last.said, [
      ...login,
      "capabilities",
      "subscribe t",
      "subscribe */m",
      "expose svc",
      "reactive true",
    ]);
    assertEquals(commandOf(broker.last.received[login.length + 1] as Packet).msg_from, Infinity);
    assertEquals(node.isOpen, true);
  });
}

Deno.test("what was made and taken back while the broker was away is told when it is back", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  await node.subscribe("old", () => {});
  await node.expose("gone", () => 1);
  broker.isUp = false;
  broker.last.cut();
  await idle();
  assertEquals(node.isOpen, false);
  await node.subscribe("new", () => {});
  await node.expose("made", () => 1);
  await node.unsubscribe("old");
  await node.unexpose("gone");
  await node.subscribe("brief", () => {});
  await node.unsubscribe("brief");
  await node.unreactive();
  broker.isUp = true;
  await clock.advance(PAUSE_MS);
  assertEquals(broker.last.said, [
    "identity me",
    "capabilities",
    "unsubscribe old",
    "subscribe new",
    "unexpose gone",
    "expose made",
  ]);
  await node.reactive();
  assertEquals(broker.last.said.at(-1), "reactive true");
});

Deno.test("what is made while the component connects is announced, too", async () => {
  const broker = new FakeBroker();
  await using it = await startFake("me", { broker });
  const { clock, node } = it;
  const made: Promise<void>[] = [];
  broker.last.cut();
  broker.answer = (packet) => {
    // The last thing that is said before it is ready: everything else was announced already.
    if (commandOf(packet).cmd === "reactive" && made.length === 0) {
      made.push(node.subscribe("late", () => {}), node.unreactive());
    }
    return undefined;
  };
  await clock.advance(PAUSE_MS);
  await Promise.all(made);
  await idle();
  assertEquals(broker.last.said.slice(2), ["reactive true", "subscribe late", "reactive false"]);
});

Deno.test("a login that is refused on reconnect is tried again until it succeeds", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  const events: string[] = [];
  const listening = (async () => {
    for await (const event of node.events()) {
      events.push(event.type === "retrying" ? event.error.name : event.type);
      if (event.type === "connected") break;
    }
  })();
  await node.subscribe("t", () => {});
  let refusals = 2;
  broker.answer = (packet) =>
    packet.type === "identity" && refusals-- > 0 ? [20, "in use"] : undefined;
  broker.last.cut();
  await clock.advance(5 * PAUSE_MS);
  await listening;
  assertEquals(events, [
    "disconnected",
    "ConnectionClosedError",
    "LoginError",
    "LoginError",
    "connected",
  ]);
  assertEquals(broker.last.said, ["identity me", "capabilities", "subscribe t", "reactive true"]);
});

Deno.test("calls and commands that wait fail at once when the link is lost", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  broker.answer = () => null;
  const failed = [
    assertRejects(() => node.rpc("slow"), ConnectionClosedError, "connection down"),
    assertRejects(() => node.direct("x", "slow"), ConnectionClosedError),
    assertRejects(() => node.privateTopic("t"), ConnectionClosedError),
  ];
  await idle();
  broker.last.cut();
  await Promise.all(failed);
});

Deno.test("a subscription whose answer was lost with the link is announced again, and resolves", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  broker.answer = (packet) => commandOf(packet).cmd === "subscribe" ? null : undefined;
  const subscribing = node.subscribe("t", () => {});
  await idle();
  broker.answer = () => undefined;
  broker.last.cut();
  await subscribing;
  await clock.advance(PAUSE_MS);
  assertEquals(broker.last.said, ["identity me", "capabilities", "subscribe t", "reactive true"]);
});

Deno.test("while the broker is away, calls and QoS 0 fail at once, QoS 1 and 2 wait", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  broker.isUp = false;
  broker.last.cut();
  await idle();
  await assertRejects(() => node.rpc("svc"), ConnectionClosedError, "connection down");
  await assertRejects(() => node.publish("t"), ConnectionClosedError, "connection down");
  const value = { text: "before" };
  const waiting = [
    node.with({ qos: 1 }).publish("one", value),
    node.with({ qos: 2 }).publish("two"),
  ];
  value.text = "after";
  const late = assertRejects(
    () => node.with({ qos: 1, timeoutMs: 50 }).publish("late"),
    TimeoutError,
  );
  await clock.advance(50);
  await late;
  broker.isUp = true;
  await clock.advance(PAUSE_MS);
  await Promise.all(waiting);
  await clock.advance(100);
  const published = broker.last.received.filter((packet) => packet.type === "publish");
  assertEquals(published.map(({ topic }) => topic), ["one", "two"]);
  assertEquals(published[0]?.data.args, [{ text: "before" }]);
  assertEquals(idsOf(broker.last.received, "ack2"), [published[1]?.id ?? null]);
});

Deno.test("publications of a named component are repeated with their ids, in order, after reactive", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  broker.answer = (packet) => packet.type === "publish" ? null : undefined;
  const waiting = [1, 2, 3].map((n) =>
    node.with({ qos: n === 2 ? 2 : 1, slot: n }).publish("t", n)
  );
  await idle();
  const ids = idsOf(broker.last.received, "publish");
  assertEquals(ids.map((id) => Number(BigInt.asUintN(32, id ?? 0n))), [1, 2, 3]);
  broker.answer = () => undefined;
  broker.last.cut();
  await clock.advance(PAUSE_MS);
  await Promise.all(waiting);
  assertEquals(idsOf(broker.last.received, "publish"), ids);
  assertEquals(broker.last.said.slice(0, 4), [
    "identity me",
    "capabilities",
    "reactive true",
    "publish t",
  ]);
});

Deno.test("an anonymous publication of QoS 2 fails with the link: outcome unknown", async () => {
  await using it = await startFake("ws://127.0.0.1");
  const { broker, node } = it;
  broker.answer = (packet) => packet.type === "publish" ? null : undefined;
  const failed = assertRejects(
    () => node.with({ qos: 2 }).publish("t"),
    ConnectionClosedError,
    "outcome unknown",
  );
  await idle();
  broker.last.cut();
  await failed;
});

Deno.test("a QoS 2 message is handled once though it is delivered again over the next link", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  let handled = 0;
  await node.subscribe("t", () => void handled++);
  broker.last.send(message(7, 2));
  await idle();
  broker.last.cut();
  await clock.advance(PAUSE_MS);
  broker.last.send(message(7, 2));
  await idle();
  assertEquals([handled, idsOf(broker.last.received, "ack")], [1, [7n]]);
});

Deno.test("an acknowledgement leaves over the link of now, although the message came over another", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  const gate = Promise.withResolvers<void>();
  await node.subscribe("t", () => gate.promise);
  broker.last.send(message(7, 2));
  await idle();
  broker.last.cut();
  await clock.advance(PAUSE_MS);
  gate.resolve();
  await idle();
  assertEquals(idsOf(broker.last.received, "ack"), [7n]);
});

Deno.test("a program that starts again may subscribe for ten seconds before what waits is given up", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  await clock.advance(UNCLAIMED_MS - 1);
  broker.last.send(message(7, 1));
  await idle();
  assertEquals(idsOf(broker.last.received, "ack"), []);
  await node.subscribe("t", () => {});
  broker.last.send(message(7, 1));
  await idle();
  assertEquals(idsOf(broker.last.received, "ack"), [7n]);
});

Deno.test("a call tells how long it waits, but only to a broker that understands it", async () => {
  const ttls = async (answer: unknown): Promise<unknown[]> => {
    const broker = new FakeBroker();
    broker.answer = (packet) => commandOf(packet).cmd === "capabilities" ? [0, answer] : undefined;
    await using it = await startFake("me", { broker });
    await it.node.rpc("svc");
    await it.node.with({ timeoutMs: 500 }).rpc("svc");
    return broker.last.received.flatMap((one) => one.type === "rpc" ? [one.extras] : []);
  };
  assertEquals(await ttls({ v: 1 }), [{ ttl: 10_000 }, { ttl: 500 }]);
  assertEquals(await ttls(null), [null, null]);
});

Deno.test("a silent broker is noticed by the heartbeat, and dialled again", async () => {
  await using it = await startFake("me", { heartbeatMs: 30_000 });
  const { broker, clock, node } = it;
  broker.answer = (packet) => packet.type === "rpc" ? null : undefined;
  const hanging = assertRejects(
    () => node.with({ timeoutMs: 100_000 }).rpc("x"),
    ConnectionClosedError,
  );
  await clock.advance(40_000);
  await hanging;
  await clock.advance(PAUSE_MS);
  assertEquals([broker.sessions.length, node.isOpen], [2, true]);
});

Deno.test("a frame that cannot be decoded ends that link and nothing else", async () => {
  await using it = await startFake();
  const { broker, clock, node } = it;
  const got: unknown[] = [];
  await node.subscribe("t", (value: unknown) => void got.push(value));
  for (const frame of [new Uint8Array([0xff]), "no json", new Uint8Array()]) {
    const before = broker.last;
    before.sendRaw(frame);
    await before.closed;
    await clock.advance(2 * PAUSE_MS);
    await idle();
    assertEquals([broker.last === before, node.isOpen], [false, true]);
  }
  broker.last.send(message(1, 1));
  await idle();
  assertEquals([got, broker.sessions.length], [[1], 4]);
});

Deno.test("a broker that refuses reactive is used all the same", async () => {
  const broker = new FakeBroker();
  broker.answer = (packet) => commandOf(packet).cmd === "reactive" ? [47, "reactive"] : undefined;
  await using it = await startFake("me", { broker });
  assertEquals(await it.node.rpc("svc"), "svc");
  await assertRejects(() => it.node.reactive(), Error, "Cannot become reactive");
});

Deno.test("a broker that answers no command in time is left, and tried again", async () => {
  await using it = await startFake("me", { requestTimeoutMs: 1_000 });
  const { broker, clock, node } = it;
  await node.subscribe("t", () => {});
  broker.answer = (packet) => commandOf(packet).cmd === "subscribe" ? null : undefined;
  broker.last.cut();
  await clock.advance(5_000);
  assertEquals([broker.sessions.length > 2, node.isOpen], [true, false]);
  broker.answer = () => undefined;
  await clock.advance(PAUSE_MS);
  await idle();
  assertEquals(node.isOpen, true);
});

Deno.test("close() fails everything that waits, at once", async () => {
  const { broker, clock, node } = await startFake();
  broker.answer = () => null;
  const stream = node.messages("s");
  const loop = (async () => {
    const seen: Message[] = [];
    for await (const one of stream) seen.push(one);
    return seen.length;
  })();
  const failed = [
    assertRejects(() => node.rpc("svc"), ConnectionClosedError),
    assertRejects(() => node.with({ qos: 1 }).publish("t"), ConnectionClosedError),
    assertRejects(() => node.subscribe("t", () => {}), ConnectionClosedError),
    assertRejects(() => node.expose("svc", () => 1), ConnectionClosedError),
    assertRejects(() => node.reactive(), ConnectionClosedError),
  ];
  await idle();
  await node.close();
  await Promise.all(failed);
  assertEquals([await loop, clock.pending, node.isOpen], [0, 0, false]);
});

Deno.test("a name that is in use is no component, and leaves nothing behind", async () => {
  const broker = new FakeBroker();
  broker.answer = (packet) => packet.type === "identity" ? [20, "in use"] : undefined;
  const error = await assertRejects(() => startFake("me", { broker }), LoginError, "in use");
  assertEquals(error.status, 20);
  assertEquals((await broker.last.closed).code, 1000);
  assertEquals(broker.dials, 1);
});
