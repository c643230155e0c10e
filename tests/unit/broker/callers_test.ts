import { assertEquals, assertRejects } from "@std/assert";
import { OUTBOUND_BYTES_MAX } from "../../../src/broker/limits.ts";
import {
  ConnectionClosedError,
  LimitError,
  MethodExceptionError,
  TimeoutError,
} from "../../../src/protocol/errors.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { BenchBroker } from "../../helpers/bench_broker.ts";
import { as } from "./fakes.ts";

Deno.test("peer().publish() reaches that component, whatever it subscribed", async () => {
  await using bench = new BenchBroker();
  const alice = await bench.named("alice");
  const other = await bench.named("other");
  await other.subscribe("t");
  await bench.broker.peer("alice").publish("t", 1);
  await settle();
  assertEquals(alice.takePublications().map(({ topic, data }) => [topic, data.args]), [["t", [1]]]);
  assertEquals(other.takePublications(), []);
});

Deno.test("peer().rpc() gives the result, or the typed error of the status", async () => {
  await using bench = new BenchBroker();
  const alice = await bench.named("alice");
  const first = bench.broker.peer("alice").rpc("svc", 1);
  await settle();
  await alice.respond(as(alice.take()[0], "rpc").id, "result");
  assertEquals(await first, "result");
  const failed = assertRejects(() => bench.broker.peer("alice").rpc("svc"), MethodExceptionError);
  await settle();
  await alice.respond(as(alice.take()[0], "rpc").id, "boom", 40);
  await failed;
});

Deno.test("peer() of one that is not connected rejects at once", async () => {
  await using bench = new BenchBroker();
  const peer = bench.broker.peer("nobody");
  assertEquals(peer.rid, "nobody");
  await assertRejects(() => peer.publish("t"), ConnectionClosedError, "nobody");
  await assertRejects(() => peer.rpc("svc"), ConnectionClosedError, "nobody");
});

Deno.test("peer().rpc() gives up after its time", async () => {
  await using bench = new BenchBroker({ requestTimeoutMs: 500 });
  await bench.named("alice");
  const failed = assertRejects(() => bench.broker.peer("alice").rpc("svc"), TimeoutError);
  await bench.clock.advance(500);
  await failed;
});

Deno.test("peer().publish() refuses what a full queue has no room for, and closes nothing", async () => {
  await using bench = new BenchBroker();
  const alice = await bench.named("alice");
  alice.link.pause();
  const peer = bench.broker.peer("alice");
  await peer.publish("t", new Uint8Array(OUTBOUND_BYTES_MAX));
  await peer.publish("t", new Uint8Array(OUTBOUND_BYTES_MAX - 1_000));
  await assertRejects(() => peer.publish("t", new Uint8Array(2_000)), LimitError, "full");
  await settle();
  assertEquals(bench.broker.component("alice")?.connected, true);
});

Deno.test("peer() refuses topics that are bad or reserved", async () => {
  await using bench = new BenchBroker();
  await bench.named("alice");
  for (const topic of ["", "__gap__"]) {
    await assertRejects(() => bench.broker.peer("alice").publish(topic), TypeError);
    await assertRejects(() => bench.broker.peer("alice").rpc(topic), TypeError);
  }
});
