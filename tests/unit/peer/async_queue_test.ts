import { assertEquals, assertRejects } from "@std/assert";
import { AsyncQueue } from "../../../src/peer/async_queue.ts";

const DONE = { done: true, value: undefined } as const;

Deno.test("next() gives items in the order of push(), whether they wait or the reader does", async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  queue.push(2);
  assertEquals(queue.length, 2);
  assertEquals([await queue.next(), await queue.next()], [
    { done: false, value: 1 },
    { done: false, value: 2 },
  ]);
  const [third, fourth] = [queue.next(), queue.next()];
  assertEquals([queue.isWanted, queue.length], [true, 0]);
  queue.push(3);
  queue.push(4);
  assertEquals([await third, await fourth], [
    { done: false, value: 3 },
    { done: false, value: 4 },
  ]);
  assertEquals(queue.isWanted, false);
});

Deno.test("end() lets what waits be read, and ends every reader", async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  queue.end();
  queue.push(2);
  assertEquals([await queue.next(), await queue.next(), await queue.next()], [
    { done: false, value: 1 },
    DONE,
    DONE,
  ]);
  const waited = new AsyncQueue<number>();
  const readers = [waited.next(), waited.next()];
  waited.end();
  assertEquals(await Promise.all(readers), [DONE, DONE]);
  assertEquals(waited.isOpen, false);
});

Deno.test("fail() gives its error to one reader, behind what waits", async () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  queue.fail(new Error("broken"));
  assertEquals(await queue.next(), { done: false, value: 1 });
  await assertRejects(() => queue.next(), Error, "broken");
  assertEquals(await queue.next(), DONE);
});

Deno.test("fail() gives its error to the first of those that wait, and ends the others", async () => {
  const queue = new AsyncQueue<number>();
  const [first, second] = [queue.next(), queue.next()];
  queue.fail(new Error("broken"));
  await assertRejects(() => first, Error, "broken");
  assertEquals([await second, await queue.next()], [DONE, DONE]);
});

Deno.test("end() and fail() change nothing after the first of them", async () => {
  const queue = new AsyncQueue<number>();
  queue.end();
  queue.fail(new Error("late"));
  queue.end();
  assertEquals(await queue.next(), DONE);
});

Deno.test("shift() takes the oldest item that waits", () => {
  const queue = new AsyncQueue<number>();
  queue.push(1);
  queue.push(2);
  assertEquals([queue.shift(), queue.shift(), queue.shift()], [1, 2, undefined]);
});
