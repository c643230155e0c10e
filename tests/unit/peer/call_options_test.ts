import { assertEquals, assertThrows } from "@std/assert";
import { mergeCallOptions } from "../../../src/peer/call_options.ts";
import { TIMEOUT_MS_MAX } from "../../../src/util/clock.ts";
import type { CallOptions } from "../../../src/peer/api.ts";

Deno.test("mergeCallOptions() adds to what was there, and replaces it", () => {
  const base: CallOptions = { qos: 1, slot: 5 };
  assertEquals(mergeCallOptions(base, { slot: 6, timeoutMs: 10 }), {
    qos: 1,
    slot: 6,
    timeoutMs: 10,
  });
  assertEquals(base, { qos: 1, slot: 5 });
});

Deno.test("mergeCallOptions() takes the limits of each option", () => {
  for (
    const good of [
      { qos: 0 },
      { qos: 2 },
      { slot: 0 },
      { slot: 2 ** 32 - 1 },
      { timeoutMs: 0.001 },
      { timeoutMs: TIMEOUT_MS_MAX },
    ] as CallOptions[]
  ) assertEquals(mergeCallOptions({}, good), good);
});

Deno.test("mergeCallOptions() throws RangeError beyond them, and names the option", () => {
  for (
    const [option, bad] of [
      ["qos", { qos: 3 }],
      ["qos", { qos: "1" }],
      ["slot", { slot: -1 }],
      ["slot", { slot: 2 ** 32 }],
      ["slot", { slot: 1.5 }],
      ["timeoutMs", { timeoutMs: 0 }],
      ["timeoutMs", { timeoutMs: NaN }],
      ["timeoutMs", { timeoutMs: TIMEOUT_MS_MAX + 1 }],
    ] as [string, CallOptions][]
  ) assertThrows(() => mergeCallOptions({}, bad), RangeError, `Cannot set "${option}"`);
});
