import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Link, LinkClose, LinkHandler } from "../../../src/link/link.ts";
import { Channel } from "../../../src/peer/channel.ts";
import { encodeCbor } from "../../../src/protocol/cbor.ts";
import type { Encoding, MsgId, Packet } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { SILENT } from "../../../src/util/log.ts";

const ID = 7n as MsgId;
const RESPONSE: Packet = { type: "response", id: ID, status: 0, data: Payload.fromValue(1) };

/** A link that remembers what it was told, and says what a test says. */
class FakeLink implements Link {
  readonly remote = "fake";
  bufferedBytes = 0;
  readonly sent: (Uint8Array | string)[] = [];
  readonly calls: string[] = [];
  handler: LinkHandler = { message: () => {}, drained: () => {}, closed: () => {} };
  start(handler: LinkHandler): void {
    this.handler = handler;
  }
  send(head: Uint8Array | string, tail: Uint8Array | null = null): void {
    this.sent.push(typeof head === "string" ? head : new Uint8Array([...head, ...tail ?? []]));
  }
  limitMessages(): void {}

  pause(): void {
    this.calls.push("pause");
  }
  resume(): void {
    this.calls.push("resume");
  }
  close(code: number, reason: string): void {
    this.calls.push(`close ${code} ${reason}`);
  }
  terminate(): void {
    this.calls.push("terminate");
  }
}

function open(encoding: Encoding = "cbor") {
  const link = new FakeLink();
  const packets: Packet[] = [];
  const closes: LinkClose[] = [];
  let drained = 0;
  const channel = new Channel({
    link,
    encoding,
    log: SILENT,
    onPacket: (packet) => {
      packets.push(packet);
      if (packet.type === "ack2") throw new Error("handling failed");
    },
    onClosed: (close) => void closes.push(close),
    onDrained: () => void drained++,
  });
  channel.start();
  return { link, channel, packets, closes, drained: () => drained };
}

Deno.test("send() writes in the encoding that it was made with, then in that of the peer", () => {
  const { link, channel } = open();
  channel.send(RESPONSE);
  assert(link.sent[0] instanceof Uint8Array);
  link.handler.message('{"jsonrpc":"2.0","id":"9","method":"svc","params":[]}');
  assertEquals(channel.encoding, "json");
  channel.send(RESPONSE);
  // Ids as text, because the peer writes them so.
  assertEquals(JSON.parse(String(link.sent[1])).id, "7");
  link.handler.message(encodeCbor([6, new Uint8Array(8).fill(1)]));
  assertEquals(channel.encoding, "cbor");
  channel.send(RESPONSE);
  assert(link.sent[2] instanceof Uint8Array);
});

Deno.test("send() throws for a value that has no form, and the link lives on", () => {
  const { link, channel } = open();
  const data = Payload.fromValue(() => {});
  assertThrows(() => channel.send({ type: "response", id: ID, status: 0, data }), TypeError);
  channel.send(RESPONSE);
  assertEquals([link.sent.length, link.calls], [1, []]);
});

for (
  const { what, frame, code } of [
    { what: "an unknown type", frame: encodeCbor([7, new Uint8Array(8).fill(1)]), code: 1002 },
    { what: "a truncated frame", frame: encodeCbor([1, "t", []]).slice(0, -1), code: 1007 },
    { what: "an empty frame", frame: new Uint8Array(), code: 1007 },
    { what: "text that is no JSON", frame: "no json", code: 1007 },
    { what: "a JSON batch", frame: "[]", code: 1002 },
  ]
) {
  Deno.test(`a frame with ${what} closes the link with ${code}, and nothing after it is read`, () => {
    const { link, packets } = open();
    link.handler.message(frame);
    assertEquals(link.calls.length, 1);
    assert(link.calls[0]?.startsWith(`close ${code} `), link.calls[0]);
    link.handler.message(encodeCbor([6, new Uint8Array(8).fill(1)]));
    assertEquals([packets.length, link.calls.length], [0, 1]);
  });
}

Deno.test("what onPacket throws harms neither the link nor the next packet", () => {
  const { link, packets } = open();
  link.handler.message(encodeCbor([6, new Uint8Array(8).fill(1)]));
  link.handler.message(encodeCbor([5, new Uint8Array(8).fill(1)]));
  assertEquals(packets.map(({ type }) => type), ["ack2", "ack"]);
  assertEquals(link.calls, []);
});

Deno.test("close() cuts the reason to 123 bytes between characters", () => {
  const { link, channel } = open();
  channel.close(1000, "a".repeat(124));
  channel.close(1000, "ä".repeat(62));
  assertEquals(link.calls, [`close 1000 ${"a".repeat(123)}`, `close 1000 ${"ä".repeat(61)}`]);
});

Deno.test("pause, resume, terminate, drain and close are passed on", () => {
  const { link, channel, closes, drained } = open();
  channel.pause();
  channel.resume();
  channel.terminate();
  link.handler.drained();
  link.handler.closed({ code: 1006, reason: "" });
  assertEquals(link.calls, ["pause", "resume", "terminate"]);
  assertEquals([drained(), closes], [1, [{ code: 1006, reason: "" }]]);
});
