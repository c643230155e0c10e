import { assert, assertEquals } from "@std/assert";
import { SYSTEM_RANDOM } from "../../../src/util/random.ts";

Deno.test("SYSTEM_RANDOM draws different 64-bit numbers, never 0, over the borders of its blocks", () => {
  const drawn = Array.from({ length: 1_000 }, () => SYSTEM_RANDOM.u64());
  assertEquals(new Set(drawn).size, 1_000);
  for (const number of drawn) assert(number > 0n && number < 2n ** 64n);
});

Deno.test("SYSTEM_RANDOM draws floats from 0 on and below 1", () => {
  for (let count = 0; count < 100; count++) {
    const float = SYSTEM_RANDOM.float();
    assert(float >= 0 && float < 1);
  }
});
