import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { component } from "../../../src/client/component.ts";
import type { HandlerContext } from "../../../src/peer/api.ts";
import type { Contract, SchemaResult, StandardSchema } from "../../../src/peer/contract.ts";
import {
  CallError,
  ConnectionClosedError,
  LimitError,
  MethodArgsError,
  MethodExceptionError,
  MethodLoopbackError,
  MethodNotFoundError,
  MethodUnavailableError,
  RembusError,
  TargetDownError,
  TargetNotFoundError,
  TimeoutError,
} from "../../../src/protocol/errors.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { commandOf, FakeBroker, idle } from "../../helpers/fake_broker.ts";
import { startFake } from "../../helpers/fake_component.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

/** A validator by hand; asynchronous when `gate` is given. */
function schema<T>(isGood: (value: unknown) => boolean, gate?: Promise<void>): StandardSchema<T> {
  const judge = (value: unknown): SchemaResult<T> =>
    isGood(value) ? { value: value as T } : { issues: [{ message: "is bad" }] };
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => gate === undefined ? judge(value) : gate.then(() => judge(value)),
    },
  };
}

Deno.test("publish() sends topic, arguments, QoS and slot", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  await node.publish("a");
  await node.publish("b", 1, "x");
  await node.with({ slot: 7 }).publish("c");
  await node.with({ slot: 0 }).publish("d");
  await node.with({ qos: 1, slot: 0 }).publish("e");
  await node.put("f", 2);
  await idle();
  const sent = broker.last.received.flatMap((one) =>
    one.type === "publish" ? [[one.topic, one.data.args, one.qos, one.slot, one.id === null]] : []
  );
  assertEquals(sent, [
    ["a", [], 0, null, true],
    ["b", [1, "x"], 0, null, true],
    ["c", [], 0, 7, false],
    ["d", [], 0, null, true],
    ["e", [], 1, 0, false],
    ["me/f", [2], 0, null, true],
  ]);
});

Deno.test("publish() rejects what cannot be sent, and the link lives on", async () => {
  await using it = await startFake();
  const { node } = it;
  for (const qos of [0, 1, 2] as const) {
    const handle = node.with({ qos });
    await assertRejects(() => handle.publish("t", () => {}), TypeError);
    await assertRejects(() => handle.publish("__x"), TypeError, "reserved");
    await assertRejects(() => handle.publish(""), TypeError);
  }
  assertEquals(await node.rpc("svc"), "svc");
});

Deno.test("publish() rejects when the broker refuses it", async () => {
  await using it = await startFake();
  it.broker.answer = (packet) => packet.type === "publish" ? [10, "unauthorized"] : undefined;
  const error = await assertRejects(
    () => it.node.with({ qos: 1 }).publish("t"),
    RembusError,
    "unauthorized",
  );
  assertEquals(error.status, 10);
});

Deno.test("publish() waits while the broker reads too slowly, and refuses beyond 16 MiB", async () => {
  const broker = new FakeBroker();
  await using it = await startFake("me", { broker });
  const { node } = it;
  await node.publish("small");
  await idle();
  broker.last.pause();
  let isOver = false;
  const mebibyte = new Uint8Array(1024 * 1024);
  const waiting = [node.publish("large", mebibyte).then(() => isOver = true)];
  await idle();
  assertEquals(isOver, false);
  const controller = new AbortController();
  const impatient = assertRejects(
    () => node.with({ signal: controller.signal }).publish("large"),
    Error,
    "enough",
  );
  controller.abort(new Error("enough"));
  await impatient;
  for (let n = 1; n <= 15; n++) waiting.push(node.publish("large", mebibyte).then(() => true));
  // 16 of them with their headers are just more than the limit.
  await assertRejects(() => node.publish("more"), LimitError, 'Cannot publish on "more"');
  await assertRejects(() => node.rpc("more"), LimitError, 'Cannot call "more"');
  broker.last.resume();
  await Promise.all(waiting);
  assertEquals(broker.last.said.filter((one) => one === "publish large").length, 17);
});

Deno.test("publications keep their order, whoever waits for the link", async () => {
  const broker = new FakeBroker();
  await using it = await startFake("me", { broker });
  broker.last.pause();
  const all = [it.node.publish("t", new Uint8Array(100_000)), it.node.publish("t", 2)];
  broker.last.resume();
  all.push(it.node.publish("t", 3));
  await Promise.all(all);
  await idle();
  const order = broker.last.received.flatMap((one) =>
    one.type === "publish" ? [one.data.args[0]] : []
  );
  assertEquals(order, [new Uint8Array(100_000), 2, 3]);
});

Deno.test("rpc() gives the result, and the typed error of every other status", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  assertEquals(await node.rpc("svc", 1, 2), "svc");
  const classes = new Map<number, typeof CallError>([
    [40, MethodExceptionError],
    [41, MethodArgsError],
    [42, MethodNotFoundError],
    [43, MethodUnavailableError],
    [44, MethodLoopbackError],
    [45, TargetNotFoundError],
    [46, TargetDownError],
    [10, CallError],
    [99, CallError],
  ]);
  for (const [status, Class] of classes) {
    broker.answer = (packet) => packet.type === "rpc" ? [status, "why"] : undefined;
    const error = await assertRejects(() => node.rpc("svc"), Class);
    assertEquals([error.status, error.topic, error.data], [status, "svc", "why"]);
  }
});

Deno.test("direct() addresses one component", async () => {
  await using it = await startFake();
  await it.node.direct("srv", "add", 1);
  const [call] = it.broker.last.received.filter((one) => one.type === "rpc");
  assertEquals([call?.topic, call?.target, call?.data.args], ["add", "srv", [1]]);
});

Deno.test("a call can be given up by a signal, before it is sent and while it waits", async () => {
  await using it = await startFake();
  it.broker.answer = () => null;
  const controller = new AbortController();
  const handle = it.node.with({ signal: controller.signal });
  const waiting = [
    assertRejects(() => handle.rpc("svc"), Error, "enough"),
    assertRejects(() => handle.with({ qos: 1 }).publish("t"), Error, "enough"),
    assertRejects(() => handle.reactive(), Error, "enough"),
  ];
  await idle();
  const before = it.broker.last.received.length;
  controller.abort(new Error("enough"));
  await Promise.all(waiting);
  await assertRejects(() => handle.rpc("svc"), Error, "enough");
  await assertRejects(() => handle.publish("t"), Error, "enough");
  await idle();
  assertEquals(it.broker.last.received.length, before);
});

Deno.test("admin verbs send their commands, and reject with the status of a refusal", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  await node.privateTopic("t");
  await node.publicTopic("t");
  await node.authorize("bob", "t");
  await node.unauthorize("bob", "t");
  const commands = broker.last.received.slice(3).map((one) =>
    one.type === "admin" ? [one.topic, one.data] : one.type
  );
  assertEquals(commands, [
    ["t", { cmd: "private_topic" }],
    ["t", { cmd: "public_topic" }],
    ["t", { cmd: "authorize", cid: "bob" }],
    ["t", { cmd: "unauthorize", cid: "bob" }],
  ]);
  broker.answer = () => [10, "unauthorized"];
  const error = await assertRejects(
    () => node.authorize("bob", "t"),
    RembusError,
    'Cannot authorize "bob" for "t": unauthorized',
  );
  assertEquals(error.status, 10);
});

Deno.test("admin() runs any command, and resolves to the data of the answer", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  const users = [{ name: "alice", kind: "rsa", admin: true, connected: false }];
  broker.answer = (packet) => commandOf(packet).cmd === "list_users" ? [0, users] : undefined;
  assertEquals(await node.admin("list_users"), users);
  const key = new Uint8Array([1, 2]);
  assertEquals(await node.admin("add_user", undefined, { cid: "bob", key }), null);
  // What is asked for is the command, whatever the rest says.
  await node.admin("authorize", "town/*", { cid: "bob", cmd: "shutdown" });
  const commands = broker.last.received.slice(3).map((one) =>
    one.type === "admin" ? [one.topic, one.data] : one.type
  );
  assertEquals(commands, [
    ["__config__", { cmd: "list_users" }],
    ["__config__", { cid: "bob", key, cmd: "add_user" }],
    ["town/*", { cid: "bob", cmd: "authorize" }],
  ]);
});

Deno.test("admin() rejects with the status of a refusal, and says what was tried", async () => {
  await using it = await startFake();
  it.broker.answer = () => [60, "[bob] not available"];
  for (
    const [topic, text] of [
      [undefined, 'Cannot run "do": NAME_ALREADY_TAKEN:[bob] not available'],
      ["t", 'Cannot run "do" on "t": NAME_ALREADY_TAKEN:[bob] not available'],
    ] as const
  ) {
    const error = await assertRejects(() => it.node.admin("do", topic), RembusError, text);
    assertEquals(error.status, 60);
  }
});

Deno.test("admin() gives up when no answer comes in the time of the call", async () => {
  await using it = await startFake();
  it.broker.answer = () => null;
  const late = assertRejects(
    () => it.node.with({ timeoutMs: 5 }).admin("list_users"),
    TimeoutError,
  );
  await it.clock.advance(5);
  await late;
});

Deno.test("admin() takes no command that the component keeps account of, and no bad topic", async () => {
  await using it = await startFake();
  const own = [
    "subscribe",
    "unsubscribe",
    "expose",
    "unexpose",
    "reactive",
    "setup",
    "capabilities",
  ];
  for (const command of own) {
    await assertRejects(() => it.node.admin(command, "t"), TypeError, `Cannot run "${command}"`);
  }
  for (const topic of ["", "__other__"]) {
    await assertRejects(() => it.node.admin("private_topic", topic), TypeError);
  }
  assertEquals(it.broker.last.said.length, 3);
});

Deno.test("with() adds options and shares everything else", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  const handle = node.with({ qos: 1 }).with({ slot: 3 });
  await handle.publish("t");
  await node.publish("t");
  assertThrows(() => node.with({ slot: -1 }), RangeError);
  const qos = broker.last.received.flatMap((one) =>
    one.type === "publish" ? [[one.qos, one.slot]] : []
  );
  await handle.subscribe("s", () => {});
  await node.unsubscribe("s");
  assertEquals(broker.last.said.slice(-2), ["subscribe s", "unsubscribe s"]);
  assertEquals(qos.length > 0 && qos[0], [1, 3]);
  await handle.close();
  assertEquals(node.isOpen, false);
});

Deno.test("a handle names itself", async () => {
  await using it = await startFake("ws://10.0.0.1:9000/dept/me");
  const { node } = it;
  assertEquals([node.rid, node.uid, String(node)], [
    "dept/me",
    "ws://10.0.0.1:9000/dept/me",
    "dept/me",
  ]);
});

Deno.test("handlers get the injected object, and the component as node", async () => {
  await using it = await startFake();
  const { broker, node } = it;
  const shared = { n: 1 };
  node.with({ qos: 2 }).inject(shared);
  const seen: unknown[] = [];
  await node.expose("svc", async ({ ctx, node: caller }: HandlerContext) => {
    seen.push(ctx === shared, caller.rid);
    await caller.publish("from handler");
    return await caller.rpc("nested");
  }, { context: true });
  broker.last.send({
    type: "rpc",
    id: 1n as MsgId,
    topic: "svc",
    target: null,
    data: Payload.fromValue([]),
    extras: null,
  });
  await idle();
  assertEquals(seen, [true, "me"]);
  assertEquals(broker.last.said.slice(-3), ["publish from handler", "rpc nested", "response"]);
});

Deno.test("wait() resolves by time, signal or close, and closes nothing itself", async () => {
  const { node, clock } = await startFake();
  const byTime = node.wait({ timeoutMs: 10 });
  await clock.advance(10);
  await byTime;
  await node.wait({ signal: AbortSignal.abort() });
  assertEquals(node.isOpen, true);
  const waiting = node.wait();
  await node.close();
  await waiting;
  await node.wait();
});

Deno.test("after close() every verb rejects with ConnectionClosedError, and ends are harmless", async () => {
  const { node } = await startFake();
  const handle = node.with({ qos: 1 });
  await Promise.all([node.close(), node.close(), handle.close()]);
  const nothing = (): void => {};
  for (
    const act of [
      () => node.rpc("svc"),
      () => node.direct("x", "svc"),
      () => node.publish("t"),
      () => handle.publish("t"),
      () => node.put("t"),
      () => node.subscribe("t", nothing),
      () => node.unsubscribe("t"),
      () => node.expose("t", nothing),
      () => node.unexpose("t"),
      () => node.reactive(),
      () => node.unreactive(),
      () => node.privateTopic("t"),
      () => node.admin("list_users"),
      () => node.unregister(),
    ]
  ) await assertRejects(act, ConnectionClosedError, "connection down");
  assertThrows(() => node.messages("t"), ConnectionClosedError);
  assertEquals((await node.events().next()).done, true);
});

Deno.test("a contract is checked at the edges of the caller and the publisher", async () => {
  const contract: Contract = {
    topics: { t: schema((args) => (args as unknown[]).length === 1) },
    services: {
      svc: {
        args: schema((args) => typeof (args as unknown[])[0] === "number"),
        result: schema((value) => value === "svc"),
      },
    },
  };
  await using it = await startFake("me", { contract });
  const { broker, node } = it;
  await node.publish("t", 1);
  assertEquals(await node.rpc("svc", 1), "svc");
  await assertRejects(() => node.publish("t"), TypeError, "break the contract, is bad");
  const error = await assertRejects(() => node.rpc("svc", "x"), MethodArgsError);
  assertEquals([error.status, error.data], [41, "is bad"]);
  broker.answer = (packet) => packet.type === "rpc" ? [0, "other"] : undefined;
  await assertRejects(
    () => node.rpc("svc", 1),
    MethodExceptionError,
    "breaks the contract, is bad",
  );
  assertEquals(broker.last.said.slice(3), ["publish t", "rpc svc", "rpc svc"]);
});

Deno.test("a component that is closed while a validator works sends nothing", async () => {
  const gate = Promise.withResolvers<void>();
  const slow = schema<readonly unknown[]>(() => true, gate.promise);
  const contract: Contract = { topics: { t: slow }, services: { svc: { args: slow } } };
  const { broker, node } = await startFake("me", { contract });
  const failed = [
    assertRejects(() => node.publish("t"), ConnectionClosedError),
    assertRejects(() => node.with({ qos: 1 }).publish("t"), ConnectionClosedError),
    assertRejects(() => node.rpc("svc"), ConnectionClosedError),
  ];
  await node.close();
  gate.resolve();
  await Promise.all(failed);
  assertEquals(broker.last.said.slice(3), []);
});

Deno.test("events() tells what happens to the connection, until it is closed", async () => {
  const { broker, clock, node } = await startFake();
  const events = node.events();
  broker.last.send({
    type: "publish",
    id: null,
    topic: "__gap__",
    qos: 0,
    slot: null,
    data: Payload.fromValue([{ topic: "t", count: 2, from: 1, to: 2 }]),
    extras: null,
    frame: null,
  });
  await idle();
  broker.last.close(1013, "slow consumer");
  await clock.advance(10_000);
  await idle();
  await node.close();
  const seen: string[] = [];
  for await (const event of events) seen.push(event.type);
  assertEquals(seen, ["gap", "disconnected", "retrying", "connected", "closed"]);
});

Deno.test("names of publishers are asked for only with extras", async () => {
  for (const extras of [false, true]) {
    await using it = await startFake("me", { extras });
    const { extras: asked } = commandOf(
      it.broker.last.received[1] ?? { type: "ack", id: 1n as MsgId },
    );
    assertEquals(asked, extras ? true : undefined);
  }
});

Deno.test("no promise of a component is left unhandled, however it ends", async () => {
  const unhandled: unknown[] = [];
  const listener = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  globalThis.addEventListener("unhandledrejection", listener);
  try {
    const deaf = new FakeBroker();
    deaf.answer = () => null;
    const clock = new ManualClock();
    const failed = assertRejects(
      () => component("me", { dial: deaf.dial, clock, startAnyway: false }),
      TimeoutError,
    );
    await clock.advance(10_000);
    await failed;

    const { broker, node, clock: time } = await startFake();
    broker.answer = () => null;
    const stream = node.messages("s");
    const calls = Promise.allSettled([
      node.rpc("svc"),
      node.subscribe("t", () => Promise.reject(new Error("handler"))),
      node.with({ qos: 2 }).publish("t"),
    ]);
    await idle();
    broker.isUp = false;
    broker.last.cut();
    await time.advance(60_000);
    await calls;
    await node.close();
    assertEquals((await stream.next()).done, true);
    // Rejections without a handler are reported after the microtasks of a turn.
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(unhandled, []);
  } finally {
    globalThis.removeEventListener("unhandledrejection", listener);
  }
});
