import { assert, assertEquals } from "@std/assert";
import { newBlock } from "../../../src/link/ws_bytes.ts";
import { LARGE_BYTES, WriteBuffers } from "../../../src/link/ws_buffers.ts";

Deno.test("take() gives the smallest size that is enough", () => {
  const buffers = new WriteBuffers();
  const sizes = [[1, 4_096], [4_096, 4_096], [4_097, LARGE_BYTES], [LARGE_BYTES, LARGE_BYTES]];
  for (const [bytes = 0, size = 0] of sizes) assertEquals(buffers.take(bytes).bytes.length, size);
  assert(buffers.take(LARGE_BYTES + 1).bytes.length > LARGE_BYTES);
});

Deno.test("take() gives what was given back, and no buffer twice", () => {
  const buffers = new WriteBuffers();
  const one = buffers.take(1);
  buffers.give(one);
  assert(buffers.take(1) === one);
  assert(buffers.take(1) !== one);
});

Deno.test("give() keeps 1,024 small and 256 large buffers, and others not at all", () => {
  const buffers = new WriteBuffers();
  for (const [size, kept] of [[4_096, 1_024], [LARGE_BYTES, 256], [100_000, 0]] as const) {
    const given = new Set(Array.from({ length: kept + 1 }, () => newBlock(size)));
    for (const one of given) buffers.give(one);
    const taken = Array.from({ length: kept + 1 }, () => buffers.take(size));
    assertEquals(taken.filter((one) => given.has(one)).length, kept);
  }
});
