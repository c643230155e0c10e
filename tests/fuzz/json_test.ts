// Goal: no text frame makes the reader crash or hang, and what it accepts can be passed on.
// Method: golden text frames, damaged at random under a seed: bytes, and members of the objects.
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { parseJson, stringifyJson } from "../../src/protocol/json.ts";
import type { JsonDialect, Packet } from "../../src/protocol/packet.ts";
import { encodePacket } from "../../src/protocol/packet_cbor.ts";
import {
  type DecodedJson,
  decodePacketJson,
  encodePacketJson,
  JSON_DIALECT_DEFAULT,
} from "../../src/protocol/packet_json.ts";
import { hangMs } from "../helpers/hang.ts";
import { countFromEnv, mutate } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";
import { loadVectors } from "../helpers/vectors.ts";

const FRAMES = countFromEnv("REMBUS_FUZZ_FRAMES", 50_000);
const SEED = countFromEnv("REMBUS_FUZZ_SEED", 1);
/** No frame may take longer, in milliseconds. */
const FRAME_MS_MAX = 500;

const DIALECT: JsonDialect = { ...JSON_DIALECT_DEFAULT, slots: true };

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const golden = loadVectors().json.map(({ text }) => text);

/** Members that frames have, and values that these should not have, as JSON. */
const MEMBERS = ["id", "method", "params", "result", "error", "data", "target", "extras", "type"];
const INNER = ["type", "__type__", "sts", "data", "cid", "signature", "pin", "key_val", "key_type"];
const VALUES = [
  ...["null", "true", "0", "-0", "-1", "0.5", "7", "16", "48", "80", "255", "1e3", "1e400"],
  ...["9007199254740993", "18446744073709551615", "18446744073709551616", '"7"', '"AQID"', '""'],
  ...['"\\ud800"', "[]", "[1,2]", "[[[[]]]]", "{}", '{"type":4}', '{"type":16,"data":[]}'],
  ...['{"__proto__":{"type":5}}', '{"__type__":3,"data":{"cmd":"x"}}', `${"[".repeat(70)}`],
];

/** The text with a member added in front of the others: of the frame, or of an object in it. */
function withMember(text: string, random: SeededRandom): string {
  const inner = random.below(2) === 0;
  const brace = inner ? text.indexOf("{", 1) : text.indexOf("{");
  if (brace === -1) return text;
  const member = `"${random.pick(inner ? INNER : MEMBERS)}":${random.pick(VALUES)},`;
  return text.slice(0, brace + 1) + member + text.slice(brace + 1);
}

/** The text with a member of the frame renamed, so that a later one of that name does not count. */
function withoutMember(text: string, random: SeededRandom): string {
  return text.replace(`"${random.pick([...MEMBERS, ...INNER])}":`, `"x":`);
}

function damage(random: SeededRandom): string {
  const text = random.pick(golden);
  switch (random.below(4)) {
    case 0:
      return withoutMember(text, random);
    case 1:
      return withMember(withoutMember(text, random), random);
    default: {
      const other = encoder.encode(random.pick(golden));
      return decoder.decode(mutate(encoder.encode(text), { random, other }));
    }
  }
}

function tryDecode(text: string): DecodedJson | null {
  try {
    return decodePacketJson(text);
  } catch (error) {
    if (!(error instanceof ProtocolError)) {
      throw new Error(`Cannot decode ${text}`, { cause: error });
    }
    assert(error.closeCode === 1002 || error.closeCode === 1007, String(error.closeCode));
    return null;
  }
}

/** Another JSON peer reads the same, as far as JSON can say it; and a CBOR peer can have it, too. */
function assertPassesOn(packet: Packet, text: string): void {
  const written = encodePacketJson(packet, DIALECT);
  const again = tryDecode(written)?.packet;
  if (again === undefined) throw new Error(`${text} was passed on as ${written}`);
  assertEquals(encodePacketJson(again, DIALECT), written, text);
  encodePacket(packet);
}

Deno.test(`decodePacketJson() survives ${FRAMES} damaged frames, and what it accepts can be passed on`, () => {
  const random = new SeededRandom(SEED);
  let accepted = 0;
  let slowestMs = 0;
  for (let count = 0; count < FRAMES; count++) {
    const text = damage(random);
    slowestMs = Math.max(slowestMs, hangMs(FRAME_MS_MAX, () => tryDecode(text)));
    const decoded = tryDecode(text);
    if (decoded === null) continue;
    accepted++;
    assertPassesOn(decoded.packet, text);
  }
  assert(accepted > FRAMES / 10, `only ${accepted} were accepted: the damage is too great`);
  assert(slowestMs < FRAME_MS_MAX, `a frame took ${slowestMs} ms`);
});

Deno.test("parseJson() accepts what JSON.parse does, with and without long integers", () => {
  const random = new SeededRandom(SEED);
  for (let count = 0; count < FRAMES / 4; count++) {
    const text = damage(random);
    const wanted = problemOf(() => JSON.parse(text)) === null;
    // Deep nesting and integers without end are refused although they are JSON.
    if (/\[{65}|\d{1000}/.test(text)) continue;
    assertEquals(problemOf(() => parseJson(text)) === null, wanted, text);
    const beside = `[9007199254740993,${text}]`;
    const wantedBeside = problemOf(() => JSON.parse(beside)) === null;
    assertEquals(problemOf(() => parseJson(beside)) === null, wantedBeside, beside);
  }
});

function problemOf(action: () => unknown): unknown {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof ProtocolError) return error;
    throw error;
  }
}

Deno.test("stringifyJson() and parseJson() give back any JSON value with integers of any size", () => {
  const value = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.bigInt().map((big) => Number.isSafeInteger(Number(big)) ? Number(big) : big),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => Number.isInteger(x) ? 0.5 : x),
      fc.string({ unit: "binary" }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie("value")),
      fc.dictionary(fc.oneof(fc.string(), fc.constant("__proto__")), tie("value"), {
        noNullPrototype: true,
      }),
    ),
  })).value;
  fc.assert(
    fc.property(value, (value) => assertEquals(parseJson(stringifyJson(value)), value)),
    { numRuns: countFromEnv("REMBUS_FUZZ_CASES", 1_000), seed: SEED },
  );
});
