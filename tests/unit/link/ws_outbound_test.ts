import { assert, assertEquals } from "@std/assert";
import { WriteBuffers } from "../../../src/link/ws_buffers.ts";
import { Opcode } from "../../../src/link/ws_frames.ts";
import { MaskingKeys } from "../../../src/link/ws_keys.ts";
import { Outbound } from "../../../src/link/ws_outbound.ts";
import { FakeStream } from "../../helpers/fake_stream.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";
import { closeOf, joined, readFrames, utf8 } from "../../helpers/ws_frame.ts";

const MIB = 1024 * 1024;

interface Sending {
  readonly outbound: Outbound;
  readonly stream: FakeStream;
  readonly drains: number[];
  readonly failures: unknown[];
}

function sending(
  buffers = new WriteBuffers(),
  keys: MaskingKeys | null = null,
): Sending {
  const stream = new FakeStream();
  const drains: number[] = [];
  const failures: unknown[] = [];
  const outbound = new Outbound({
    stream,
    buffers,
    keys,
    onDrained: () => drains.push(outbound.bufferedBytes),
    onFailed: (error) => failures.push(error),
  });
  return { outbound, stream, drains, failures };
}

Deno.test("binary() and text() of one turn leave with one write", async () => {
  const { outbound, stream } = sending();
  for (let i = 0; i < 100; i++) outbound.binary(utf8(`binary ${i}`), utf8(" tail"));
  outbound.text("text ü");
  assertEquals(stream.writes, []);
  await settle();
  assertEquals(stream.writes.length, 1);
  const { frames, rest } = readFrames(stream.written);
  assertEquals([frames.length, rest], [101, 0]);
  assertEquals(frames[7], { fin: true, opcode: Opcode.BINARY, payload: utf8("binary 7 tail") });
  assertEquals(frames[100], { fin: true, opcode: Opcode.TEXT, payload: utf8("text ü") });
});

Deno.test("binary() writes each length in its shortest form", async () => {
  for (const length of [0, 1, 125, 126, 65_535, 65_536, 3 * MIB]) {
    for (const cut of [0, Math.min(1, length), length >> 1, length]) {
      const { outbound, stream } = sending();
      const payload = Uint8Array.from({ length }, (_, i) => i * 7);
      outbound.binary(payload.subarray(0, cut), payload.subarray(cut));
      outbound.binary(payload, null);
      await settle();
      const { frames, rest } = readFrames(stream.written);
      assertEquals([frames.length, rest], [2, 0]);
      for (const frame of frames) assertEquals(frame.payload, payload);
      const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
      assertEquals(stream.written.length, 2 * (header + length));
    }
  }
});

Deno.test("text() writes UTF-8 with a header of the right form, whatever the characters", async () => {
  for (const character of ["a", "ü", "€", "🎈"]) {
    for (const count of [0, 1, 41, 42, 62, 63, 125, 126, 5_000, 6_000, 22_000]) {
      const { outbound, stream } = sending();
      const text = character.repeat(count);
      outbound.text(text);
      outbound.text("behind");
      await settle();
      const { frames } = readFrames(stream.written);
      assertEquals(frames.map(({ payload }) => new TextDecoder().decode(payload)), [
        text,
        "behind",
      ]);
    }
  }
});

Deno.test("binary() does not copy a long payload", async () => {
  const { outbound, stream } = sending();
  const seen: ArrayBufferLike[] = [];
  const write = stream.write.bind(stream);
  stream.write = (bytes) => {
    seen.push(bytes.buffer);
    return write(bytes);
  };
  const tail = new Uint8Array(10 * MIB);
  outbound.binary(utf8("head"), tail);
  await settle();
  assert(seen.includes(tail.buffer));
  assertEquals(seen.length, 2);
});

Deno.test("frames in any order of sizes arrive in that order, through writes that are partial", async () => {
  const random = new SeededRandom(3);
  for (let round = 0; round < 20; round++) {
    const { outbound, stream } = sending();
    const expected: Uint8Array[] = [];
    for (let i = 0; i < 60; i++) {
      stream.writeMax = random.pick([1_000, 70_000, Infinity]);
      const payload = new Uint8Array(random.below(random.pick([10, 200, 5_000, 40_000]))).fill(i);
      const cut = random.below(payload.length + 1);
      outbound.binary(payload.subarray(0, cut), payload.subarray(cut));
      expected.push(payload);
      if (random.below(3) === 0) await settle();
    }
    await outbound.finished();
    const { frames, rest } = readFrames(stream.written);
    assertEquals(rest, 0);
    assertEquals(frames.map(({ payload }) => payload), expected);
  }
});

Deno.test("what comes during a write leaves together with the next one", async () => {
  const { outbound, stream } = sending();
  stream.stall();
  outbound.text("first");
  await settle();
  for (let i = 0; i < 1_000; i++) outbound.text("more");
  await settle();
  assertEquals(stream.writes.length, 0);
  stream.flow();
  await outbound.finished();
  assertEquals(stream.writes.length, 2);
  assertEquals(readFrames(stream.written).frames.length, 1_001);
});

Deno.test("bufferedBytes counts frames until they are written, and no control frames", async () => {
  const { outbound, stream } = sending();
  stream.stall();
  outbound.binary(new Uint8Array(100), null);
  outbound.text("abc");
  outbound.control(Opcode.PING, utf8("ping"));
  outbound.close(1000, "bye");
  assertEquals(outbound.bufferedBytes, 102 + 5);
  await settle();
  assertEquals(outbound.bufferedBytes, 102 + 5);
  stream.flow();
  await outbound.finished();
  assertEquals(outbound.bufferedBytes, 0);
});

Deno.test("bufferedBytes falls while a long payload is written in parts", async () => {
  const { outbound, stream } = sending();
  stream.writeMax = MIB;
  stream.stall();
  outbound.binary(new Uint8Array(4 * MIB), null);
  await settle();
  stream.flow();
  stream.stall();
  await settle();
  // The header has left.
  assertEquals(outbound.bufferedBytes, 4 * MIB);
  stream.flow();
  stream.stall();
  await settle();
  assertEquals(outbound.bufferedBytes, 3 * MIB);
  stream.flow();
  await outbound.finished();
});

Deno.test("onDrained comes when more than 64 KiB have fallen below 32 KiB, and only then", async () => {
  // With a header of 4 bytes: exactly at the mark, and one past it.
  for (const [length, count] of [[65_532, 0], [65_533, 1]] as const) {
    const { outbound, drains } = sending();
    outbound.binary(new Uint8Array(length), null);
    assertEquals(outbound.bufferedBytes, length + 4);
    await outbound.finished();
    outbound.text("low");
    await outbound.finished();
    assertEquals(drains.length, count);
  }
  const { outbound, stream, drains } = sending();
  stream.writeMax = 1_000;
  outbound.binary(new Uint8Array(100_000), null);
  await outbound.finished();
  assertEquals(drains.length, 1);
  assert((drains[0] ?? 0) < 32_768 && (drains[0] ?? 0) > 31_000);
});

Deno.test("control() overtakes messages that wait, but cuts no frame in two", async () => {
  const { outbound, stream } = sending();
  stream.stall();
  outbound.text("under way");
  await settle();
  outbound.text("waits");
  outbound.binary(utf8("head"), new Uint8Array(MIB));
  outbound.control(Opcode.PONG, utf8("?"));
  stream.flow();
  stream.stall();
  await settle();
  stream.flow();
  stream.stall();
  await settle();
  // Now the header of the long frame has left, and its payload has not.
  outbound.control(Opcode.PONG, utf8("!"));
  stream.flow();
  await outbound.finished();
  const { frames, rest } = readFrames(stream.written);
  assertEquals(rest, 0);
  assertEquals(frames.map(({ opcode, payload }) => [opcode, payload.length]), [
    [Opcode.TEXT, 9],
    [Opcode.PONG, 1],
    [Opcode.TEXT, 5],
    [Opcode.BINARY, 4 + MIB],
    [Opcode.PONG, 1],
  ]);
});

Deno.test("control() of a stalled socket keeps 4 KiB, then only the latest", async () => {
  const { outbound, stream } = sending();
  stream.stall();
  outbound.text("under way");
  await settle();
  const payload = new Uint8Array(126 - 2);
  // 32 frames of 126 bytes fit, the 33rd does not.
  for (let i = 0; i < 32; i++) outbound.control(Opcode.PONG, payload.fill(i));
  stream.flow();
  await outbound.finished();
  assertEquals(readFrames(stream.written).frames.length, 1 + 32);

  stream.stall();
  outbound.text("under way again");
  await settle();
  for (let i = 0; i < 33; i++) outbound.control(Opcode.PONG, payload.fill(i));
  stream.flow();
  await outbound.finished();
  const { frames } = readFrames(stream.written);
  assertEquals(frames.length, 1 + 32 + 1 + 1);
  assertEquals(frames.at(-1)?.payload[0], 32);
});

Deno.test("close() leaves behind the messages, with a reason that fits", async () => {
  const { outbound, stream } = sending();
  outbound.text("last");
  outbound.close(4001, "é".repeat(100));
  await outbound.finished();
  const { frames } = readFrames(stream.written);
  assertEquals(frames.map(({ opcode }) => opcode), [Opcode.TEXT, Opcode.CLOSE]);
  assertEquals(closeOf(frames[1]), { code: 4001, reason: "é".repeat(61) });
});

Deno.test("control() leaves in front of a close frame, and not at all behind it", async () => {
  const { outbound, stream } = sending();
  stream.stall();
  outbound.text("under way");
  await settle();
  outbound.control(Opcode.PONG, utf8("in time"));
  outbound.close(1000, "");
  outbound.control(Opcode.PONG, utf8("late"));
  stream.flow();
  await outbound.finished();
  outbound.control(Opcode.PING, utf8("later"));
  await settle();
  assertEquals(readFrames(stream.written).frames.map(({ opcode }) => opcode), [
    Opcode.TEXT,
    Opcode.PONG,
    Opcode.CLOSE,
  ]);
});

Deno.test("close(1005) has no payload", async () => {
  const { outbound, stream } = sending();
  outbound.close(1005, "not sent");
  await outbound.finished();
  assertEquals(stream.written, new Uint8Array([0x88, 0]));
});

Deno.test("a write that fails is reported once, and drops what waits", async () => {
  const { outbound, stream, failures } = sending();
  const error = new Error("reset");
  stream.failWrites(error);
  outbound.text("lost");
  const finished = outbound.finished();
  await finished;
  await settle();
  assertEquals(failures, [error]);
  outbound.text("lost");
  outbound.binary(new Uint8Array(MIB), null);
  outbound.control(Opcode.PING, utf8(""));
  outbound.close(1000, "");
  await settle();
  assertEquals([failures.length, outbound.bufferedBytes], [1, 0]);
});

Deno.test("kill() during a write ends it without a report", async () => {
  const { outbound, stream, failures } = sending();
  stream.stall();
  outbound.binary(new Uint8Array(MIB), null);
  const finished = outbound.finished();
  await settle();
  outbound.kill();
  stream.close();
  await finished;
  await settle();
  assertEquals([failures, outbound.bufferedBytes], [[], 0]);
});

Deno.test("kill() from within onDrained ends the writing", async () => {
  const stream = new FakeStream();
  const outbound: Outbound = new Outbound({
    stream,
    buffers: new WriteBuffers(),
    keys: null,
    onDrained: () => outbound.kill(),
    onFailed: () => {},
  });
  outbound.binary(new Uint8Array(100_000), null);
  outbound.text("never");
  await outbound.finished();
  await settle();
  assertEquals(readFrames(stream.written).frames.length, 1);
});

Deno.test("buffers come back to the pool once they are written, and are not shared before", async () => {
  const buffers = new WriteBuffers();
  const one = sending(buffers);
  const other = sending(buffers);
  one.stream.stall();
  one.outbound.text("one");
  await settle();
  other.outbound.text("other");
  await settle();
  one.stream.flow();
  await one.outbound.finished();
  assertEquals(one.stream.written, joined([[0x81, 3], utf8("one")]));
  assertEquals(other.stream.written, joined([[0x81, 5], utf8("other")]));
  const before = buffers.take(1);
  buffers.give(before);
  one.outbound.text("again");
  await one.outbound.finished();
  assert(buffers.take(1) === before);
});

/** Sends as a client. */
function sendingMasked(): Sending {
  return sending(new WriteBuffers(), new MaskingKeys());
}

Deno.test("a client masks every frame with a key of its own", async () => {
  const { outbound, stream } = sendingMasked();
  for (let i = 0; i < 300; i++) outbound.binary(utf8("same"), utf8(" bytes"));
  outbound.text("text ü");
  outbound.control(Opcode.PONG, utf8("pong"));
  outbound.close(4001, "bye");
  await outbound.finished();
  const { frames, keys, rest } = readFrames(stream.written, "client");
  assertEquals([frames.length, new Set(keys).size, rest], [303, 303, 0]);
  assertEquals(frames[0], { fin: true, opcode: Opcode.PONG, payload: utf8("pong") });
  assertEquals(frames[300], { fin: true, opcode: Opcode.BINARY, payload: utf8("same bytes") });
  assertEquals(frames[301], { fin: true, opcode: Opcode.TEXT, payload: utf8("text ü") });
  assertEquals(closeOf(frames[302]), { code: 4001, reason: "bye" });
});

Deno.test("a client masks payloads of any length, and leaves the bytes that it was given as they are", async () => {
  for (const length of [0, 1, 125, 126, 16_384, 16_385, 65_535, 65_536, 131_075, 3 * MIB]) {
    for (const cut of [0, Math.min(3, length), length >> 1, length]) {
      const { outbound, stream } = sendingMasked();
      const payload = Uint8Array.from({ length }, (_, i) => i * 7);
      const before = payload.slice();
      outbound.binary(payload.subarray(0, cut), payload.subarray(cut));
      outbound.text("behind");
      await outbound.finished();
      const { frames, rest } = readFrames(stream.written, "client");
      assertEquals([frames.length, rest], [2, 0]);
      assertEquals(frames[0]?.payload, payload);
      assertEquals(frames[1]?.payload, utf8("behind"));
      assertEquals(payload, before);
    }
  }
});

Deno.test("a client masks texts of every header form, whatever the characters", async () => {
  for (const character of ["a", "ü", "🎈"]) {
    for (const count of [0, 41, 42, 62, 63, 125, 126, 5_000, 22_000]) {
      const { outbound, stream } = sendingMasked();
      const text = character.repeat(count);
      outbound.text(text);
      await outbound.finished();
      const { frames, rest } = readFrames(stream.written, "client");
      assertEquals(rest, 0);
      assertEquals(new TextDecoder().decode(frames[0]?.payload), text);
    }
  }
});

Deno.test("a client masks a long payload in pieces, through writes that are partial", async () => {
  const { outbound, stream } = sendingMasked();
  stream.writeMax = 9_999;
  const payload = Uint8Array.from({ length: MIB + 5 }, (_, i) => i * 31);
  let largest = 0;
  const write = stream.write.bind(stream);
  stream.write = (bytes) => {
    largest = Math.max(largest, bytes.length);
    return write(bytes);
  };
  outbound.binary(utf8("head"), payload);
  assert(outbound.bufferedBytes > MIB);
  await outbound.finished();
  assertEquals([largest, outbound.bufferedBytes], [65_536, 0]);
  const { frames } = readFrames(stream.written, "client");
  assertEquals(frames[0]?.payload, joined([utf8("head"), payload]));
});

Deno.test("a client that is killed while a long payload is written does not give back its buffer", async () => {
  const buffers = new WriteBuffers();
  const { outbound, stream } = sending(buffers, new MaskingKeys());
  outbound.binary(new Uint8Array(MIB), null);
  const written = Promise.withResolvers<Uint8Array>();
  const write = stream.write.bind(stream);
  stream.write = (bytes) => {
    if (bytes.length === 65_536) {
      written.resolve(bytes);
      stream.stall();
    }
    return write(bytes);
  };
  const { buffer } = await written.promise;
  outbound.kill();
  stream.close();
  await settle();
  assert(buffers.take(65_536).bytes.buffer !== buffer);
});

Deno.test("a long payload of a client gives back its buffer when it is written", async () => {
  const buffers = new WriteBuffers();
  const { outbound } = sending(buffers, new MaskingKeys());
  const before = buffers.take(65_536);
  buffers.give(before);
  outbound.binary(new Uint8Array(MIB), null);
  await outbound.finished();
  assert(buffers.take(65_536) === before);
});
