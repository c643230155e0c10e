import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeCbor, encodeCbor, Tagged } from "../../../src/protocol/cbor.ts";
import { epochNs, Timestamp } from "../../../src/frame/timestamp.ts";
import { toJsonValue } from "../../../src/protocol/json_value.ts";

const TEXTS: readonly (readonly [bigint, string])[] = [
  [0n, "1970-01-01T00:00:00.000Z"],
  [1n, "1970-01-01T00:00:00.000000001Z"],
  [1_500_000n, "1970-01-01T00:00:00.0015Z"],
  [-1n, "1969-12-31T23:59:59.999999999Z"],
  [-1_000_000_000n, "1969-12-31T23:59:59.000Z"],
  [1_704_164_645_678_901_000n, "2024-01-02T03:04:05.678901Z"],
  [-62_135_596_800_000_000_000n, "0001-01-01T00:00:00.000Z"],
];

for (const [ns, text] of TEXTS) {
  Deno.test(`Timestamp writes all digits of ${text}`, () => {
    assertEquals(new Timestamp(ns).toISOString(), text);
    assertEquals(JSON.stringify(new Timestamp(ns)), `"${text}"`);
  });
}

Deno.test("Timestamp is a date of the millisecond that it lies in", () => {
  assert(new Timestamp(0n) instanceof Date);
  assertEquals(new Timestamp(1_999_999n).getTime(), 1);
  assertEquals(new Timestamp(-1n).getTime(), -1);
});

Deno.test("Timestamp leaves with all its digits in CBOR and JSON", () => {
  const text = "2024-01-02T03:04:05.678901Z";
  const value = new Timestamp(1_704_164_645_678_901_000n);
  assertEquals(decodeCbor(encodeCbor(value)), new Tagged(0, text));
  assertEquals(toJsonValue([value]), [text]);
});

Deno.test("Timestamp beyond the years of a date keeps its nanoseconds, and leaves as no other time", () => {
  const value = new Timestamp(2n ** 63n * 1_000n);
  assert(Number.isNaN(value.getTime()));
  assertEquals(value.ns, 2n ** 63n * 1_000n);
  assertThrows(() => value.toISOString(), RangeError);
  assertEquals(toJsonValue(value), null);
});

Deno.test("epochNs() gives the nanoseconds of any date", () => {
  assertEquals(epochNs(new Date(-5)), -5_000_000n);
  assertEquals(epochNs(new Timestamp(7n)), 7n);
  assertThrows(() => epochNs(new Date(NaN)), RangeError);
});
