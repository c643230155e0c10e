import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Float, Tagged } from "../../../src/protocol/cbor.ts";
import type { JsonDialect, MsgId, Packet } from "../../../src/protocol/packet.ts";
import { decodePacket } from "../../../src/protocol/packet_cbor.ts";
import {
  decodePacketJson,
  encodePacketJson,
  JSON_DIALECT_DEFAULT,
} from "../../../src/protocol/packet_json.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { meaning } from "../../helpers/meaning.ts";
import { readAsReference, type ReferenceReading } from "../../helpers/reference_json.ts";
import { hexToBytes, loadVectors } from "../../helpers/vectors.ts";

const ID = 7n as MsgId;
const JULIA: JsonDialect = { typeKey: "__type__", textIds: true, slots: false };
const OURS: JsonDialect = { ...JSON_DIALECT_DEFAULT, slots: true };

function read(text: string): unknown {
  return meaning(decodePacketJson(text).packet);
}

const vectors = loadVectors();
const golden = new Map(vectors.frames.map(({ name, hex }) => [name, hexToBytes(hex)]));

function goldenPacket(name: string): Packet {
  const bytes = golden.get(name);
  if (bytes === undefined) throw new Error(`no golden frame "${name}"`);
  return decodePacket(bytes);
}

const INFINITE = "ADMIN subscribe foo, LastReceived";

for (const { name } of vectors.json) {
  if (!golden.has(name) || name === INFINITE) continue;
  Deno.test(`encodePacketJson() writes ${name} so that it is read as it was, in each dialect`, () => {
    const packet = goldenPacket(name);
    for (const typeKey of ["type", "__type__"] as const) {
      for (const textIds of [false, true]) {
        const text = encodePacketJson(packet, { typeKey, textIds, slots: true });
        assertEquals(read(text), meaning(packet));
        const { dialect } = decodePacketJson(text);
        assertEquals(dialect.textIds ?? textIds, textIds);
        assertEquals(dialect.typeKey ?? typeKey, typeKey);
      }
    }
  });

  Deno.test(`encodePacketJson() writes ${name} so that 0.8.12 reads what was meant`, () => {
    const packet = goldenPacket(name);
    const text = encodePacketJson(packet, JSON_DIALECT_DEFAULT);
    assertEquals(readAsReference(text), referenceOf(packet));
  });
}

/** What 0.8.12 is to understand: slots and targets are beyond it. */
function referenceOf(packet: Packet): ReferenceReading {
  switch (packet.type) {
    case "publish":
      return { is: "publish", topic: packet.topic, qos: packet.qos, data: packet.data.value };
    case "rpc":
      return { is: "rpc", topic: packet.topic, data: packet.data.value };
    case "response":
      return { is: "response", status: packet.status, data: JSON.parse(packet.data.json) };
    case "admin":
      return { is: "admin", topic: packet.topic, data: packet.data };
    case "identity":
      return { is: "identity", cid: packet.cid };
    case "attestation":
      return { is: "attestation", cid: packet.cid, signature: "AQID" };
    case "register": {
      const { cid, pin, keyType } = packet;
      return { is: "register", cid, pin, key: "LS0tLS1CRUdJTg==", keyType };
    }
    default:
      return { is: packet.type };
  }
}

Deno.test("encodePacketJson() writes every golden frame as JSON: no payload stops a message", () => {
  for (const { name, hex } of vectors.frames) {
    // The first is no message, and of the others one level is more than a payload may have.
    if (/^Bytes to sign|depth 65/.test(name)) continue;
    const packet = decodePacket(hexToBytes(hex));
    const text = encodePacketJson(packet, OURS);
    assertEquals(typeof JSON.parse(text), "object", name);
    assertEquals(decodePacketJson(text).packet.type, packet.type, name);
  }
});

Deno.test("encodePacketJson() writes a publication in both places", () => {
  const packet = decodePacketJson('{"method":"foo","params":["x",1]}').packet;
  const text = '{"jsonrpc":"2.0","method":"foo","params":["x",1],"data":["x",1]}';
  assertEquals(encodePacketJson(packet, JSON_DIALECT_DEFAULT), text);
  assertEquals(encodePacketJson(packet, JULIA), text);
});

Deno.test("encodePacketJson() leaves slots out unless the peer understands them", () => {
  const inSlot = { type: "publish", id: 1234n as MsgId, topic: "foo", slot: 1234 } as const;
  const rest = { data: Payload.fromValue(["x"]), extras: null, frame: null };
  const texts = ([0, 1, 2] as const).flatMap((qos) => {
    const packet: Packet = { ...inSlot, qos, ...rest };
    return [JSON_DIALECT_DEFAULT, OURS].map((dialect) => encodePacketJson(packet, dialect));
  });
  const typed = (type: number): string =>
    `{"jsonrpc":"2.0","id":1234,"method":"foo","params":{"type":${type},"data":["x"]},"data":["x"]}`;
  assertEquals(texts, [
    '{"jsonrpc":"2.0","method":"foo","params":["x"],"data":["x"]}',
    ...[64, 16, 80, 48, 112].map(typed),
  ]);
});

Deno.test("encodePacketJson() writes slot 0 of QoS 0, which has no id, without a slot", () => {
  const packet = decodePacket(hexToBytes("84184148000000000000000063666f6f816178"));
  const text = encodePacketJson(packet, OURS);
  assertEquals(text, '{"jsonrpc":"2.0","method":"foo","params":["x"],"data":["x"]}');
});

Deno.test("encodePacketJson() puts what is no array into one, as publication and as call", () => {
  for (const [data, args] of [[{ a: 1 }, '[{"a":1}]'], [null, "[null]"], ["[", '["["]']] as const) {
    const payload = Payload.fromValue(data);
    const call: Packet = {
      type: "rpc",
      id: ID,
      topic: "t",
      target: null,
      data: payload,
      extras: null,
    };
    assertStringIncludes(encodePacketJson(call, OURS), `"params":${args}`);
  }
  // An array behind a tag is one argument, although JSON does not see the tag.
  const tagged = Payload.fromValue(new Tagged(4, [1, 2]));
  const call: Packet = {
    type: "rpc",
    id: ID,
    topic: "t",
    target: null,
    data: tagged,
    extras: null,
  };
  assertStringIncludes(encodePacketJson(call, OURS), '"params":[[1,2]]');
});

Deno.test("encodePacketJson() writes target and extras at the top", () => {
  const call: Packet = {
    type: "rpc",
    id: ID,
    topic: "add",
    target: "srv",
    data: Payload.fromValue([]),
    extras: { ttl: 5000, o: 2n ** 60n },
  };
  const text = encodePacketJson(call, JULIA);
  assertEquals(
    text,
    '{"jsonrpc":"2.0","id":"7","method":"add","params":[],"target":"srv",' +
      '"extras":{"ttl":5000,"o":1152921504606846976}}',
  );
  assertEquals(read(text), meaning(call));
});

Deno.test("encodePacketJson() writes an infinite msg_from as text, and no other infinity", () => {
  for (const window of [Infinity, new Float(Infinity)]) {
    const data = { cmd: "subscribe", msg_from: window, other: Infinity };
    const text = encodePacketJson({ type: "admin", id: ID, topic: "foo", data }, OURS);
    assertEquals(
      text,
      '{"jsonrpc":"2.0","id":7,"method":"foo",' +
        '"params":{"type":3,"data":{"cmd":"subscribe","msg_from":"inf","other":null}}}',
    );
    assertEquals(data.msg_from, window);
  }
});

Deno.test("encodePacketJson() writes code and message of errors for ordinary JSON-RPC clients", () => {
  const packet: Packet = {
    type: "response",
    id: ID,
    status: 42,
    data: Payload.fromValue("add"),
  };
  assertEquals(
    encodePacketJson(packet, OURS),
    '{"jsonrpc":"2.0","id":7,"error":{"type":4,"sts":42,"data":"add",' +
      '"code":42,"message":"METHOD_NOT_FOUND:add"}}',
  );
});

Deno.test("encodePacketJson() writes meta for Rembus.jl, which cannot read a login without", () => {
  const identity: Packet = { type: "identity", id: ID, cid: "alice" };
  assertEquals(
    encodePacketJson(identity, JULIA),
    '{"jsonrpc":"2.0","id":"7","method":"__identity__",' +
      '"params":{"__type__":0,"cid":"alice","meta":{}}}',
  );
  const attestation: Packet = {
    type: "attestation",
    id: ID,
    cid: "alice",
    signature: Uint8Array.of(1, 2, 3),
  };
  assertStringIncludes(encodePacketJson(attestation, JULIA), '"meta":{}');
  assert(!encodePacketJson(identity, OURS).includes("meta"));
});

Deno.test("encodePacketJson() uses the JSON text that a payload keeps", () => {
  const data = Payload.fromValue([Uint8Array.of(1, 2, 3)]);
  const { json } = data;
  const packet: Packet = { type: "response", id: ID, status: 0, data };
  assertEquals(json, '["AQID"]');
  assertStringIncludes(encodePacketJson(packet, OURS), `"data":${json}}`);
});

Deno.test("encodePacketJson() quotes topics, names and texts", () => {
  const quoted = 'a"\\\n\u2028\ud800';
  const call: Packet = {
    type: "rpc",
    id: ID,
    topic: quoted,
    target: quoted,
    data: Payload.fromValue([quoted]),
    extras: { tp: quoted },
  };
  assertEquals(read(encodePacketJson(call, OURS)), meaning(call));
});
