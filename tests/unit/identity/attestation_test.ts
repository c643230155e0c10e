import { assertEquals } from "@std/assert";
import { challengeMessage, equalBytes } from "../../../src/identity/attestation.ts";
import { bytesToHex, hexToBytes, loadVectors } from "../../helpers/vectors.ts";

Deno.test("challengeMessage() gives the bytes that rembus.python signs", () => {
  const golden = loadVectors().frames.find(({ name }) => name.startsWith("Bytes to sign"));
  assertEquals(golden?.hex, "8244deadbeef65616c696365");
  assertEquals(bytesToHex(challengeMessage(hexToBytes("deadbeef"), "alice")), golden?.hex);
});

Deno.test("challengeMessage() gives a byte string and a text of any length", () => {
  const challenge = new Uint8Array(32).fill(7);
  assertEquals(
    bytesToHex(challengeMessage(challenge, "a/".repeat(15))),
    `825820${"07".repeat(32)}781e${"612f".repeat(15)}`,
  );
  assertEquals(bytesToHex(challengeMessage(new Uint8Array(), "")), "824060");
  assertEquals(bytesToHex(challengeMessage(challenge.subarray(0, 2), "ä")), "8242070762c3a4");
});

Deno.test("equalBytes() finds a difference anywhere", () => {
  const a = Uint8Array.from({ length: 32 }, (_, at) => at);
  assertEquals(equalBytes(a, a.slice()), true);
  assertEquals(equalBytes(new Uint8Array(), new Uint8Array()), true);
  assertEquals(equalBytes(a, a.subarray(1)), false);
  for (let at = 0; at < a.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const b = a.slice();
      b[at] = (b[at] ?? 0) ^ (1 << bit);
      assertEquals(equalBytes(a, b), false);
    }
  }
});
