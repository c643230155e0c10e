import { assertEquals } from "@std/assert";
import { GapBook } from "../../../src/broker/gaps.ts";
import { GAP_TOPICS_MAX } from "../../../src/broker/limits.ts";

Deno.test("take() gives for each topic how many are missing, and the first and the last", () => {
  const gaps = new GapBook();
  gaps.count("a", 3);
  gaps.count("b", 4);
  gaps.count("a", 9);
  assertEquals(gaps.take(), [
    { topic: "a", count: 2, from: 3, to: 9 },
    { topic: "b", count: 1, from: 4, to: 4 },
  ]);
  assertEquals(gaps.take(), []);
});

Deno.test("count() puts topics beyond the limit under **", () => {
  const gaps = new GapBook();
  for (let n = 0; n < GAP_TOPICS_MAX; n++) gaps.count(`t${n}`, n);
  gaps.count("one more", 5_000);
  gaps.count("another", 5_001);
  gaps.count("t0", 5_002);
  const told = gaps.take();
  assertEquals(told.length, GAP_TOPICS_MAX + 1);
  assertEquals(told.at(-1), { topic: "**", count: 2, from: 5_000, to: 5_001 });
  assertEquals(told[0], { topic: "t0", count: 2, from: 0, to: 5_002 });
});
