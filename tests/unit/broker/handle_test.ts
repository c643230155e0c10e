import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ConnectionClosedError,
  LimitError,
  MethodNotFoundError,
  TimeoutError,
} from "../../../src/protocol/errors.ts";
import { LOCAL_DELIVERIES_MAX } from "../../../src/broker/limits.ts";
import { TIMEOUT_MS_MAX } from "../../../src/util/clock.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { BenchBroker } from "../../helpers/bench_broker.ts";
import { as, publishPacket } from "./fakes.ts";

Deno.test("publish() and put() reach remote and own subscribers at every QoS, with slot", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  const own: unknown[] = [];
  await handle.subscribe("broker/t", (value: unknown) => void own.push(value));
  const sub = bench.peer();
  await sub.subscribe("broker/t");
  for (const qos of [0, 1, 2] as const) await handle.with({ qos, slot: 7 }).put("t", qos);
  await settle();
  assertEquals(own, [0, 1, 2]);
  assertEquals(sub.takePublications().map(({ qos, slot }) => [qos, slot]), [[0, 7], [1, 7], [
    2,
    7,
  ]]);
});

Deno.test("publish() refuses bad and reserved topics, and what has no form", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  for (const topic of ["", "__gap__"]) {
    await assertRejects(() => handle.publish(topic), TypeError, "Cannot");
  }
  await assertRejects(() => handle.publish("t", () => {}), TypeError);
});

Deno.test("publish() of QoS 1/2 rejects while the broker's own handlers are busy", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  const gate = Promise.withResolvers<void>();
  await handle.subscribe("t", () => gate.promise);
  for (let n = 0; n < LOCAL_DELIVERIES_MAX; n++) await handle.with({ qos: 1 }).publish("t");
  await assertRejects(() => handle.with({ qos: 1 }).publish("t"), LimitError, "busy");
  await handle.publish("t");
  assertEquals(bench.broker.counters.dropped, 1);
  gate.resolve();
  await settle();
  await handle.with({ qos: 1 }).publish("t");
});

Deno.test("a peer whose QoS 1/2 message is not taken by busy handlers gets no answer and may repeat", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  const gate = Promise.withResolvers<void>();
  await handle.subscribe("t", () => gate.promise);
  for (let n = 0; n < LOCAL_DELIVERIES_MAX; n++) await handle.publish("t");
  const pub = bench.peer();
  await pub.admin("__config__", { cmd: "capabilities", v: 1 });
  const packet = publishPacket("t", { qos: 2, id: 5n });
  await pub.send(packet);
  assertEquals(pub.take(), []);
  gate.resolve();
  await settle();
  await pub.send(packet);
  assertEquals(pub.take().map(({ type }) => type), ["ack"]);
});

Deno.test("subscribe() and unsubscribe() begin and end delivery, by topic or function", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  const got: unknown[] = [];
  function named(value: unknown): void {
    got.push(value);
  }
  await handle.subscribe(named);
  await handle.subscribe("*", (topic: string) => void got.push(topic));
  await handle.publish("named", 1);
  await settle();
  assertEquals(got, [1, "named"]);
  await handle.unsubscribe(named);
  await handle.unsubscribe("*");
  await handle.unsubscribe("never");
  await handle.publish("named", 2);
  await settle();
  assertEquals(got.length, 2);
});

Deno.test("unexpose() by function or name, and of nothing", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  function svc(): number {
    return 1;
  }
  await handle.expose(svc);
  assertEquals(await handle.rpc("svc"), 1);
  await handle.unexpose(svc);
  await handle.unexpose("never");
  await assertRejects(() => handle.rpc("svc"), MethodNotFoundError);
});

Deno.test("messages() gives what is published until the loop ends", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  const stream = handle.messages("a/*");
  await handle.publish("a/b", 1, 2);
  const { value } = await stream.next();
  assertEquals([value?.topic, value?.args, value?.from], ["a/b", [1, 2], "broker"]);
  await stream[Symbol.asyncDispose]();
  await handle.publish("a/b", 3);
  assertEquals((await stream.next()).done, true);
  assertThrows(() => handle.messages("__x"), TypeError);
});

Deno.test("messages() and subscribe() of one topic share a subscription", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  const got: unknown[] = [];
  await handle.subscribe("t", (value: unknown) => void got.push(value));
  const stream = handle.messages("t");
  await handle.publish("t", 1);
  await settle();
  assertEquals([(await stream.next()).value?.data, got], [1, [1]]);
  await handle.unsubscribe("t");
  await handle.publish("t", 2);
  assertEquals([(await stream.next()).value?.data, got], [2, [1]]);
  await stream[Symbol.asyncDispose]();
});

Deno.test("closing the broker ends loops, behind what waits in them", async () => {
  const bench = new BenchBroker();
  const stream = bench.broker.handle.messages("t");
  await bench.broker.handle.publish("t", 1);
  await settle();
  await bench[Symbol.asyncDispose]();
  assertEquals((await stream.next()).value?.data, 1);
  assertEquals((await stream.next()).done, true);
});

Deno.test("rpc() reaches exposers and direct() one component", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  const srv = await bench.named("srv");
  await srv.expose("svc");
  for (const call of [() => handle.rpc("svc", 1), () => handle.direct("srv", "any", 1)]) {
    const result = call();
    await settle();
    await srv.respond(as(srv.take()[0], "rpc").id, "served");
    assertEquals(await result, "served");
  }
});

Deno.test("rpc() ends after its time, by its signal, and when the broker closes; no timer is left", async () => {
  const bench = new BenchBroker();
  const { handle } = bench.broker;
  await handle.expose("hang", () => new Promise(() => {}));
  const late = assertRejects(() => handle.with({ timeoutMs: 500 }).rpc("hang"), TimeoutError);
  await bench.clock.advance(500);
  await late;
  const controller = new AbortController();
  const { signal } = controller;
  const aborted = assertRejects(() => handle.with({ signal }).rpc("hang"), Error, "given up");
  controller.abort(new Error("given up"));
  await aborted;
  await assertRejects(() => handle.with({ signal }).rpc("hang"), Error, "given up");
  await assertRejects(() => handle.with({ signal }).publish("t"), Error, "given up");
  const closed = assertRejects(() => handle.rpc("hang"), ConnectionClosedError);
  await bench[Symbol.asyncDispose]();
  await closed;
  assertEquals(bench.clock.pending, 0);
});

Deno.test("after close() every verb rejects", async () => {
  const bench = new BenchBroker();
  await bench[Symbol.asyncDispose]();
  const { handle } = bench.broker;
  assertEquals(handle.isOpen, false);
  for (
    const action of [
      () => handle.publish("t"),
      () => handle.subscribe("t", () => {}),
      () => handle.unsubscribe("t"),
      () => handle.expose("s", () => {}),
      () => handle.unexpose("s"),
      () => handle.rpc("rid"),
      () => handle.direct("a", "rid"),
      () => handle.privateTopic("t"),
      () => handle.authorize("a", "t"),
    ]
  ) await assertRejects(action, ConnectionClosedError);
  assertThrows(() => handle.messages("t"), ConnectionClosedError);
});

Deno.test("with() refuses values out of range, and leaves the original as it is", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  for (
    const options of [
      { qos: 3 as 2 },
      { slot: -1 },
      { slot: 2 ** 32 },
      { slot: 1.5 },
      { timeoutMs: 0 },
      { timeoutMs: TIMEOUT_MS_MAX + 1 },
    ]
  ) assertThrows(() => handle.with(options), RangeError);
  const sub = bench.peer();
  await sub.subscribe("t");
  handle.with({ qos: 2, slot: 2 ** 32 - 1, timeoutMs: TIMEOUT_MS_MAX });
  await handle.publish("t");
  await settle();
  assertEquals(sub.takePublications()[0]?.qos, 0);
});

Deno.test("privacy verbs refuse bad topics and names", async () => {
  await using bench = new BenchBroker();
  const { handle } = bench.broker;
  await assertRejects(() => handle.privateTopic(""), TypeError);
  await assertRejects(() => handle.publicTopic("__x"), TypeError);
  await assertRejects(() => handle.authorize("a b", "t"), TypeError);
  await assertRejects(() => handle.unauthorize("a", ""), TypeError);
});

Deno.test("the handle tells its name; reactive() and unreactive() do nothing", async () => {
  await using bench = new BenchBroker({ name: "hub" });
  const { handle } = bench.broker;
  assertEquals([handle.rid, handle.uid, String(handle)], ["hub", "repl://hub", "hub"]);
  await handle.reactive();
  await handle.unreactive();
});

Deno.test("wait() ends after its time or when the broker was closed", async () => {
  const bench = new BenchBroker();
  const { handle } = bench.broker;
  const timed = handle.wait({ timeoutMs: 100 });
  await bench.clock.advance(100);
  await timed;
  assertEquals(handle.isOpen, true);
  const closed = handle.wait();
  await bench[Symbol.asyncDispose]();
  await closed;
});
