import { assertEquals, assertThrows } from "@std/assert";
import { decodeCbor, encodeCbor, Float, Simple, Tagged } from "../../../src/protocol/cbor.ts";
import { bytesToHex } from "../../helpers/vectors.ts";

function hexOf(value: unknown): string {
  return bytesToHex(encodeCbor(value));
}

Deno.test("encodeCbor() writes integers within 2^53 as integers, in the shortest form", () => {
  const forms: readonly (readonly [number | bigint, string])[] = [
    [0, "00"],
    [23, "17"],
    [24, "1818"],
    [255, "18ff"],
    [256, "190100"],
    [65_535, "19ffff"],
    [65_536, "1a00010000"],
    [2 ** 32 - 1, "1affffffff"],
    [2 ** 32, "1b0000000100000000"],
    [Number.MAX_SAFE_INTEGER, "1b001fffffffffffff"],
    [-1, "20"],
    [-24, "37"],
    [-25, "3818"],
    [Number.MIN_SAFE_INTEGER, "3b001ffffffffffffe"],
    [2n ** 53n, "1b0020000000000000"],
    [2n ** 64n - 1n, "1bffffffffffffffff"],
    [2n ** 64n, "c249010000000000000000"],
    [-(2n ** 64n), "3bffffffffffffffff"],
    [-(2n ** 64n) - 1n, "c349010000000000000000"],
    [5n, "05"],
  ];
  for (const [value, hex] of forms) assertEquals([value, hexOf(value)], [value, hex]);
});

Deno.test("encodeCbor() writes other numbers as doubles, infinities and NaN as half floats", () => {
  assertEquals(hexOf(2.5), "fb4004000000000000");
  assertEquals(hexOf(-0), "fb8000000000000000");
  assertEquals(hexOf(2 ** 53), "fb4340000000000000");
  assertEquals(hexOf(new Float(2)), "fb4000000000000000");
  assertEquals([hexOf(Infinity), hexOf(-Infinity), hexOf(NaN)], ["f97c00", "f9fc00", "f97e00"]);
});

Deno.test("encodeCbor() writes any view as a plain byte string", () => {
  assertEquals(hexOf(new Uint8Array([1, 2])), "420102");
  assertEquals(hexOf(new Uint16Array([1])), "420100");
  assertEquals(hexOf(new Uint8Array([9, 8, 7, 6]).subarray(1, 3)), "420807");
  assertEquals(hexOf(new DataView(new Uint8Array([9, 8]).buffer, 1)), "4108");
  assertEquals(hexOf(new Uint8Array([5]).buffer), "4105");
});

Deno.test("encodeCbor() writes texts of all lengths and scripts, and lone surrogates as U+FFFD", () => {
  for (
    const text of ["", "a", "é", "x".repeat(40), "x".repeat(41), "日本".repeat(100), "é".repeat(20)]
  ) {
    assertEquals(decodeCbor(encodeCbor(text)), text);
  }
  assertEquals(decodeCbor(encodeCbor("a\ud800b")), "a\ufffdb");
});

Deno.test("encodeCbor() writes dates, tags, simple values, maps and undefined", () => {
  assertEquals(
    hexOf(new Date(0)),
    "c07818" + bytesToHex(new TextEncoder().encode("1970-01-01T00:00:00.000Z")),
  );
  assertEquals(hexOf(new Tagged(80, new Uint8Array([1]))), "d8504101");
  assertEquals(hexOf(new Tagged(2n ** 63n, 1)), "db800000000000000001");
  assertEquals([hexOf(new Simple(5)), hexOf(new Simple(255))], ["e5", "f8ff"]);
  assertEquals(hexOf(new Map<unknown, unknown>([[1, "x"], ["k", null]])), "a2016178616bf6");
  assertEquals(hexOf({ a: undefined, b: [] }), "a26161f7616280");
});

Deno.test("encodeCbor() refuses what has no CBOR form, and works on after that", () => {
  for (const value of [() => 1, Symbol("x"), new Date(NaN), [{ a: () => 1 }]]) {
    assertThrows(() => encodeCbor(value), TypeError);
    assertEquals(hexOf([1]), "8101");
  }
  const cycle: unknown[] = [];
  cycle.push(cycle);
  assertThrows(() => encodeCbor(cycle), RangeError);
});

Deno.test("encodeCbor() accepts 64 levels and refuses 65", () => {
  const nested = (levels: number): unknown => {
    let value: unknown = 1;
    for (let level = 0; level < levels; level++) value = [value];
    return value;
  };
  assertEquals(hexOf(nested(64)), `${"81".repeat(64)}01`);
  assertThrows(() => encodeCbor(nested(65)), RangeError);
});

Deno.test("encodeCbor() survives a getter that encodes, too", () => {
  const value = {
    get inner(): Uint8Array {
      return encodeCbor("x".repeat(1_000));
    },
  };
  assertEquals(decodeCbor(encodeCbor([value, 7])), [{ inner: encodeCbor("x".repeat(1_000)) }, 7]);
});

Deno.test("encodeCbor() gives results that later ones do not change", () => {
  const first = encodeCbor([1, 2, 3]);
  encodeCbor("something else that is longer");
  assertEquals(bytesToHex(first), "83010203");
  assertEquals(encodeCbor(new Uint8Array(200_000)).byteLength, 200_005);
  assertEquals(hexOf(1), "01");
});
