import { assert, assertEquals } from "@std/assert";
import { overlaps, ruleTouchesTable } from "../../../src/broker/table_rights.ts";
import { coversTopic } from "../../helpers/gate_oracle.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

const CASES: readonly (readonly [table: string, rule: string, expected: boolean])[] = [
  ["town/temperature", "town/temperature", true],
  ["town/temperature", "town/humidity", false],
  ["town/temperature", "town/*", true],
  ["town/temperature", "**", true],
  [":site/:type/:dn/sensor", "rome/air/s1/sensor", true],
  [":site/:type/:dn/sensor", "rome/air/sensor", false],
  [":site/:type/:dn/sensor", "rome/air//sensor", false],
  [":site/:type/:dn/sensor", "rome/air/s1/alarm", false],
  [":site/:type/:dn/sensor", "rome/**", true],
  [":site/:type/:dn/sensor", "**/alarm", false],
  [":site/:type/:dn/sensor", "*/*/*/*", true],
  [":site/:type/:dn/sensor", "*/*/*", false],
  [":site/:type/:dn/sensor", "**/@secret/*", true],
  [":site/:type/:dn/sensor", "**/@secret/alarm", false],
  [":site/x/sensor", "@*/*/*", true],
  [":site/:type/:dn/sensor", "**/@secret/sensor", true],
  [":site/@x/sensor", "**", true],
  [":site/@x/sensor", "*/@x/*", true],
  [":dn", "a*b", true],
  [":dn", "a/*", false],
  [":dn", "**", true],
  [":", ":", true],
  [":", "a", false],
  ["a:b/c", "axb/c", false],
  ["a/:x", "a/", false],
  ["a/:x", "a/**", true],
];

Deno.test("overlaps() decides these as spec 5.6 and 8.4 say", () => {
  for (const [table, rule, expected] of CASES) {
    assertEquals(overlaps(table, rule), expected, `${table} with ${rule}`);
  }
});

Deno.test("ruleTouchesTable() counts the topic that is the name of the table", () => {
  const table = { name: "sensor", topic: ":site/:dn/sensor" };
  assert(ruleTouchesTable(table, "sensor"));
  assert(ruleTouchesTable(table, "sens*"));
  assert(ruleTouchesTable(table, "rome/s1/sensor"));
  assert(!ruleTouchesTable(table, "rome/sensor"));
  assert(!ruleTouchesTable({ name: ":x", topic: "t" }, "abc"), "a name has no variables");
});

/** Every text of up to so many characters. */
function textsOf(alphabet: string, most: number): string[] {
  const texts = [""];
  for (let from = 0, length = 0; length < most; length++) {
    const until = texts.length;
    for (; from < until; from++) {
      for (const character of alphabet) texts.push(`${texts[from]}${character}`);
    }
  }
  return texts;
}

/** Count of levels -> what a variable is tried with; long enough for four parts of a rule. */
const VALUES: readonly (readonly string[])[] = [0, 5, 4, 3].map((most) =>
  textsOf("ab@", most).slice(1)
);

/** Topics that fill a table, straight from spec 8.4. */
function* topicsOf(table: string): Generator<string> {
  const levels = table.split("/");
  const values = VALUES[levels.length] ?? [];
  let topics = [""];
  for (const [i, level] of levels.entries()) {
    const texts = level.startsWith(":") ? values : [level];
    const separator = i === 0 ? "" : "/";
    topics = topics.flatMap((topic) => texts.map((text) => topic + separator + text));
  }
  yield* topics;
}

function someTopicMatches(table: string, rule: string): boolean {
  for (const topic of topicsOf(table)) if (coversTopic(rule, topic)) return true;
  return false;
}

Deno.test("overlaps() agrees with trying every topic", () => {
  const random = new SeededRandom(4_711);
  const levels = ["a", "b", "ab", ":v", ":w", "@", ""];
  const parts = ["a", "b", "/", "/", "*", "**", "@"];
  let positive = 0;
  for (let round = 0; round < 1_500; round++) {
    const table = Array.from({ length: 1 + random.below(3) }, () => random.pick(levels)).join("/");
    const rule = Array.from({ length: 1 + random.below(4) }, () => random.pick(parts)).join("");
    const expected = someTopicMatches(table, rule);
    if (expected) positive++;
    assertEquals(overlaps(table, rule), expected, `${table} with ${rule} in round ${round}`);
  }
  assert(positive > 150, `only ${positive} overlap`);
});

Deno.test("overlaps() stays quick for the longest topics", () => {
  const table = ":a/".repeat(63) + "a".repeat(800);
  const startMs = performance.now();
  assert(!overlaps(table, "**a".repeat(340) + "b"));
  assert(overlaps(table, "**a".repeat(340)));
  assert(performance.now() - startMs < 2_000);
});
