import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Requests, REQUESTS_MAX } from "../../../src/peer/requests.ts";
import { LimitError, TimeoutError } from "../../../src/protocol/errors.ts";
import type { MsgId, Response } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const ID = 7n as MsgId;

function response(id: MsgId): Response {
  return { type: "response", id, status: 0, data: Payload.fromValue("answer") };
}

Deno.test("answered() resolves the request of that id, and no other", async () => {
  const clock = new ManualClock();
  const requests = new Requests({ clock });
  const waiting = requests.open(ID, { timeoutMs: 10 });
  assertEquals(requests.answered(response(8n as MsgId)), false);
  assertEquals(requests.answered(response(ID)), true);
  assertEquals((await waiting).id, ID);
  assertEquals([requests.size, clock.pending], [0, 0]);
  assertEquals(requests.answered(response(ID)), false, "a second answer is nobody's");
});

Deno.test("open() rejects with TimeoutError exactly when the time is over", async () => {
  const clock = new ManualClock();
  const requests = new Requests({ clock });
  const waiting = assertRejects(
    () => requests.open(ID, { timeoutMs: 10 }),
    TimeoutError,
    "request timeout",
  );
  await clock.advance(9);
  assertEquals(requests.size, 1);
  await clock.advance(1);
  await waiting;
  assertEquals(requests.size, 0);
});

Deno.test("open() rejects with the reason of its signal, before and while it waits", async () => {
  const clock = new ManualClock();
  const requests = new Requests({ clock });
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = assertRejects(
    () => requests.open(ID, { timeoutMs: 10, signal }),
    Error,
    "enough",
  );
  controller.abort(new Error("enough"));
  await waiting;
  assertThrows(() => requests.open(ID, { timeoutMs: 10, signal }), Error, "enough");
  assertEquals([requests.size, clock.pending], [0, 0]);
});

Deno.test("open() takes as many as the limit and throws LimitError for one more", async () => {
  const requests = new Requests({ clock: new ManualClock() });
  const waiting: Promise<Response>[] = [];
  for (let n = 1; n <= REQUESTS_MAX; n++) {
    waiting.push(requests.open(BigInt(n) as MsgId, { timeoutMs: 10 }));
  }
  const error = assertThrows(() => requests.open(5_000n as MsgId, { timeoutMs: 10 }), LimitError);
  assertEquals(error.message.includes(String(REQUESTS_MAX)), true);
  requests.answered(response(1n as MsgId));
  waiting.push(requests.open(5_000n as MsgId, { timeoutMs: 10 }));
  const settled = Promise.allSettled(waiting);
  requests.failAll(() => new Error("over"));
  assertEquals((await settled).filter(({ status }) => status === "rejected").length, REQUESTS_MAX);
});

Deno.test("failAll() gives each request an error of its own", async () => {
  const clock = new ManualClock();
  const requests = new Requests({ clock });
  const settled = Promise.allSettled([
    requests.open(1n as MsgId, { timeoutMs: 10 }),
    requests.open(2n as MsgId, { timeoutMs: 10 }),
  ]);
  requests.failAll(() => new Error("gone"));
  const reasons = (await settled).map((one) => one.status === "rejected" ? one.reason : null);
  assertEquals(reasons.map((error) => error.message), ["gone", "gone"]);
  assertEquals(reasons[0] === reasons[1], false);
  assertEquals(clock.pending, 0);
});

Deno.test("answered() tells who asked at once, before anything that comes behind the answer", async () => {
  const requests = new Requests({ clock: new ManualClock() });
  const told: unknown[] = [];
  const onAnswer = ({ data }: Response): void => void told.push(data.value);
  const waiting = requests.open(ID, { timeoutMs: 10, onAnswer });
  requests.answered(response(ID));
  assertEquals(told, ["answer"]);
  await waiting;
  const given = requests.open(ID, { timeoutMs: 10, onAnswer });
  requests.cancel(ID, new Error("enough"));
  await assertRejects(() => given, Error, "enough");
  assertEquals(told, ["answer"]);
});
