import { assertEquals } from "@std/assert";
import { addKey, headerBytes, writeHeader } from "../../../src/link/ws_header.ts";

const HEADERS: readonly (readonly [length: number, bytes: readonly number[]])[] = [
  [0, [0x82, 0]],
  [125, [0x82, 125]],
  [126, [0x82, 126, 0, 126]],
  [65_535, [0x82, 126, 0xff, 0xff]],
  [65_536, [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  [2 ** 32 + 5, [0x82, 127, 0, 0, 0, 1, 0, 0, 0, 5]],
];

for (const [length, expected] of HEADERS) {
  Deno.test(`writeHeader() writes a length of ${length} in its shortest form`, () => {
    const bytes = new Uint8Array(14);
    const end = writeHeader(bytes, 1, 0x82, length);
    assertEquals([...bytes.subarray(1, end)], expected);
    assertEquals(headerBytes(length), expected.length);
  });

  Deno.test(`addKey() makes the header of a length of ${length} that of a masked frame`, () => {
    const bytes = new Uint8Array(20);
    const end = addKey(bytes, 1, writeHeader(bytes, 1, 0x82, length), 0x7f80_12de);
    const [first = 0, second = 0, ...more] = expected;
    assertEquals(
      [...bytes.subarray(1, end)],
      [first, second | 0x80, ...more, 0xde, 0x12, 0x80, 0x7f],
    );
  });
}
