import { assertEquals } from "@std/assert";
import { encodeCbor, Float, Tagged, walkCbor } from "../../../src/protocol/cbor.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { hexToBytes } from "../../helpers/vectors.ts";

function passes(tag: number, content: unknown): boolean {
  return passesBytes(encodeCbor([new Tagged(tag, content)]));
}

function passesBytes(bytes: Uint8Array): boolean {
  try {
    return walkCbor(bytes, 0) === bytes.byteLength;
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.closeCode !== 1007) throw error;
    return false;
  }
}

const bytes = (length: number): Uint8Array => new Uint8Array(length);

/** Tag -> contents that pass, and contents that do not: the second ones stop a 0.8.12 client for ever. */
const CASES: readonly (readonly [number, readonly unknown[], readonly unknown[]])[] = [
  [0, [
    "2013-03-21T20:04:00Z",
    "2013-03-21T20:04:00.1234567+01:00",
    "2024-02-29T23:59:59-23:59",
    "2000-02-29T00:00:00Z",
  ], [
    "2013-03-21T20:04:00", // without a zone
    "2013-03-21",
    "2023-02-29T00:00:00Z",
    "1900-02-29T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-00-01T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "2024-01-01T24:00:00Z",
    "2024-01-01T00:60:00Z",
    "2024-01-01T00:00:60Z",
    "2024-01-01T00:00:00+24:00",
    "0000-01-01T00:00:00Z",
    "",
    7,
    null,
    bytes(3),
    [],
  ]],
  [1, [0, -1, 1.5, 1_363_896_240, 253_402_000_000, -62_135_000_000], [
    253_402_300_800,
    -62_135_596_801,
    Infinity,
    NaN,
    2n ** 64n,
    "0",
    null,
    [],
  ]],
  [2, [bytes(0), bytes(9), bytes(5_000)], [7, "1", [], null]],
  [3, [bytes(0), bytes(9)], [7, "1", [], null]],
  [4, [[-2, 27_315], [0, 2n ** 100n], [100_000, -1]], [
    [1],
    [1, 2, 3],
    [1.5, 2],
    [new Float(1), 2],
    [1, new Float(2)],
    [100_001, 1],
    [2n ** 64n, 1],
    ["1", 2],
    7,
    null,
  ]],
  [5, [[-1, 3], [10, 2n ** 70n]], [[1, 2.5], [-100_001, 1], "x", null]],
  [25, [], [0, null]],
  [30, [[1, 3], [1, -3], [2n ** 80n, 7]], [[1, 0], [1], [1, 2, 3], [1, new Float(2)], "1/3", null]],
  [35, ["a+b", "^x$", ""], ["(", "*a", 7, null, bytes(2)]],
  [36, ["From: me\n\nhello", ""], [7, bytes(3), null, []]],
  [37, [bytes(16)], [bytes(15), bytes(17), "0".repeat(16), null]],
  [52, [bytes(4)], [bytes(5), "1.2.3.4", [24, bytes(3)], null]],
  [54, [bytes(16)], [bytes(4), "::1", null]],
  [100, [0, -719_000, 2_932_000], [1.5, new Float(3), 2_932_897, -719_163, "x", null]],
  [258, [[], [1, "a", null], [[1, [2]]]], [1, "a", null, { a: 1 }]],
  [260, [bytes(4), bytes(6), bytes(16)], [bytes(5), "1.2.3.4", null]],
  [261, [], [new Map([[bytes(4), 24]]), null]],
  [1_004, ["2024-02-29"], ["2023-02-29", "2024-02-29T00:00:00Z", 7, null]],
  [43_000, [[1, 2.5]], [[1], [1, "2"], 1, null]],
  // What nobody interprets may hold anything.
  [80, [bytes(3), "no bytes", null, []], []],
  [27, [["Point", 1], 7], []],
  [1_001, [{ a: 1 }, null], []],
  [55_799, [[1]], []],
];

for (const [tag, good, bad] of CASES) {
  Deno.test(`walkCbor() looks into tag ${tag} as far as decoders of peers fail on it`, () => {
    for (const content of good) assertEquals([content, passes(tag, content)], [content, true]);
    for (const content of bad) assertEquals([content, passes(tag, content)], [content, false]);
  });
}

Deno.test("walkCbor() refuses checked tags with more than 4,096 bytes, so that its cost stays linear", () => {
  assertEquals(passes(35, "a".repeat(4_093)), true);
  assertEquals(passes(35, "a".repeat(4_094)), false);
  assertEquals(passes(36, "a".repeat(100_000)), true);
  assertEquals(passes(258, Array(10_000).fill(1)), true);
});

Deno.test("walkCbor() sees floats in arrays whose length is written long, or not at all", () => {
  for (const hex of ["d81e980201f94000", "d81e9f01f94000ff", "d81e9901000100"]) {
    assertEquals(passesBytes(hexToBytes(hex)), false, hex);
  }
  for (const hex of ["d81e98020103", "d81e9f0103ff", "d81e82c24107c34107"]) {
    assertEquals(passesBytes(hexToBytes(hex)), true, hex);
  }
});
