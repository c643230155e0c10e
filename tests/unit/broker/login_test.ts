import { assert, assertEquals } from "@std/assert";
import { PROBE_MS } from "../../../src/broker/limits.ts";
import type { Response } from "../../../src/protocol/packet.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { BenchBroker, type Peer } from "../../helpers/bench_broker.ts";
import { as, publishPacket } from "./fakes.ts";

const LOGGED_IN = [0, null];

function said({ status, data }: Response): unknown[] {
  return [status, data.value];
}

/** Sends IDENTITY whose answer may come later. */
async function ask(peer: Peer, cid: string): Promise<() => Response> {
  const id = peer.id();
  await peer.send({ type: "identity", id, cid });
  return () => peer.answerTo(id);
}

Deno.test("a free name is bound at once, and the answer has no data", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  assertEquals(said(await peer.login("alice")), LOGGED_IN);
  assertEquals(bench.broker.component("alice")?.connected, true);
  assertEquals(peer.close, null);
});

for (
  const [name, why] of [
    ["", "empty"],
    ["repl", "repl"],
    ["broker", "broker"],
    ["../etc", "dot"],
    ["a b", "letters"],
    ["x".repeat(256), "255"],
  ] as const
) {
  Deno.test(`the name "${name.slice(0, 10)}" is refused with 20, then 1008`, async () => {
    await using bench = new BenchBroker();
    const peer = bench.peer();
    const { status, data } = await peer.login(name);
    assertEquals([status, peer.close?.code], [20, 1008]);
    const text = String(data.value);
    assert(text.startsWith("expected ") && text.includes(why), text);
    assert(text.length < 500);
  });
}

Deno.test("a name of 255 bytes is accepted", async () => {
  await using bench = new BenchBroker();
  assertEquals(said(await bench.peer().login("x".repeat(255))), LOGGED_IN);
});

Deno.test("the same name again is OK, another one 20, and the connection lives on", async () => {
  await using bench = new BenchBroker();
  const peer = await bench.named("alice");
  assertEquals(said(await peer.login("alice")), LOGGED_IN);
  assertEquals((await peer.login("bob")).status, 20);
  assertEquals([peer.close, bench.broker.component("bob")], [null, null]);
});

Deno.test("a holder that answers rid keeps its name; the newcomer gets 20, then 1008", async () => {
  await using bench = new BenchBroker();
  const holder = await bench.named("alice");
  const newcomer = bench.peer();
  const answer = await ask(newcomer, "alice");
  const probe = as(holder.take()[0], "rpc");
  assertEquals([probe.topic, probe.target, newcomer.inbox.length], ["rid", null, 0]);
  await holder.respond(probe.id, "alice");
  assertEquals(answer().status, 20);
  assertEquals([newcomer.close?.code, holder.close], [1008, null]);
});

Deno.test("any message within the second is a sign of life", async () => {
  await using bench = new BenchBroker();
  const holder = await bench.named("alice");
  const newcomer = bench.peer();
  const answer = await ask(newcomer, "alice");
  await holder.send(publishPacket("t"));
  await bench.clock.advance(PROBE_MS - 1);
  assertEquals(newcomer.close, null);
  await bench.clock.advance(1);
  assertEquals([answer().status, newcomer.close?.code, holder.close], [20, 1008, null]);
});

Deno.test("a silent holder is replaced after a second, with 1008", async () => {
  await using bench = new BenchBroker();
  const holder = await bench.named("alice");
  const newcomer = bench.peer();
  const answer = await ask(newcomer, "alice");
  await bench.clock.advance(PROBE_MS - 1);
  assertEquals([holder.close, newcomer.inbox.length], [null, 0]);
  await bench.clock.advance(1);
  assertEquals([holder.close?.code, said(answer())], [1008, LOGGED_IN]);
  assertEquals(bench.broker.component("alice")?.connected, true);
});

Deno.test("the newcomer gets the name at once when the holder goes while it is asked", async () => {
  await using bench = new BenchBroker();
  const holder = await bench.named("alice");
  const newcomer = bench.peer();
  const answer = await ask(newcomer, "alice");
  holder.link.terminate();
  await settle();
  assertEquals(said(answer()), LOGGED_IN);
  assertEquals(bench.broker.component("alice")?.connected, true);
  await bench.clock.advance(PROBE_MS);
  assertEquals(newcomer.close, null);
});

Deno.test("of several newcomers the holder is asked once, and the first gets the name", async () => {
  await using bench = new BenchBroker();
  const holder = await bench.named("alice");
  const [one, two] = [bench.peer(), bench.peer()];
  const first = await ask(one, "alice");
  const second = await ask(two, "alice");
  assertEquals(holder.take().length, 1);
  await bench.clock.advance(PROBE_MS);
  assertEquals(said(first()), LOGGED_IN);
  assertEquals([second().status, two.close?.code, one.close], [20, 1008, null]);
});

Deno.test("IDENTITY sent many times asks the holder once, and each one is answered", async () => {
  await using bench = new BenchBroker();
  const holder = await bench.named("alice");
  const newcomer = bench.peer();
  const answers = [];
  for (let n = 0; n < 3; n++) answers.push(await ask(newcomer, "alice"));
  assertEquals(holder.take().length, 1);
  await bench.clock.advance(PROBE_MS);
  assertEquals(answers.map((answer) => answer().status), [20, 20, 0]);
  assertEquals(newcomer.close, null);
});

Deno.test("a newcomer that got another name meanwhile keeps that one", async () => {
  await using bench = new BenchBroker();
  await bench.named("alice");
  const newcomer = bench.peer();
  const answer = await ask(newcomer, "alice");
  assertEquals(said(await newcomer.login("bob")), LOGGED_IN);
  await bench.clock.advance(PROBE_MS);
  assertEquals([answer().status, newcomer.close], [20, null]);
  assertEquals(bench.broker.component("bob")?.connected, true);
  assertEquals(bench.broker.component("alice")?.connected, false);
});

Deno.test("a newcomer that is gone gets nothing", async () => {
  await using bench = new BenchBroker();
  await bench.named("alice");
  const newcomer = bench.peer();
  await ask(newcomer, "alice");
  newcomer.link.terminate();
  await bench.clock.advance(PROBE_MS);
  assertEquals(bench.broker.component("alice")?.connected, false);
});

Deno.test("a probe under way leaves no timer when the broker closes", async () => {
  const bench = new BenchBroker();
  await bench.named("alice");
  await ask(bench.peer(), "alice");
  await bench[Symbol.asyncDispose]();
  assertEquals(bench.clock.pending, 0);
});

Deno.test("what an anonymous connection did goes over to its name", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  await peer.subscribe("t");
  await peer.expose("svc");
  await peer.send(publishPacket("x", { qos: 2, id: 77n }));
  const witness = bench.peer();
  await witness.subscribe("x");
  await bench.broker.handle.with({ qos: 1 }).publish("t", "before");
  await settle();
  const [first] = peer.takePublications();
  await peer.login("alice");
  const known = bench.broker.component("alice");
  assertEquals([known?.subscriptions, known?.services], [["t"], ["svc"]]);
  // The delivery under way is sent again under its id, as nobody acknowledged it.
  assertEquals(peer.takePublications().map(({ id }) => id), [first?.id ?? null]);
  // The id of a publication is known, whatever its publisher is called now.
  await peer.send(publishPacket("x", { qos: 2, id: 77n }));
  assertEquals(witness.takePublications(), []);
  // Its own messages do not come back under the new name either.
  await peer.send(publishPacket("t"));
  assertEquals(peer.takePublications(), []);
});

Deno.test("the answer to IDENTITY comes before anything that waited for the name", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  await peer.subscribe("t");
  await bench.broker.handle.with({ qos: 1 }).publish("t", 1);
  await settle();
  peer.take();
  const id = peer.id();
  await peer.send({ type: "identity", id, cid: "alice" });
  assertEquals(peer.take().map(({ type }) => type), ["response", "publish"]);
});

Deno.test("component_info tells exact subscribers who came and went, but not themselves", async () => {
  await using bench = new BenchBroker();
  const watcher = bench.peer();
  await watcher.subscribe("component_info");
  await watcher.subscribe("**");
  await watcher.login("watcher");
  const alice = await bench.named("alice");
  alice.link.close(1000, "");
  await settle();
  assertEquals(watcher.takePublications().map(({ topic, data }) => [topic, ...data.args]), [
    ["component_info", { event: "connection_up", cid: "alice" }],
    ["component_info", { event: "connection_down", cid: "alice" }],
  ]);
});

Deno.test("interceptors are told of a login", async () => {
  const told: unknown[] = [];
  await using bench = new BenchBroker({
    interceptors: [{
      name: "telling",
      intercept: ({ packet }, next) => next(packet),
      connected: (who) => void told.push(who),
    }],
  });
  await bench.named("alice");
  assertEquals(told, [{ name: "alice", anonymous: false }]);
});
