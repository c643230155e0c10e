import { assert, assertEquals } from "@std/assert";
import { applyMask, newBlock, ReadBuffer, turnKey } from "../../../src/link/ws_bytes.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

const KEY = [0xde, 0x12, 0x80, 0x7f] as const;
const KEY_NUMBER = 0x7f80_12de;

Deno.test("applyMask() does what RFC 6455 5.3 says at every alignment and length", () => {
  for (let from = 0; from < 8; from++) {
    for (let length = 0; length < 24; length++) {
      const block = newBlock(40);
      const plain = Uint8Array.from({ length: 40 }, (_, i) => i * 7);
      block.bytes.set(plain);
      applyMask(block, from, from + length, KEY_NUMBER);
      const expected = plain.map((byte, i) =>
        i < from || i >= from + length ? byte : byte ^ (KEY[(i - from) & 3] ?? 0)
      );
      assertEquals(block.bytes, expected);
    }
  }
});

Deno.test("turnKey() gives the key for what follows", () => {
  const whole = newBlock(64);
  applyMask(whole, 0, 64, KEY_NUMBER);
  for (let cut = 0; cut <= 64; cut++) {
    const pieces = newBlock(64);
    applyMask(pieces, 0, cut, KEY_NUMBER);
    applyMask(pieces, cut, 64, turnKey(KEY_NUMBER, cut));
    assertEquals(pieces.bytes, whole.bytes);
  }
});

Deno.test("room() is used over where nothing was kept", () => {
  const buffer = new ReadBuffer();
  const { bytes } = buffer.block;
  for (let round = 0; round < 100; round++) {
    const room = buffer.room();
    assertEquals([room.byteOffset, room.length], [0, 4_096]);
    buffer.filled(1_000);
    buffer.start += 1_000;
  }
  assert(buffer.block.bytes === bytes);
});

Deno.test("room() never gives out bytes that were kept", () => {
  const random = new SeededRandom(7);
  const buffer = new ReadBuffer();
  const kept: { readonly view: Uint8Array; readonly copy: Uint8Array }[] = [];
  for (let round = 0; round < 5_000; round++) {
    const room = buffer.room();
    assert(room.length > 0);
    const count = 1 + random.below(Math.min(room.length, random.pick([20, 5_000, 70_000])));
    room.subarray(0, count).fill(round & 255);
    buffer.filled(count);
    const end = buffer.start + random.below(buffer.end - buffer.start + 1);
    const view = buffer.block.bytes.subarray(buffer.start, end);
    buffer.start = end;
    if (random.below(2) === 0) {
      buffer.keep();
      if (view.length < 2_000) kept.push({ view, copy: view.slice() });
    }
  }
  for (const { view, copy } of kept) assertEquals(view, copy);
});

Deno.test("room() keeps what is not parsed when it moves", () => {
  const buffer = new ReadBuffer();
  for (let round = 0; round < 200; round++) {
    const room = buffer.room();
    room.set([round, round, round]);
    buffer.filled(room.length);
    buffer.start = buffer.end - 3;
    buffer.keep();
    buffer.block.bytes.fill(round, buffer.start);
    const left = buffer.block.bytes.slice(buffer.start, buffer.end);
    buffer.room();
    assertEquals(buffer.block.bytes.slice(buffer.start, buffer.end), left);
  }
});

Deno.test("a block grows to 64 KiB while reads fill it, and shrinks when they are small", () => {
  const buffer = new ReadBuffer();
  for (let round = 0; round < 5; round++) {
    buffer.filled(buffer.room().length);
    buffer.start = buffer.end;
    buffer.keep();
  }
  assertEquals(buffer.block.bytes.length, 65_536);
  for (let round = 0; round < 2_000; round++) {
    buffer.room();
    buffer.filled(100);
    buffer.start = buffer.end;
    buffer.keep();
  }
  assertEquals(buffer.block.bytes.length, 4_096);
});
