import { assert, assertEquals } from "@std/assert";
import { MaskingKeys } from "../../../src/link/ws_keys.ts";

Deno.test("next() gives keys that differ, and draws 256 at once", () => {
  let draws = 0;
  const keys = new MaskingKeys((into) => {
    draws++;
    crypto.getRandomValues(into);
  });
  const seen = new Set(Array.from({ length: 1_000 }, () => keys.next()));
  assertEquals(draws, 4);
  // Two of 2^32 may be alike; more are no chance.
  assert(seen.size >= 998, String(seen.size));
});

Deno.test("next() never gives 0", () => {
  let value = -3;
  const keys = new MaskingKeys((into) => {
    for (const index of into.keys()) into[index] = value++;
  });
  assertEquals(Array.from({ length: 6 }, () => keys.next()), [-3, -2, -1, 1, 2, 3]);
});
