import { assertEquals, assertThrows } from "@std/assert";
import { decodeCbor, encodeCbor, Simple, Tagged } from "../../../src/protocol/cbor.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { hexToBytes } from "../../helpers/vectors.ts";

function read(hex: string): unknown {
  return decodeCbor(hexToBytes(hex));
}

Deno.test("decodeCbor() gives small integers as numbers whatever their width, and exact BigInt beyond", () => {
  assertEquals(read("1b0000000000000005"), 5);
  assertEquals(read("1b001fffffffffffff"), Number.MAX_SAFE_INTEGER);
  assertEquals(read("1b0020000000000000"), 2n ** 53n);
  assertEquals(read("3b001ffffffffffffe"), Number.MIN_SAFE_INTEGER);
  assertEquals(read("3b001fffffffffffff"), -(2n ** 53n));
  assertEquals(read("c24105"), 5);
  assertEquals(read("c240"), 0);
  assertEquals(read("c340"), -1);
});

Deno.test("decodeCbor() makes an inert member of __proto__", () => {
  const value = read("a1695f5f70726f746f5f5fa1617801") as Record<string, unknown>;
  assertEquals(Object.keys(value), ["__proto__"]);
  assertEquals(Object.getPrototypeOf(value), Object.prototype);
  assertEquals(value["x"], undefined);
});

Deno.test("decodeCbor() makes a Map as soon as one key is no text", () => {
  assertEquals(read("a2616101026162"), new Map<unknown, unknown>([["a", 1], [2, "b"]]));
  assertEquals(read("a1f700"), new Map([[undefined, 0]]));
});

Deno.test("decodeCbor() keeps what a date cannot say as a tag", () => {
  const date = (text: string): unknown => decodeCbor(encodeCbor(new Tagged(0, text)));
  assertEquals(date("2013-03-21T20:04:00Z"), new Date("2013-03-21T20:04:00Z"));
  assertEquals(date("2013-03-21T20:04:00.123Z"), new Date("2013-03-21T20:04:00.123Z"));
  assertEquals(date("2013-03-21T20:04:00.123000Z"), new Date("2013-03-21T20:04:00.123Z"));
  assertEquals(date("2013-03-21T20:04:00.5Z"), new Date("2013-03-21T20:04:00.500Z"));
  assertEquals(date("2013-03-21T20:04:00.1234Z"), new Tagged(0, "2013-03-21T20:04:00.1234Z"));
  assertEquals(date("2013-03-21T20:04:00+01:00"), new Tagged(0, "2013-03-21T20:04:00+01:00"));
  assertEquals(read("c11a514b67b0"), new Date(1_363_896_240_000));
  assertEquals(read("c1fb41d452d9ec200000"), new Date(1_363_896_240_500));
});

Deno.test("decodeCbor() gives unknown tags and simple values as they are", () => {
  assertEquals(read("d903e901"), new Tagged(1001, 1));
  assertEquals(read("dbffffffffffffffff01"), new Tagged(2n ** 64n - 1n, 1));
  assertEquals([read("e5"), read("f8ff")], [new Simple(5), new Simple(255)]);
});

Deno.test("decodeCbor() gives byte strings as views, which pin no copy", () => {
  const bytes = hexToBytes("43010203");
  const value = decodeCbor(bytes) as Uint8Array;
  assertEquals([value.buffer === bytes.buffer, value], [true, new Uint8Array([1, 2, 3])]);
});

Deno.test("decodeCbor() keeps a byte order mark in a text, short or long", () => {
  assertEquals(read("64efbbbf61"), "\ufeffa");
  const long = `\ufeff${"a".repeat(30)}`;
  assertEquals(decodeCbor(encodeCbor(long)), long);
});

Deno.test("decodeCbor() refuses trailing bytes and a bignum that is no byte string", () => {
  for (const hex of ["0000", "c201", "c36161", "d840"]) {
    const error = assertThrows(() => read(hex), ProtocolError);
    assertEquals(error.closeCode, 1007);
  }
});

Deno.test("decodeCbor() reads half floats: zeros, subnormals, largest, infinities", () => {
  const halves = [["0000", 0], ["8000", -0], ["0001", 2 ** -24], [
    "03ff",
    2 ** -14 - 2 ** -24,
  ]] as const;
  for (const [bits, value] of halves) assertEquals(read(`f9${bits}`), value);
  assertEquals([read("f97bff"), read("f93c00"), read("f9fc00")], [65_504, 1, -Infinity]);
});
