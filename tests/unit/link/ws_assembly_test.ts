import { assert, assertEquals } from "@std/assert";
import { Assembly } from "../../../src/link/ws_assembly.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";
import { joined, utf8 } from "../../helpers/ws_frame.ts";

Deno.test("append() and room() put masked pieces of any size together", () => {
  const random = new SeededRandom(5);
  const mask = [0x11, 0x22, 0x83, 0xf4] as const;
  const plain = Uint8Array.from({ length: 20_000 }, (_, i) => i * 3);
  const masked = plain.map((byte, i) => byte ^ (mask[i & 3] ?? 0));
  for (let round = 0; round < 50; round++) {
    const assembly = new Assembly(false);
    let key = -0x0b7c_ddef; // 0xf4832211 as 32 bits with a sign.
    for (let at = 0; at < masked.length;) {
      const left = masked.length - at;
      const count = Math.min(left, 1 + random.below(3_000));
      const piece = masked.subarray(at, at + count);
      if (random.below(2) === 0) {
        key = assembly.append(piece, key, left) ?? 0;
        at += count;
      } else {
        const room = assembly.room(left, left);
        assert(room.length > 0 && room.length <= left);
        const part = piece.subarray(0, room.length);
        room.set(part);
        key = assembly.received(part.length, key) ?? 0;
        at += part.length;
      }
    }
    assertEquals(assembly.bytes, plain);
  }
});

Deno.test("an assembly takes at most twice what has come, and never more than can come", () => {
  const assembly = new Assembly(false);
  for (let i = 0; i < 10_000; i++) {
    assembly.append(new Uint8Array(10), 0, 1_000_000);
    assert(assembly.bytes.buffer.byteLength <= Math.max(1_024, 2 * assembly.length));
  }
  const known = new Assembly(false);
  known.append(new Uint8Array(10), 0, 30);
  assertEquals(known.bytes.buffer.byteLength, 32);
});

Deno.test("received() says when a text cannot be UTF-8 any more", () => {
  const text = new Assembly(true);
  assertEquals(text.append(utf8("ü").subarray(0, 1), 0, 100), 0);
  assertEquals(text.isComplete, false);
  assertEquals(text.append(utf8("ü").subarray(1), 0, 100), 0);
  assertEquals(text.isComplete, true);
  assertEquals(text.append(joined([[0xff]]), 0, 100), null);
  const binary = new Assembly(false);
  assertEquals(binary.append(joined([[0xff]]), 0, 100), 0);
  assertEquals(binary.isComplete, true);
});
