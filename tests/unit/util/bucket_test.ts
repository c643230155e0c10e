import { assertEquals, assertThrows } from "@std/assert";
import { nowbucket } from "../../../src/util/bucket.ts";

Deno.test("nowbucket() gives the start of the bucket in seconds, 900 s wide unless told otherwise", () => {
  const nowMs = 1_790_000_123_456;
  assertEquals(nowbucket(900, nowMs), 1_790_000_100);
  assertEquals(nowbucket(undefined, nowMs), 1_790_000_100);
  assertEquals(nowbucket(60, nowMs), 1_790_000_100);
  assertEquals(nowbucket(1, nowMs), 1_790_000_123);
});

Deno.test("nowbucket() honours its width and gives unsigned 32-bit slots for the time of now", () => {
  const slot = nowbucket(3_600);
  assertEquals([slot % 3_600, slot < 2 ** 32, slot > 0], [0, true, true]);
});

Deno.test("nowbucket() refuses a width that is none", () => {
  for (const width of [0, -1, NaN, Infinity]) assertThrows(() => nowbucket(width), RangeError);
});
