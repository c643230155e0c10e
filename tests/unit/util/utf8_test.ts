import { assertEquals } from "@std/assert";
import { isUtf8, Utf8Validator } from "../../../src/util/utf8.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";
import { utf8 } from "../../helpers/ws_frame.ts";

const VALID = [
  "",
  "plain",
  "κόσμε",
  "\u0000\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff",
  "\u{10000}",
]
  .concat("\u{10ffff}", "\ufeff", "🎈a🎈");

/** Texts that are wrong, and how many bytes it takes to know. */
const INVALID: readonly (readonly [bytes: number[], known: number])[] = [
  [[0x80], 1],
  [[0xbf], 1],
  [[0xc0, 0xaf], 1],
  [[0xc1, 0xbf], 1],
  [[0xc3, 0x28], 2],
  [[0xe0, 0x80, 0xaf], 2],
  [[0xe0, 0x9f, 0xbf], 2],
  [[0xed, 0xa0, 0x80], 2],
  [[0xed, 0xbf, 0xbf], 2],
  [[0xe2, 0x82, 0x28], 3],
  [[0xf0, 0x80, 0x80, 0x80], 2],
  [[0xf0, 0x8f, 0xbf, 0xbf], 2],
  [[0xf4, 0x90, 0x80, 0x80], 2],
  [[0xf5, 0x80, 0x80, 0x80], 1],
  [[0xf8, 0x88, 0x80, 0x80, 0x80], 1],
  [[0xfc, 0x84, 0x80, 0x80, 0x80, 0x80], 1],
  [[0xfe], 1],
  [[0xff], 1],
];

/** How many bytes are taken one by one before the text is refused. */
function takenBytes(bytes: ArrayLike<number>): { taken: number; isComplete: boolean } {
  const validator = new Utf8Validator();
  const all = Uint8Array.from(bytes);
  for (let at = 0; at < all.length; at++) {
    if (!validator.push(all, at, at + 1)) return { taken: at + 1, isComplete: false };
  }
  return { taken: all.length, isComplete: validator.isComplete };
}

Deno.test("push() takes every valid text, whole and byte by byte", () => {
  for (const text of VALID) {
    const bytes = utf8(text);
    const validator = new Utf8Validator();
    assertEquals(validator.push(bytes, 0, bytes.length), true, text);
    assertEquals(validator.isComplete, true, text);
    assertEquals(takenBytes(bytes), { taken: bytes.length, isComplete: true }, text);
  }
});

Deno.test("push() refuses overlong forms, surrogates and too large ones at the first byte that shows it", () => {
  for (const [bytes, known] of INVALID) {
    assertEquals(takenBytes(bytes), { taken: known, isComplete: false }, String(bytes));
  }
});

Deno.test("isComplete is false within a character", () => {
  const bytes = utf8("a🎈");
  for (let end = 2; end < 5; end++) {
    assertEquals(takenBytes(bytes.subarray(0, end)), { taken: end, isComplete: false });
  }
});

Deno.test("push() says what TextDecoder says about random bytes", () => {
  const random = new SeededRandom(20_260_101);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const interesting = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc2, 0xdf, 0xe0, 0xe1]
    .concat(0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf4, 0xf5);
  for (let round = 0; round < 20_000; round++) {
    const bytes = Uint8Array.from({ length: random.below(6) }, () => random.pick(interesting));
    let isText = true;
    try {
      decoder.decode(bytes);
    } catch {
      isText = false;
    }
    assertEquals(takenBytes(bytes).isComplete || bytes.length === 0, isText, String(bytes));
  }
});

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodes(bytes: Uint8Array): boolean {
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false; // it is the answer
  }
}

/** All sequences of up to four of these bytes, which lie around the borders of the rules. */
function* sequences(): Generator<Uint8Array> {
  const low = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf];
  const bytes = [...low, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff];
  for (const a of bytes) {
    yield Uint8Array.of(a);
    for (const b of bytes) {
      yield Uint8Array.of(a, b);
      for (const c of bytes) {
        yield Uint8Array.of(a, b, c);
        for (const d of [0x41, 0x80, 0xbf, 0xc2]) yield Uint8Array.of(a, b, c, d);
      }
    }
  }
}

Deno.test("isUtf8() agrees with the decoder of the platform on all sequences around the borders", () => {
  const wrong = [...sequences()].filter((one) => isUtf8(one, 0, one.length) !== decodes(one));
  assertEquals(wrong, []);
});

Deno.test("isUtf8() looks at its range only", () => {
  const bytes = new Uint8Array([0xff, 0x61, 0xc3, 0xa9, 0xff]);
  assertEquals([isUtf8(bytes, 1, 4), isUtf8(bytes, 0, 4), isUtf8(bytes, 1, 3)], [
    true,
    false,
    false,
  ]);
  assertEquals(isUtf8(bytes, 2, 2), true);
});
