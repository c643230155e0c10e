import { assert, assertEquals } from "@std/assert";
import type { MsgId, Packet } from "../../src/protocol/packet.ts";
import { KeptBroker } from "../helpers/kept_broker.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import type { RawSession } from "../helpers/raw_session.ts";

function admin(id: bigint, topic: string, data: unknown): Packet {
  return { type: "admin", id: id as MsgId, topic, data };
}

/** Connects, maybe by name, and says that it is ready. */
async function ready(session: RawSession, name: string | null): Promise<void> {
  if (name !== null) {
    session.send({ type: "identity", id: 1n as MsgId, cid: name });
    await session.next();
  }
  session.send(admin(2n, "__config__", { cmd: "capabilities", v: 1, extras: true }));
  const { packet } = await session.next();
  if (packet.type !== "response") throw new Error(`expected a response, got ${packet.type}`);
  assertEquals((packet.data.value as { history?: unknown }).history, true);
  session.send(admin(3n, "__config__", { cmd: "reactive", status: true }));
  await session.next();
}

async function subscribe(session: RawSession, topic: string, data: object): Promise<Packet> {
  session.send(admin(9n, topic, { cmd: "subscribe", msg_from: 0, ...data }));
  return (await session.next()).packet;
}

/** The next publications as [offset, first argument], acknowledged. */
async function take(session: RawSession, count: number): Promise<[number, unknown][]> {
  const taken: [number, unknown][] = [];
  while (taken.length < count) {
    const { packet } = await session.next();
    if (packet.type !== "publish") continue;
    if (packet.id !== null && packet.qos !== 0) session.send({ type: "ack", id: packet.id });
    const { args } = packet.data;
    taken.push([Number(packet.extras?.o), packet.topic.includes("*") ? args[1] : args[0]]);
  }
  return taken;
}

async function filled(): Promise<KeptBroker> {
  const kept = await KeptBroker.start();
  const pub = kept.broker.handle;
  await pub.with({ qos: 1 }).publish("a", 1);
  await pub.publish("b", 2);
  await pub.with({ qos: 2 }).publish("a", 3);
  await pub.with({ qos: 1 }).publish("b", 4);
  return kept;
}

for (const name of ["named", null]) {
  const who = name === null ? "an anonymous component" : "a named component";

  Deno.test(`${who} reads from an offset on, and goes on live`, async () => {
    await using kept = await filled();
    await using session = kept.raw();
    await ready(session, name);
    await subscribe(session, "**", { from: { offset: 2 } });
    assertEquals(await take(session, 3), [[2, 2], [3, 3], [4, 4]]);
    await kept.broker.handle.with({ qos: 1 }).publish("c", 5);
    assertEquals(await take(session, 1), [[5, 5]]);
  });

  Deno.test(`${who} reads from a time on`, async () => {
    await using kept = await filled();
    await using session = kept.raw();
    await ready(session, name);
    await subscribe(session, "a", { from: { time: 0 } });
    assertEquals(await take(session, 2), [[1, 1], [3, 3]]);
  });

  Deno.test(`${who} gets the last message of each topic`, async () => {
    await using kept = await filled();
    await using session = kept.raw();
    await ready(session, name);
    await subscribe(session, "*", { from: "last" });
    assertEquals(await take(session, 2), [[3, 3], [4, 4]]);
    await kept.broker.handle.publish("a", 5);
    assertEquals(await take(session, 1), [[5, 5]]);
  });
}

Deno.test("what was read once is read again when it is asked for again", async () => {
  await using kept = await filled();
  await using session = kept.raw();
  await ready(session, "named");
  await subscribe(session, "a", { from: { offset: 1 } });
  const first = await take(session, 2);
  await subscribe(session, "a", { from: { offset: 1 } });
  assertEquals(await take(session, 2), first);
});

Deno.test("after a position was read, the next session goes on behind it", async () => {
  await using kept = await filled();
  {
    await using session = kept.raw();
    await ready(session, "named");
    await subscribe(session, "a", { from: { offset: 1 } });
    await take(session, 2);
    // The broker has got the last acknowledgement when it answers what came behind it.
    await subscribe(session, "x", {});
  }
  await kept.broker.handle.with({ qos: 1 }).publish("a", 6);
  await using session = kept.raw();
  await ready(session, "named");
  await subscribe(session, "a", { msg_from: Infinity });
  assertEquals(await take(session, 1), [[5, 6]]);
});

Deno.test("a window in nanoseconds leaves out what is older, for a new subscription", async () => {
  await using kept = await filled();
  await using session = kept.raw();
  await ready(session, "named");
  await subscribe(session, "a", { msg_from: 3600e9 });
  assertEquals(await take(session, 2), [[1, 1], [3, 3]]);
  await using narrow = kept.raw();
  await ready(narrow, "narrow");
  await subscribe(narrow, "a", { msg_from: 1 });
  await kept.broker.handle.publish("a", 5);
  assertEquals(await take(narrow, 1), [[5, 5]]);
});

Deno.test("a place that is none is refused", async () => {
  await using kept = await filled();
  await using session = kept.raw();
  await ready(session, "named");
  for (const from of [{}, { offset: -1 }, { offset: 1.5 }, { time: "x" }, "first", 5, null]) {
    const answer = await subscribe(session, "a", { from });
    assert(answer.type === "response" && answer.status === 10, JSON.stringify(from));
  }
});

Deno.test("the broker itself reads from the past, and goes on live", async () => {
  await using kept = await filled();
  const { handle } = kept.broker;
  for (
    const [from, expected] of [["first", 1], [{ offset: 3 }, 3], ["-1h", 1], ["last", 3]] as const
  ) {
    await using messages = handle.messages("a", { from });
    const { value } = await messages.next();
    assertEquals(value?.data, expected, JSON.stringify(from));
  }
  await using all = handle.messages("**", { from: "first" });
  await handle.publish("c", 5);
  const got: unknown[] = [];
  for await (const { data } of all) {
    got.push(data);
    if (data === 5) break;
  }
  assertEquals(got, [1, 2, 3, 4, 5]);
});

Deno.test("a loop of the broker over a long past loses nothing, whatever the QoS", async () => {
  await using kept = await KeptBroker.start();
  const { handle } = kept.broker;
  const total = 5_000;
  for (let n = 0; n < total; n++) await handle.publish("n", n);
  let next = 0;
  for await (const { data } of handle.messages("n", { from: "first" })) {
    assertEquals(data, next++);
    if (next === total) break;
  }
});

Deno.test("a component that was away for too long gets only what is young enough, unless it asks", async () => {
  const clock = new ManualClock();
  await using kept = await KeptBroker.start({
    broker: { clock, offlineMaxMs: 60_000 },
    log: { clock },
  });
  await kept.broker.handle.with({ qos: 1 }).publish("a", "old");
  await clock.advance(61_000);
  await kept.broker.handle.with({ qos: 1 }).publish("a", "young");
  await using session = kept.raw();
  await ready(session, "named");
  await subscribe(session, "a", { msg_from: Infinity });
  assertEquals((await take(session, 1)).map(([, value]) => value), ["young"]);
  await subscribe(session, "a", { from: { offset: 1 } });
  assertEquals((await take(session, 2)).map(([, value]) => value), ["old", "young"]);
});

Deno.test("an anonymous component does not get its own messages from the past", async () => {
  await using kept = await KeptBroker.start();
  const one = await kept.connect();
  await one.with({ qos: 1 }).publish("a", "own");
  await kept.broker.handle.with({ qos: 1 }).publish("a", "other");
  const { value } = await one.messages("a", { from: "first" }).next();
  assertEquals(value?.data, "other");
});
