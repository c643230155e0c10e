import { assertEquals, assertThrows } from "@std/assert";
import { decodeCbor, walkCbor } from "../../../src/protocol/cbor.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { hexToBytes } from "../../helpers/vectors.ts";

/** Walks one item and gives where it ends, or the close code of the error. */
function walked(hex: string): number | string {
  const bytes = hexToBytes(hex);
  try {
    return walkCbor(bytes, 0);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return `closes ${error.closeCode}`;
  }
}

/** Items that are well-formed (RFC 8949, appendix A). */
const WELL_FORMED = [
  "00",
  "17",
  "1818",
  "1903e8",
  "1a000f4240",
  "1bffffffffffffffff",
  "c249010000000000000000",
  "3bffffffffffffffff",
  "20",
  "f90000",
  "f97e00",
  "fa47c35000",
  "fb3ff199999999999a",
  "f4",
  "f6",
  "f7",
  "f0",
  "f8ff",
  "c074323031332d30332d32315432303a30343a30305a",
  "c11a514b67b0",
  "d74401020304",
  "40",
  "60",
  "6161",
  "62c3bc",
  "64f0908591",
  "80",
  "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
  "a0",
  "a201020304",
  "5f42010243030405ff",
  "7f657374726561646d696e67ff",
  "9fff",
  "9f018202039f0405ffff",
  "bf61610161629f0203ffff",
  "d9d9f700",
];

Deno.test("walkCbor() ends where each well-formed item ends", () => {
  for (const hex of WELL_FORMED) assertEquals(walked(hex), hex.length / 2, hex);
});

Deno.test("walkCbor() looks at nothing behind the item", () => {
  for (const hex of WELL_FORMED) assertEquals(walked(`${hex}ff`), hex.length / 2, hex);
});

/** Items that are not well-formed (RFC 8949, appendix F), and more. */
const MALFORMED = [
  // The data ends in a head.
  ..."18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000"
    .split(" "),
  // A definite-length string ends too early.
  ..."41 61 5affffffff00 5bffffffffffffffff010203 7affffffff00 7b7fffffffffffffff010203".split(" "),
  // A definite-length array or map ends too early.
  ..."81 818181818181818181 8200 a1 a20102 a100 a2000000 9b0010000000000000 bb0010000000000000"
    .split(" "),
  // A tag without content.
  "c0",
  // An indefinite-length string without its break, or with something else in it.
  ..."5f4100 7f6100 5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff 5fe0ff 7f4100ff".split(" "),
  "5f5f4100ffff",
  "7f7f6100ffff",
  // An indefinite-length array or map without its break, or with half a pair.
  ..."9f 9f0102 bf bf01020102 819f 9f8000 9f9f9f9f9fffffffff bf00ff bf000000ff".split(" "),
  // Reserved information, and what cannot be of indefinite length.
  ..."1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc bd be dc dd de fc fd fe 1f 3f df".split(" "),
  // Simple values in two bytes that must be in one.
  ..."f800 f801 f818 f81f".split(" "),
  // A break where an item must be.
  ..."ff 81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff 9f829f819f9fffffffff c0ff".split(" "),
  // Texts that are not UTF-8.
  ..."61ff 6180 62c080 63eda080 64f4908080 7f61c361a9ff a161ff00".split(" "),
];

Deno.test("walkCbor() refuses with 1007 what is not well-formed", () => {
  for (const hex of MALFORMED) assertEquals(walked(hex), "closes 1007", hex);
});

Deno.test("decodeCbor() refuses with 1007 what the walk refuses for its structure", () => {
  for (const hex of MALFORMED) {
    const error = assertThrows(() => decodeCbor(hexToBytes(hex)), ProtocolError, undefined, hex);
    assertEquals(error.closeCode, 1007, hex);
  }
});

Deno.test("walkCbor() accepts 64 levels of any kind and refuses 65", () => {
  const kinds = { array: "81", map: "a100", "map key": "a1", tag: "d903e9", indefinite: "9f" };
  for (const [name, opening] of Object.entries(kinds)) {
    const closing = name === "indefinite" ? "ff" : name === "map key" ? "00" : "";
    const nested = (levels: number): string =>
      `${opening.repeat(levels)}00${closing.repeat(levels)}`;
    assertEquals(walked(nested(64)), nested(64).length / 2, name);
    assertEquals(walked(nested(65)), "closes 1007", name);
    assertThrows(() => decodeCbor(hexToBytes(nested(65))), ProtocolError);
  }
});

Deno.test("walkCbor() allows references to complete shared values only, and none in keys or sets", () => {
  assertEquals(walked("82d81c80d81d00"), 7);
  assertEquals(walked("82d81cd81c80d81d01"), 9);
  const refused = {
    "nothing shared": "81d81d00",
    "a cycle": "d81c81d81d00",
    "beyond the last": "82d81c80d81d01",
    "a negative index": "82d81c80d81d20",
    "in a map key": "82d81c80a1d81d0001",
    "in a key of an indefinite map": "82d81c80bfd81d0001ff",
    "in a set": "82d81c80d9010281d81d00",
  };
  for (const [name, hex] of Object.entries(refused)) assertEquals(walked(hex), "closes 1007", name);
  // One walk leaves nothing behind for the next.
  assertEquals(walked("d81d00"), "closes 1007");
});
