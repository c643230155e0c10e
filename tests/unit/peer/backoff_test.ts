import { assert, assertEquals } from "@std/assert";
import { backoffMs } from "../../../src/peer/backoff.ts";

const BOUNDS = { minMs: 100, maxMs: 10_000 } as const;
const almostOne = (): number => 1 - Number.EPSILON;

Deno.test("backoffMs() is below a ceiling that doubles until its maximum", () => {
  const ceilings = [0, 1, 2, 6, 7, 30, 31, 1_000_000].map((attempt) =>
    backoffMs(attempt, BOUNDS, almostOne)
  );
  assertEquals(ceilings, [99, 199, 399, 6_399, 9_999, 9_999, 9_999, 9_999]);
});

Deno.test("backoffMs() jitters over the whole range, from 0 on", () => {
  assertEquals(backoffMs(20, BOUNDS, () => 0), 0);
  assertEquals(backoffMs(20, BOUNDS, () => 0.5), 5_000);
});

Deno.test("backoffMs() is 0 when its bounds are", () => {
  assert(Object.is(backoffMs(5, { minMs: 0, maxMs: 0 }, almostOne), 0));
});
