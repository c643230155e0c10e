// Goal: a payload that passes the walk never stops a client of rembus.python, which decodes with cbor2 (D1).
// Method: random items full of the tags that cbor2 interprets, damaged golden frames, and what the walk lets
// through of them given to cbor2 itself.
import { assertEquals } from "@std/assert";
import { encodeCbor, Float, Simple, Tagged, walkCbor } from "../../src/protocol/cbor.ts";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { countFromEnv, mutate } from "../helpers/mutate.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";
import { bytesToHex, hexToBytes, loadVectors } from "../helpers/vectors.ts";

const python = await pythonForTests();
const ITEMS = countFromEnv("REMBUS_FUZZ_FRAMES", 50_000) / 5;
const SEED = countFromEnv("REMBUS_FUZZ_SEED", 1);
const SCRIPT = new URL("python/decodes.py", import.meta.url).pathname;

/** Every tag that cbor2 gives a meaning to, and some that it does not. */
const TAGS = [
  0,
  1,
  2,
  3,
  4,
  5,
  25,
  28,
  29,
  30,
  35,
  36,
  37,
  52,
  54,
  80,
  100,
  256,
  258,
  260,
  261,
  1004,
  43000,
  55799,
];
const TEXTS = [
  "2024-02-29T12:00:00Z",
  "2024-02-29T12:00:00.5+23:59",
  "0001-01-01T00:00:00Z",
  "9999-12-31T23:59:59-23:59",
  "2024-02-29",
  "9999-12-31",
  "(a|b)*",
  "[a-z]+?",
  "(?:a|)b{2,3}",
  "^$",
  "",
  "::1",
];
const NUMBERS = [
  0,
  1,
  -1,
  3,
  100,
  2_932_000,
  -719_000,
  253_402_000_000,
  2 ** 53 - 1,
  2n ** 64n,
  -(2n ** 70n),
];

function anything(random: SeededRandom, depth: number): unknown {
  const kind = random.below(depth > 4 ? 5 : 10);
  switch (kind) {
    case 0:
      return random.pick(TEXTS);
    case 1:
      return random.pick(NUMBERS);
    case 2:
      return new Uint8Array(random.pick([0, 1, 4, 6, 8, 16, 17]));
    case 3:
      return random.pick([
        null,
        undefined,
        true,
        1.5,
        NaN,
        -Infinity,
        new Float(3),
        new Simple(99),
      ]);
    case 4:
      return [random.pick(NUMBERS), random.pick(NUMBERS)];
    case 5:
      return Array.from({ length: random.below(4) }, () => anything(random, depth + 1));
    case 6:
      return new Map(
        Array.from({ length: random.below(3) }, () => [
          anything(random, depth + 1),
          anything(random, depth + 1),
        ]),
      );
    default:
      return new Tagged(random.pick(TAGS), anything(random, depth + 1));
  }
}

function passes(bytes: Uint8Array): boolean {
  try {
    return walkCbor(bytes, 0) === bytes.byteLength;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}

function* candidates(random: SeededRandom): Generator<Uint8Array, void> {
  const golden = loadVectors().frames.map(({ hex }) => hexToBytes(hex));
  for (let count = 0; count < ITEMS; count++) {
    const item = encodeCbor([anything(random, 0), anything(random, 0)]);
    yield item;
    yield mutate(item, { random, other: random.pick(golden) });
    yield mutate(random.pick(golden), { random, other: item });
  }
}

pythonTest(python, "cbor2 decodes everything that passes the walk", async (python) => {
  const accepted = [...candidates(new SeededRandom(SEED))].filter(passes).map(bytesToHex);
  const child = new Deno.Command(python, {
    args: [SCRIPT],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const failing = child.output();
  await new Blob([`${accepted.join("\n")}\n`]).stream().pipeTo(child.stdin);
  const { stdout, success } = await failing;
  assertEquals([new TextDecoder().decode(stdout).split("\n").slice(0, 5), success], [[""], true]);
});
