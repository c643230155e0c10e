import { assertEquals } from "@std/assert";
import { csvLine } from "../../../src/cli/csv.ts";

const FIELDS: readonly (readonly [unknown, string])[] = [
  ["plain", "plain"],
  [null, ""],
  ["", '""'],
  ["a,b", '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ["two\r\nlines", '"two\r\nlines"'],
  [" padded", '" padded"'],
  [18446744073709551615n, "18446744073709551615"],
  [21.5, "21.5"],
  [NaN, "NaN"],
  [true, "true"],
  [[1, "a"], '"[1,""a""]"'],
  [Uint8Array.of(1, 2), "AQI="],
];
for (const [value, wanted] of FIELDS) {
  Deno.test(`csvLine() writes ${wanted === "" ? "null" : JSON.stringify(wanted)}`, () => {
    assertEquals(csvLine([value, 1]), `${wanted},1`);
  });
}
