import { assertEquals, assertRejects } from "@std/assert";
import { readFrames, toFrame } from "../../../src/code/frames.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";

const BODIES = [new Uint8Array([1, 2, 3]), new Uint8Array(0), new Uint8Array([4])];

function joined(): Uint8Array {
  return new Uint8Array(BODIES.flatMap((body) => [...toFrame(body)]));
}

for (const size of [1, 2, 3, 5, 100]) {
  Deno.test(`readFrames() reads frames that come in parts of ${size} bytes`, async () => {
    const bytes = joined();
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
    assertEquals(await Array.fromAsync(readFrames(ReadableStream.from(parts), 3)), BODIES);
  });
}

Deno.test("readFrames() ends with a stream that ends inside a frame", async () => {
  const stream = ReadableStream.from([joined().subarray(0, -1)]);
  assertEquals(await Array.fromAsync(readFrames(stream, 3)), BODIES.slice(0, 2));
});

Deno.test("readFrames() rejects a frame that is too large before it is read", async () => {
  const stream = ReadableStream.from([joined()]);
  await assertRejects(() => Array.fromAsync(readFrames(stream, 2)), ProtocolError, "at most 2");
});
