import { assertEquals, assertThrows } from "@std/assert";
import { fromBase64, toBase64 } from "../../../src/protocol/base64.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";

const PAIRS: readonly (readonly [readonly number[], string])[] = [
  [[], ""],
  [[0], "AA=="],
  [[0xff, 0xfe], "//4="],
  [[1, 2, 3], "AQID"],
  [[0xde, 0xad, 0xbe, 0xef], "3q2+7w=="],
];

for (const [bytes, text] of PAIRS) {
  Deno.test(`toBase64() and fromBase64() agree on ${bytes.length} bytes: "${text}"`, () => {
    assertEquals(toBase64(Uint8Array.from(bytes)), text);
    assertEquals(fromBase64(text), Uint8Array.from(bytes));
  });
}

Deno.test("toBase64() writes only the bytes of a view", () => {
  assertEquals(toBase64(Uint8Array.from([9, 1, 2, 3, 9]).subarray(1, 4)), "AQID");
});

Deno.test("toBase64() joins the chunks of long bytes without padding between them", () => {
  for (const length of [24_575, 24_576, 24_577, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, at) => at % 251);
    const text = toBase64(bytes);
    assertEquals(text.length, Math.ceil(length / 3) * 4);
    assertEquals(fromBase64(text), bytes);
  }
});

Deno.test("fromBase64() reads text without padding", () => {
  assertEquals(fromBase64("3q2+7w"), Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
});

for (const text of ["a", "a*==", "AQID=", "3q2-7w==", "é"]) {
  Deno.test(`fromBase64() refuses "${text}" with 1007`, () => {
    const error = assertThrows(() => fromBase64(text), ProtocolError, "expected base64");
    assertEquals(error.closeCode, 1007);
  });
}

Deno.test("toBase64() gives the same where the platform has no method for it", () => {
  for (const length of [0, 1, 2, 3, 100, 24_576, 24_577, 100_000]) {
    const bytes = Uint8Array.from({ length }, (_, at) => at * 7);
    const wanted = toBase64(bytes);
    Object.defineProperty(bytes, "toBase64", { value: undefined });
    assertEquals(toBase64(bytes) === wanted, true, `${length} bytes`);
  }
});
