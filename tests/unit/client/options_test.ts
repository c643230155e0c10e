import { assertEquals, assertThrows } from "@std/assert";
import { type ComponentOptions, resolveComponentOptions } from "../../../src/client/options.ts";
import { TIMEOUT_MS_MAX } from "../../../src/util/clock.ts";

Deno.test("resolveComponentOptions() fills in every default", () => {
  const { clock: _clock, random: _random, logger: _logger, ...rest } = resolveComponentOptions();
  assertEquals(rest, {
    baseUrl: "ws://127.0.0.1:8338",
    encoding: "cbor",
    keys: null,
    connectionMode: "default",
    requestTimeoutMs: 10_000,
    ackTimeoutMs: 2_000,
    sendRetries: 10,
    startAnyway: false,
    reconnectMinMs: 100,
    reconnectMaxMs: 10_000,
    heartbeatMs: 30_000,
    heartbeatTimeoutMs: 10_000,
    policy: "first_up",
    extras: false,
    contract: {},
    dial: null,
    signal: null,
  });
});

Deno.test("resolveComponentOptions() begins with the longest pause when that is below the default", () => {
  assertEquals(resolveComponentOptions({ reconnectMaxMs: 50 }).reconnectMinMs, 50);
});

Deno.test("resolveComponentOptions() takes the limits of each option", () => {
  for (
    const good of [
      { requestTimeoutMs: 1 },
      { requestTimeoutMs: TIMEOUT_MS_MAX },
      { sendRetries: 0 },
      { sendRetries: 1_000 },
      { heartbeatMs: 0 },
      { reconnectMinMs: 0, reconnectMaxMs: 0 },
      { reconnectMinMs: 10_000 },
      { policy: "less_busy" },
    ] as ComponentOptions[]
  ) resolveComponentOptions(good);
});

Deno.test("resolveComponentOptions() throws for what cannot be honoured, and names the option", () => {
  for (
    const [option, bad] of [
      ["requestTimeoutMs", { requestTimeoutMs: 0 }],
      ["requestTimeoutMs", { requestTimeoutMs: TIMEOUT_MS_MAX + 1 }],
      ["ackTimeoutMs", { ackTimeoutMs: NaN }],
      ["sendRetries", { sendRetries: -1 }],
      ["sendRetries", { sendRetries: 1_001 }],
      ["reconnectMinMs", { reconnectMinMs: 10_001 }],
      ["reconnectMaxMs", { reconnectMinMs: 0, reconnectMaxMs: -1 }],
      ["heartbeatTimeoutMs", { heartbeatTimeoutMs: 0 }],
    ] as [string, ComponentOptions][]
  ) assertThrows(() => resolveComponentOptions(bad), RangeError, `"${option}"`);
  for (
    const [option, bad] of [
      ["encoding", { encoding: "xml" }],
      ["policy", { policy: "random" }],
      ["connectionMode", { connectionMode: "none" }],
    ] as unknown as [string, ComponentOptions][]
  ) assertThrows(() => resolveComponentOptions(bad), TypeError, `"${option}"`);
});
