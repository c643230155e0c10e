import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { decodePacket } from "../../../src/protocol/packet_cbor.ts";
import type { Frame, MsgId } from "../../../src/protocol/packet.ts";
import { as, publicationOf } from "./fakes.ts";

const EXACT = { topic: "a/b", space: false };
const SPACE = { topic: "a/*", space: true };
const ID = 7n as MsgId;

function packetOf({ head, tail }: Frame) {
  return as(decodePacket(new Uint8Array([...head, ...(tail ?? [])])), "publish");
}

Deno.test("frame() of QoS 0 is the received frame itself for exact subscribers without extras", () => {
  const received = new Uint8Array([1, 2, 3]);
  const publication = publicationOf({ topic: "a/b", qos: 0, frame: received });
  const frame = publication.frame(EXACT, null, false);
  assertStrictEquals(frame.head, received);
  assertStrictEquals(publication.frame(EXACT, null, false), frame);
});

Deno.test("frame() has the pattern as topic and the topic in front of the arguments for a space", () => {
  const publication = publicationOf({ topic: "a/b", qos: 1, args: [1, "x"] });
  const packet = packetOf(publication.frame(SPACE, ID, false));
  assertEquals([packet.topic, packet.id, packet.qos], ["a/*", ID, 1]);
  assertEquals(packet.data.args, ["a/b", 1, "x"]);
});

Deno.test("frame() shares the bytes of the payload between all forms", () => {
  const publication = publicationOf({ topic: "a/b", qos: 1, args: ["x".repeat(100)] });
  assertStrictEquals(publication.frame(EXACT, ID, false).tail, publication.data.cbor);
  assertStrictEquals(
    publication.frame(SPACE, ID, false).tail?.buffer,
    publication.data.cbor.buffer,
  );
});

Deno.test("frame() is made once for all who subscribed alike", () => {
  const publication = publicationOf({ topic: "a/b", qos: 1 });
  for (const [to, extras] of [[EXACT, false], [SPACE, false], [EXACT, true]] as const) {
    const frame = publication.frame(to, ID, extras);
    assertStrictEquals(publication.frame({ ...to }, ID, extras), frame);
    assertEquals(publication.isCopied(to, extras), false);
  }
});

Deno.test("frame() for a space with extras is not kept: it has a payload of its own", () => {
  const publication = publicationOf({ topic: "a/b", qos: 1 });
  assertEquals(publication.isCopied(SPACE, true), true);
  assert(publication.frame(SPACE, ID, true) !== publication.frame(SPACE, ID, true));
});

Deno.test("frame() with extras tells offset, receive time and publisher", () => {
  const publication = publicationOf({ topic: "a/b", qos: 2, offset: 99, args: [1] });
  for (const to of [EXACT, SPACE]) {
    assertEquals(packetOf(publication.frame(to, ID, true)).extras, {
      o: 99,
      t: 5_000_006,
      p: "publisher",
    });
  }
  assertEquals(packetOf(publication.frame(EXACT, ID, false)).extras, null);
});

Deno.test("frame() keeps quality of service and slot", () => {
  for (const qos of [1, 2] as const) {
    const id = (1n << 32n | 1234n) as MsgId;
    const publication = publicationOf({ topic: "a/b", qos, slot: 1234 });
    for (const to of [EXACT, SPACE]) {
      const packet = packetOf(publication.frame(to, id, false));
      assertEquals([packet.qos, packet.slot, packet.id], [qos, 1234, id]);
    }
  }
});

Deno.test("plainId is the slot of a QoS 0 message, and none for slot 0", () => {
  const ids = [null, 0, 5].map((slot) => publicationOf({ qos: 0, slot }).plainId);
  assertEquals(ids, [null, null, 5n as MsgId]);
  const publication = publicationOf({ topic: "a/b", qos: 0, slot: 0 });
  const packet = packetOf(publication.frame(EXACT, publication.plainId, false));
  assertEquals([packet.slot, packet.id], [null, null]);
});

Deno.test("packet() says the same for peers that read text", () => {
  const publication = publicationOf({ topic: "a/b", qos: 1, slot: 3, args: [1] });
  const id = (1n << 32n | 3n) as MsgId;
  const packet = publication.packet(SPACE, id, true);
  assertEquals([packet.topic, packet.qos, packet.slot, packet.id], ["a/*", 1, 3, id]);
  assertEquals(packet.data.args, ["a/b", 1]);
  assertEquals(packet.extras?.p, "publisher");
  assertEquals(publication.packet(EXACT, id, false).data.args, [1]);
});

Deno.test("spaceData takes what is no array for one argument", () => {
  assertEquals(publicationOf({ topic: "a/b", args: [7] }).spaceData.args, ["a/b", 7]);
});
