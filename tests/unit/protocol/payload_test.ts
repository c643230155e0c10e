import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeCbor } from "../../../src/protocol/cbor.ts";
import { Payload } from "../../../src/protocol/payload.ts";

Deno.test("Payload gives bytes that came as the very same bytes", () => {
  const bytes = encodeCbor([1, "x"]);
  const payload = Payload.fromCbor(bytes);
  assertEquals(payload.value, [1, "x"]);
  assert(payload.cbor === bytes);
  assertEquals([payload.args, payload.byteLength, payload.json], [[1, "x"], 4, '[1,"x"]']);
});

Deno.test("Payload encodes and decodes at most once", () => {
  const payload = Payload.fromValue([1]);
  assert(payload.cbor === payload.cbor);
  const read = Payload.fromCbor(encodeCbor([{ a: 1 }]));
  assert(read.value === read.value);
});

Deno.test("Payload.args makes one argument of what is no array", () => {
  for (const value of [7, { a: 1 }, null, "x"]) {
    assertEquals(Payload.fromValue(value).args, [value]);
  }
});

Deno.test("Payload knows undefined as a value", () => {
  assertEquals(Payload.fromValue(undefined).cbor, new Uint8Array([0xf7]));
  assertEquals(Payload.fromCbor(new Uint8Array([0xf7])).value, undefined);
});

Deno.test("Payload.compact() copies only a small view of a large buffer", () => {
  const large = new Uint8Array(1_000);
  large.set(encodeCbor([1]), 10);
  const small = Payload.fromCbor(large.subarray(10, 12)).compact();
  assertEquals([small.cbor.buffer.byteLength, small.value], [2, [1]]);
  const whole = encodeCbor([2]);
  assert(Payload.fromCbor(whole).compact().cbor === whole);
});

Deno.test("Payload.cbor throws for a value without a CBOR form", () => {
  assertThrows(() => Payload.fromValue([() => 1]).cbor, TypeError);
});
