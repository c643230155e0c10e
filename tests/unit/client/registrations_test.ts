import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ANNOUNCEMENTS_MAX } from "../../../src/client/announcements.ts";
import { LAST_RECEIVED } from "../../../src/peer/api.ts";
import { LimitError, RembusError, TimeoutError } from "../../../src/protocol/errors.ts";
import type { MsgId, Packet } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { commandOf, type FakeSession, idle } from "../../helpers/fake_broker.ts";
import { type FakeSetUp, startFake } from "../../helpers/fake_component.ts";

function publish(session: FakeSession, topic: string, ...args: readonly unknown[]): void {
  session.send({
    type: "publish",
    id: null,
    topic,
    qos: 0,
    slot: null,
    data: Payload.fromValue([...args]),
    extras: null,
    frame: null,
  });
}

/** What was said after the login. */
function said({ broker }: FakeSetUp): string[] {
  return broker.last.said.slice(3);
}

function refuse({ broker }: FakeSetUp, command: string): void {
  broker.answer = (packet) => commandOf(packet).cmd === command ? [10, "unauthorized"] : undefined;
}

Deno.test("a handler is there before its subscription is told", async () => {
  await using it = await startFake();
  const got: unknown[] = [];
  it.broker.answer = (packet) => {
    if (commandOf(packet).cmd === "subscribe") publish(it.broker.last, "t", 1);
    return undefined;
  };
  await it.node.subscribe("t", (value: unknown) => void got.push(value));
  assertEquals(got, [1]);
});

Deno.test("a refused subscription rejects with the status, and is gone", async () => {
  await using it = await startFake();
  refuse(it, "subscribe");
  const got: unknown[] = [];
  const error = await assertRejects(
    () => it.node.subscribe("t", (value: unknown) => void got.push(value)),
    RembusError,
    'Cannot subscribe "t": unauthorized',
  );
  assertEquals(error.status, 10);
  publish(it.broker.last, "t", 1);
  await idle();
  it.broker.answer = () => undefined;
  it.broker.last.cut();
  await it.clock.advance(10_000);
  assertEquals([got, said(it), it.broker.last.said.includes("subscribe t")], [[], [], false]);
});

Deno.test("a refused service rejects, and the one before it is back", async () => {
  await using it = await startFake();
  await it.node.expose("svc", () => "first");
  refuse(it, "expose");
  await assertRejects(() => it.node.expose("svc", () => "second"), RembusError, "unauthorized");
  await assertRejects(() => it.node.expose("other", () => "other"), RembusError, "unauthorized");
  for (const [id, topic] of [[1n, "svc"], [2n, "other"]] as const) {
    it.broker.last.send({
      type: "rpc",
      id: id as MsgId,
      topic,
      target: null,
      data: Payload.fromValue([]),
      extras: null,
    });
  }
  await idle();
  const answers = it.broker.last.received.flatMap((one) =>
    one.type === "response" ? [[one.status, one.data.value]] : []
  );
  assertEquals(answers.sort(), [[0, "first"], [42, "other"]]);
});

Deno.test("a subscription that is not answered in time rejects, and is taken back", async () => {
  await using it = await startFake();
  it.broker.answer = (packet) => commandOf(packet).cmd === "subscribe" ? null : undefined;
  const failed = assertRejects(
    () => it.node.with({ timeoutMs: 100 }).subscribe("t", () => {}),
    TimeoutError,
  );
  await it.clock.advance(100);
  await failed;
  await idle();
  assertEquals(said(it), ["subscribe t", "unsubscribe t"]);
});

Deno.test("a subscription can be given up by a signal", async () => {
  await using it = await startFake();
  it.broker.answer = (packet) => commandOf(packet).cmd === "subscribe" ? null : undefined;
  const controller = new AbortController();
  const { signal } = controller;
  const failed = assertRejects(
    () => it.node.with({ signal }).subscribe("t", () => {}),
    Error,
    "enough",
  );
  await idle();
  controller.abort(new Error("enough"));
  await failed;
  await assertRejects(() => it.node.with({ signal }).subscribe("u", () => {}), Error, "enough");
  await idle();
  assertEquals(said(it), ["subscribe t", "unsubscribe t"]);
});

Deno.test("unsubscribe() and unexpose() take a topic or the function; unknown ones are ignored", async () => {
  await using it = await startFake();
  const { node } = it;
  function handler(): void {}
  await node.subscribe(handler);
  await node.expose(handler);
  await node.subscribe("t", () => {});
  await node.unsubscribe(handler);
  await node.unexpose(handler);
  await node.unsubscribe("t");
  await node.unsubscribe("t");
  await node.unexpose("unknown");
  await node.unexpose("rid");
  assertEquals(said(it), [
    "subscribe handler",
    "expose handler",
    "subscribe t",
    "unsubscribe handler",
    "unexpose handler",
    "unsubscribe t",
  ]);
});

Deno.test("a stream and a callback share one subscription, which ends with the last of them", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  const got: unknown[] = [];
  await node.subscribe("t", (value: unknown) => void got.push(value), { from: 5 });
  const stream = node.messages("t");
  const other = node.messages("t", { from: 3 });
  await idle();
  publish(broker.last, "t", 1);
  assertEquals((await stream.next()).value?.data, 1);
  assertEquals((await other.next()).value?.data, 1);
  assertEquals(got, [1]);
  await node.unsubscribe("t");
  await stream[Symbol.asyncDispose]();
  assertEquals(said(it), ["subscribe t"]);
  await other[Symbol.asyncDispose]();
  assertEquals(said(it), ["subscribe t", "unsubscribe t"]);
});

Deno.test("a stream that reaches further back has the subscription told again", async () => {
  await using it = await startFake();
  await it.node.subscribe("t", () => {}, { from: 5 });
  await using _stream = it.node.messages("t", { from: LAST_RECEIVED });
  await idle();
  const reach = it.broker.last.received.map((one) => commandOf(one).msg_from);
  assertEquals(reach.filter((from) => from !== undefined), [5, Infinity]);
});

Deno.test("a refused stream throws at its loop, and a callback of that topic lives on", async () => {
  await using it = await startFake();
  refuse(it, "subscribe");
  const stream = it.node.messages("t");
  await assertRejects(() => stream.next(), RembusError, "unauthorized");
  assertEquals((await stream.next()).done, true);
  await stream[Symbol.asyncDispose]();
  assertEquals(said(it), ["subscribe t"]);

  it.broker.answer = () => undefined;
  const got: unknown[] = [];
  await it.node.subscribe("u", (value: unknown) => void got.push(value));
  refuse(it, "subscribe");
  const joined = it.node.messages("u", { from: 1 });
  await assertRejects(() => joined.next(), RembusError, "unauthorized");
  publish(it.broker.last, "u", 1);
  await idle();
  assertEquals([got, said(it).includes("unsubscribe u")], [[1], false]);
});

Deno.test("leaving a stream does not fail because the broker does not answer", async () => {
  await using it = await startFake();
  const stream = it.node.messages("t");
  await idle();
  it.broker.answer = () => null;
  const left = stream[Symbol.asyncDispose]();
  await it.clock.advance(10_000);
  await left;
  assertEquals(said(it), ["subscribe t", "unsubscribe t"]);
});

Deno.test("a component may subscribe 10,000 topics and expose 1,000 services, not one more", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  broker.isUp = false;
  broker.last.cut();
  await idle();
  const handler = (): void => {};
  for (let n = 0; n < ANNOUNCEMENTS_MAX.subscribe; n++) await node.subscribe(`t${n}`, handler);
  for (let n = 0; n < ANNOUNCEMENTS_MAX.expose; n++) await node.expose(`s${n}`, handler);
  await assertRejects(() => node.subscribe("more", handler), LimitError);
  await assertRejects(() => node.expose("more", handler), LimitError);
  assertThrows(() => node.messages("more"), LimitError);
  await node.subscribe("t0", () => {});
  broker.isUp = true;
  await it.clock.advance(10_000);
  for (let n = 0; n < 100 && !node.isOpen; n++) await idle();
  const told = broker.last.received.filter((packet: Packet) =>
    ["subscribe", "expose"].includes(String(commandOf(packet).cmd))
  );
  assertEquals(told.length, ANNOUNCEMENTS_MAX.subscribe + ANNOUNCEMENTS_MAX.expose);
});

Deno.test("what cannot be registered is a TypeError or RangeError, and changes nothing", async () => {
  await using it = await startFake();
  const { node } = it;
  await assertRejects(() => node.subscribe("__gap__", () => {}), TypeError, "reserved");
  await assertRejects(() => node.expose("", () => {}), TypeError);
  await assertRejects(() => node.subscribe("t", () => {}, { from: -1 }), RangeError, "from");
  await assertRejects(() => node.subscribe("t", () => {}, { from: NaN }), RangeError, "from");
  assertThrows(() => node.messages("__x"), TypeError, "reserved");
  assertThrows(() => node.messages("t", { from: -1 }), RangeError);
  assertEquals(said(it), []);
});
