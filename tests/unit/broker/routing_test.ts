import { assertEquals } from "@std/assert";
import { CALLS_PENDING_MAX, LOCAL_BYTES_MAX } from "../../../src/broker/limits.ts";
import type { Response } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { BenchBroker, type Peer } from "../../helpers/bench_broker.ts";
import { as, publishPacket } from "./fakes.ts";

function said({ status, data }: Response): unknown[] {
  return [status, data.value];
}

/** Answers all calls that came. */
async function serve(peer: Peer, value: unknown, status = 0): Promise<void> {
  for (const packet of peer.take()) await peer.respond(as(packet, "rpc").id, value, status);
}

Deno.test("a service of the broker goes before exposers of the same name", async () => {
  await using bench = new BenchBroker();
  await bench.broker.handle.expose("svc", () => "broker");
  const srv = await bench.named("srv");
  await srv.expose("svc");
  const cli = bench.peer();
  assertEquals(said(cli.answerTo(await cli.call("svc"))), [0, "broker"]);
  assertEquals(srv.take(), []);
});

Deno.test("the name of the broker as target is as good as none", async () => {
  await using bench = new BenchBroker();
  const srv = await bench.named("srv");
  await srv.expose("svc");
  const cli = bench.peer();
  assertEquals(said(cli.answerTo(await cli.call("rid", [], "broker"))), [0, "broker"]);
  const id = await cli.call("svc", [1], "broker");
  assertEquals(as(srv.inbox[0], "rpc").target, null);
  await serve(srv, "served");
  assertEquals(said(cli.answerTo(id)), [0, "served"]);
});

Deno.test("a target that is unknown, away, full or there gives 45, 46, 43 or its answer", async () => {
  await using bench = new BenchBroker();
  const cli = bench.peer();
  assertEquals(said(cli.answerTo(await cli.call("svc", [], "srv"))), [45, "srv"]);
  const srv = await bench.named("srv");
  const id = await cli.call("svc", [], "srv");
  await serve(srv, "there");
  assertEquals(said(cli.answerTo(id)), [0, "there"]);
  const others = [bench.peer(), bench.peer()];
  for (let n = 0; n < CALLS_PENDING_MAX; n++) void others[n % 2]?.call("svc", [], "srv");
  await settle();
  assertEquals(said(cli.answerTo(await cli.call("svc", [], "srv"))), [43, "svc"]);
  srv.link.terminate();
  await settle();
  assertEquals(said(cli.answerTo(await cli.call("svc", [], "srv"))), [46, "srv"]);
});

Deno.test("an anonymous component is a target under the name that the broker gave it", async () => {
  await using bench = new BenchBroker();
  const watcher = bench.peer();
  await watcher.admin("__config__", { cmd: "capabilities", v: 1, extras: true });
  await watcher.subscribe("t");
  const nameless = bench.peer();
  await nameless.send(publishPacket("t"));
  const name = watcher.takePublications()[0]?.extras?.p ?? null;
  const id = await watcher.call("svc", [], name);
  await serve(nameless, "found");
  assertEquals(said(watcher.answerTo(id)), [0, "found"]);
});

Deno.test("a service that was exposed once gives 43, one that never was 42", async () => {
  await using bench = new BenchBroker();
  const cli = bench.peer();
  assertEquals(said(cli.answerTo(await cli.call("svc"))), [42, "svc"]);
  const srv = await bench.named("srv");
  await srv.expose("svc");
  await srv.admin("svc", { cmd: "unexpose" });
  assertEquals(said(cli.answerTo(await cli.call("svc"))), [43, "svc"]);
});

Deno.test("the status and data of an exposer reach the caller as they are", async () => {
  await using bench = new BenchBroker();
  const srv = await bench.named("srv");
  await srv.expose("svc");
  const cli = bench.peer();
  for (const [status, value] of [[0, { a: 1 }], [40, "boom"], [41, "args"], [42, "svc"]] as const) {
    const id = await cli.call("svc");
    await serve(srv, value, status);
    assertEquals(said(cli.answerTo(id)), [status, value]);
  }
});

Deno.test("an exposer that goes, or says nothing for its time, is answered with 43", async () => {
  await using bench = new BenchBroker();
  const srv = await bench.named("srv");
  await srv.expose("svc");
  const cli = bench.peer();
  const slow = await cli.call("svc");
  await bench.clock.advance(60_000);
  assertEquals(said(cli.answerTo(slow)), [43, "svc"]);
  const lost = await cli.call("svc");
  srv.link.terminate();
  await settle();
  assertEquals(said(cli.answerTo(lost)), [43, "svc"]);
});

Deno.test("a service of the broker that fails or gives what has no form is answered with 40", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  const cycle: unknown[] = [];
  cycle.push(cycle);
  await handle.expose("throws", () => {
    throw new Error("boom");
  });
  await handle.expose("cycle", () => cycle);
  await handle.expose("trap", () => ({
    get member(): never {
      throw new Error("a getter");
    },
  }));
  await handle.expose("function", () => () => {});
  const cli = bench.peer();
  for (const topic of ["throws", "cycle", "trap", "function"]) {
    const { status, data } = cli.answerTo(await cli.call(topic));
    assertEquals([status, typeof data.value], [40, "string"], topic);
  }
  assertEquals(said(cli.answerTo(await cli.call("rid"))), [0, "broker"]);
});

Deno.test("services of the broker run side by side; a slow one holds up nobody", async () => {
  await using bench = new BenchBroker();
  const gate = Promise.withResolvers<string>();
  await bench.broker.handle.expose("slow", () => gate.promise);
  const cli = bench.peer();
  const slow = await cli.call("slow");
  assertEquals(said(cli.answerTo(await cli.call("rid"))), [0, "broker"]);
  gate.resolve("done");
  await settle();
  assertEquals(said(cli.answerTo(slow)), [0, "done"]);
});

Deno.test("calls to the broker itself beyond its memory for them are answered with 43", async () => {
  await using bench = new BenchBroker();
  const gate = Promise.withResolvers<number>();
  await bench.broker.handle.expose("slow", () => gate.promise);
  const cli = bench.peer();
  const half = "x".repeat(LOCAL_BYTES_MAX / 2);
  const ids = [await cli.call("slow", [half]), await cli.call("slow", [half])];
  assertEquals(said(cli.answerTo(ids[1] ?? null)), [43, "slow"]);
  gate.resolve(1);
  await settle();
  assertEquals(said(cli.answerTo(ids[0] ?? null)), [0, 1]);
  assertEquals(said(cli.answerTo(await cli.call("slow", [half]))), [0, 1]);
});

Deno.test("one call more than a caller may wait for is answered with 43", async () => {
  await using bench = new BenchBroker();
  const gate = Promise.withResolvers<number>();
  await bench.broker.handle.expose("slow", () => gate.promise);
  const cli = bench.peer();
  for (let n = 0; n < CALLS_PENDING_MAX; n++) void cli.call("slow");
  await settle();
  assertEquals(cli.take(), []);
  assertEquals(said(cli.answerTo(await cli.call("slow"))), [43, "slow"]);
  gate.resolve(1);
  await settle();
  assertEquals(cli.take().length, CALLS_PENDING_MAX);
  assertEquals(said(cli.answerTo(await cli.call("slow"))), [0, 1]);
});

Deno.test("successful calls are mirrored to exact subscribers when the operator wants it", async () => {
  for (const mirrorRpc of [false, true]) {
    await using bench = new BenchBroker({ mirrorRpc });
    const srv = await bench.named("srv");
    await srv.expose("svc");
    const cli = await bench.named("cli");
    const watcher = await bench.named("watcher");
    for (const peer of [cli, watcher]) await peer.subscribe("svc");
    await watcher.subscribe("*");
    for (const [value, status] of [["fine", 0], ["failed", 40]] as const) {
      await cli.call("svc", ["args"]);
      await serve(srv, value, status);
    }
    await watcher.call("rid", ["not routed"]);
    const seen = watcher.takePublications().map(({ topic, data }) => [topic, data.args]);
    assertEquals(seen, mirrorRpc ? [["svc", ["args"]]] : []);
    assertEquals(cli.takePublications(), []);
  }
});

Deno.test("an exposer with capabilities is told who calls and how long it waits", async () => {
  await using bench = new BenchBroker();
  const srv = await bench.named("srv");
  await srv.admin("__config__", { cmd: "capabilities", v: 1 });
  await srv.expose("svc");
  const cli = await bench.named("cli");
  await cli.send({
    type: "rpc",
    id: cli.id(),
    topic: "svc",
    target: null,
    data: Payload.fromValue([]),
    extras: { ttl: 500, tp: "00-aa", p: "somebody else", o: 5 },
  });
  const { extras } = as(srv.take()[0], "rpc");
  assertEquals(extras, { ttl: 500, tp: "00-aa", p: "cli" });
});
