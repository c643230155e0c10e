// What one frame costs: `deno bench tests/bench`.
import { decodeCbor, encodeCbor, walkCbor } from "../../src/protocol/cbor.ts";
import type { MsgId, Publish } from "../../src/protocol/packet.ts";
import { decodePacket, encodePacket, spaceFrame } from "../../src/protocol/packet_cbor.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { SpaceTrie } from "../../src/protocol/space_trie.ts";

const value = [{ temperature: 21.6, humidity: 40, place: "kitchen", at: 1_790_000_000_000 }];
const payload = encodeCbor(value);
const publication: Publish = {
  type: "publish",
  id: 0x0102_0304_0506_0708n as MsgId,
  topic: "kitchen/telemetry",
  qos: 1,
  slot: null,
  data: Payload.fromCbor(payload),
  extras: null,
  frame: null,
};
const { head, tail } = encodePacket(publication);
const frame = Uint8Array.from([...head, ...tail ?? []]);

Deno.bench("encode a payload", { group: "payload", baseline: true }, () => void encodeCbor(value));
Deno.bench("decode a payload", { group: "payload" }, () => void decodeCbor(payload));
Deno.bench("walk a payload", { group: "payload" }, () => void walkCbor(payload, 0));
Deno.bench("encode the same as JSON", { group: "payload" }, () => void JSON.stringify(value));

Deno.bench(
  "read a publication",
  { group: "frame", baseline: true },
  () => void decodePacket(frame),
);
Deno.bench("write a publication", { group: "frame" }, () => void encodePacket(publication));
Deno.bench("write a delivery to a space", { group: "frame" }, () => {
  const { topic, qos, slot, id, data, extras } = publication;
  spaceFrame({ pattern: "*/telemetry", topic, qos, slot, id, data, extras });
});

// Patterns that do not match must cost nothing.
for (const patterns of [10, 10_000]) {
  const trie = new SpaceTrie<number>();
  for (let index = 0; index < patterns; index++) trie.add(`place${index}/*`, index);
  trie.add("*/telemetry", -1);
  Deno.bench(
    `match a topic among ${patterns} patterns`,
    { group: "match", baseline: patterns === 10 },
    () => void trie.match("kitchen/telemetry"),
  );
}
