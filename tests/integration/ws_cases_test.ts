import { assertEquals } from "@std/assert";
import { listenWebSocket, type WsListenerOptions } from "../../src/link/ws_listener.ts";
import type { Link } from "../../src/link/link.ts";
import { RawSocket, upgradeRequest } from "../helpers/raw_socket.ts";
import {
  binaryFrame,
  closeFrame,
  closeOf,
  frame,
  joined,
  type ReadFrame,
  textFrame,
  utf8,
} from "../helpers/ws_frame.ts";

// The groups and numbers are those of the Autobahn test suite, whose server cases these are.

const MIB = 1024 * 1024;
const LIMIT = 60 * MIB;

/** What comes back: frames, then the code of a close frame, then the end of the connection. */
interface Expected {
  readonly frames?: readonly (readonly [opcode: number, payload: Uint8Array | string])[];
  /** @default {1000: the case closes when it has got its frames} */
  readonly close?: number;
}

/** Starts a listener that sends every message back. */
function echo(options: Partial<WsListenerOptions> = {}): AsyncDisposable & { port: number } {
  const listener = listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    onLink: (link: Link) =>
      link.start({ message: (data) => link.send(data), drained: () => {}, closed: () => {} }),
    ...options,
  });
  return { port: listener.port ?? 0, [Symbol.asyncDispose]: () => listener.close() };
}

/** Registers one case: the pieces are sent one by one, each chopped if wanted. */
function testCase(
  name: string,
  pieces: readonly Uint8Array[],
  { frames = [], close = 1000 }: Expected,
  chop?: number,
): void {
  Deno.test(`case ${name}`, async () => {
    await using server = echo();
    using socket = await RawSocket.upgrade(server.port);
    const sending = (async () => {
      for (const piece of pieces) await socket.send(piece, chop);
    })();
    const got: ReadFrame[] = [];
    while (got.length < frames.length) {
      const next = await socket.next();
      if (next === null) break;
      got.push(next);
    }
    assertFrames(got, frames);
    await sending;
    if (close === 1000) await socket.send(closeFrame(1000));
    const [last, ...more] = await socket.rest();
    assertEquals(closeOf(last).code, close);
    assertEquals(more, []);
  });
}

function assertFrames(got: readonly ReadFrame[], expected: Expected["frames"] = []): void {
  assertEquals(
    got.map(({ fin, opcode, payload }) => [fin, opcode, payload.length]),
    expected.map(([opcode, payload]) => [true, opcode, bytesOf(payload).length]),
  );
  for (const [i, { payload }] of got.entries()) {
    const wanted = bytesOf(expected[i]?.[1] ?? "");
    // Much faster than assertEquals on megabytes.
    if (!payload.every((byte, at) => byte === wanted[at])) throw new Error(`frame ${i} differs`);
  }
}

function bytesOf(payload: Uint8Array | string): Uint8Array {
  return typeof payload === "string" ? utf8(payload) : payload;
}

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255);
}

/** A message in frames of at most so many bytes. */
function fragments(opcode: number, payload: Uint8Array, size: number): Uint8Array[] {
  const made: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < payload.length; at += size) {
    const fin = at + size >= payload.length;
    made.push(
      frame({ opcode: at === 0 ? opcode : 0, payload: payload.subarray(at, at + size), fin }),
    );
  }
  return made;
}

const ping = (payload = ""): Uint8Array => frame({ opcode: 9, payload: utf8(payload) });
const part = (payload: Uint8Array | string, fin: boolean): Uint8Array =>
  frame({ opcode: 0, payload: bytesOf(payload), fin });

// 1 Framing

for (const [i, size] of [0, 125, 126, 127, 128, 65_535, 65_536].entries()) {
  const text = "*".repeat(size);
  const bytes = noise(size);
  testCase(`1.1.${i + 1} text of ${size} bytes`, [textFrame(text)], { frames: [[1, text]] });
  testCase(`1.2.${i + 1} binary of ${size} bytes`, [binaryFrame(bytes)], { frames: [[2, bytes]] });
  const chop = size > 1_000 ? 997 : 1;
  testCase(
    `1.1.${i + 1} text of ${size} bytes in chops of ${chop}`,
    [textFrame(text)],
    { frames: [[1, text]] },
    chop,
  );
  testCase(
    `1.2.${i + 1} binary of ${size} bytes in chops of ${chop}`,
    [binaryFrame(bytes)],
    { frames: [[2, bytes]] },
    chop,
  );
}

// 2 Pings and pongs

const longPing = frame({ opcode: 9, payload: noise(125) });
testCase("2.1 ping without payload", [ping()], { frames: [[10, ""]] });
testCase("2.2 ping with text", [ping("Hello, world!")], { frames: [[10, "Hello, world!"]] });
testCase("2.3 ping with binary", [
  frame({ opcode: 9, payload: new Uint8Array([0, 255, 254, 253, 0]) }),
], { frames: [[10, new Uint8Array([0, 255, 254, 253, 0])]] });
testCase("2.4 ping of 125 bytes", [longPing], { frames: [[10, noise(125)]] });
testCase("2.5 ping of 126 bytes", [frame({ opcode: 9, payload: noise(126) })], { close: 1002 });
testCase("2.6 ping of 125 bytes in chops of 1", [longPing], { frames: [[10, noise(125)]] }, 1);
testCase("2.7 pong without payload", [frame({ opcode: 10 })], {});
testCase("2.8 pong with payload", [frame({ opcode: 10, payload: utf8("unasked") })], {});
testCase("2.9 pong, then ping", [frame({ opcode: 10, payload: utf8("unasked") }), ping("p")], {
  frames: [[10, "p"]],
});
const tenPings = Array.from({ length: 10 }, (_, i) => `payload-${i}`);
for (const chop of [undefined, 1]) {
  testCase(
    `${chop === 1 ? "2.11" : "2.10"} ten pings${chop === 1 ? " in chops of 1" : ""}`,
    [joined(tenPings.map(ping))],
    { frames: tenPings.map((payload) => [10, payload]) },
    chop,
  );
}

// 3 Reserved bits

testCase("3.1 RSV 1", [frame({ opcode: 1, payload: utf8("x"), reserved: 1 })], { close: 1002 });
testCase("3.2 text, then RSV 2, then ping", [
  textFrame("first"),
  frame({ opcode: 1, payload: utf8("x"), reserved: 2 }),
  ping(),
], { frames: [[1, "first"]], close: 1002 });
testCase("3.3 text, then RSV 3, in one write", [
  joined([textFrame("first"), frame({ opcode: 1, reserved: 3 }), ping()]),
], { frames: [[1, "first"]], close: 1002 });
testCase(
  "3.4 text, then RSV 4, in chops of 1",
  [textFrame("first"), frame({ opcode: 1, reserved: 4 }), ping()],
  { frames: [[1, "first"]], close: 1002 },
  1,
);
testCase("3.5 binary with RSV 5", [frame({ opcode: 2, payload: noise(8), reserved: 5 })], {
  close: 1002,
});
testCase("3.6 ping with RSV 6", [frame({ opcode: 9, reserved: 6 })], { close: 1002 });
testCase("3.7 close with RSV 7", [frame({ opcode: 8, reserved: 7 })], { close: 1002 });

// 4 Opcodes

for (const [group, opcodes] of [[1, [3, 4, 5, 6, 7]], [2, [11, 12, 13, 14, 15]]] as const) {
  for (const [i, opcode] of opcodes.entries()) {
    const bad = frame({ opcode, payload: i > 0 ? utf8("x") : new Uint8Array(0) });
    if (i < 2) {
      testCase(`4.${group}.${i + 1} opcode ${opcode}`, [bad], { close: 1002 });
    } else {
      testCase(
        `4.${group}.${i + 1} text, then opcode ${opcode}, then ping`,
        [textFrame("first"), bad, ping()],
        { frames: [[1, "first"]], close: 1002 },
        i === 4 ? 1 : undefined,
      );
    }
  }
}

// 5 Fragmentation

testCase("5.1 ping in fragments", [frame({ opcode: 9, fin: false }), part("x", true)], {
  close: 1002,
});
testCase("5.2 pong in fragments", [frame({ opcode: 10, fin: false }), part("x", true)], {
  close: 1002,
});
const two = [textFrame("fragment1", false), part("fragment2", true)];
const whole: Expected = { frames: [[1, "fragment1fragment2"]] };
testCase("5.3 text in two fragments", two, whole);
testCase("5.4 text in two fragments, in one write", [joined(two)], whole);
testCase("5.5 text in two fragments, in chops of 1", two, whole, 1);
const pinged = [textFrame("fragment1", false), ping("ping"), part("fragment2", true)];
const ponged: Expected = { frames: [[10, "ping"], [1, "fragment1fragment2"]] };
testCase("5.6 text in two fragments with a ping between", pinged, ponged);
testCase("5.7 the same in one write", [joined(pinged)], ponged);
testCase("5.8 the same in chops of 1", pinged, ponged, 1);
for (
  const [i, [fin, how]] of [[true, ""], [true, " in one write"], [true, " in chops of 1"]]
    .concat([[false, ""], [false, " in one write"], [false, " in chops of 1"]]).entries()
) {
  const pieces = [part("nothing to continue", fin === true), textFrame("never")];
  testCase(
    `5.${9 + i} continuation of nothing, FIN ${fin}${how}`,
    how === " in one write" ? [joined(pieces)] : pieces,
    { close: 1002 },
    how === " in chops of 1" ? 1 : undefined,
  );
}
testCase("5.15 text in fragments, then continuation of nothing", [
  ...two,
  part("nothing to continue", false),
  textFrame("never"),
], { ...whole, close: 1002 });
testCase("5.16 continuation of nothing, then text in fragments", [part("x", false), ...two], {
  close: 1002,
});
testCase("5.17 finished continuation of nothing, then text", [part("x", true), ...two], {
  close: 1002,
});
testCase("5.18 text within text", [textFrame("one", false), textFrame("two")], { close: 1002 });
const five = [
  textFrame("1", false),
  part("2", false),
  ping("a"),
  part("3", false),
  part("4", false),
  ping("b"),
  part("5", true),
];
const fiveBack: Expected = { frames: [[10, "a"], [10, "b"], [1, "12345"]] };
testCase("5.19 five fragments with two pings", five, fiveBack);
testCase("5.20 five fragments with two pings, in chops of 1", five, fiveBack, 1);

// 6 UTF-8

testCase("6.1.1 empty text", [textFrame("")], { frames: [[1, ""]] });
testCase("6.1.2 three empty fragments", [
  textFrame("", false),
  part("", false),
  part("", true),
], { frames: [[1, ""]] });
testCase("6.1.3 empty, full, empty fragment", [
  textFrame("", false),
  part("middle", false),
  part("", true),
], { frames: [[1, "middle"]] });

const GREETING = "Hello-µ@ßöäüàá-UTF-8!!";
testCase("6.2.1 valid text", [textFrame(GREETING)], { frames: [[1, GREETING]] });
testCase("6.2.2 valid text in two fragments", fragments(1, utf8(GREETING), 13), {
  frames: [[1, GREETING]],
});
testCase("6.2.3 valid text in fragments of 1", fragments(1, utf8(GREETING), 1), {
  frames: [[1, GREETING]],
});
testCase("6.2.4 κόσμε in fragments of 1", fragments(1, utf8("κόσμε"), 1), {
  frames: [[1, "κόσμε"]],
});

const broken = joined([utf8("κόσμε"), [0xed, 0xa0, 0x80], utf8("edited")]);
const tooLarge = joined([utf8("κόσμε"), [0xf4, 0x90, 0x80, 0x80], utf8("edited")]);
testCase("6.3.1 a surrogate in one frame", [frame({ opcode: 1, payload: broken })], {
  close: 1007,
});
testCase("6.3.2 a surrogate in fragments of 1", fragments(1, broken, 1), { close: 1007 });

// Fail fast: what comes afterwards is never sent, so that only what is there can be judged.
const at = utf8("κόσμε").length;
testCase("6.4.1 refused at the fragment that is wrong", [
  frame({ opcode: 1, payload: tooLarge.subarray(0, at), fin: false }),
  part(tooLarge.subarray(at, at + 4), false),
], { close: 1007 });
testCase("6.4.2 refused within a character that cannot be finished", [
  frame({ opcode: 1, payload: tooLarge.subarray(0, at + 1), fin: false }),
  part(tooLarge.subarray(at + 1, at + 2), false),
], { close: 1007 });
testCase("6.4.3 refused within a frame", [
  frame({ opcode: 1, payload: tooLarge }).subarray(0, 6 + at + 4),
], { close: 1007 });
testCase(
  "6.4.4 refused within a frame and a character, in chops of 1",
  [
    frame({ opcode: 1, payload: tooLarge }).subarray(0, 6 + at + 2),
  ],
  { close: 1007 },
  1,
);

const VALID: readonly (readonly [group: string, texts: readonly string[]])[] = [
  ["6.5", ["κόσμε"]],
  ["6.7", ["\0", "\u0080", "\u0800", "\u{10000}"]],
  ["6.9", ["\x7f", "\u07ff", "\uffff", "\u{10ffff}"]],
  ["6.11", ["\ud7ff", "\ue000", "\ufffd", "\u{10ffff}"]],
  ["6.22", ["\ufffe", "\uffff", "\u{1fffe}", "\u{1ffff}", "\u{8fffe}", "\u{10fffe}"]],
  ["6.23", ["\ufeffmark", "\ufff0", "\ufffd", "\ufffe", "\uffff"]],
];
for (const [group, texts] of VALID) {
  for (const [i, text] of texts.entries()) {
    testCase(`${group}.${i + 1} valid: ${JSON.stringify(text)}`, [textFrame(text)], {
      frames: [[1, text]],
    });
  }
}

const INVALID: readonly (readonly [group: string, what: string, texts: readonly string[]])[] = [
  ["6.6", "cut short", ["ce", "ceba e1", "ceba e1bd", "cebae1bdb9cf", "cebae1bdb9cf83ce"]],
  ["6.8", "of five or six bytes", ["f888808080", "fc8480808080"]],
  ["6.10", "beyond U+10FFFF", ["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"]],
  ["6.12", "lone continuation", ["80", "bf", "80bf", "80bf80", "80bf80bf80bf"]],
  ["6.13", "lone first byte", ["c020", "c3 20", "e020", "ef20", "f020", "f720"]],
  ["6.14", "last byte missing", ["c0", "e080", "f08080", "df", "efbf", "f7bfbf"]],
  ["6.15", "all of them in a row", ["c0e080f08080f8808080fc80808080"]],
  ["6.16", "impossible byte", ["fe", "ff", "fefeffff"]],
  ["6.17", "overlong slash", ["c0af", "e080af", "f08080af", "f8808080af"]],
  ["6.18", "longest overlong", ["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf"]],
  ["6.19", "overlong NUL", ["c080", "e08080", "f0808080", "f880808080"]],
  ["6.20", "surrogate", ["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"]],
  ["6.21", "pair of surrogates", ["eda080edb080", "edadbfedbfbf", "edafbfedbfbf"]],
];
for (const [group, what, texts] of INVALID) {
  for (const [i, hex] of texts.entries()) {
    const payload = Uint8Array.fromHex(hex.replaceAll(" ", ""));
    testCase(`${group}.${i + 1} ${what}: ${hex}`, [frame({ opcode: 1, payload })], { close: 1007 });
    testCase(
      `${group}.${i + 1} ${what}: ${hex}, in fragments of 1`,
      fragments(1, payload, 1),
      { close: 1007 },
    );
  }
}

// 7 Close

/** Closes with a frame and expects this in return; nothing that is sent behind it is answered. */
function closeCase(name: string, pieces: readonly Uint8Array[], code: number, reason = ""): void {
  Deno.test(`case ${name}`, async () => {
    await using server = echo();
    using socket = await RawSocket.upgrade(server.port);
    await socket.send(joined(pieces));
    const frames = await socket.rest();
    const last = closeOf(frames.at(-1));
    assertEquals(last.code, code);
    if (code < 1002 || code > 1007) assertEquals(last.reason, reason);
    assertEquals(frames.filter(({ opcode }) => opcode === 8).length, 1);
  });
}

testCase("7.1.1 message, then close", [textFrame("Hello World!")], {
  frames: [[1, "Hello World!"]],
});
closeCase("7.1.2 two close frames", [closeFrame(1000), closeFrame(1000)], 1000);
closeCase("7.1.3 ping after close", [closeFrame(1000), ping()], 1000);
closeCase("7.1.4 text after close", [closeFrame(1000), textFrame("late")], 1000);
closeCase("7.1.5 close within a message", [
  textFrame("fragment1", false),
  closeFrame(1000),
  part("fragment2", true),
], 1000);
closeCase("7.1.6 256 KiB, close, ping", [
  textFrame("BAsd7&jh23".repeat(26_214)),
  closeFrame(1000),
  ping(),
], 1000);
closeCase("7.3.1 close without payload", [closeFrame()], 1005);
closeCase("7.3.2 close of one byte", [frame({ opcode: 8, payload: new Uint8Array(1) })], 1002);
closeCase("7.3.3 close with a code", [closeFrame(1000)], 1000);
closeCase("7.3.4 close with a reason", [closeFrame(1000, "Hello World!")], 1000, "Hello World!");
closeCase(
  "7.3.5 reason of 123 bytes",
  [closeFrame(1000, "*".repeat(123))],
  1000,
  "*".repeat(123),
);
closeCase("7.3.6 reason of 124 bytes", [closeFrame(1000, "*".repeat(124))], 1002);
closeCase("7.5.1 reason that is not UTF-8", [
  frame({ opcode: 8, payload: joined([[0x03, 0xe8], broken]) }),
], 1007);
const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999];
for (const [i, code] of codes.entries()) {
  closeCase(`7.7.${i + 1} close with ${code}`, [closeFrame(code)], code);
}
for (const [i, code] of [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].entries()) {
  closeCase(`7.9.${i + 1} close with ${code}`, [closeFrame(code)], 1002);
}
closeCase("7.13.1 close with 5000", [closeFrame(5000)], 1002);
closeCase("7.13.2 close with 65535", [closeFrame(65_535)], 1002);

// 9 Limits

for (const [i, size] of [64 * 1024, 256 * 1024, MIB, 4 * MIB, 8 * MIB, 16 * MIB].entries()) {
  const text = "*".repeat(size);
  const bytes = noise(size);
  testCase(`9.1.${i + 1} text of ${size} bytes`, [textFrame(text)], { frames: [[1, text]] });
  testCase(`9.2.${i + 1} binary of ${size} bytes`, [binaryFrame(bytes)], { frames: [[2, bytes]] });
}
for (const [i, size] of [64, 256, 1_024, 4_096, 65_536, 262_144, MIB].entries()) {
  const bytes = noise(MIB);
  testCase(`9.4.${i + 1} binary of 1 MiB in fragments of ${size}`, [
    joined(fragments(2, bytes, size)),
  ], { frames: [[2, bytes]] });
}
for (const [i, chop] of [64, 128, 256, 512, 1_024, 2_048].entries()) {
  const bytes = noise(256 * 1024);
  const name = `9.6.${i + 1} binary of 256 KiB in chops of ${chop}`;
  testCase(name, [binaryFrame(bytes)], { frames: [[2, bytes]] }, chop);
}
for (const [i, size] of [0, 16, 64, 256, 1_024, 4_096].entries()) {
  const bytes = noise(size);
  testCase(`9.8.${i + 1} 1,000 binary messages of ${size} bytes`, [
    joined(Array.from({ length: 1_000 }, () => binaryFrame(bytes))),
  ], { frames: Array.from({ length: 1_000 }, () => [2, bytes]) });
}
testCase("9.9 a message of 60 MiB", [binaryFrame(new Uint8Array(LIMIT))], {
  frames: [[2, new Uint8Array(LIMIT)]],
});
testCase("9.9 a message one byte past 60 MiB, of which only the header comes", [
  frame({ opcode: 2, length: BigInt(LIMIT + 1) }),
], { close: 1009 });
testCase("9.9 a message one byte past 60 MiB", [binaryFrame(new Uint8Array(LIMIT + 1))], {
  close: 1009,
});
testCase("9.9 fragments that grow past 60 MiB", [
  binaryFrame(new Uint8Array(LIMIT), false),
  frame({ opcode: 0, payload: new Uint8Array(1) }),
], { close: 1009 });

// 10 Auto-fragmentation

testCase("10.1.1 text of 64 KiB in fragments of 1,300", [
  joined(fragments(1, utf8("*".repeat(65_536)), 1_300)),
], { frames: [[1, "*".repeat(65_536)]] });

// 12, 13 Compression

Deno.test("case 12.1.1 an offer of permessage-deflate is declined", async () => {
  await using server = echo();
  using socket = await RawSocket.connect(server.port);
  await socket.send(upgradeRequest(["Sec-WebSocket-Extensions: permessage-deflate"]));
  const head = await socket.head();
  assertEquals(head.includes("101") && !/extensions/i.test(head), true, head);
  await socket.send(textFrame("plain"));
  assertEquals((await socket.next())?.payload, utf8("plain"));
  await socket.send(closeFrame(1000));
  assertEquals((await socket.rest()).length, 1);
});
