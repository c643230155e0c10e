import { assert, assertEquals } from "@std/assert";
import { PRIVATE_TOPICS_MAX, SERVICES_MAX, SUBSCRIPTIONS_MAX } from "../../../src/broker/limits.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { BenchBroker, type Peer } from "../../helpers/bench_broker.ts";
import { publishPacket } from "./fakes.ts";

const CONFIG = "__config__";
const COMMANDS_AT_ONCE = 500;

/** Sends many commands, as many at once as a link passes on in a few turns, and gives the status of each. */
async function statuses(peer: Peer, commands: readonly [topic: string, data: unknown][]) {
  const found: number[] = [];
  for (let from = 0; from < commands.length; from += COMMANDS_AT_ONCE) {
    const ids = commands.slice(from, from + COMMANDS_AT_ONCE).map(([topic, data]) => {
      const id = peer.id();
      void peer.send({ type: "admin", id, topic, data });
      return id;
    });
    await settle();
    found.push(...ids.map((id) => peer.answerTo(id).status));
  }
  return found;
}

for (
  const [data, status] of [
    [null, 10],
    [[1], 10],
    ["expose", 10],
    [new Map([[1, 2]]), 10],
    [{}, 10],
    [{ cmd: 7 }, 10],
    [{ cmd: "dance" }, 47],
    [{ cmd: "toString" }, 47],
  ] as const
) {
  Deno.test(`the command ${JSON.stringify(data)} is answered with ${status}`, async () => {
    await using bench = new BenchBroker();
    const answer = await bench.peer().admin("t", data);
    assertEquals([answer.status, typeof answer.data.value], [status, "string"]);
  });
}

for (
  const [value, status] of [
    [undefined, 0],
    [false, 0],
    [true, 0],
    [null, 0],
    ["inf", 0],
    ["Infinity", 0],
    [Infinity, 0],
    [0, 0],
    [2n ** 63n, 0],
    [-1, 10],
    [NaN, 10],
    ["soon", 10],
    [[], 10],
  ] as const
) {
  Deno.test(`subscribe with msg_from ${String(value)} is answered with ${status}`, async () => {
    await using bench = new BenchBroker();
    const data = { cmd: "subscribe", ...(value === undefined ? {} : { msg_from: value }) };
    assertEquals((await bench.peer().admin("t", data)).status, status);
  });
}

Deno.test("subscribe and expose refuse topics that are bad or reserved, with a text", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  for (const cmd of ["subscribe", "expose"]) {
    for (const topic of ["", "__x", "x".repeat(1_025), "/".repeat(64)]) {
      const { status, data } = await peer.admin(topic, { cmd });
      assertEquals(status, 10, topic);
      assert(String(data.value).startsWith("Cannot "), String(data.value));
    }
  }
});

Deno.test("subscribing twice gives one copy; unsubscribe ends it; unknown ones are OK", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  await peer.subscribe("t");
  await peer.admin("t", { cmd: "subscribe", msg_from: Infinity });
  await bench.broker.handle.publish("t", 1);
  await settle();
  assertEquals(peer.takePublications().length, 1);
  assertEquals((await peer.admin("t", { cmd: "unsubscribe" })).status, 0);
  await bench.broker.handle.publish("t", 2);
  await settle();
  assertEquals(peer.takePublications(), []);
  for (const cmd of ["unsubscribe", "unexpose"]) {
    assertEquals((await peer.admin("never", { cmd })).status, 0);
  }
});

Deno.test("a component has 10,000 subscriptions at most", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  const all = await statuses(
    peer,
    Array.from({ length: SUBSCRIPTIONS_MAX }, (_, n) => [`t${n}`, { cmd: "subscribe" }]),
  );
  assertEquals(all.every((status) => status === 0), true);
  const { status, data } = await peer.subscribe("one more");
  assertEquals(status, 10);
  assert(String(data.value).includes("10000"));
  assertEquals((await peer.subscribe("t0")).status, 0);
  await peer.admin("t0", { cmd: "unsubscribe" });
  assertEquals((await peer.subscribe("one more")).status, 0);
});

Deno.test("a component has 1,000 services at most", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  const all = await statuses(
    peer,
    Array.from({ length: SERVICES_MAX }, (_, n) => [`s${n}`, { cmd: "expose" }]),
  );
  assertEquals(all.every((status) => status === 0), true);
  assertEquals((await peer.expose("one more")).status, 10);
  assertEquals((await peer.expose("s0")).status, 0);
});

Deno.test("reactive needs a status that is true or false", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  const given = [undefined, 1, "true", true, false];
  const answers = [];
  for (const status of given) {
    const data = { cmd: "reactive", ...(status === undefined ? {} : { status }) };
    answers.push((await peer.admin(CONFIG, data)).status);
  }
  assertEquals(answers, [10, 10, 10, 0, 0]);
});

Deno.test("what waits flows behind the OK of the command that lets it flow", async () => {
  for (
    const [topic, data] of [
      ["t", { cmd: "subscribe" }],
      [CONFIG, { cmd: "reactive", status: true }],
      [CONFIG, { cmd: "setup", exposers: [], subscribers: ["t"] }],
    ] as const
  ) {
    await using bench = new BenchBroker();
    const before = await bench.named("alice");
    await before.subscribe("t");
    await bench.broker.handle.with({ qos: 1 }).publish("t", 1);
    before.link.terminate();
    await settle();
    const after = await bench.named("alice");
    await after.send({ type: "admin", id: after.id(), topic, data });
    assertEquals(after.take().map(({ type }) => type), ["response", "publish"], data.cmd);
  }
});

Deno.test("setup announces everything; the first that fails gives the status", async () => {
  await using bench = new BenchBroker();
  const peer = await bench.named("alice");
  const setup = (exposers: unknown, subscribers: unknown) =>
    peer.admin(CONFIG, { cmd: "setup", exposers, subscribers });
  const { status, data } = await setup(["s", "__s"], ["__t", "t"]);
  assertEquals(status, 10);
  assert(String(data.value).includes('"__s"'));
  const known = bench.broker.component("alice");
  assertEquals([known?.services, known?.subscriptions], [["s"], ["t"]]);
  assertEquals((await setup([], [])).status, 0);
  for (const bad of [undefined, "t", [1], Array(SUBSCRIPTIONS_MAX + 1).fill("t")]) {
    assertEquals((await setup([], bad)).status, 10);
  }
  assertEquals((await setup(Array(SERVICES_MAX + 1).fill("s"), [])).status, 10);
});

Deno.test("capabilities are answered with a map for the version that is known, else with null", async () => {
  await using bench = new BenchBroker({ name: "hub" });
  const peer = bench.peer();
  const ask = async (more: Record<string, unknown>) =>
    (await peer.admin(CONFIG, { cmd: "capabilities", ...more })).data.value;
  assertEquals([await ask({}), await ask({ v: 2 })], [null, null]);
  assertEquals(await ask({ v: 1 }), { v: 1, name: "hub" });
});

const ADMIN_COMMANDS = [
  ["t", { cmd: "private_topic" }],
  ["t", { cmd: "authorize", cid: "alice" }],
  ["t", { cmd: "unauthorize", cid: "alice" }],
  ["t", { cmd: "public_topic" }],
  [CONFIG, { cmd: "private_topics_config" }],
  [CONFIG, { cmd: "broker_config" }],
] as const;

Deno.test("only a listed admin inside this process gives admin commands", async () => {
  await using bench = new BenchBroker({ admins: ["boss"] });
  const [boss, guest] = [
    await bench.named("boss", { trusted: true }),
    await bench.named("guest", { trusted: true }),
  ];
  for (const [topic, data] of ADMIN_COMMANDS) {
    assertEquals((await boss.admin(topic, data)).status, 0, data.cmd);
    const refused = await guest.admin(topic, data);
    assertEquals([refused.status, refused.data.value], [10, "unauthorized"], data.cmd);
  }
});

Deno.test("the name of an admin over a link from outside has no rights", async () => {
  await using bench = new BenchBroker({ admins: ["boss"] });
  const boss = await bench.named("boss");
  for (const [topic, data] of ADMIN_COMMANDS) {
    assertEquals((await boss.admin(topic, data)).status, 10, data.cmd);
  }
});

Deno.test("admin commands tell what is wrong with their topic or cid", async () => {
  await using bench = new BenchBroker({ admins: ["boss"] });
  const boss = await bench.named("boss", { trusted: true });
  for (const cid of [undefined, 7, "", "a b", "x".repeat(256)]) {
    const data = { cmd: "authorize", ...(cid === undefined ? {} : { cid }) };
    assertEquals((await boss.admin("t", data)).status, 10, String(cid));
  }
  assertEquals((await boss.admin("", { cmd: "private_topic" })).status, 10);
});

Deno.test("one private topic more than the limit is answered with 10", async () => {
  await using bench = new BenchBroker({ admins: ["boss"] });
  const boss = await bench.named("boss", { trusted: true });
  for (let n = 0; n < PRIVATE_TOPICS_MAX; n++) void bench.broker.handle.privateTopic(`t${n}`);
  await settle();
  assertEquals((await boss.admin("one more", { cmd: "private_topic" })).status, 10);
  assertEquals((await boss.admin("t0", { cmd: "private_topic" })).status, 0);
});

Deno.test("the reports name exposers, subscribers and authorized components", async () => {
  await using bench = new BenchBroker({ admins: ["boss"] });
  const boss = await bench.named("boss", { trusted: true });
  const alice = await bench.named("alice");
  await alice.subscribe("a/*");
  await alice.expose("svc");
  await bench.broker.handle.authorize("alice", "secret");
  assertEquals((await boss.admin(CONFIG, { cmd: "broker_config" })).data.value, {
    exposers: { svc: ["alice"] },
    subscribers: { "a/*": ["alice"] },
  });
  assertEquals((await boss.admin(CONFIG, { cmd: "private_topics_config" })).data.value, {
    secret: ["alice"],
  });
});

Deno.test("a private topic is closed at every door to who is not authorized", async () => {
  await using bench = new BenchBroker();
  await bench.broker.handle.authorize("friend", "secret");
  const friend = await bench.named("friend");
  const spy = await bench.named("spy");
  await spy.subscribe("**");
  for (const cmd of ["subscribe", "expose"]) {
    assertEquals((await friend.admin("secret", { cmd })).status, 0);
    const { status, data } = await spy.admin("secret", { cmd });
    assertEquals([status, data.value], [10, "unauthorized"]);
  }
  const refused = await spy.ask(publishPacket("secret", { qos: 1, id: 9n }));
  assertEquals([refused.status, refused.data.value], [10, "unauthorized"]);
  for (const target of [null, "friend"]) {
    const id = await spy.call("secret", [], target);
    const { status, data } = spy.answerTo(id);
    assertEquals([status, data.value], [42, "secret"]);
  }
  await friend.send(publishPacket("secret"));
  assertEquals(spy.takePublications(), []);
});
