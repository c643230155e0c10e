import { assertEquals, assertRejects } from "@std/assert";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import type { MsgId, Packet, QoS } from "../../src/protocol/packet.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { eventually } from "../helpers/eventually.ts";
import { KeptBroker } from "../helpers/kept_broker.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import type { RawSession } from "../helpers/raw_session.ts";

function publication(topic: string, id: bigint | null, qos: QoS, args: unknown[] = []): Packet {
  return {
    type: "publish",
    id: id as MsgId | null,
    topic,
    qos,
    slot: null,
    data: Payload.fromCbor(encodeCbor(args)),
    extras: null,
    frame: null,
  };
}

function admin(id: bigint, topic: string, data: unknown): Packet {
  return { type: "admin", id: id as MsgId, topic, data };
}

/** Names itself, and says what it understands. */
async function login(session: RawSession, name: string, isCapable = false): Promise<void> {
  session.send({ type: "identity", id: 1n as MsgId, cid: name });
  await session.next();
  if (!isCapable) return;
  session.send(admin(2n, "__config__", { cmd: "capabilities", v: 1 }));
  await session.next();
}

async function nextPacket(session: RawSession): Promise<Packet> {
  return (await session.next()).packet;
}

/** Holds back every sync of the disk until it is called. */
function holdSyncs(kept: KeptBroker): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  kept.disk.fault = ({ method }) => method === "sync" ? { kind: "wait", until: promise } : null;
  return () => {
    kept.disk.fault = () => null;
    resolve();
  };
}

Deno.test("QoS 1 and 2 are acknowledged, and delivered, only when they are on the disk", async () => {
  await using kept = await KeptBroker.start();
  const got: unknown[] = [];
  const sub = await kept.connect("sub");
  await sub.subscribe("t", (value) => void got.push(value));
  await using raw = kept.raw();
  await login(raw, "pub");
  const release = holdSyncs(kept);
  raw.send(publication("t", 11n, 1, [1]));
  raw.send(publication("t", null, 0, [0]));
  raw.send(publication("t", 12n, 2, [2]));
  await eventually(() => assertEquals(got, [0]));
  assertEquals(raw.untaken, 0);
  release();
  assertEquals(await nextPacket(raw), { type: "ack", id: 11n as MsgId });
  assertEquals(await nextPacket(raw), { type: "ack", id: 12n as MsgId });
  await eventually(() => assertEquals(got, [0, 1, 2]));
});

Deno.test("a copy of a QoS 2 message that is not on the disk yet is acknowledged with it", async () => {
  await using kept = await KeptBroker.start();
  await using raw = kept.raw();
  await login(raw, "pub");
  const release = holdSyncs(kept);
  raw.send(publication("t", 12n, 2));
  raw.send(publication("t", 12n, 2));
  release();
  assertEquals(await nextPacket(raw), { type: "ack", id: 12n as MsgId });
  assertEquals(await nextPacket(raw), { type: "ack", id: 12n as MsgId });
  assertEquals(kept.broker.counters.duplicates, 1);
});

Deno.test("a disk that fails stops acknowledgements, not QoS 0, and what is repeated is taken", async () => {
  const clock = new ManualClock();
  await using kept = await KeptBroker.start({ log: { clock } });
  const got: unknown[] = [];
  const sub = await kept.connect("sub");
  await sub.subscribe("t", (value) => void got.push(value));
  await using plain = kept.raw();
  await login(plain, "plain");
  await using capable = kept.raw();
  await login(capable, "capable", true);
  kept.disk.fault = ({ method }) =>
    ["write", "sync", "create"].includes(method)
      ? { kind: "fail", reason: "no space left on device" }
      : null;
  plain.send(publication("t", 21n, 2, ["plain"]));
  capable.send(publication("t", 22n, 1, ["capable"]));
  plain.send(publication("t", null, 0, ["at most once"]));
  const refused = await nextPacket(capable);
  if (refused.type !== "response") throw new Error(`expected a response, got ${refused.type}`);
  assertEquals(refused.status, 10);
  await eventually(() => assertEquals(got, ["at most once"]));
  assertEquals(kept.log.health.kind, "red");
  assertEquals(plain.untaken, 0);
  // The broker's own publication says why.
  await assertRejects(
    () => kept.broker.handle.with({ qos: 1 }).publish("t", 1),
    Error,
    "no space left",
  );
  kept.disk.fault = () => null;
  await clock.advance(10_000);
  await eventually(() => assertEquals(kept.log.health.kind, "green"));
  plain.send(publication("t", 21n, 2, ["plain"]));
  assertEquals(await nextPacket(plain), { type: "ack", id: 21n as MsgId });
  await eventually(() => assertEquals(got, ["at most once", "plain"]));
});

Deno.test("a publisher that outruns the disk waits, and nothing is lost or out of order", async () => {
  await using kept = await KeptBroker.start({ log: { queueBytesMax: 4_096 } });
  const got: unknown[] = [];
  const sub = await kept.connect("sub");
  await sub.subscribe("t", (value: number) => void got.push(value));
  const pub = (await kept.connect("pub")).with({ qos: 1 });
  const release = holdSyncs(kept);
  const all = Array.from({ length: 300 }, (_, n) => pub.publish("t", n, "x".repeat(100)));
  release();
  await Promise.all(all);
  await eventually(() => assertEquals(got, Array.from({ length: 300 }, (_, n) => n)));
});

Deno.test("a subscriber that is slower than its publisher is fed from the log, and stays connected", async () => {
  await using kept = await KeptBroker.start();
  const got: number[] = [];
  const gate = Promise.withResolvers<void>();
  const sub = await kept.connect("sub");
  await sub.subscribe("t", async (value: number) => {
    await gate.promise;
    got.push(value);
  });
  const pub = (await kept.connect("pub")).with({ qos: 1 });
  const total = 3_000;
  const payload = "x".repeat(8_000);
  for (let n = 0; n < total; n += 100) {
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => pub.publish("t", n + i, payload)),
    );
  }
  gate.resolve();
  await eventually(() => assertEquals(got.length, total), 30_000);
  assertEquals(got, Array.from({ length: total }, (_, n) => n));
  assertEquals(kept.broker.counters.slowClosed, 0);
});

Deno.test("QoS 2 ids are known across a restart of the broker", async () => {
  let kept = await KeptBroker.start();
  const first = kept.raw();
  await login(first, "pub");
  first.send(publication("t", 31n, 2));
  await first.next();
  kept = await kept.crash();
  await using last = kept;
  await using again = last.raw();
  await login(again, "pub");
  again.send(publication("t", 31n, 2));
  assertEquals(await nextPacket(again), { type: "ack", id: 31n as MsgId });
  assertEquals(last.broker.counters.duplicates, 1);
});

Deno.test("commands are answered when they are remembered, and with why not otherwise", async () => {
  await using kept = await KeptBroker.start();
  await using raw = kept.raw();
  await login(raw, "one");
  raw.send(admin(5n, "t", { cmd: "subscribe", msg_from: 0 }));
  assertEquals((await nextPacket(raw)).type, "response");
  raw.send(admin(6n, "s", { cmd: "expose" }));
  await raw.next();
  const [component] = kept.state.durable.components;
  assertEquals(component?.subscriptions.map(({ topic }) => topic), ["t"]);
  assertEquals(component?.services, ["s"]);
  kept.state.failing = "disk full";
  raw.send(admin(7n, "u", { cmd: "subscribe", msg_from: 0 }));
  const refused = await nextPacket(raw);
  if (refused.type !== "response") throw new Error(`expected a response, got ${refused.type}`);
  assertEquals(refused.status, 10);
  assertEquals(refused.data.value, "Cannot store the change: disk full");
  kept.state.failing = null;
});

Deno.test("subscriptions, services and private topics survive a restart", async () => {
  let kept = await KeptBroker.start({ broker: { admins: ["admin"] } });
  const one = await kept.connect("one");
  await one.subscribe("t", () => {});
  await one.expose("s", () => 1);
  await one.expose("gone", () => 1);
  await one.unexpose("gone");
  const boss = await kept.connect("admin");
  await boss.privateTopic("secret");
  await boss.authorize("one", "secret");
  kept = await kept.crash();
  await using last = kept;
  assertEquals(last.broker.component("one"), {
    name: "one",
    connected: false,
    subscriptions: ["t"],
    open: [],
    services: ["s"],
  });
  const other = await last.connect("other");
  await assertRejects(() => other.rpc("s"), Error, "s");
  await assertRejects(() => other.with({ qos: 1 }).publish("secret", 1), Error, "unauthorized");
  assertEquals(last.state.durable.privateTopics, [{ topic: "secret", names: ["one"] }]);
});

Deno.test("an ACK2 leaves when the mark that covers it is remembered", async () => {
  const clock = new ManualClock();
  await using kept = await KeptBroker.start({ broker: { clock } });
  await using raw = kept.raw();
  await login(raw, "sub");
  raw.send(admin(5n, "t", { cmd: "subscribe", msg_from: 0 }));
  await raw.next();
  await kept.broker.handle.with({ qos: 2 }).publish("t", 1);
  const delivered = await nextPacket(raw);
  if (delivered.type !== "publish" || delivered.id === null) throw new Error("no delivery");
  raw.send({ type: "ack", id: delivered.id });
  raw.send(admin(6n, "u", { cmd: "subscribe", msg_from: 0 }));
  assertEquals((await nextPacket(raw)).type, "response");
  assertEquals(raw.untaken, 0);
  await clock.advance(100);
  assertEquals(await nextPacket(raw), { type: "ack2", id: delivered.id });
  const [subscription] = kept.state.durable.components[0]?.subscriptions ?? [];
  assertEquals(subscription?.mark, 1);
});

Deno.test("services on payload bytes answer with their bytes, and with 40 when they fail", async () => {
  const services = new Map([
    ["echo", ({ args }: { readonly args: Uint8Array }) => Promise.resolve(args)],
    ["fail", () => Promise.reject(new Error("Cannot do it"))],
  ]);
  await using kept = await KeptBroker.start({ broker: { services } });
  const one = await kept.connect("one");
  assertEquals(await one.rpc("echo", 1, "two"), [1, "two"]);
  await assertRejects(() => one.rpc("fail"), Error, "Cannot do it");
});
