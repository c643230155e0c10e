import { assert, assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { idAt, idFromBytes, idWithSlot, slotOf } from "../../../src/protocol/msg_id.ts";
import type { Random } from "../../../src/util/random.ts";

/** Gives these numbers, one after the other. */
function drawn(...numbers: bigint[]): Random {
  return { float: () => 0, u64: () => numbers.shift() ?? 1n };
}

Deno.test("2 idFromBytes() accepts exactly 8 bytes, little-endian", () => {
  assertEquals(idFromBytes(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])), 0x0807060504030201n);
  for (const length of [0, 7, 9, 15, 17]) {
    assertThrows(() => idFromBytes(new Uint8Array(length).fill(1)), ProtocolError);
  }
  assertThrows(() => idFromBytes(new Uint8Array(8)), ProtocolError);
});

Deno.test("idAt() reads in the middle of a frame, up to 2^64 - 1", () => {
  const bytes = new Uint8Array(10).fill(0xff);
  assertEquals(idAt(bytes, 1), 2n ** 64n - 1n);
});

Deno.test("idWithSlot() puts the slot in the low half and a random number other than 0 above", () => {
  const id = idWithSlot(drawn(0xabcdn << 32n, 0x99n), 1234, 1);
  assertEquals(id, 0x99n << 32n | 1234n);
  assertEquals(slotOf(id), 1234);
  assertEquals(slotOf(idWithSlot(drawn(5n), 2 ** 32 - 1, 2)), 2 ** 32 - 1);
  assert(idWithSlot(drawn(5n), 0, 1) !== 0n);
});

Deno.test("idWithSlot() draws again rather than give 0, and stays below 2^53 without a slot", () => {
  assertEquals(idWithSlot(drawn(2n ** 53n, 2n ** 64n - 1n), null, 2), 2n ** 53n - 1n);
});

Deno.test("idWithSlot() gives the slot alone for QoS 0, and nothing for none and for slot 0", () => {
  assertEquals(idWithSlot(drawn(), 1234, 0), 1234n);
  assertEquals([idWithSlot(drawn(), null, 0), idWithSlot(drawn(), 0, 0)], [null, null]);
});
