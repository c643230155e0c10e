import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeCbor, encodeCbor, walkCbor } from "../../../src/protocol/cbor.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import type { Frame, MsgId, Packet, Publish } from "../../../src/protocol/packet.ts";
import { decodePacket, encodePacket, spaceFrame } from "../../../src/protocol/packet_cbor.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { fromNotation } from "../../helpers/notation.ts";
import { bytesToHex, hexToBytes, loadVectors } from "../../helpers/vectors.ts";

const ID = 0x0807060504030201n as MsgId;
const ID_HEX = "480102030405060708";

function bytesOf({ head, tail }: Frame): Uint8Array {
  return tail === null ? head : new Uint8Array([...head, ...tail]);
}

/** Reads hex and gives the close code of its error. */
function closeCodeOf(hex: string): number {
  return assertThrows(() => decodePacket(hexToBytes(hex)), ProtocolError).closeCode;
}

const messages = loadVectors().frames.filter(({ name }) => !name.startsWith("Bytes to sign"));

for (const { name, hex, packet } of messages) {
  // A payload may have 64 levels, whatever is around it: with the message array, that makes 65.
  if (name.includes("depth 65")) continue;

  Deno.test(`decodeCbor() reads ${name} as rembus.python meant it`, () => {
    assertEquals(decodeCbor(hexToBytes(hex)), fromNotation(packet));
  });

  Deno.test(`encodePacket() writes what decodePacket() read: ${name}`, () => {
    const written = bytesOf(encodePacket(decodePacket(hexToBytes(hex))));
    assertEquals(decodeCbor(written), fromNotation(packet));
  });
}

Deno.test("encodePacket() writes every golden frame to the byte, but for floats and indefinite lengths", () => {
  const free = /msg_from|Now|last 60 s|indefinite-length arrays/;
  for (const { name, hex } of messages) {
    if (free.test(name)) continue;
    assertEquals(bytesToHex(bytesOf(encodePacket(decodePacket(hexToBytes(hex))))), hex, name);
  }
});

Deno.test("decodePacket() knows the layout of each golden frame", () => {
  const types: Record<string, Packet["type"]> = {
    IDENTITY: "identity",
    PUB: "publish",
    RPC: "rpc",
    ADMIN: "admin",
    RESPONSE: "response",
    ACK: "ack",
    ACK2: "ack2",
    UNREGISTER: "unregister",
    REGISTER: "register",
    ATTESTATION: "attestation",
    "value:": "publish",
  };
  for (const { name, hex } of messages) {
    const word = name.split(" ")[0] ?? "";
    assertEquals(decodePacket(hexToBytes(hex)).type, types[word], name);
  }
});

Deno.test("decodePacket() tells QoS and slot of a publication", () => {
  const read = (hex: string): readonly unknown[] => {
    const packet = decodePacket(hexToBytes(hex)) as Publish;
    return [packet.qos, packet.slot, packet.id];
  };
  assertEquals(read("8301617480"), [0, null, null]);
  assertEquals(read("84184148d20400000000000063666f6f816178"), [0, 1234, 1234n]);
  assertEquals(read("84185148d20400000506070863666f6f816178"), [1, 1234, 0x08070605000004d2n]);
  assertEquals(read(`841831${ID_HEX}63666f6f816178`), [2, null, ID]);
  // Slot 0 at QoS 0 is the one id that may be 0.
  assertEquals(read("841841480000000000000000617480"), [0, 0, null]);
  // The bit 0x80 means nothing, but makes the form with an id.
  assertEquals(read(`841881${ID_HEX}617480`), [0, null, null]);
});

Deno.test("decodePacket() keeps the frame of a publication that may be sent again as it is", () => {
  const keeps = (hex: string): boolean => (decodePacket(hexToBytes(hex)) as Publish).frame !== null;
  assert(keeps("8301617480"));
  assert(!keeps("840161748001")); // one element more than others know
  assert(!keeps("8401617480a1616f01")); // extras are for one session
  assert(!keeps("9f01617480ff"));
  assert(!keeps(`8411${ID_HEX}617480`));
});

Deno.test("decodePacket() reads extras of PUB and RPC, and ignores what is none", () => {
  const extrasOf = (hex: string): unknown => (decodePacket(hexToBytes(hex)) as Publish).extras;
  const map = bytesToHex(encodeCbor({ o: 7, t: 8, p: "me", ttl: 5_000, tp: "00-x", more: [1] }));
  const known = { o: 7, t: 8, p: "me", ttl: 5_000, tp: "00-x" };
  assertEquals(extrasOf(`8401617480${map}`), known);
  assertEquals(extrasOf(`8602${ID_HEX}6174f680${map}`), known);
  assertEquals(extrasOf("840161748007"), null);
  const wrong = bytesToHex(encodeCbor({ o: "7", t: -1, p: 3, ttl: 0 }));
  assertEquals(extrasOf(`8401617480${wrong}`), null);
});

Deno.test("decodePacket() accepts a RESPONSE without data, undefined for null, and more elements", () => {
  const response = decodePacket(hexToBytes(`8304${ID_HEX}00`));
  assertEquals(response.type === "response" ? response.data.value : 1, null);
  const rpc = decodePacket(hexToBytes(`8502${ID_HEX}6174f780`));
  assertEquals(rpc.type === "rpc" ? rpc.target : 1, null);
  assertEquals(decodePacket(hexToBytes(`8305${ID_HEX}8101`)), { type: "ack", id: ID });
  assertEquals(decodePacket(hexToBytes(`9f05${ID_HEX}01ff`)), { type: "ack", id: ID });
});

Deno.test("decodePacket() reduces the URL of a Rembus.jl identity to its name", () => {
  const frame = encodeCbor([0, hexToBytes("0102030405060708"), "ws://host:8338/a/b?x"]);
  assertEquals(decodePacket(frame), { type: "identity", id: ID, cid: "a/b" });
});

Deno.test("decodePacket() takes a signature as base64 text, too", () => {
  const frame = encodeCbor([11, hexToBytes("0102030405060708"), "a", "AQID"]);
  const packet = decodePacket(frame);
  assertEquals(packet.type === "attestation" ? packet.signature : null, new Uint8Array([1, 2, 3]));
});

const VIOLATIONS: Readonly<Record<string, string>> = {
  "no array": "a0",
  "an array without elements": "80",
  "type 7": `8207${ID_HEX}`,
  "type 8": `8208${ID_HEX}`,
  "types 12 to 15": `820c${ID_HEX}`,
  "type 999": "811903e7",
  "a type that is text": "82617801",
  "QoS bit 0x20 alone": `841821${ID_HEX}617480`,
  "a PUB without data": "82016174",
  "a QoS 1 PUB without data": `8311${ID_HEX}6174`,
  "a topic that is bytes": "8301417480",
  "an RPC without data": `8402${ID_HEX}6174f6`,
  "a target that is a number": `8502${ID_HEX}61740180`,
  "an id that is an integer": "820501",
  "an id of 7 bytes": "82054701020304050607",
  "an id of 9 bytes": "820549010203040506070809",
  "an id in chunks": `82055f${ID_HEX}ff`,
  "an id with a tag": `8205d840${ID_HEX}`,
  "id 0": "8205480000000000000000",
  "id 0 of a QoS 1 publication": "8411480000000000000000617480",
  "a status that is text": `8404${ID_HEX}6130f6`,
  "an ADMIN without data": `8303${ID_HEX}6174`,
  "a REGISTER without key type": `850a${ID_HEX}61616131420102`,
  "a public key that is a number": `860a${ID_HEX}616161310102`,
};

for (const [name, hex] of Object.entries(VIOLATIONS)) {
  Deno.test(`decodePacket() refuses ${name} with 1002`, () => assertEquals(closeCodeOf(hex), 1002));
}

Deno.test("decodePacket() accepts payloads of 64 levels and refuses 65 with 1007", () => {
  const nested = (levels: number): string => `83016174${"81".repeat(levels - 1)}80`;
  assertEquals(decodePacket(hexToBytes(nested(64))).type, "publish");
  assertEquals(closeCodeOf(nested(65)), 1007);
});

const MALFORMED: Readonly<Record<string, string>> = {
  "no bytes": "",
  "a break": "ff",
  "bytes behind the message": "830161748000",
  "a topic that is not UTF-8": "830161ff80",
  "an array that claims more elements than there are bytes": "8301617481",
  "an array that claims 2^63 elements": "8301 6174 9b8000000000000000".replaceAll(" ", ""),
  "a text that claims 2^32 bytes": "830161747b0000000100000000",
  "an outer array without its break": "9f01617480",
  "a truncated id": "82054801020304",
  "a wrong layout that is not well-formed either": "82076",
};

for (const [name, hex] of Object.entries(MALFORMED)) {
  Deno.test(`decodePacket() refuses ${name} with 1007`, () => assertEquals(closeCodeOf(hex), 1007));
}

Deno.test("decodePacket() refuses every truncation of every golden frame with 1007", () => {
  for (const { name, hex } of messages) {
    const frame = hexToBytes(hex);
    for (let length = 0; length < frame.length; length++) {
      const error = assertThrows(() => decodePacket(frame.subarray(0, length)), ProtocolError);
      assertEquals(error.closeCode, 1007, `${name} cut to ${length}`);
    }
  }
});

Deno.test("spaceFrame() puts the topic in front of the same payload bytes", () => {
  const write = (payload: string, qos: 0 | 1 = 0): string => {
    const data = Payload.fromCbor(hexToBytes(payload));
    const id = qos === 0 ? null : ID;
    return bytesToHex(bytesOf(
      spaceFrame({ pattern: "*/t", topic: "d/t", qos, slot: null, id, data, extras: null }),
    ));
  };
  assertEquals(write("80"), "8301632a2f748163642f74");
  assertEquals(write("8201fb4000000000000000"), "8301632a2f748363642f7401fb4000000000000000");
  assertEquals(write("9f01ff"), "8301632a2f749f63642f7401ff");
  assertEquals(write("07"), "8301632a2f748263642f7407");
  assertEquals(write("80", 1), `8411${ID_HEX}632a2f748163642f74`);
  const long = `9818${"00".repeat(24)}`;
  assertEquals(write(long), `8301632a2f74981963642f74${"00".repeat(24)}`);
});

Deno.test("encodePacket() writes extras behind the payload, and they are read back", () => {
  const data = Payload.fromCbor(hexToBytes("8101"));
  const extras = { o: 3, t: 1_790_000_000_000_000_001n, p: "me" };
  const base = { type: "publish", topic: "t", slot: null, data, extras, frame: null } as const;
  for (const [qos, id] of [[0, null], [1, ID]] as const) {
    const frame = bytesOf(encodePacket({ ...base, qos, id }));
    assertEquals(walkCbor(frame, 0), frame.byteLength);
    const read = decodePacket(frame) as Publish;
    assertEquals([read.extras, read.data.value], [extras, [1]]);
  }
  const space = bytesOf(
    spaceFrame({ pattern: "*", topic: "t", qos: 0, slot: null, id: null, data, extras }),
  );
  const read = decodePacket(space) as Publish;
  assertEquals([read.extras, read.data.value], [extras, ["t", 1]]);
});

Deno.test("encodePacket() leaves the slot out where there is no id", () => {
  const data = Payload.fromValue([]);
  const packet = { type: "publish", topic: "t", qos: 0, data, extras: null, frame: null } as const;
  const hex = bytesToHex(bytesOf(encodePacket({ ...packet, id: null, slot: 0 })));
  assertEquals(hex, "8301617480");
});

Deno.test("1 encodePacket() throws for a packet without an encoder", () => {
  const packet = { type: "telepathy", id: ID } as unknown as Packet;
  assertThrows(() => encodePacket(packet), TypeError, 'got "telepathy"');
});

Deno.test("11 every packet has a printable form", () => {
  for (const { name, hex } of messages) {
    const packet = decodePacket(hexToBytes(hex));
    assert(Deno.inspect(packet).includes(`type: "${packet.type}"`), name);
  }
});
