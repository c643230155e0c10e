import { assertEquals } from "@std/assert";
import type { Caller, HandlerContext, Message } from "../../../src/peer/api.ts";
import type { Contract, SchemaResult, StandardSchema } from "../../../src/peer/contract.ts";
import { type DeliveryInfo, Handlers, type MessageSink } from "../../../src/peer/handlers.ts";
import { Status } from "../../../src/protocol/errors.ts";
import type { QoS } from "../../../src/protocol/packet.ts";
import { SILENT } from "../../../src/util/log.ts";

const NODE: Caller = {
  rid: "node",
  publish: () => Promise.resolve(),
  rpc: () => Promise.resolve(null),
};

function info(topic: string, qos: QoS = 0): DeliveryInfo {
  return { topic, from: "peer", slot: 5, qos, node: NODE };
}

function handlers(contract: Contract = {}): Handlers {
  return new Handlers({ contract, log: SILENT });
}

/** A validator that checks by hand, later when it is told to. */
function schema<T>(
  isGood: (value: unknown) => boolean,
  when: (result: SchemaResult<T>) => SchemaResult<T> | Promise<SchemaResult<T>> = (result) =>
    result,
): StandardSchema<T> {
  return {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) =>
        when(isGood(value) ? { value: value as T } : { issues: [{ message: "is bad" }] }),
    },
  };
}

Deno.test("call() answers with the value, awaited; nothing is null", async () => {
  const made = handlers();
  made.setService("sync", (x: number) => x + 1);
  made.setService("later", async (x: number) => await Promise.resolve(x * 2));
  made.setService("nothing", () => {});
  assertEquals(await made.call("sync", [1], info("sync")), { status: 0, data: 2 });
  assertEquals(await made.call("later", [2], info("later")), { status: 0, data: 4 });
  assertEquals(await made.call("nothing", [], info("nothing")), { status: 0, data: null });
});

Deno.test("call() answers 42 for an unknown service and 40 for one that throws", async () => {
  const made = handlers();
  made.setService("boom", () => {
    throw new Error("boom");
  });
  made.setService("text", () => Promise.reject("a text"));
  assertEquals(await made.call("nope", [], info("nope")), { status: 42, data: "nope" });
  assertEquals(await made.call("boom", [], info("boom")), { status: 40, data: "boom" });
  assertEquals(await made.call("text", [], info("text")), { status: 40, data: "a text" });
  assertEquals(await made.call("constructor", [], info("constructor")), {
    status: 42,
    data: "constructor",
  });
});

Deno.test("call() answers 40 with a text for too few arguments; more are passed on", async () => {
  const made = handlers();
  made.setService("add", (x: number, y: number) => x + y);
  made.setService("rest", (...all: unknown[]) => all.length);
  const { status, data } = await made.call("add", [1], info("add"));
  assertEquals([status, data], [40, '"add" takes at least 2 arguments, got 1']);
  assertEquals((await made.call("add", [1, 2, 3], info("add"))).data, 3);
  assertEquals((await made.call("rest", [], info("rest"))).data, 0);
});

Deno.test("a handler with context gets it last, and a peer cannot put one in its place", async () => {
  const made = handlers();
  made.ctx = { shared: true };
  const seen: unknown[] = [];
  const handler = (x: number, context: HandlerContext): void => {
    seen.push([x, context.ctx, context.topic, context.from, context.slot, context.node.rid]);
  };
  made.setService("svc", handler, { context: true });
  await made.call("svc", [1], info("svc"));
  assertEquals(seen, [[1, { shared: true }, "svc", "peer", 5, "node"]]);
  const { status, data } = await made.call("svc", [1, { ctx: "forged" }], info("svc"));
  assertEquals([status, data], [40, '"svc" takes exactly 1 argument, got 2']);
  made.setSubscriber("topic", handler, { context: true });
  await made.deliver("topic", [2, { ctx: "forged" }], info("topic"));
  assertEquals(seen.at(-1), [2, { shared: true }, "topic", "peer", 5, "node"]);
});

Deno.test("a contract is checked at both edges of a service: 41 for arguments, 40 for a result", async () => {
  const made = handlers({
    services: {
      svc: {
        args: schema((args) => Array.isArray(args) && typeof args[0] === "number"),
        result: schema((value) => value !== 13),
      },
    },
  });
  made.setService("svc", (x: number) => x);
  assertEquals(await made.call("svc", [1], info("svc")), { status: 0, data: 1 });
  assertEquals(await made.call("svc", ["x"], info("svc")), {
    status: Status.METHOD_ARGS_ERROR,
    data: "is bad",
  });
  const { status, data } = await made.call("svc", [13], info("svc"));
  assertEquals([status, String(data).includes("breaks the contract, is bad")], [40, true]);
});

Deno.test("services and subscribers have tables of their own", async () => {
  const made = handlers();
  const ran: string[] = [];
  made.setService("x", () => void ran.push("service"));
  made.setSubscriber("x", () => void ran.push("subscriber"));
  await made.deliver("x", [], info("x"));
  await made.call("x", [], info("x"));
  assertEquals(ran, ["subscriber", "service"]);
});

Deno.test("setService() can be undone, unless it was replaced again", async () => {
  const made = handlers();
  const first = made.setService("svc", () => 1);
  const second = made.setService("svc", () => 2);
  first();
  assertEquals((await made.call("svc", [], info("svc"))).data, 2);
  second();
  assertEquals((await made.call("svc", [], info("svc"))).data, 1);
  first();
  assertEquals([made.isExposed("svc"), made.hasService("svc")], [false, false]);
});

Deno.test("setSubscriber() can be undone, unless it was replaced or removed", async () => {
  const made = handlers();
  const got: number[] = [];
  const first = made.setSubscriber("t", () => void got.push(1));
  const second = made.setSubscriber("t", () => void got.push(2));
  first();
  await made.deliver("t", [], info("t"));
  second();
  await made.deliver("t", [], info("t"));
  first();
  assertEquals([got, made.hasSubscriber("t")], [[2, 1], false]);
  const third = made.setSubscriber("t", () => {});
  made.removeSubscriber("t");
  made.setSubscriber("t", () => void got.push(4));
  third();
  assertEquals(made.hasSubscriber("t"), true);
});

Deno.test("removeService() and removeSubscriber() take a topic or the function", () => {
  const made = handlers();
  const handler = (): void => {};
  made.setService("svc", handler);
  made.setSubscriber("t", handler);
  assertEquals([made.removeService("nope"), made.removeSubscriber("nope")], [null, null]);
  assertEquals([made.removeService(handler), made.removeSubscriber(handler)], ["svc", "t"]);
  made.setService("svc", handler);
  made.setSubscriber("t", handler);
  assertEquals([made.removeService("svc"), made.removeSubscriber("t")], ["svc", "t"]);
  assertEquals([made.hasService("svc"), made.hasSubscriber("t")], [false, false]);
});

Deno.test("a builtin cannot be removed, and a service of its name goes before it", async () => {
  const made = handlers();
  made.setBuiltin("rid", () => "builtin");
  made.setService("rid", () => "mine");
  assertEquals((await made.call("rid", [], info("rid"))).data, "mine");
  assertEquals([made.removeService("rid"), made.removeService("rid")], ["rid", null]);
  assertEquals((await made.call("rid", [], info("rid"))).data, "builtin");
  assertEquals([made.hasService("rid"), made.isExposed("rid")], [true, false]);
});

function sinkOf(push: MessageSink["push"], parts: Partial<MessageSink> = {}): MessageSink {
  return { hasRoom: true, keepsAll: false, countDropped: () => {}, push, ...parts };
}

Deno.test("deliver() gives a space callback the topic in front, a stream not", async () => {
  const made = handlers();
  const got: unknown[] = [];
  const messages: Message[] = [];
  made.setSubscriber("*/t", (...args: unknown[]) => void got.push(args));
  made.addStream("*/t", sinkOf((message) => messages.push(message) > 0));
  await made.deliver("*/t", ["dn/t", 1, 2], info("dn/t", 1));
  assertEquals(got, [["dn/t", 1, 2]]);
  assertEquals(messages, [
    {
      topic: "dn/t",
      args: [1, 2],
      data: 1,
      slot: 5,
      qos: 1,
      from: "peer",
      offset: null,
      recvNs: null,
    },
  ]);
});

Deno.test("deliver() is true for failures of a handler and for messages that nobody wants", async () => {
  const made = handlers();
  made.setSubscriber("boom", () => Promise.reject(new Error("boom")));
  made.setSubscriber("two", (_a: unknown, _b: unknown) => {});
  assertEquals(await made.deliver("boom", [], info("boom")), true);
  assertEquals(await made.deliver("two", [1], info("two")), true);
  assertEquals(await made.deliver("nobody", [], info("nobody")), true);
});

Deno.test("deliver() gives a message of QoS 1 or 2 to all takers or, when a stream is full, to nobody", async () => {
  const made = handlers();
  const got: unknown[] = [];
  const full = sinkOf(() => false, { hasRoom: false });
  const roomy = sinkOf(() => got.push("stream") > 0);
  made.setSubscriber("t", () => void got.push("callback"));
  made.addStream("t", roomy);
  made.addStream("t", full);
  assertEquals(await made.deliver("t", [], info("t", 2)), false);
  assertEquals(got, []);
  await made.deliver("t", [], info("t", 0));
  assertEquals(got, ["callback", "stream"]);
  made.removeStream("t", full);
  assertEquals(await made.deliver("t", [], info("t", 2)), true);
  assertEquals(got, ["callback", "stream", "callback", "stream"]);
});

Deno.test("a message that breaks the contract reaches nobody, and counts as handled", async () => {
  const made = handlers({ topics: { t: schema((args) => (args as unknown[]).length === 1) } });
  const got: unknown[] = [];
  made.setSubscriber("t", (...args: unknown[]) => void got.push(args));
  assertEquals(await made.deliver("t", [1, 2], info("t", 1)), true);
  assertEquals(await made.deliver("t", [1], info("t", 1)), true);
  assertEquals(got, [[1]]);
});

Deno.test("callbacks start in the order of messages, though validators answer out of order", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let asked = 0;
  const slow = schema<readonly unknown[]>(() => true, async (result) => {
    await gates[asked++]?.promise;
    return result;
  });
  const made = handlers({ topics: { t: slow } });
  const got: unknown[] = [];
  made.setSubscriber("t", (value: unknown) => void got.push(value));
  const delivered = [made.deliver("t", [1], info("t")), made.deliver("t", [2], info("t"))];
  gates[1]?.resolve();
  gates[0]?.resolve();
  assertEquals(await Promise.all(delivered), [true, true]);
  assertEquals(got, [1, 2]);
});

Deno.test("hasRoom() asks streams that keep all for every message, others only for QoS 1 and 2", () => {
  const made = handlers();
  const full = sinkOf(() => true, { hasRoom: false });
  assertEquals([made.hasRoom("t", 2), made.hasStream("t")], [true, false]);
  made.addStream("t", full);
  assertEquals([made.hasRoom("t", 0), made.hasRoom("t", 1), made.hasStream("t")], [
    true,
    false,
    true,
  ]);
  made.addStream("t", sinkOf(() => true, { hasRoom: false, keepsAll: true }));
  assertEquals([made.hasRoom("t", 0), made.hasRoom("u", 0)], [false, true]);
});

Deno.test("deliver() gives everything to a stream that keeps all", async () => {
  const made = handlers();
  const got: unknown[] = [];
  const keeping = sinkOf((message) => got.push(message.data) > 0, {
    hasRoom: false,
    keepsAll: true,
  });
  made.addStream("t", keeping);
  assertEquals(await made.deliver("t", [1], info("t", 1)), true);
  assertEquals(got, [1]);
});

Deno.test("countDropped() tells every stream of a subscription", () => {
  const made = handlers();
  let count = 0;
  for (let n = 0; n < 2; n++) {
    made.addStream("t", sinkOf(() => true, { countDropped: () => void count++ }));
  }
  made.countDropped("t");
  made.countDropped("unknown");
  assertEquals(count, 2);
});
