import { assertEquals } from "@std/assert";
import { Broker } from "../../../src/broker/broker.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { BenchBroker, Peer } from "../../helpers/bench_broker.ts";
import { as } from "./fakes.ts";

const MIB = 1024 * 1024;

Deno.test("close() sends all peers away with 1001 and leaves nothing behind", async () => {
  const bench = new BenchBroker();
  const peers = [bench.peer(), await bench.named("alice")];
  await bench.broker.close();
  await settle();
  assertEquals(peers.map(({ close }) => close?.code), [1001, 1001]);
  assertEquals([bench.broker.sessionCount, bench.clock.pending], [0, 0]);
  await bench.broker.close();
});

Deno.test("close() waits for acknowledgements, answers and handlers, up to drainMs", async () => {
  const bench = new BenchBroker({ drainMs: 1_000 });
  const sub = bench.peer();
  await sub.subscribe("t");
  await bench.broker.handle.with({ qos: 1 }).publish("t");
  await settle();
  let closed = false;
  const closing = bench.broker.close().then(() => closed = true);
  await bench.clock.advance(500);
  assertEquals(closed, false);
  await sub.ack(as(sub.takePublications()[0], "publish"));
  await bench.clock.advance(10);
  await closing;
  assertEquals(sub.close?.code, 1001);
});

Deno.test("close() waits no longer than drainMs", async () => {
  const bench = new BenchBroker({ drainMs: 1_000 });
  const sub = bench.peer();
  await sub.subscribe("t");
  await bench.broker.handle.with({ qos: 1 }).publish("t");
  const closing = bench.broker.close();
  await bench.clock.advance(1_000);
  await closing;
  await settle();
  assertEquals([sub.close?.code, bench.clock.pending], [1001, 0]);
});

Deno.test("accept() of a broker that closes, or is closed, sends the peer away with 1001", async () => {
  const broker = new Broker({ drainMs: 0 });
  await broker.close();
  const [ours, theirs] = memoryPair();
  broker.accept(theirs);
  const peer = new Peer(ours);
  await settle();
  assertEquals([peer.close?.code, broker.sessionCount], [1001, 0]);
});

Deno.test("component() tells of the connected and the remembered, and nothing of others", async () => {
  await using bench = new BenchBroker();
  const alice = await bench.named("alice");
  await alice.subscribe("t");
  await alice.expose("svc");
  const known = { name: "alice", subscriptions: ["t"], services: ["svc"] };
  assertEquals(bench.broker.component("alice"), { ...known, connected: true, open: ["t"] });
  alice.link.terminate();
  await settle();
  assertEquals(bench.broker.component("alice"), { ...known, connected: false, open: [] });
  assertEquals(bench.broker.component("bob"), null);
});

Deno.test("intercept() adds an interceptor behind those that are there", async () => {
  const seen: string[] = [];
  const note = (name: string) => ({
    name,
    intercept(
      { packet }: { packet: Parameters<Peer["send"]>[0] },
      next: (p: typeof packet) => void,
    ) {
      seen.push(name);
      next(packet);
    },
  });
  await using bench = new BenchBroker({ interceptors: [note("one")] });
  bench.broker.intercept(note("two"));
  await bench.peer().subscribe("t");
  assertEquals(seen, ["one", "two"]);
});

Deno.test("peer() with the name of the broker is the broker itself", async () => {
  await using bench = new BenchBroker();
  assertEquals(await bench.broker.peer("broker").rpc("rid"), "broker");
});

Deno.test("all queues together stay below the memory limit: what is away goes first, then the slowest", async () => {
  await using bench = new BenchBroker({ memoryLimitBytes: 64 * MIB });
  const publish = (topic: string, mib: number) =>
    bench.broker.handle.with({ qos: 1 }).publish(topic, new Uint8Array(mib * MIB));
  const away = await bench.named("away");
  await away.subscribe("away");
  await publish("away", 12);
  away.link.terminate();
  await settle();
  const [slow, slower] = [await bench.named("slow"), await bench.named("slower")];
  await slow.subscribe("slow");
  await slower.subscribe("slower");
  await publish("slow", 9);
  await publish("slower", 10);
  await settle();
  assertEquals([slow.close, slower.close, bench.broker.counters.deadLetters], [null, null, 0]);
  await publish("slow", 5);
  await settle();
  assertEquals([slow.close, slower.close, bench.broker.counters.deadLetters], [null, null, 1]);
  await publish("slower", 10);
  await settle();
  assertEquals([slow.close, slower.close?.code], [null, 1013]);
});

Deno.test("a message that many wait for counts once for the memory limit", async () => {
  await using bench = new BenchBroker({ memoryLimitBytes: 64 * MIB });
  const peers = [];
  for (let n = 0; n < 10; n++) {
    const peer = bench.peer();
    await peer.subscribe("t");
    peers.push(peer);
  }
  await bench.broker.handle.with({ qos: 1 }).publish("t", new Uint8Array(12 * MIB));
  await settle();
  assertEquals(peers.filter(({ close }) => close !== null).length, 0);
});
