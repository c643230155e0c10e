import { assertEquals } from "@std/assert";
import { encodeCbor, Tagged } from "../../../src/protocol/cbor.ts";
import { frameBytes } from "../../../src/store/frame_bytes.ts";

for (const length of [0, 23, 24, 255, 256, 65_535, 65_536]) {
  Deno.test(`frameBytes() writes ${length} bytes as the codec does`, () => {
    const bytes = new Uint8Array(length).fill(7);
    assertEquals(frameBytes(bytes), encodeCbor(new Tagged(80, bytes)));
  });
}
