import { assertEquals, assertRejects } from "@std/assert";
import type { Message } from "../../../src/peer/api.ts";
import { Stream, STREAM_MESSAGES_MAX } from "../../../src/peer/stream.ts";
import type { QoS } from "../../../src/protocol/packet.ts";

function message(value: unknown, qos: QoS = 0): Message {
  return {
    topic: "t",
    args: [value],
    data: value,
    slot: null,
    qos,
    from: null,
    offset: null,
    recvNs: null,
  };
}

const ignore = (): void => {};

Deno.test("push() takes 1,000 messages of QoS 0 and drops and counts one more", async () => {
  const stream = new Stream(ignore);
  for (let n = 0; n < STREAM_MESSAGES_MAX; n++) assertEquals(stream.push(message(n)), true);
  assertEquals([stream.dropped, stream.hasRoom], [0, false]);
  assertEquals(stream.push(message("late")), true);
  assertEquals(stream.dropped, 1);
  assertEquals((await stream.next()).value?.data, 0);
  assertEquals(stream.hasRoom, true);
  stream.push(message("fits"));
  assertEquals(stream.dropped, 1);
});

Deno.test("push() takes a message of QoS 1 or 2 when the loop did, and not at all when full", async () => {
  const stream = new Stream(ignore);
  for (let n = 1; n < STREAM_MESSAGES_MAX; n++) stream.push(message(n));
  let taken: boolean | null = null;
  const waiting = Promise.resolve(stream.push(message("last", 1))).then((is) => taken = is);
  assertEquals(stream.push(message("refused", 2)), false);
  for (let n = 1; n < STREAM_MESSAGES_MAX; n++) await stream.next();
  assertEquals(taken, null);
  assertEquals((await stream.next()).value?.data, "last");
  await waiting;
  assertEquals([taken, stream.dropped], [true, 0]);
});

Deno.test("push() counts a message of QoS 1 as taken at once when the loop waits for it", async () => {
  const stream = new Stream(ignore);
  const next = stream.next();
  assertEquals(stream.push(message(1, 1)), true);
  assertEquals((await next).value?.data, 1);
});

Deno.test("leaving the loop ends the subscription once, and lets go what waits", async () => {
  let ended = 0;
  const stream = new Stream(() => void ended++);
  const waiting = [stream.push(message(1, 1)), stream.push(message(2, 2))];
  for await (const { data } of stream) {
    assertEquals(data, 1);
    break;
  }
  await stream[Symbol.asyncDispose]();
  assertEquals(ended, 1);
  assertEquals(await Promise.all(waiting), [true, true]);
  assertEquals([await stream.push(message(3, 1)), stream.hasRoom], [true, true]);
  assertEquals((await stream.next()).done, true);
});

Deno.test("throw() ends the subscription and throws what it was given", async () => {
  let ended = 0;
  const stream = new Stream(() => void ended++);
  await assertRejects(() => stream.throw(new Error("mine")), Error, "mine");
  assertEquals(ended, 1);
});

Deno.test("end() lets the loop read what waits", async () => {
  const stream = new Stream(ignore);
  stream.push(message(1));
  stream.end();
  const seen: unknown[] = [];
  for await (const { data } of stream) seen.push(data);
  assertEquals(seen, [1]);
});

Deno.test("fail() throws at the loop behind what waits", async () => {
  const stream = new Stream(ignore);
  stream.push(message(1));
  stream.fail(new Error("lost"));
  const seen: unknown[] = [];
  await assertRejects(
    async () => {
      for await (const { data } of stream) seen.push(data);
    },
    Error,
    "lost",
  );
  assertEquals(seen, [1]);
});

Deno.test("push() takes everything into a stream that keeps all, which says when it has room", async () => {
  let rooms = 0;
  const stream = new Stream(ignore, { keepsAll: true, onRoom: () => void rooms++ });
  for (let n = 0; n < STREAM_MESSAGES_MAX; n++) stream.push(message(n));
  assertEquals([stream.hasRoom, stream.push(message("more")), stream.dropped], [false, true, 0]);
  const waiting = stream.push(message("acknowledged", 1));
  await stream.next();
  assertEquals([rooms, stream.hasRoom], [1, false]);
  for (let n = 0; n <= STREAM_MESSAGES_MAX; n++) await stream.next();
  assertEquals([await waiting, rooms, stream.hasRoom], [true, STREAM_MESSAGES_MAX + 2, true]);
});

Deno.test("countDropped() counts what was dropped elsewhere, until the end", () => {
  const stream = new Stream(ignore);
  stream.countDropped();
  stream.end();
  stream.countDropped();
  assertEquals(stream.dropped, 1);
});
