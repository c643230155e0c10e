import { assert, assertEquals } from "@std/assert";
import { GAP_TOPICS_MAX, OUTBOUND_BYTES_MAX } from "../../../src/broker/limits.ts";
import { Outbound } from "../../../src/broker/outbound.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { Channel } from "../../../src/peer/channel.ts";
import { FRAME_BYTES_MAX } from "../../../src/protocol/limits.ts";
import type { Encoding, MsgId, Packet, Rpc } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { Peer } from "../../helpers/bench_broker.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";
import { as, FakeMemory, publicationOf } from "./fakes.ts";

const EXACT = { topic: "t", space: false };
const MIB = 1024 * 1024;

/** A sending half whose peer reads only when the test says so. */
function setUp(encoding: Encoding = "cbor") {
  const [ours, theirs] = memoryPair();
  const log = new NotingLogger();
  const notes = { queued: 0, overflows: 0 };
  const memory = new FakeMemory();
  const channel: Channel = new Channel({
    link: theirs,
    encoding,
    log,
    onPacket: () => {},
    onClosed: () => {},
    onDrained: () => outbound.drained(),
  });
  const outbound: Outbound = new Outbound({
    link: theirs,
    channel,
    log,
    memory,
    onQueued: (bytes) => notes.queued += bytes,
    onOverflow: () => notes.overflows++,
  });
  channel.start();
  ours.pause();
  const peer = new Peer(ours);
  const drain = async (): Promise<Packet[]> => {
    ours.resume();
    await settle();
    ours.pause();
    return peer.take();
  };
  return { outbound, channel, log, memory, notes, drain, link: ours };
}

function ofBytes(bytes: number, qos: 0 | 1 = 0) {
  return publicationOf({ qos, args: [new Uint8Array(bytes)] });
}

function response(data: unknown, id = 1n): Packet {
  return { type: "response", id: id as MsgId, status: 0, data: Payload.fromValue(data) };
}

function rpc(data: unknown): Rpc {
  const payload = Payload.fromValue(data);
  return { type: "rpc", id: 1n as MsgId, topic: "t", target: null, data: payload, extras: null };
}

Deno.test("16 MiB may be queued besides the largest frame; then QoS 0 and calls have no room", async () => {
  const { outbound, drain } = setUp();
  assertEquals(outbound.sendPublication(ofBytes(30 * MIB), EXACT, null), "sent");
  assertEquals(outbound.sendPublication(ofBytes(10 * MIB), EXACT, null), "sent");
  assertEquals(outbound.sendPublication(ofBytes(5 * MIB), EXACT, null), "sent");
  assert(outbound.hasRoom);
  assertEquals(outbound.sendPublication(ofBytes(MIB), EXACT, null), "full");
  assertEquals(outbound.offer(rpc([new Uint8Array(MIB)])), "full");
  assertEquals(outbound.offer(rpc([])), "sent");
  await drain();
  assertEquals(outbound.offer(rpc([new Uint8Array(20 * MIB)])), "sent");
});

Deno.test("a frame of any size is taken behind others that are within the limit", () => {
  const { outbound } = setUp();
  assertEquals(outbound.sendPublication(ofBytes(16 * MIB - 1_000), EXACT, null), "sent");
  assertEquals(outbound.sendPublication(ofBytes(40 * MIB), EXACT, null), "sent");
  assertEquals(outbound.sendPublication(ofBytes(10), EXACT, null), "sent");
  assertEquals(outbound.sendPublication(ofBytes(2_000), EXACT, null), "full");
});

Deno.test("hasRoom is false at the limit, and true again when the peer has read", async () => {
  const { outbound, drain } = setUp();
  assert(outbound.hasRoom);
  outbound.sendPublication(ofBytes(MIB), EXACT, null);
  for (let n = 0; n < 17; n++) outbound.send(response(new Uint8Array(MIB)));
  assertEquals(outbound.hasRoom, false);
  await drain();
  assert(outbound.hasRoom);
});

Deno.test("send() beyond the limit ends the session, once, after this turn", async () => {
  const { outbound, notes } = setUp();
  outbound.send(response(new Uint8Array(MIB)));
  const fits = Math.floor(OUTBOUND_BYTES_MAX / outbound.queuedBytes);
  for (let n = 0; n < fits; n++) outbound.send(response(new Uint8Array(MIB)));
  await settle();
  assertEquals(notes.overflows, 0);
  for (let n = 0; n < 3; n++) outbound.send(response(new Uint8Array(MIB)));
  assertEquals(notes.overflows, 0);
  await settle();
  assertEquals(notes.overflows, 1);
});

Deno.test("a large answer behind a small one does not end the session", async () => {
  const { outbound, notes } = setUp();
  outbound.send(response(1));
  outbound.send(response(new Uint8Array(40 * MIB)));
  await settle();
  assertEquals(notes.overflows, 0);
});

Deno.test("the queue is told in bytes", () => {
  const { outbound, notes } = setUp();
  outbound.sendPublication(ofBytes(1_000), EXACT, null);
  assertEquals(notes.queued, outbound.queuedBytes);
});

Deno.test("long payloads in the link are shared until they have left", async () => {
  const { outbound, memory, notes, drain } = setUp();
  const long = ofBytes(100_000);
  outbound.sendPublication(long, EXACT, null);
  outbound.sendPublication(long, { topic: "*", space: true }, null);
  assertEquals([memory.held, notes.queued, outbound.ownBytes], [long.data.byteLength, 0, 0]);
  outbound.sendPublication(ofBytes(1_000), EXACT, null);
  assert(outbound.ownBytes > 1_000 && outbound.ownBytes < 1_100);
  await drain();
  assertEquals([memory.held, outbound.ownBytes], [0, 0]);
});

Deno.test("a long payload that is copied for its receiver is not shared", () => {
  const { outbound, memory } = setUp();
  outbound.setCapabilities({ extras: true });
  outbound.sendPublication(ofBytes(100_000), { topic: "*", space: true }, null);
  assertEquals(memory.held, 0);
  assert(outbound.ownBytes > 100_000);
});

Deno.test("ended() lets go of what the link held", () => {
  const { outbound, memory, link } = setUp();
  outbound.sendPublication(ofBytes(100_000), EXACT, null);
  link.terminate();
  outbound.ended();
  assertEquals(memory.held, 0);
});

Deno.test("a publication that fits no frame with its new header is impossible", async () => {
  const { outbound, drain } = setUp();
  // Fits as it came, and not with an id and a pattern.
  const publication = publicationOf({ qos: 1, args: [new Uint8Array(FRAME_BYTES_MAX - 18)] });
  assertEquals(outbound.sendPublication(publication, EXACT, 1n as MsgId), "impossible");
  const fits = publicationOf({ qos: 1, args: [new Uint8Array(FRAME_BYTES_MAX - 19)] });
  assertEquals(outbound.sendPublication(fits, EXACT, 1n as MsgId), "sent");
  const [packet] = await drain();
  assertEquals(packet?.type, "publish");
});

Deno.test("a publication whose JSON fits no frame is impossible, as is a call", () => {
  const { outbound } = setUp("json");
  // JSON writes such a character with six, and a publication twice.
  const text = (mib: number): string => "\u0001".repeat(mib * MIB);
  const publication = publicationOf({ args: [text(5)] });
  assertEquals(outbound.sendPublication(publication, EXACT, 1n as MsgId), "impossible");
  assertEquals(outbound.offer(rpc([text(10)])), "impossible");
  assertEquals(outbound.offer(rpc([text(9)])), "sent");
});

Deno.test("an answer that fits no frame becomes 40 with a text", async () => {
  for (
    const [encoding, result] of [
      ["cbor", new Uint8Array(FRAME_BYTES_MAX)],
      ["json", "\u0001".repeat(10 * MIB)],
    ] as const
  ) {
    const { outbound, drain } = setUp(encoding);
    outbound.send(response(result));
    const packet = as((await drain())[0], "response");
    assertEquals([packet.id, packet.status], [1n, 40]);
    assert(String(packet.data.value).includes("ask for it in parts"));
  }
});

Deno.test("an answer without a form in the encoding of the caller becomes 40", async () => {
  const { outbound, drain, log } = setUp("json");
  const cycle: unknown[] = [];
  cycle.push(cycle);
  outbound.send(response(cycle));
  const [packet] = await drain();
  assertEquals(packet?.type === "response" ? packet.status : null, 40);
  assertEquals(log.events, ["warn packet not encoded"]);
});

Deno.test("gaps are told to a peer that understands them when the queue has drained", async () => {
  const { outbound, drain } = setUp();
  outbound.setCapabilities({ extras: false });
  outbound.sendPublication(ofBytes(MIB), EXACT, null);
  outbound.countGap("t", 5);
  outbound.countGap("t", 9);
  outbound.countGap("u", 7);
  const first = await drain();
  assertEquals(first.map((packet) => packet.type === "publish" ? packet.topic : null), [
    "t",
    "__gap__",
  ]);
  const [, gap] = first;
  assertEquals(gap?.type === "publish" ? gap.data.args : null, [
    { topic: "t", count: 2, from: 5, to: 9 },
    { topic: "u", count: 1, from: 7, to: 7 },
  ]);
  assertEquals(await drain(), []);
});

Deno.test("gaps are told soon when nothing is queued, in one notice", async () => {
  const { outbound, drain } = setUp();
  outbound.setCapabilities({ extras: false });
  for (let n = 0; n < GAP_TOPICS_MAX; n++) outbound.countGap(`t${n}`, n);
  const packets = await drain();
  assertEquals(packets.length, 1);
});

Deno.test("a peer without capabilities is told no gaps", async () => {
  const { outbound, drain } = setUp();
  outbound.countGap("t", 1);
  assertEquals(await drain(), []);
});

Deno.test("setCapabilities() allows extras on deliveries, and slots in JSON", async () => {
  const { outbound, channel, drain } = setUp("json");
  const publication = publicationOf({ qos: 1, slot: 5, args: [1] });
  const id = (1n << 32n | 5n) as MsgId;
  outbound.sendPublication(publication, EXACT, id);
  outbound.setCapabilities({ extras: true });
  assertEquals([outbound.isCapable, channel.dialect.slots], [true, true]);
  outbound.sendPublication(publication, EXACT, id);
  const seen = (await drain()).map((packet) =>
    packet.type === "publish" ? [packet.slot, packet.extras?.p] : null
  );
  assertEquals(seen, [[null, undefined], [5, "publisher"]]);
});
