import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { Answer } from "../../../src/broker/conversation.ts";
import { brokerAnswer } from "../../../src/broker/calls.ts";
import { Waits } from "../../../src/broker/waits.ts";
import { ConnectionClosedError, TimeoutError } from "../../../src/protocol/errors.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

function setUp() {
  const clock = new ManualClock();
  const waits = new Waits(clock);
  let settle: (answer: Answer) => void = () => {};
  const wait = (signal?: AbortSignal): Promise<Answer> =>
    waits.answer((given) => settle = given, { timeoutMs: 100, signal });
  return { clock, waits, wait, settle: (answer: Answer) => settle(answer) };
}

Deno.test("answer() resolves with the answer and leaves no timer", async () => {
  const { clock, wait, settle } = setUp();
  const waiting = wait();
  const answer = brokerAnswer(0, 1);
  settle(answer);
  assertStrictEquals(await waiting, answer);
  assertEquals(clock.pending, 0);
});

Deno.test("answer() rejects after its time; an answer that is late is ignored", async () => {
  const { clock, wait, settle } = setUp();
  const failed = assertRejects(wait, TimeoutError, "request timeout");
  await clock.advance(100);
  await failed;
  settle(brokerAnswer(0, 1));
});

Deno.test("answer() rejects with the reason of the signal and leaves no timer", async () => {
  const { clock, wait } = setUp();
  const controller = new AbortController();
  const failed = assertRejects(() => wait(controller.signal), Error, "given up");
  controller.abort(new Error("given up"));
  await failed;
  assertEquals(clock.pending, 0);
});

Deno.test("close() ends all waits", async () => {
  const { clock, waits, wait } = setUp();
  const failed = [1, 2].map(() => assertRejects(() => wait(), ConnectionClosedError));
  waits.close();
  await Promise.all(failed);
  assertEquals(clock.pending, 0);
});
