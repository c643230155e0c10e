import { assert, assertEquals } from "@std/assert";
import { type CallRequest, Calls } from "../../../src/broker/calls.ts";
import type { Answer } from "../../../src/broker/conversation.ts";
import { newCounters } from "../../../src/broker/counters.ts";
import { CALL_MS_DEFAULT, CALL_MS_MAX, CALLS_PENDING_MAX } from "../../../src/broker/limits.ts";
import type { MsgId, Response } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";
import { as, FakeConversation } from "./fakes.ts";

function setUp() {
  const clock = new ManualClock();
  const log = new NotingLogger();
  const calls = new Calls({ clock, random: new SeededRandom(1), counters: newCounters(), log });
  const exposer = new FakeConversation("srv");
  const caller = new FakeConversation("cli");
  const answers: Answer[] = [];
  const forward = (more: Partial<CallRequest> = {}): void =>
    calls.forward({
      exposer,
      caller,
      topic: "svc",
      data: Payload.fromValue([1]),
      ttlMs: null,
      traceparent: null,
      settle: (answer) => answers.push(answer),
      ...more,
    });
  const asked = (of = exposer): MsgId[] => of.packets.map((packet) => as(packet, "rpc").id);
  return { clock, log, calls, exposer, caller, answers, forward, asked };
}

function response(id: MsgId | undefined, value: unknown = "result", status = 0): Response {
  return { type: "response", id: id as MsgId, status, data: Payload.fromValue(value) };
}

Deno.test("forward() sends the call under an id of its own, without target", () => {
  const { exposer, forward, asked, calls } = setUp();
  forward();
  forward();
  const packet = as(exposer.packets[0], "rpc");
  assertEquals([packet.topic, packet.target, packet.data.args, packet.extras], [
    "svc",
    null,
    [1],
    null,
  ]);
  const [one, two] = asked();
  assert(one !== two && one !== undefined && one > 0n && one < 2n ** 53n);
  assertEquals(calls.pending, 2);
});

Deno.test("forward() tells an exposer that understands it time, caller and trace", () => {
  const { exposer, forward } = setUp();
  exposer.capable = true;
  forward({ ttlMs: 500, traceparent: "00-1-2-3" });
  forward({ caller: null });
  const extras = exposer.packets.map((packet) => packet.type === "rpc" ? packet.extras : null);
  assertEquals(extras, [{ ttl: 500, p: "cli", tp: "00-1-2-3" }, { ttl: CALL_MS_DEFAULT }]);
});

Deno.test("answered() gives status and data to the caller once, in any order of calls", () => {
  const { calls, exposer, caller, answers, forward, asked } = setUp();
  forward();
  forward();
  const [one, two] = asked();
  assertEquals(calls.answered(exposer, response(two, "second", 41)), true);
  assertEquals(calls.answered(exposer, response(one, "first")), true);
  assertEquals(calls.answered(exposer, response(one, "late")), false);
  assertEquals(answers.map(({ status, data, fromPeer }) => [status, data.value, fromPeer]), [
    [41, "second", true],
    [0, "first", true],
  ]);
  assertEquals([calls.pending, exposer.working.size, caller.waiting.size], [0, 0, 0]);
});

Deno.test("answered() takes an answer from nobody but the exposer that was asked", () => {
  const { calls, forward, asked } = setUp();
  forward();
  assertEquals(calls.answered(new FakeConversation("thief"), response(asked()[0])), false);
  assertEquals(calls.pending, 1);
});

Deno.test("lost() answers 43 to those who wait for the exposer, at once", () => {
  const { calls, exposer, answers, forward } = setUp();
  forward();
  calls.lost(exposer);
  assertEquals(answers.map(({ status, data, fromPeer }) => [status, data.value, fromPeer]), [
    [43, "svc", false],
  ]);
  assertEquals(calls.pending, 0);
});

Deno.test("lost() drops the calls of a caller that is gone; a late answer changes nothing", () => {
  const { calls, exposer, caller, answers, forward, asked } = setUp();
  forward();
  calls.lost(caller);
  assertEquals([answers, calls.pending, exposer.working.size], [[], 0, 0]);
  assertEquals(calls.answered(exposer, response(asked()[0])), false);
});

Deno.test("lost() of one that called itself answers nobody", () => {
  const { calls, exposer, answers, forward } = setUp();
  forward({ caller: exposer });
  calls.lost(exposer);
  assertEquals([answers, calls.pending], [[], 0]);
});

Deno.test("sweep() answers 43 after the time to live, or after 60 s without one", async () => {
  const { clock, calls, answers, forward } = setUp();
  forward({ ttlMs: 500 });
  forward();
  await clock.advance(499);
  calls.sweep();
  assertEquals(answers.length, 0);
  await clock.advance(1);
  calls.sweep();
  assertEquals(answers.map(({ status }) => status), [43]);
  await clock.advance(CALL_MS_DEFAULT - 501);
  calls.sweep();
  assertEquals(answers.length, 1);
  await clock.advance(1);
  calls.sweep();
  assertEquals(answers.length, 2);
});

Deno.test("forward() cuts the time to live to 24 hours", async () => {
  const { clock, calls, answers, forward } = setUp();
  forward({ ttlMs: Infinity });
  await clock.advance(CALL_MS_MAX - 1);
  calls.sweep();
  assertEquals(answers.length, 0);
  await clock.advance(1);
  calls.sweep();
  assertEquals(answers.length, 1);
});

Deno.test("forward() answers 43 to one call more than an exposer may work on", () => {
  const { answers, forward, exposer } = setUp();
  for (let n = 0; n < CALLS_PENDING_MAX; n++) forward({ caller: new FakeConversation() });
  assertEquals(answers.length, 0);
  forward({ caller: new FakeConversation() });
  assertEquals(answers.map(({ status }) => status), [43]);
  assertEquals(exposer.packets.length, CALLS_PENDING_MAX);
});

Deno.test("forward() answers 43 to one call more than a caller may wait for", () => {
  const { answers, forward } = setUp();
  for (let n = 0; n < CALLS_PENDING_MAX; n++) forward({ exposer: new FakeConversation() });
  assertEquals(answers.length, 0);
  forward({ exposer: new FakeConversation() });
  assertEquals(answers.map(({ status }) => status), [43]);
});

Deno.test("forward() answers 43 when the exposer has no room, 40 when the call fits no frame", () => {
  const { calls, answers, forward, exposer, caller } = setUp();
  exposer.outcome = "full";
  forward();
  exposer.outcome = "impossible";
  forward();
  assertEquals(answers.map(({ status }) => status), [43, 40]);
  assertEquals([calls.pending, exposer.working.size, caller.waiting.size], [0, 0, 0]);
});

Deno.test("an answer that cannot be delivered harms no other call", () => {
  const { calls, exposer, answers, forward, log } = setUp();
  forward({
    settle: () => {
      throw new Error("caller failed");
    },
  });
  forward();
  calls.lost(exposer);
  assertEquals([answers.length, calls.pending], [1, 0]);
  assertEquals(log.events, ["error answer not delivered"]);
});
