import { assertEquals } from "@std/assert";
import { align, readU64, Span, writeU64 } from "../../../src/log/span.ts";

Deno.test("align() gives the next multiple of 8", () => {
  assertEquals([0, 1, 7, 8, 9].map(align), [0, 8, 8, 8, 16]);
});

for (const value of [0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
  Deno.test(`readU64() reads what writeU64() wrote when it is ${value}`, () => {
    const { view } = Span.ofSize(8);
    writeU64(view, 0, value);
    assertEquals(view.getBigUint64(0, true), BigInt(value));
    assertEquals(readU64(view, 0), value);
  });
}

Deno.test("readU64() gives NaN when a number cannot hold the value", () => {
  const { view } = Span.ofSize(8);
  view.setBigUint64(0, 2n ** 53n, true);
  assertEquals(readU64(view, 0), NaN);
});
