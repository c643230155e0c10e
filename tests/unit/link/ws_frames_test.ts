import { assert, assertEquals, assertThrows } from "@std/assert";
import { FrameError, FrameReader, type Role } from "../../../src/link/ws_frames.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";
import {
  binaryFrame,
  closeFrame,
  frame,
  type FrameParts,
  joined,
  textFrame,
  utf8,
} from "../../helpers/ws_frame.ts";

const LIMIT = 1_000_000;

type Event =
  | { readonly message: Uint8Array | string }
  | { readonly ping: Uint8Array }
  | { readonly close: number; readonly reason: string };

function reading(
  bytesMax = LIMIT,
  role: Role = "server",
): { reader: FrameReader; events: Event[] } {
  const events: Event[] = [];
  const reader = new FrameReader({
    message: (message) => events.push({ message }),
    ping: (payload) => events.push({ ping: payload.slice() }),
    close: (close, reason) => events.push({ close, reason }),
  }, { role, bytesMax });
  return { reader, events };
}

function read(bytes: Uint8Array, bytesMax = LIMIT, role: Role = "server"): Event[] {
  const { reader, events } = reading(bytesMax, role);
  reader.feed(bytes);
  return events;
}

function refusedWith(bytes: Uint8Array, bytesMax = LIMIT): number {
  return assertThrows(() => read(bytes, bytesMax), FrameError).closeCode;
}

Deno.test("feed() reads messages of every length form, in any pieces", () => {
  for (const length of [0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000]) {
    const payload = Uint8Array.from({ length }, (_, i) => i * 13);
    const bytes = joined([binaryFrame(payload), textFrame("x".repeat(length))]);
    const expected = [{ message: payload }, { message: "x".repeat(length) }];
    assertEquals(read(bytes), expected);
    if (length > 1_000) continue;
    const { reader, events } = reading();
    for (let at = 0; at < bytes.length; at++) reader.feed(bytes.subarray(at, at + 1));
    assertEquals(events, expected);
  }
});

Deno.test("feed() gives the same events for every cut of a stream", () => {
  const random = new SeededRandom(42);
  const stream = joined([
    textFrame("one"),
    frame({ opcode: 9, payload: utf8("?") }),
    textFrame("spl", false),
    frame({ opcode: 0xa, payload: utf8("unasked") }),
    frame({ opcode: 0, payload: utf8("it ü") }),
    binaryFrame(new Uint8Array(70_000).fill(3), false),
    frame({ opcode: 9 }),
    frame({ opcode: 0, payload: new Uint8Array(0), fin: false }),
    frame({ opcode: 0, payload: new Uint8Array(40_000).fill(4) }),
    binaryFrame(new Uint8Array(0)),
    closeFrame(1000, "bye"),
  ]);
  const expected = read(stream);
  assertEquals(expected.length, 7);
  for (let round = 0; round < 200; round++) {
    const { reader, events } = reading();
    const most = random.pick([3, 100, 50_000]);
    for (let at = 0; at < stream.length;) {
      const end = at + 1 + random.below(most);
      reader.feed(stream.subarray(at, end));
      at = end;
    }
    assertEquals(events, expected);
  }
});

Deno.test("advance() reads the rest of a long frame directly into its message", () => {
  const { reader, events } = reading();
  const payload = Uint8Array.from({ length: 300_000 }, (_, i) => i);
  const bytes = binaryFrame(payload);
  let largest = 0;
  for (let at = 0; at < bytes.length;) {
    const target = reader.target();
    largest = Math.max(largest, target.length);
    const piece = bytes.subarray(at, at + target.length);
    target.set(piece);
    at += piece.length;
    reader.advance(piece.length);
  }
  assertEquals(events, [{ message: payload }]);
  assert(largest > 65_536 && largest <= bytes.length, String(largest));
});

Deno.test("target() does not take memory for a length that was only announced", () => {
  const { reader } = reading(60 * 1024 * 1024);
  reader.feed(frame({ opcode: 2, length: 60n * 1024n * 1024n }).subarray(0, 14));
  let taken = 0;
  for (let round = 0; round < 4; round++) {
    const target = reader.target();
    taken += target.length;
    assert(target.buffer.byteLength <= 4 * taken, `${target.buffer.byteLength} for ${taken}`);
    reader.advance(target.length);
  }
});

Deno.test("feed() takes fragments without payload for ever, and keeps nothing of them", () => {
  const { reader, events } = reading();
  reader.feed(textFrame("a", false));
  const empty = joined(Array.from({ length: 1_000 }, () => frame({ opcode: 0, fin: false })));
  for (let round = 0; round < 100; round++) reader.feed(empty);
  reader.feed(frame({ opcode: 0, payload: utf8("b") }));
  assertEquals(events, [{ message: "ab" }]);
});

Deno.test("feed() puts 500,000 fragments of one byte together in linear time", () => {
  const { reader, events } = reading();
  const one = frame({ opcode: 0, payload: utf8("x"), fin: false });
  const thousand = joined(Array.from({ length: 1_000 }, () => one));
  reader.feed(textFrame("x", false));
  for (let round = 0; round < 500; round++) reader.feed(thousand);
  reader.feed(frame({ opcode: 0 }));
  assertEquals(events, [{ message: "x".repeat(500_001) }]);
});

const VIOLATIONS: readonly (readonly [what: string, parts: readonly FrameParts[]])[] = [
  ["a frame that is not masked", [{ opcode: 2, key: null }]],
  ["a control frame that is not masked", [{ opcode: 9, key: null }]],
  ["reserved bit 1", [{ opcode: 2, reserved: 4 }]],
  ["reserved bit 2", [{ opcode: 2, reserved: 2 }]],
  ["reserved bit 3", [{ opcode: 9, reserved: 1 }]],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    [`opcode ${opcode}`, [{ opcode }]] as const
  ),
  ["a continuation of nothing", [{ opcode: 0 }]],
  ["a message within a message", [{ opcode: 1, fin: false }, { opcode: 1 }]],
  ["a continuation after the end", [{ opcode: 1 }, { opcode: 0 }]],
  ["a ping in fragments", [{ opcode: 9, fin: false }]],
  ["a close in fragments", [{ opcode: 8, fin: false }]],
  ["a ping of 126 bytes", [{ opcode: 9, payload: new Uint8Array(126) }]],
  ["a length of 125 in 16 bits", [{ opcode: 2, payload: new Uint8Array(125), lengthForm: 16 }]],
  ["a length of 65,535 in 64 bits", [{
    opcode: 2,
    payload: new Uint8Array(65_535),
    lengthForm: 64,
  }]],
  ["a length of 2^63", [{ opcode: 2, length: 2n ** 63n }]],
  ["a close of one byte", [{ opcode: 8, payload: new Uint8Array(1) }]],
  ["a close with code 1005", [{ opcode: 8, payload: new Uint8Array([0x03, 0xed]) }]],
];

for (const [what, parts] of VIOLATIONS) {
  Deno.test(`feed() refuses ${what} with 1002`, () => {
    assertEquals(refusedWith(joined(parts.map(frame))), 1002);
  });
}

Deno.test("feed() refuses text that is not UTF-8 with 1007, in one frame or in several", () => {
  const wrong = new Uint8Array([0xce, 0xba, 0xed, 0xa0, 0x80]);
  assertEquals(refusedWith(frame({ opcode: 1, payload: wrong })), 1007);
  assertEquals(refusedWith(frame({ opcode: 1, payload: wrong, fin: false })), 1007);
  assertEquals(refusedWith(frame({ opcode: 1, payload: utf8("ü").subarray(0, 1) })), 1007);
  const unfinished = [
    frame({ opcode: 1, payload: utf8("ü").subarray(0, 1), fin: false }),
    frame({ opcode: 0 }),
  ];
  assertEquals(refusedWith(joined(unfinished)), 1007);
  const reason = joined([[0x03, 0xe8], [0xff]]);
  assertEquals(refusedWith(frame({ opcode: 8, payload: reason })), 1007);
});

Deno.test("feed() refuses wrong text before its frame has come as a whole", () => {
  const { reader } = reading();
  const bytes = frame({ opcode: 1, payload: joined([utf8("ok"), [0xff], new Uint8Array(50)]) });
  const upToWrong = bytes.length - 50;
  reader.feed(bytes.subarray(0, upToWrong - 1));
  assertThrows(() => reader.feed(bytes.subarray(upToWrong - 1, upToWrong)), FrameError);
});

Deno.test("feed() takes a message at the limit, and refuses one past it with 1009", () => {
  const atLimit = new Uint8Array(1_000);
  assertEquals(read(binaryFrame(atLimit), 1_000), [{ message: atLimit }]);
  // Refused at its header: the key and the payload have not come.
  assertEquals(refusedWith(binaryFrame(new Uint8Array(1_001)).subarray(0, 4), 1_000), 1009);
  assertEquals(refusedWith(frame({ opcode: 2, length: 2n ** 62n }).subarray(0, 10), 1_000), 1009);
  const fragments = [
    binaryFrame(new Uint8Array(600), false),
    frame({ opcode: 0, payload: new Uint8Array(400) }),
  ];
  assertEquals(read(joined(fragments), 1_000), [{ message: atLimit }]);
  assertEquals(refusedWith(joined(fragments), 999), 1009);
});

Deno.test("feed() reports nothing behind a close frame", () => {
  const bytes = joined([closeFrame(4001, "ü"), textFrame("late"), frame({ opcode: 3 })]);
  assertEquals(read(bytes), [{ close: 4001, reason: "ü" }]);
  assertEquals(read(closeFrame()), [{ close: 1005, reason: "" }]);
});

Deno.test("hold() keeps what comes until release() and parse()", () => {
  const { reader, events } = reading();
  reader.hold();
  for (let i = 0; i < 2_000; i++) reader.feed(textFrame(String(i)));
  assertEquals(events, []);
  reader.release();
  reader.parse();
  assertEquals(events, Array.from({ length: 2_000 }, (_, i) => ({ message: String(i) })));
});

Deno.test("hold() also keeps a long message that is complete", () => {
  const { reader, events } = reading();
  const bytes = binaryFrame(new Uint8Array(100_000));
  reader.feed(bytes.subarray(0, 50_000));
  reader.hold();
  reader.feed(bytes.subarray(50_000));
  assertEquals(events, []);
  reader.release();
  reader.parse();
  assertEquals(events.length, 1);
});

Deno.test("feed() never throws anything but FrameError, whatever comes", () => {
  const random = new SeededRandom(1);
  for (let round = 0; round < 3_000; round++) {
    const { reader } = reading(10_000);
    const bytes = Uint8Array.from({ length: 1 + random.below(60) }, () => random.below(256));
    // Without this nearly every stream ends at its first byte.
    bytes[0] = random.pick([0x81, 0x82, 0x01, 0x02, 0x89, 0x88, 0x8a]);
    bytes[1] = 0x80 | random.below(128);
    try {
      reader.feed(bytes);
    } catch (error) {
      assert(error instanceof FrameError, String(error));
    }
  }
});

/** Frames of a server. */
function unmasked(...parts: readonly FrameParts[]): Uint8Array {
  return joined(parts.map((part) => frame({ ...part, key: null })));
}

Deno.test("feed() of a client reads frames that are not masked, for every cut of a stream", () => {
  const random = new SeededRandom(11);
  const stream = unmasked(
    { opcode: 1, payload: utf8("one ü") },
    { opcode: 9, payload: utf8("?") },
    { opcode: 2, payload: new Uint8Array(0) },
    { opcode: 2, payload: new Uint8Array(126).fill(5), fin: false },
    { opcode: 9 },
    { opcode: 0, payload: new Uint8Array(70_000).fill(6) },
    { opcode: 8, payload: joined([[0x03, 0xe8], utf8("bye")]) },
  );
  const expected = read(stream, LIMIT, "client");
  assertEquals(expected, [
    { message: "one ü" },
    { ping: utf8("?") },
    { message: new Uint8Array(0) },
    { ping: new Uint8Array(0) },
    { message: joined([new Uint8Array(126).fill(5), new Uint8Array(70_000).fill(6)]) },
    { close: 1000, reason: "bye" },
  ]);
  for (let round = 0; round < 50; round++) {
    const { reader, events } = reading(LIMIT, "client");
    const most = random.pick([3, 100, 50_000]);
    for (let at = 0; at < stream.length;) {
      const end = at + 1 + random.below(most);
      reader.feed(stream.subarray(at, end));
      at = end;
    }
    assertEquals(events, expected);
  }
});

const CLIENT_VIOLATIONS: readonly (readonly [what: string, parts: FrameParts])[] = [
  ["a masked frame", { opcode: 2 }],
  ["a frame masked with nothing", { opcode: 2, key: [0, 0, 0, 0] }],
  ["a masked ping", { opcode: 9 }],
  ["a masked close", { opcode: 8 }],
  ["a reserved bit", { opcode: 2, reserved: 4, key: null }],
  ["an unknown opcode", { opcode: 3, key: null }],
];

for (const [what, parts] of CLIENT_VIOLATIONS) {
  Deno.test(`feed() of a client refuses ${what} with 1002`, () => {
    const error = assertThrows(() => read(frame(parts), LIMIT, "client"), FrameError);
    assertEquals(error.closeCode, 1002);
  });
}

Deno.test("feed() of a client takes a message at the limit, and refuses one past it with 1009", () => {
  const atLimit = { opcode: 2, payload: new Uint8Array(1_000) };
  assertEquals(read(unmasked(atLimit), 1_000, "client"), [{ message: atLimit.payload }]);
  const header = unmasked({ opcode: 2, payload: new Uint8Array(1_001) }).subarray(0, 4);
  const error = assertThrows(() => read(header, 1_000, "client"), FrameError);
  assertEquals(error.closeCode, 1009);
});

Deno.test("limit() refuses a larger message by its length alone, before its payload has come", () => {
  const { reader, events } = reading();
  reader.limit(100);
  reader.feed(binaryFrame(new Uint8Array(100)));
  const header = binaryFrame(new Uint8Array(101)).subarray(0, 8);
  assertEquals(assertThrows(() => reader.feed(header), FrameError).closeCode, 1009);
  assertEquals(events.length, 1);
});

Deno.test("limit() counts the fragments of a message together", () => {
  const { reader } = reading();
  reader.limit(100);
  reader.feed(frame({ opcode: 2, fin: false, payload: new Uint8Array(60) }));
  const rest = frame({ opcode: 0, payload: new Uint8Array(41) });
  assertEquals(assertThrows(() => reader.feed(rest), FrameError).closeCode, 1009);
});

Deno.test("limit() lets the frame under way end, and may be raised again", () => {
  const { reader, events } = reading();
  const bytes = binaryFrame(new Uint8Array(50_000));
  reader.feed(bytes.subarray(0, 20_000));
  reader.limit(100);
  reader.feed(bytes.subarray(20_000));
  reader.limit(LIMIT);
  reader.feed(binaryFrame(new Uint8Array(200_000)));
  assertEquals(events.length, 2);
});
