import { assert, assertEquals } from "@std/assert";
import { newSubscription } from "../../../src/broker/admin.ts";
import { newCounters } from "../../../src/broker/counters.ts";
import {
  LOCAL_BYTES_MAX,
  LOCAL_DELIVERIES_MAX,
  LOCAL_RETRY_MS,
} from "../../../src/broker/limits.ts";
import { LocalNode } from "../../../src/broker/local.ts";
import type { Caller, Message } from "../../../src/peer/api.ts";
import { ManualClock, settle } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";
import { publicationOf } from "./fakes.ts";

const NODE: Caller = { rid: "publisher", publish: async () => {}, rpc: async () => {} };

function setUp(topic = "t") {
  const clock = new ManualClock();
  const counters = newCounters();
  const log = new NotingLogger();
  const local = new LocalNode({
    name: "broker",
    contract: {},
    clock,
    counters,
    log,
    callerOf: () => NODE,
  });
  const subscription = newSubscription(local, topic, topic.includes("*"));
  return { clock, counters, log, local, subscription };
}

/** A loop that has room only when the test says so. */
function loop() {
  const got: unknown[] = [];
  return {
    got,
    hasRoom: true,
    keepsAll: false,
    countDropped(): void {},
    push(message: Message): boolean {
      got.push(message.data);
      return true;
    },
  };
}

Deno.test("deliver() runs the handler after this turn, with the context of the publisher", async () => {
  const { local, subscription } = setUp();
  const got: unknown[] = [];
  local.handlers.setSubscriber("t", (value: unknown, context: { from: string; node: Caller }) => {
    got.push([value, context.from, context.node.rid]);
  }, { context: true });
  local.deliver(publicationOf({ args: [1] }), subscription);
  assertEquals([got.length, local.running], [0, 1]);
  await settle();
  assertEquals([got, local.running], [[[1, "publisher", "publisher"]], 0]);
});

Deno.test("deliver() through a space gives the topic first", async () => {
  const { local, subscription } = setUp("a/*");
  const got: unknown[][] = [];
  local.handlers.setSubscriber("a/*", (...args: unknown[]) => void got.push(args));
  local.deliver(publicationOf({ topic: "a/b", args: [1] }), subscription);
  await settle();
  assertEquals(got, [["a/b", 1]]);
});

Deno.test("one message more than the limit is dropped and counted", async () => {
  const { local, subscription, counters } = setUp();
  const gate = Promise.withResolvers<void>();
  local.handlers.setSubscriber("t", () => gate.promise);
  for (let n = 0; n < LOCAL_DELIVERIES_MAX; n++) local.deliver(publicationOf(), subscription);
  assertEquals([local.isBusy, counters.dropped], [true, 0]);
  local.deliver(publicationOf(), subscription);
  assertEquals([counters.dropped, counters.delivered], [1, LOCAL_DELIVERIES_MAX]);
  gate.resolve();
  await settle();
  assertEquals([local.isBusy, local.running], [false, 0]);
});

Deno.test("large messages make it busy before there are many", async () => {
  const { local, subscription } = setUp();
  const gate = Promise.withResolvers<void>();
  local.handlers.setSubscriber("t", () => gate.promise);
  const half = publicationOf({ args: ["x".repeat(LOCAL_BYTES_MAX / 2)] });
  local.deliver(half, subscription);
  assertEquals(local.isBusy, false);
  local.deliver(half, subscription);
  assertEquals(local.isBusy, true);
  gate.resolve();
  await settle();
  assertEquals(local.isBusy, false);
});

Deno.test("takesCall() takes one call of any size, and others within the limit", () => {
  const { local } = setUp();
  assert(local.takesCall(2 * LOCAL_BYTES_MAX));
  local.began(1);
  assertEquals([local.takesCall(LOCAL_BYTES_MAX - 1), local.takesCall(LOCAL_BYTES_MAX)], [
    true,
    false,
  ]);
  local.ended(1);
  assertEquals(local.running, 0);
});

Deno.test("QoS 1/2 for a loop without room is offered again, in order, until it is taken", async () => {
  const { clock, local, subscription, counters } = setUp();
  const sink = loop();
  local.handlers.addStream("t", sink);
  sink.hasRoom = false;
  for (const value of [1, 2]) local.deliver(publicationOf({ args: [value] }), subscription);
  await settle();
  local.deliver(publicationOf({ args: [3] }), subscription);
  await clock.advance(3 * LOCAL_RETRY_MS);
  assertEquals([sink.got, local.running], [[], 3]);
  sink.hasRoom = true;
  await clock.advance(LOCAL_RETRY_MS);
  assertEquals([sink.got, local.running, counters.dropped], [[1, 2, 3], 0, 0]);
  local.deliver(publicationOf({ args: [4] }), subscription);
  await settle();
  assertEquals(sink.got, [1, 2, 3, 4]);
  assertEquals(clock.pending, 0);
});

Deno.test("close() offers nothing again and leaves no timer", async () => {
  const { clock, local, subscription } = setUp();
  local.handlers.addStream("t", {
    hasRoom: false,
    keepsAll: false,
    push: () => false,
    countDropped: () => {},
  });
  local.deliver(publicationOf(), subscription);
  local.deliver(publicationOf(), subscription);
  await settle();
  assertEquals(clock.pending, 1);
  local.close();
  assertEquals([clock.pending, local.running], [0, 0]);
});

Deno.test("a handler that fails is reported and counts as done", async () => {
  const { local, subscription, log } = setUp();
  local.handlers.setSubscriber("t", () => {
    throw new Error("failed");
  });
  local.deliver(publicationOf(), subscription);
  await settle();
  assertEquals([local.running, log.events], [0, ["error subscriber failed"]]);
});
