import { assertEquals, assertThrows } from "@std/assert";
import { type From, LAST_RECEIVED, NOW } from "../../../src/peer/api.ts";
import { type HistoryFrom, resolveFrom } from "../../../src/peer/history_from.ts";

const FORMS: readonly (readonly [given: string, from: From | undefined, wanted: HistoryFrom])[] = [
  ["nothing", undefined, { kind: "now" }],
  ["NOW", NOW, { kind: "now" }],
  ["LAST_RECEIVED", LAST_RECEIVED, { kind: "unreceived" }],
  ["nanoseconds", 5e9, { kind: "window", ns: 5e9 }],
  ["an age in ms", "-500ms", { kind: "window", ns: 5e8 }],
  ["an age in s", "-90s", { kind: "window", ns: 90e9 }],
  ["an age in m", "-5m", { kind: "window", ns: 300e9 }],
  ["an age in h", "-1.5h", { kind: "window", ns: 5400e9 }],
  ["an age in d", "-2d", { kind: "window", ns: 172_800e9 }],
  ["an age of nothing", "-0s", { kind: "now" }],
  ["first", "first", { kind: "offset", offset: 1 }],
  ["last", "last", { kind: "last" }],
  ["an offset", { offset: 7 }, { kind: "offset", offset: 7 }],
  ["a Date", new Date(1_790_000_000_123), { kind: "time", timeNs: 1_790_000_000_123_000_000n }],
  ["an Instant", { epochNanoseconds: 17n }, { kind: "time", timeNs: 17n }],
  ["milliseconds", { epochMilliseconds: 1.5 }, { kind: "time", timeNs: 1_500_000n }],
];

for (const [given, from, wanted] of FORMS) {
  Deno.test(`resolveFrom() reads ${given}`, () => {
    assertEquals(resolveFrom("t", from), wanted);
  });
}

const NUMBERS = [-1, NaN, -Infinity];
const TEXTS = ["1h", "-1", "-h", "-1y", "now", "", "--1h", "-1e3s"];
const OBJECTS = [{ offset: -1 }, { offset: 1.5 }, { offset: "1" }, { offset: 2 ** 53 }];

for (const from of [...NUMBERS, ...TEXTS, ...OBJECTS, new Date(NaN), new Date(-1)]) {
  const text = typeof from === "object" ? Deno.inspect(from) : String(from);
  Deno.test(`resolveFrom() refuses "${text}" by RangeError`, () => {
    const error = assertThrows(() => resolveFrom("t", from as From), RangeError);
    assertEquals(error.message.startsWith('Cannot subscribe "t": "from" must be '), true);
  });
}

for (const from of [null, true, 1n, {}, [], () => {}, { epochNanoseconds: 1 }]) {
  const text = typeof from === "object" ? Deno.inspect(from) : String(from);
  Deno.test(`resolveFrom() refuses ${text} by TypeError`, () => {
    assertThrows(() => resolveFrom("t", from as unknown as From), TypeError, '"from" must be');
  });
}
