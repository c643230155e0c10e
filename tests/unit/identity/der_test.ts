import { assertEquals, assertThrows } from "@std/assert";
import { DER, der, derBits, derInteger, DerReader } from "../../../src/identity/der.ts";
import { KeyError } from "../../../src/identity/errors.ts";
import { bytesToHex, hexToBytes } from "../../helpers/vectors.ts";

const reader = (hex: string): DerReader => new DerReader(hexToBytes(hex));

Deno.test("der() writes the shortest length", () => {
  for (
    const [length, head] of [
      [0, "0400"],
      [127, "047f"],
      [128, "048180"],
      [255, "0481ff"],
      [256, "04820100"],
      [65_535, "0482ffff"],
    ] as const
  ) {
    const bytes = der(DER.OCTET_STRING, new Uint8Array(length));
    assertEquals(bytesToHex(bytes.subarray(0, head.length / 2)), head);
    assertEquals(new DerReader(bytes).take(DER.OCTET_STRING).length, length);
  }
  assertThrows(() => der(DER.OCTET_STRING, new Uint8Array(65_536)), RangeError);
});

Deno.test("derInteger() writes numbers >= 0 in their shortest form", () => {
  for (
    const [magnitude, hex] of [
      ["", "020100"],
      ["00", "020100"],
      ["7f", "02017f"],
      ["80", "02020080"],
      ["000080", "02020080"],
      ["00000100", "02020100"],
    ] as const
  ) assertEquals(bytesToHex(derInteger(hexToBytes(magnitude))), hex);
});

Deno.test("DerReader reads the elements of a sequence one after the other", () => {
  const outer = reader("300c 0201 00 0202 0080 0303 0004 05".replaceAll(" ", ""));
  const inner = outer.enter();
  outer.end();
  assertEquals(inner.next, DER.INTEGER);
  assertEquals(bytesToHex(inner.integer()), "");
  assertEquals(bytesToHex(inner.integer()), "80");
  assertEquals(bytesToHex(inner.bits()), "0405");
  assertEquals(inner.next, null);
  inner.end();
});

Deno.test("derBits() writes what bits() reads", () => {
  assertEquals(bytesToHex(derBits(Uint8Array.of(1, 2))), "0303000102");
  assertEquals(bytesToHex(new DerReader(derBits(Uint8Array.of(1, 2))).bits()), "0102");
});

const WRONG: Readonly<Record<string, (reader: DerReader) => unknown>> = {
  "0200": (reader) => reader.integer(),
  "0201ff": (reader) => reader.integer(),
  "020180": (reader) => reader.integer(),
  "02020000": (reader) => reader.integer(),
  "0202007f": (reader) => reader.integer(),
  "040100": (reader) => reader.integer(),
  "0300": (reader) => reader.bits(),
  "03020102": (reader) => reader.bits(),
  "": (reader) => reader.enter(),
  "30": (reader) => reader.enter(),
  "3001": (reader) => reader.enter(),
  "3080": (reader) => reader.enter(),
  "30800000": (reader) => reader.enter(),
  "308100": (reader) => reader.enter(),
  "30817f": (reader) => reader.enter(),
  "3081": (reader) => reader.enter(),
  "308200ff": (reader) => reader.enter(),
  "3082": (reader) => reader.enter(),
  "308300000100": (reader) => reader.enter(),
  "3084ffffffff": (reader) => reader.enter(),
  "30ff": (reader) => reader.enter(),
  "00": (reader) => reader.end(),
};
for (const [hex, read] of Object.entries(WRONG)) {
  Deno.test(`DerReader refuses ${hex || "nothing"} (${String(read).replace(/.*=> /, "")})`, () => {
    assertThrows(() => read(reader(hex)), KeyError, "Cannot read DER");
  });
}
