// Goal: no frame makes the decoder crash, hang, or accept what it cannot decode afterwards.
// Method: golden frames, damaged at random under a seed; and values through three other codecs.
import { assert, assertEquals } from "@std/assert";
import { Encoder as CborXEncoder } from "cbor-x";
import * as cborg from "cborg";
import * as cbor2 from "cbor2";
import fc from "fast-check";
import { decodeCbor, encodeCbor, walkCbor } from "../../src/protocol/cbor.ts";
import { ProtocolError } from "../../src/protocol/errors.ts";
import type { Frame, Packet } from "../../src/protocol/packet.ts";
import { decodePacket, encodePacket } from "../../src/protocol/packet_cbor.ts";
import { hangMs } from "../helpers/hang.ts";
import { countFromEnv, mutate } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";
import { bytesToHex, hexToBytes, loadVectors } from "../helpers/vectors.ts";

const FRAMES = countFromEnv("REMBUS_FUZZ_FRAMES", 50_000);
const SEED = countFromEnv("REMBUS_FUZZ_SEED", 1);
/** No frame may take longer, in milliseconds. */
const FRAME_MS_MAX = 100;

function bytesOf({ head, tail }: Frame): Uint8Array {
  return tail === null ? head : new Uint8Array([...head, ...tail]);
}

function tryDecode(frame: Uint8Array): Packet | null {
  try {
    return decodePacket(frame);
  } catch (error) {
    if (!(error instanceof ProtocolError)) {
      throw new Error(`Cannot decode ${bytesToHex(frame)}`, { cause: error });
    }
    assert(error.closeCode === 1002 || error.closeCode === 1007, String(error.closeCode));
    return null;
  }
}

Deno.test(`decodePacket() survives ${FRAMES} damaged frames, and what it accepts can be decoded`, () => {
  const random = new SeededRandom(SEED);
  const golden = loadVectors().frames.map(({ hex }) => hexToBytes(hex));
  let accepted = 0;
  let slowestMs = 0;
  for (let count = 0; count < FRAMES; count++) {
    const frame = mutate(random.pick(golden), { random, other: random.pick(golden) });
    slowestMs = Math.max(slowestMs, hangMs(FRAME_MS_MAX, () => tryDecode(frame)));
    const packet = tryDecode(frame);
    if (packet === null) continue;
    accepted++;
    if ("data" in packet && packet.type !== "admin") void packet.data.value;
    const again = tryDecode(bytesOf(encodePacket(packet)));
    assertEquals(again?.type, packet.type, bytesToHex(frame));
  }
  assert(
    accepted > FRAMES / 100,
    `only ${accepted} were accepted: the damage is too great to show much`,
  );
  assert(slowestMs < FRAME_MS_MAX, `a frame took ${slowestMs} ms`);
});

/** What is wrong with bytes as one item, or `null`. */
function problemOf(read: (bytes: Uint8Array) => unknown, bytes: Uint8Array): string | null {
  try {
    read(bytes);
    return null;
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

function walkWhole(bytes: Uint8Array): void {
  if (walkCbor(bytes, 0) !== bytes.byteLength) throw new ProtocolError("bytes follow", 1007);
}

Deno.test("walkCbor() accepts exactly what decodeCbor() does, but for the content of tags", () => {
  const random = new SeededRandom(SEED);
  const golden = loadVectors().frames.map(({ hex }) => hexToBytes(hex));
  for (let count = 0; count < FRAMES / 4; count++) {
    const bytes = mutate(random.pick(golden), { random, other: random.pick(golden) });
    const walk = problemOf(walkWhole, bytes);
    const decode = problemOf(decodeCbor, bytes);
    // The walk looks deeper into tags than our decoder needs to.
    if (walk === null) assertEquals(decode, null, bytesToHex(bytes));
    else if (decode === null) assert(/tag/.test(walk), `${walk}: ${bytesToHex(bytes)}`);
  }
});

/** Values that all codecs spell alike: what they do differently is listed in ADR 0001. */
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.double({ noNaN: true }).filter((x) => !Number.isInteger(x)),
    fc.string({ unit: "grapheme" }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 30 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 30, noNullPrototype: true })
      .filter((object) => !Object.hasOwn(object, "__proto__")),
  ),
})).value;

const cborX = new CborXEncoder({ tagUint8Array: false, useRecords: false, mapsAsObjects: true });

/** Some codecs give a subclass of Uint8Array. */
function plainBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(plainBytes);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainBytes(item)]));
}

const CODECS = [
  ["cbor-x", (v: unknown) => cborX.encode(v), (b: Uint8Array) => cborX.decode(b)],
  ["cborg", (v: unknown) => cborg.encode(v), (b: Uint8Array) => cborg.decode(b)],
  ["cbor2", (v: unknown) => cbor2.encode(v), (b: Uint8Array) => cbor2.decode(b)],
] as const;

for (const [name, encode, decode] of CODECS) {
  Deno.test(`encodeCbor() and decodeCbor() agree with ${name} on plain values`, () => {
    fc.assert(
      fc.property(plain, (value) => {
        assertEquals(plainBytes(decode(encodeCbor(value))), value);
        assertEquals(decodeCbor(new Uint8Array(encode(value))), value);
        const bytes = encodeCbor(value);
        assertEquals(walkCbor(bytes, 0), bytes.byteLength);
      }),
      { numRuns: countFromEnv("REMBUS_FUZZ_CASES", 300), seed: SEED },
    );
  });
}
