import { assertEquals } from "@std/assert";
import { crc32c } from "../../../src/log/crc32c.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

function crcOf(bytes: Uint8Array, from = 0, to = bytes.byteLength): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (crc32c(view, from, to) >>> 0).toString(16).padStart(8, "0");
}

/** The definition, bit by bit. */
function naiveCrc(bytes: Uint8Array): string {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
    }
  }
  return ((crc ^ 0xffff_ffff) >>> 0).toString(16).padStart(8, "0");
}

const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
const VECTORS: readonly (readonly [string, Uint8Array, string])[] = [
  ["nothing", new Uint8Array(), "00000000"],
  ["the check value", new TextEncoder().encode("123456789"), "e3069283"],
  ["32 zeros", new Uint8Array(32), "8a9136aa"],
  ["32 ones", new Uint8Array(32).fill(0xff), "62a8ab43"],
  ["32 ascending bytes", ascending, "46dd794e"],
  ["32 descending bytes", ascending.toReversed(), "113fdb5c"],
];

for (const [what, bytes, crc] of VECTORS) {
  Deno.test(`crc32c() gives the value of RFC 3720 for ${what}`, () => {
    assertEquals(crcOf(bytes), crc);
  });
}

Deno.test("crc32c() agrees with the definition for every length and start", () => {
  const random = new SeededRandom(1);
  const bytes = Uint8Array.from({ length: 300 }, () => random.below(256));
  for (let from = 0; from < 20; from++) {
    for (let to = from; to <= 120 + from; to++) {
      assertEquals(crcOf(bytes, from, to), naiveCrc(bytes.subarray(from, to)), `${from}-${to}`);
    }
  }
});
