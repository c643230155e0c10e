import { assertEquals } from "@std/assert";
import { ecdsaToDer, ecdsaToRaw } from "../../../src/identity/ecdsa_signature.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";
import { bytesToHex, hexToBytes } from "../../helpers/vectors.ts";

const ONE = "00".repeat(31) + "01";
const HIGH = "ff".repeat(32);
const SHORT = "00".repeat(3) + "80".repeat(29);

Deno.test("ecdsaToDer() writes each number in its shortest form", () => {
  for (
    const [raw, der] of [
      [ONE + ONE, "3006020101020101"],
      [HIGH + ONE, `3026022100${HIGH}020101`],
      [HIGH + HIGH, `3046022100${HIGH}022100${HIGH}`],
      [ONE + SHORT, `302302010102 1e00${"80".repeat(29)}`.replace(" ", "")],
    ] as const
  ) {
    assertEquals(bytesToHex(ecdsaToDer(hexToBytes(raw))), der);
    assertEquals(bytesToHex(ecdsaToRaw(hexToBytes(der)) ?? new Uint8Array()), raw);
  }
});

Deno.test("ecdsaToRaw() undoes ecdsaToDer() for 1,000 random signatures with leading zeros", () => {
  const random = new SeededRandom(7);
  for (let round = 0; round < 1000; round++) {
    const raw = Uint8Array.from({ length: 64 }, () => random.below(256));
    raw.fill(0, 0, random.below(32));
    raw.fill(0, 32, 32 + random.below(32));
    raw[31] = raw[63] = 1 + random.below(255);
    assertEquals(ecdsaToRaw(ecdsaToDer(raw)), raw);
  }
});

for (
  const [what, der] of [
    ["nothing", ""],
    ["a raw signature", "01".repeat(64)],
    ["trailing bytes", "300602010102010100"],
    ["trailing bytes in the sequence", "300702010102010100"],
    ["a third number", "3009020101020101020101"],
    ["one number", "3003020101"],
    ["zero", "3006020100020101"],
    ["zero as the second number", "3006020101020100"],
    ["a negative number", "30060201ff020101"],
    ["a number with a needless zero", "300702020001020101"],
    ["a length that is not the shortest", "308106020101020101"],
    ["a length without end", "30800201010201010000"],
    ["a number of 33 bytes", `3026022101${"00".repeat(32)}020101`],
    ["a number that is cut", "3006020101020201"],
    ["a set instead of a sequence", "3106020101020101"],
  ] as const
) {
  Deno.test(`ecdsaToRaw() refuses ${what}`, () => {
    assertEquals(ecdsaToRaw(hexToBytes(der)), null);
  });
}
