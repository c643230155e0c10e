import { assert, assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { NESTING_MAX } from "../../../src/protocol/limits.ts";
import type { MsgId, Packet } from "../../../src/protocol/packet.ts";
import { decodePacket } from "../../../src/protocol/packet_cbor.ts";
import { decodePacketJson } from "../../../src/protocol/packet_json.ts";
import { meaning } from "../../helpers/meaning.ts";
import { hexToBytes, loadVectors } from "../../helpers/vectors.ts";

const ID = 7n as MsgId;

function read(text: string): unknown {
  return meaning(decodePacketJson(text).packet);
}

function publish(topic: string, data: readonly unknown[], rest: Record<string, unknown> = {}) {
  return { type: "publish", id: null, topic, qos: 0, slot: null, data, extras: null, ...rest };
}

function rpc(topic: string, data: readonly unknown[], rest: Record<string, unknown> = {}) {
  return { type: "rpc", id: ID, topic, target: null, data, extras: null, ...rest };
}

function response(status: number, data: unknown) {
  return { type: "response", id: ID, status, data };
}

const vectors = loadVectors();
const golden = new Map(vectors.frames.map(({ name, hex }) => [name, hexToBytes(hex)]));

function goldenPacket(name: string): Packet {
  const bytes = golden.get(name);
  if (bytes === undefined) throw new Error(`no golden frame "${name}"`);
  return decodePacket(bytes);
}

/** What the JSON of 0.8.12 says in another way than its CBOR (spec 3.4) -> what its frame is read as. */
const LOST: ReadonlyMap<string, (packet: Packet) => unknown> = new Map<
  string,
  (packet: Packet) => unknown
>([
  [
    'PUB QoS0 slot 1234 foo "x" (id d204000000000000)',
    () => rpc("foo", ["x"], { id: 1234n }),
  ],
  [
    "RPC add target srv args 1,2",
    (packet: Packet) => ({ ...(meaning(packet) as Record<string, unknown>), target: null }),
  ],
  [
    "ADMIN subscribe foo, LastReceived",
    (packet: Packet) => ({ ...packet, data: { cmd: "subscribe", msg_from: null } }),
  ],
]);

for (const { name, text } of vectors.json) {
  if (!golden.has(name)) continue;
  Deno.test(`decodePacketJson() reads ${name} as its CBOR twin`, () => {
    const packet = goldenPacket(name);
    assertEquals(read(text), LOST.get(name)?.(packet) ?? meaning(packet));
  });
}

/** Golden text frames without a CBOR twin -> what they say. */
const ALONE: Readonly<Record<string, unknown>> = {
  "IDENTITY alice, id 7": { type: "identity", id: ID, cid: "alice" },
  "PUB QoS0 slot 1234 relayed by a broker": publish("foo", ["x"], { id: 1234n, slot: 1234 }),
  "PUB QoS1 no args": publish("foo", [], { id: ID, qos: 1 }),
  "PUB QoS0 with null argument as relayed by a broker that lost a JSON payload": publish("foo", [
    null,
  ]),
  "PUB QoS1 with null data as relayed by a broker that lost a JSON payload": publish("foo", [
    null,
  ], { id: ID, qos: 1 }),
  "RPC add args 1,2, id 2^64-1": rpc("add", [1, 2], { id: 2n ** 64n - 1n }),
  "RPC add args 1,2, id 2^53+1": rpc("add", [1, 2], { id: 2n ** 53n + 1n }),
  "RPC nested arguments, non-ASCII text, floats": rpc("città/ü", [
    'é😀\n"',
    { a: [1, 2, null, true] },
    1e300,
    -0,
    null,
  ]),
  "RESPONSE OK map": response(0, { a: [1, 2.5] }),
  "RESPONSE METHOD_EXCEPTION, id 7": response(40, "boom"),
  "RESPONSE ERROR wrong tenant/pin": response(10, "wrong tenant/pin"),
  "REGISTER alice, ECDSA": {
    type: "register",
    id: ID,
    cid: "alice",
    pin: "11223344",
    publicKey: new TextEncoder().encode("-----BEGIN"),
    keyType: 2,
  },
};

for (const { name, text } of vectors.json) {
  if (golden.has(name)) continue;
  Deno.test(`decodePacketJson() reads ${name}`, () => {
    assert(name in ALONE, "no expectation");
    assertEquals(read(text), ALONE[name]);
  });
}

/** Frames from any peer -> what they say (PROTOCOL.md 14.1). */
const READ: readonly (readonly [string, string, unknown])[] = [
  ["no id", '{"method":"t","params":[1]}', publish("t", [1])],
  ["id null", '{"id":null,"method":"t","params":[1]}', publish("t", [1])],
  ["id 0", '{"id":0,"method":"t","params":[1]}', publish("t", [1])],
  ["id -0.0", '{"id":-0.0,"method":"t","params":[1]}', publish("t", [1])],
  ["an empty id", '{"id":"","method":"t","params":[1]}', publish("t", [1])],
  ["params before data", '{"method":"t","params":[1],"data":[2]}', publish("t", [1])],
  ["params.data before data", '{"method":"t","params":{"data":[1]},"data":[2]}', publish("t", [1])],
  ["data alone", '{"method":"t","data":[2]}', publish("t", [2])],
  ["data that is no array", '{"method":"t","data":{"a":1}}', publish("t", [{ a: 1 }])],
  ["no payload at all", '{"method":"t"}', publish("t", [])],
  ["named parameters", '{"method":"t","params":{"a":1}}', publish("t", [{ a: 1 }])],
  ["one bare parameter", '{"method":"t","params":5}', publish("t", [5])],
  [
    "QoS 1 without data",
    '{"id":7,"method":"t","params":{"type":16}}',
    publish("t", [], { id: ID, qos: 1 }),
  ],
  [
    "QoS 2 with data beside params",
    '{"id":7,"method":"t","params":{"__type__":48},"data":["x"]}',
    publish("t", ["x"], { id: ID, qos: 2 }),
  ],
  [
    "QoS 2 with a slot",
    `{"id":${(9n << 32n) + 5n},"method":"t","params":{"type":112,"data":[]}}`,
    publish("t", [], { id: (9n << 32n) + 5n, qos: 2, slot: 5 }),
  ],
  ["a call without params", '{"id":7,"method":"t"}', rpc("t", [])],
  ["a call with params null", '{"id":7,"method":"t","params":null}', rpc("t", [])],
  ["a call with named params", '{"id":7,"method":"t","params":{"a":1}}', rpc("t", [{ a: 1 }])],
  [
    "a call with a target",
    '{"id":7,"method":"t","params":[],"target":"srv"}',
    rpc("t", [], { target: "srv" }),
  ],
  ["a target that is null", '{"id":7,"method":"t","params":[],"target":null}', rpc("t", [])],
  ["an id as text", '{"id":"7","method":"t"}', rpc("t", [])],
  ["an id as a float without fraction", '{"id":7.0,"method":"t"}', rpc("t", [])],
  ["an id with an exponent", '{"id":7e0,"method":"t"}', rpc("t", [])],
  [
    "the largest id as text",
    '{"id":"18446744073709551615","method":"t"}',
    rpc("t", [], { id: 2n ** 64n - 1n }),
  ],
  [
    "integers beyond 2^53",
    '{"id":7,"method":"t","params":[9007199254740993]}',
    rpc("t", [
      9_007_199_254_740_993n,
    ]),
  ],
  [
    "an extra map",
    '{"id":7,"method":"t","params":[],"extras":{"ttl":5000,"tp":"00-a","p":3,"x":1}}',
    rpc("t", [], { extras: { ttl: 5000, tp: "00-a" } }),
  ],
  ["extras that are none", '{"id":7,"method":"t","extras":"x"}', rpc("t", [])],
  [
    "an identity of Rembus.jl",
    '{"id":"7","method":"__identity__","params":{"__type__":0,"cid":"ws://h:8000/plant/m","meta":{}}}',
    { type: "identity", id: ID, cid: "plant/m" },
  ],
  [
    "a command without data",
    '{"id":7,"method":"t","params":{"type":3}}',
    { type: "admin", id: ID, topic: "t", data: null },
  ],
  [
    "a registration without a key type",
    '{"id":7,"method":"a","params":{"__type__":10,"pin":"1","key_val":"AQID"}}',
    {
      type: "register",
      id: ID,
      cid: "a",
      pin: "1",
      publicKey: Uint8Array.of(1, 2, 3),
      keyType: 1,
    },
  ],
  ["a result without a type", '{"id":7,"result":{"sts":40,"data":"x"}}', response(40, "x")],
  ["a result with data alone", '{"id":7,"result":{"data":[1]}}', response(0, [1])],
  ["a result without data", '{"id":7,"result":{"type":4,"sts":0}}', response(0, null)],
  ["a plain result", '{"id":"7","result":3}', response(0, 3)],
  ["a plain result that is null", '{"id":7,"result":null}', response(0, null)],
  ["a plain result that is an array", '{"id":7,"result":[{"type":5}]}', response(0, [{ type: 5 }])],
  ["a plain result that is an object", '{"id":7,"result":{"a":1}}', response(0, { a: 1 })],
  ["a plain result that is empty", '{"id":7,"result":{}}', response(0, {})],
  [
    "a plain result with a type of its own",
    '{"id":7,"result":{"type":"Point","data":1}}',
    response(0, { type: "Point", data: 1 }),
  ],
  [
    "a challenge of Rembus.jl",
    '{"id":7,"result":{"__type__":4,"sts":11,"data":[1,255]}}',
    response(
      11,
      Uint8Array.of(1, 255),
    ),
  ],
  ["an error without a status", '{"id":7,"error":{"data":"x"}}', response(10, "x")],
  [
    "an error of ordinary JSON-RPC",
    '{"id":7,"error":{"code":-32601,"message":"no such method"}}',
    response(10, "no such method"),
  ],
  ["an error that is text", '{"id":7,"error":"x"}', response(10, "x")],
  [
    "an error beside a null result",
    '{"id":7,"result":null,"error":{"sts":42}}',
    response(42, null),
  ],
  ["a result beside a null error", '{"id":7,"result":1,"error":null}', response(0, 1)],
  [
    "members in any order, unknown ones too",
    '{"x":{},"params":[],"method":"t","id":7}',
    rpc("t", []),
  ],
];

for (const [what, text, expected] of READ) {
  Deno.test(`decodePacketJson() reads ${what}`, () => {
    assertEquals(read(text), expected);
  });
}

/** Frames that close the connection, with the code. */
const REFUSED: readonly (readonly [string, number])[] = [
  ["", 1007],
  ["no json", 1007],
  ['{"id":7', 1007],
  ["[]", 1002],
  ['[{"method":"t"}]', 1002],
  ['"t"', 1002],
  ["null", 1002],
  ["{}", 1002],
  ['{"id":7}', 1002],
  ['{"params":[]}', 1002],
  ['{"method":5}', 1002],
  ['{"result":1}', 1002],
  ['{"id":7,"method":5,"params":[]}', 1002],
  ['{"id":7,"method":"t","params":"x"}', 1002],
  ['{"id":7,"method":"t","params":{"type":1}}', 1002],
  ['{"id":7,"method":"t","params":{"type":32}}', 1002],
  ['{"id":7,"method":"t","params":{"type":96}}', 1002],
  ['{"id":7,"method":"t","params":{"type":999}}', 1002],
  ['{"id":7,"method":"t","params":{"type":"16"}}', 1002],
  ['{"id":7,"method":"t","params":{"type":null}}', 1002],
  ['{"id":7,"method":"t","params":{"__type__":16.5}}', 1002],
  ['{"id":7,"method":"t","params":[],"target":5}', 1002],
  ['{"id":7,"params":{"type":16,"data":[]}}', 1002],
  ['{"id":7,"method":"x","params":{"type":0}}', 1002],
  ['{"id":7,"method":"x","params":{"type":0,"cid":5}}', 1002],
  ['{"id":7,"method":"x","params":{"type":11}}', 1002],
  ['{"id":7,"method":"x","params":{"type":11,"signature":"?"}}', 1007],
  ['{"id":7,"method":"x","params":{"type":10,"pin":1,"key_val":"AQID"}}', 1002],
  ['{"id":7,"method":"x","params":{"type":10,"pin":"1","key_val":"AQID","key_type":"rsa"}}', 1002],
  ['{"id":7,"result":{"type":77}}', 1002],
  ['{"id":7,"result":{"type":4,"sts":-1}}', 1002],
  ['{"id":7,"result":{"type":4,"sts":"0"}}', 1002],
  ['{"id":7,"result":{"type":4,"sts":1.5}}', 1002],
  ['{"id":7,"result":{"type":4,"sts":11,"data":"?"}}', 1007],
  ['{"id":7,"error":{"type":5}}', 1002],
  ['{"id":7,"error":null}', 1002],
  ['{"id":-7,"method":"t"}', 1002],
  ['{"id":1.5,"method":"t"}', 1002],
  ['{"id":18446744073709551616,"method":"t"}', 1002],
  ['{"id":1.8446744073709551e19,"method":"t"}', 1002],
  ['{"id":1e400,"method":"t"}', 1002],
  ['{"id":"18446744073709551616","method":"t"}', 1002],
  ['{"id":"0","method":"t"}', 1002],
  ['{"id":"007","method":"t"}', 1002],
  ['{"id":"-7","method":"t"}', 1002],
  ['{"id":"7x","method":"t"}', 1002],
  ['{"id":true,"method":"t"}', 1002],
  ['{"id":false,"method":"t"}', 1002],
  ['{"id":[7],"method":"t"}', 1002],
];

for (const [text, code] of REFUSED) {
  Deno.test(`decodePacketJson() refuses ${text || "an empty text"} with ${code}`, () => {
    const error = assertThrows(() => decodePacketJson(text), ProtocolError);
    assertEquals(error.closeCode, code);
    assertEquals(error.message.slice(0, 7), "Cannot ");
  });
}

/** An array in an array, `levels` times. */
function nested(levels: number): string {
  return "[".repeat(levels) + "]".repeat(levels);
}

/** Each place of a payload, for a text that is an array. */
const PLACES: readonly (readonly [string, (payload: string) => string, number])[] = [
  ["params", (payload) => `{"id":7,"method":"t","params":${payload}}`, 0],
  ["params.data", (payload) => `{"id":7,"method":"t","params":{"type":16,"data":${payload}}}`, 0],
  ["data", (payload) => `{"method":"t","data":${payload}}`, 0],
  ["result.data", (payload) => `{"id":7,"result":{"type":4,"data":${payload}}}`, 0],
  ["result", (payload) => `{"id":7,"result":${payload}}`, 0],
  ["error.data", (payload) => `{"id":7,"error":{"data":${payload}}}`, 0],
  [
    "the data of a command",
    (payload) => `{"id":7,"method":"t","params":{"type":3,"data":${payload}}}`,
    0,
  ],
  // The object of named parameters and the array that it becomes an argument of.
  ["named parameters", (payload) => `{"id":7,"method":"t","params":{"a":${payload}}}`, 2],
];

for (const [what, frameOf, around] of PLACES) {
  Deno.test(`decodePacketJson() takes a payload of 64 levels in ${what} and refuses 65`, () => {
    const { packet } = decodePacketJson(frameOf(nested(NESTING_MAX - around)));
    // Every receiver must be able to get it.
    if ("data" in packet && packet.type !== "admin") packet.data.cbor;
    const error = assertThrows(
      () => decodePacketJson(frameOf(nested(NESTING_MAX - around + 1))),
      ProtocolError,
    );
    assertEquals(error.closeCode, 1007);
  });
}

Deno.test("decodePacketJson() shows of the dialect only what the frame shows", () => {
  const dialects = [
    '{"method":"t"}',
    '{"id":7,"method":"t"}',
    '{"id":"7","method":"t","params":{"a":1}}',
    '{"id":7,"result":{"type":5}}',
    '{"id":"7","error":{"__type__":4,"sts":10}}',
    '{"id":7,"result":{"type":"Point"}}',
  ].map((text) => decodePacketJson(text).dialect);
  assertEquals(dialects, [
    {},
    { textIds: false },
    { textIds: true },
    { textIds: false, typeKey: "type" },
    { textIds: true, typeKey: "__type__" },
    { textIds: false },
  ]);
});
