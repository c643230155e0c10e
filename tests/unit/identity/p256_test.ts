import { assertEquals } from "@std/assert";
import { isOnP256 } from "../../../src/identity/p256.ts";
import { hexToBytes } from "../../helpers/vectors.ts";
import { ecPair, plain } from "./key_forms.ts";

/** The base point (FIPS 186, D.1.2.3). */
const X = hexToBytes("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
const Y = hexToBytes("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
const PRIME = hexToBytes("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");

Deno.test("isOnP256() knows the base point, and keys of node:crypto", () => {
  assertEquals(isOnP256(X, Y), true);
  for (let round = 0; round < 20; round++) {
    const spki = plain(ecPair().publicKey.export({ type: "spki", format: "der" }));
    assertEquals(isOnP256(spki.subarray(-64, -32), spki.subarray(-32)), true);
  }
});

Deno.test("isOnP256() says no to everything else", () => {
  const zero = new Uint8Array(32);
  const k256 = plain(ecPair("secp256k1").publicKey.export({ type: "spki", format: "der" }));
  for (
    const [x, y] of [
      [Y, X],
      [X, X],
      [X, Y.with(31, 0xf4)],
      [X.with(0, 0x6a), Y],
      [zero, zero],
      [PRIME, Y],
      [X, PRIME],
      [k256.subarray(-64, -32), k256.subarray(-32)],
    ] as const
  ) assertEquals(isOnP256(x, y), false);
});

Deno.test("isOnP256() says no to a number of a point with the prime added", () => {
  // x = 5 has a point; 5 + p fits into 32 bytes as well.
  const x = new Uint8Array(32).with(31, 5);
  const y = hexToBytes("459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc");
  assertEquals(isOnP256(x, y), true);
  const sum = PRIME.slice();
  let carry = 5;
  for (let at = 31; at >= 0; at--) {
    const value = (sum[at] ?? 0) + carry;
    sum[at] = value & 255;
    carry = value >> 8;
  }
  assertEquals(carry, 0);
  assertEquals(isOnP256(sum, y), false);
});
