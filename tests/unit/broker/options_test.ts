import { assertEquals, assertThrows } from "@std/assert";
import { MEMORY_BYTES_MIN } from "../../../src/broker/limits.ts";
import { TIMEOUT_MS_MAX } from "../../../src/util/clock.ts";
import { type BrokerOptions, resolveBrokerOptions } from "../../../src/broker/options.ts";

Deno.test("resolveBrokerOptions() fills in the documented defaults", () => {
  const options = resolveBrokerOptions({});
  assertEquals(
    [options.name, options.policy, options.spaces, options.encoding, options.requestTimeoutMs],
    ["broker", "first_up", true, "cbor", 10_000],
  );
  assertEquals(
    [options.memoryLimitBytes, options.drainMs, options.mirrorRpc, options.strictReactive],
    [1_073_741_824, 2_000, false, false],
  );
});

Deno.test("resolveBrokerOptions() takes a missing value for undefined", () => {
  const given = { name: undefined, logger: undefined } as unknown as BrokerOptions;
  assertEquals(resolveBrokerOptions(given).name, "broker");
});

for (
  const [options, error, text] of [
    [{ name: "" }, TypeError, "empty"],
    [{ name: "repl" }, TypeError, "repl"],
    [{ policy: "random" }, TypeError, "first_up"],
    [{ encoding: "xml" }, TypeError, "cbor"],
    [{ requestTimeoutMs: 0 }, RangeError, "requestTimeoutMs"],
    [{ requestTimeoutMs: TIMEOUT_MS_MAX + 1 }, RangeError, "requestTimeoutMs"],
    [{ requestTimeoutMs: NaN }, RangeError, "requestTimeoutMs"],
    [{ memoryLimitBytes: MEMORY_BYTES_MIN - 1 }, RangeError, "memoryLimitBytes"],
    [{ drainMs: -1 }, RangeError, "drainMs"],
    [{ drainMs: "1" }, RangeError, "drainMs"],
  ] as const
) {
  Deno.test(`resolveBrokerOptions() refuses ${JSON.stringify(options)}`, () => {
    assertThrows(() => resolveBrokerOptions(options as BrokerOptions), error, text);
  });
}

Deno.test("resolveBrokerOptions() takes the values at its limits", () => {
  const { requestTimeoutMs, memoryLimitBytes } = resolveBrokerOptions({
    requestTimeoutMs: TIMEOUT_MS_MAX,
    memoryLimitBytes: MEMORY_BYTES_MIN,
    drainMs: 0,
  });
  assertEquals([requestTimeoutMs, memoryLimitBytes], [TIMEOUT_MS_MAX, MEMORY_BYTES_MIN]);
});
