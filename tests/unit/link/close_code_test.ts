import { assertEquals } from "@std/assert";
import {
  encodeReason,
  isWireCode,
  shortenReason,
  toWhatwgCode,
} from "../../../src/link/close_code.ts";

Deno.test("isWireCode() knows the codes that a close frame may carry", () => {
  const allowed = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  const forbidden = [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
  for (const code of [...allowed, 3000, 3999, 4000, 4999]) assertEquals(isWireCode(code), true);
  for (const code of forbidden) assertEquals(isWireCode(code), false, String(code));
});

Deno.test("toWhatwgCode() moves what a WHATWG socket may not send to the 4000 series", () => {
  const cases = [[1000, 1000], [1001, 4001], [1002, 4002], [1013, 4013], [3000, 3000], [
    4008,
    4008,
  ]];
  for (const [code = 0, sent = 0] of cases) assertEquals(toWhatwgCode(code), sent);
});

Deno.test("shortenReason() and encodeReason() cut between characters", () => {
  const cases = [
    ["", ""],
    ["a".repeat(123), "a".repeat(123)],
    ["a".repeat(124), "a".repeat(123)],
    ["é".repeat(62), "é".repeat(61)],
    ["🎈".repeat(31), "🎈".repeat(30)],
  ];
  for (const [reason = "", cut = ""] of cases) {
    assertEquals(shortenReason(reason), cut);
    assertEquals(new TextDecoder().decode(encodeReason(reason)), cut);
  }
});
