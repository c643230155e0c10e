import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type HandshakeOptions, shakeHands } from "../../../src/link/ws_handshake.ts";
import { FakeStream } from "../../helpers/fake_stream.ts";
import { ManualClock, settle } from "../../helpers/manual_clock.ts";
import { eventually } from "../../helpers/eventually.ts";
import { joined, textFrame, utf8 } from "../../helpers/ws_frame.ts";

const REQUEST = utf8(
  "GET / HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
);
const END = utf8("\r\n");
const KIB = 1024;

function options(clock: ManualClock): HandshakeOptions {
  return { clock, origins: { isLocal: true, isSecure: false, allowed: new Set() } };
}

function textOf(stream: FakeStream): string {
  return new TextDecoder().decode(stream.written);
}

Deno.test("shakeHands() upgrades, and gives back what came behind the request", async () => {
  const stream = new FakeStream();
  const clock = new ManualClock();
  const frames = textFrame("at once");
  stream.receive(joined([REQUEST, END, frames]));
  assertEquals(await shakeHands(stream, options(clock)), { kind: "upgraded", rest: frames });
  assertStringIncludes(textOf(stream), "HTTP/1.1 101 ");
  assertEquals([stream.isClosed, clock.pending], [false, 0]);
});

Deno.test("shakeHands() takes a request that comes byte by byte", async () => {
  const stream = new FakeStream();
  for (const byte of joined([REQUEST, END])) stream.receive(new Uint8Array([byte]));
  const handshake = await shakeHands(stream, options(new ManualClock()));
  assertEquals(handshake, { kind: "upgraded", rest: new Uint8Array(0) });
});

Deno.test("shakeHands() takes 64 KiB, and refuses a byte more with 431", async () => {
  const header = (bytes: number): Uint8Array => utf8(`X-Pad: ${"x".repeat(bytes - 9)}\r\n`);
  const room = 64 * KIB - REQUEST.length - END.length;
  const stream = new FakeStream();
  stream.receive(joined([REQUEST, header(room), END]));
  assertEquals((await shakeHands(stream, options(new ManualClock()))).kind, "upgraded");

  const larger = new FakeStream();
  larger.receive(joined([REQUEST, header(room + 1), END]), null);
  const handshake = await shakeHands(larger, options(new ManualClock()));
  assertEquals(handshake.kind === "refused" && handshake.status, 431);
  assertStringIncludes(textOf(larger), "HTTP/1.1 431 ");
  assert(larger.isWriteClosed && larger.isClosed);
});

Deno.test("shakeHands() answers 408 after 5 s, and cuts the connection", async () => {
  const stream = new FakeStream();
  const clock = new ManualClock();
  const done = shakeHands(stream, options(clock));
  stream.receive(REQUEST);
  await clock.advance(4_999);
  assertEquals(stream.writes.length, 0);
  await clock.advance(1);
  const handshake = await done;
  assertEquals(handshake.kind === "refused" && handshake.status, 408);
  assertStringIncludes(textOf(stream), "HTTP/1.1 408 ");
  assertEquals([stream.isClosed, clock.pending], [true, 0]);
});

Deno.test("shakeHands() counts the 5 s from the beginning, however steadily bytes come", async () => {
  const stream = new FakeStream();
  const clock = new ManualClock();
  const done = shakeHands(stream, options(clock));
  for (let second = 0; second < 5; second++) {
    stream.receive(utf8("G"));
    await clock.advance(1_000);
  }
  assertEquals((await done).kind, "refused");
});

Deno.test("shakeHands() refuses TLS at its first byte", async () => {
  const stream = new FakeStream();
  stream.receive(new Uint8Array([0x16, 0x03, 0x01, 0x02]), null);
  const handshake = await shakeHands(stream, options(new ManualClock()));
  assertEquals(handshake.kind === "refused" && handshake.status, 400);
  assertEquals(stream.isClosed, true);
});

Deno.test("shakeHands() gives a refused peer a second to read why, then cuts it", async () => {
  const stream = new FakeStream();
  const clock = new ManualClock();
  stream.receive(utf8("GET / HTTP/1.1\r\nHost: broker\r\n\r\n"));
  const done = shakeHands(stream, options(clock));
  await settle();
  assertStringIncludes(textOf(stream), "HTTP/1.1 426 ");
  assertEquals([stream.isWriteClosed, stream.isClosed], [true, false]);
  stream.receive(new Uint8Array(100_000));
  await clock.advance(999);
  assertEquals(stream.isClosed, false);
  await clock.advance(1);
  const handshake = await done;
  assertEquals(handshake.kind === "refused" && handshake.status, 426);
  assertEquals([stream.isClosed, clock.pending], [true, 0]);
});

Deno.test("shakeHands() is lost when the peer goes, or the connection breaks", async () => {
  for (const end of [null, new Error("reset")]) {
    const stream = new FakeStream();
    const clock = new ManualClock();
    stream.receive(REQUEST, end);
    assertEquals(await shakeHands(stream, options(clock)), { kind: "lost" });
    assertEquals([stream.isClosed, clock.pending], [true, 0]);
  }
  const unwritable = new FakeStream();
  unwritable.failWrites(new Error("broken pipe"));
  unwritable.receive(joined([REQUEST, END]));
  assertEquals(await shakeHands(unwritable, options(new ManualClock())), { kind: "lost" });
  await eventually(() => assertEquals(unwritable.isClosed, true));
});
