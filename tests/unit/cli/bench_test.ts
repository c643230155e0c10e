import { assertEquals } from "@std/assert";
import { percentile, shareOf } from "../../../src/cli/bench.ts";

Deno.test("percentile() gives the value that the share does not exceed", () => {
  const values = Array.from({ length: 100 }, (_, index) => index + 1);
  assertEquals(percentile(values, 0.5), 50);
  assertEquals(percentile(values, 0.99), 99);
  assertEquals(percentile(values, 1), 100);
  assertEquals(percentile([7], 0.01), 7);
  assertEquals(percentile([], 0.5), 0);
});

Deno.test("shareOf() gives parts that make the total", () => {
  const shares = [0, 1, 2].map((index) => shareOf(11, { parts: 3, index }));
  assertEquals(shares, [4, 4, 3]);
});
