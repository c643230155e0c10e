import { assert, assertEquals } from "@std/assert";
import { SpaceTrie } from "../../../src/protocol/space_trie.ts";
import { matchesSpace } from "../../helpers/naive_space.ts";

/** Pattern, topic, whether they match: PROTOCOL.md 4.2 and spec 5.6, and the corners between. */
const TABLE: readonly (readonly [string, string, boolean])[] = [
  ["*", "telemetry", true],
  ["*/telemetry", "dev1/telemetry", true],
  ["*/telemetry", "a/b/telemetry", false],
  ["*/telemetry", "/telemetry", false],
  ["sens*/t", "sensor/t", true],
  ["sens*/t", "sens/t", false],
  ["**/t", "a/b/t", true],
  ["**/t", "/t", true],
  ["**/t", "t", false],
  ["a/**", "a/b", true],
  ["a/**", "a/b/c", true],
  ["a/**", "a/", true],
  ["a/**", "a", false],
  ["a/**/b", "a/x/b", true],
  ["a/**/b", "a/x/y/b", true],
  ["a/**/b", "a//b", true],
  ["a/**/b", "a/b", false],
  ["**", "any/thing", true],
  ["**", "any/th@ng", false],
  ["**", "@", false],
  ["k/*/y", "k/e/y", true],
  ["k/*/y", "k/@e/y", false],
  ["k/*/y", "k/e@x/y", false],
  ["k/@e/*", "k/@e/y", true],
  ["k/@e/*", "k/@e/@y", false],
  ["**@**", "a/b@c/d", true],
  ["**@**", "a@b@c", false],
  ["*@x", "a@x", true],
  ["a**b", "ab", true],
  ["a**b", "a1/2/3b", true],
  ["a**b", "a1/2/3", false],
  ["x/a**b/y", "x/ab/y", true],
  ["x/a**b/y", "x/a/q/b/y", true],
  ["**/**", "/", true],
  ["**/**", "a", false],
  ["**/**/**", "a/b", false],
  ["**/**/**", "a//", true],
  ["****", "a/b", true],
  ["****", "a", true],
  // From the left: any text, then one character or more of one level.
  ["***", "a/b", true],
  ["***", "a/", false],
  ["***", "a", true],
  ["*a*", "xay", true],
  ["*a*", "aay", true],
  ["*a*", "aaa", true],
  ["*a*", "ay", false],
  ["*/*", "a/b", true],
  ["*/*", "a/", false],
  ["*/*", "a/b/c", false],
  ["a//*", "a//b", true],
  ["a//*", "a/b", false],
  ["/*", "/a", true],
  ["/*", "a", false],
  ["*", "a/b", false],
  ["*", "/", false],
  ["a*c", "abbbc", true],
  ["a*c", "ac", false],
  ["a*c", "ab/c", false],
  ["città/*", "città/東京", true],
  ["*😀", "x😀", true],
  ["plain", "plain", true],
  ["plain", "plain/x", false],
  // Nothing else is special.
  ["a.+?[b]", "a.+?[b]", true],
  ["a.c", "abc", false],
];

for (const [pattern, topic, expected] of TABLE) {
  Deno.test(`match() finds that ${pattern} ${expected ? "matches" : "does not match"} ${topic}`, () => {
    const trie = new SpaceTrie<number>();
    trie.add(pattern, 1);
    assertEquals(trie.match(topic).map((found) => found.pattern), expected ? [pattern] : []);
    assertEquals(matchesSpace(pattern, topic), expected, "the naive model says otherwise");
  });
}

Deno.test("match() finds the same with all patterns of the table in one trie", () => {
  const trie = new SpaceTrie<string>();
  const patterns = [...new Set(TABLE.map(([pattern]) => pattern))];
  for (const pattern of patterns) trie.add(pattern, pattern);
  for (const topic of new Set(TABLE.map(([, topic]) => topic))) {
    assertEquals(
      trie.match(topic).map(({ pattern }) => pattern),
      patterns.filter((pattern) => matchesSpace(pattern, topic)),
      topic,
    );
  }
});

Deno.test("match() gives patterns and values in the order of adding, each value once", () => {
  const trie = new SpaceTrie<number>();
  for (
    const [pattern, value] of [["**", 1], ["a/*", 2], ["*/b", 3], ["**", 4], ["a/*", 2]] as const
  ) {
    trie.add(pattern, value);
  }
  const found = trie.match("a/b").map(({ pattern, values }) => [pattern, [...values]]);
  assertEquals(found, [["**", [1, 4]], ["a/*", [2]], ["*/b", [3]]]);
});

Deno.test("match() puts a pattern that came back behind those that stayed", () => {
  const trie = new SpaceTrie<number>();
  trie.add("**", 1);
  trie.add("*", 2);
  trie.remove("**", 1);
  trie.add("**", 1);
  assertEquals(trie.match("a").map(({ pattern }) => pattern), ["*", "**"]);
});

Deno.test("remove() takes one value and leaves the others", () => {
  const trie = new SpaceTrie<number>();
  trie.add("a/*", 1);
  trie.add("a/*", 2);
  trie.remove("a/*", 1);
  assertEquals(trie.match("a/b").flatMap(({ values }) => [...values]), [2]);
});

Deno.test("remove() ignores what was never added", () => {
  const trie = new SpaceTrie<number>();
  trie.add("ab/*", 1);
  trie.add("abc/*", 1);
  const { nodes } = trie;
  for (const pattern of ["a", "ab", "ab/", "ab/*/x", "ab/**", "abd/*", "", "*", "ab/*"]) {
    trie.remove(pattern, 2);
  }
  assertEquals(trie.nodes, nodes);
  assertEquals(trie.match("ab/x").length, 1);
});

Deno.test("remove() leaves no nodes behind, in whatever order patterns go", () => {
  const trie = new SpaceTrie<number>();
  const patterns = ["a/*", "a/**", "a/*/b", "ab*", "abc*", "abcd", "*", "**", "***", "*/a", "*/ab"];
  const empty = trie.nodes;
  for (let shift = 0; shift < patterns.length; shift++) {
    for (const pattern of patterns) trie.add(pattern, shift);
    const full = trie.nodes;
    // A pattern that goes and comes back leaves the trie as it was.
    for (const pattern of patterns) {
      trie.remove(pattern, shift);
      trie.add(pattern, shift);
      assertEquals(trie.nodes, full, pattern);
    }
    const leaving = [...patterns.slice(shift), ...patterns.slice(0, shift)];
    for (const pattern of leaving) trie.remove(pattern, shift);
    assertEquals(trie.nodes, empty);
  }
});

/** Nodes that one match looks at. */
function visitsOf(trie: SpaceTrie<number>, topic: string): number {
  const before = trie.visits;
  trie.match(topic);
  return trie.visits - before;
}

const SHAPES: readonly (readonly [string, (i: number) => string])[] = [
  ["devices by a literal first level", (i) => `dev${i}/*/temperature`],
  ["a wildcard first", (i) => `*/room${i}/temperature`],
  ["a wildcard at the end of the first level", (i) => `dev${i}*/temperature`],
  ["a wildcard at the start of the first level", (i) => `*dev${i}/temperature`],
  ["any levels first", (i) => `**/dev${i}/temperature`],
];

for (const [shape, patternOf] of SHAPES) {
  Deno.test(`match() costs no more with 100,000 patterns that do not match: ${shape}`, () => {
    const trie = new SpaceTrie<number>();
    const topic = "town/house/kitchen/temperature";
    trie.add("town/**", 0);
    for (let i = 0; i < 10; i++) trie.add(patternOf(i), i);
    const few = visitsOf(trie, topic);
    for (let i = 10; i < 100_000; i++) trie.add(patternOf(i), i);
    assertEquals(trie.match(topic).length, 1);
    assert(visitsOf(trie, topic) <= few, `${visitsOf(trie, topic)} nodes instead of ${few}`);
  });
}

const HOSTILE: readonly (readonly [string, string, string])[] = [
  ["many any-level parts", "**/".repeat(63) + "b", "a/".repeat(63) + "a"],
  ["any-level parts around letters", "**a".repeat(341) + "b", "a".repeat(1_024)],
  ["stars around letters", "*a".repeat(511) + "b", "a".repeat(1_024)],
  ["both", "**/*a*a*a*a*a*a*a*b/**".repeat(40), "aaaaaaaaaaaaaaaaaaaaaaaa/".repeat(40)],
  ["stars only", "*".repeat(1_023), "/".repeat(63)],
  ["a long text after a star", "*" + "a".repeat(1_022) + "b", "a".repeat(1_024)],
];

for (const [what, pattern, topic] of HOSTILE) {
  Deno.test(`match() is done quickly with a hostile pattern: ${what}`, () => {
    const trie = new SpaceTrie<number>();
    trie.add(pattern, 1);
    const startMs = performance.now();
    assertEquals(trie.match(topic), []);
    // The work is bounded by nodes, of which each is visited once; the time only shows no surprise.
    assert(trie.visits <= trie.nodes, `${trie.visits} visits of ${trie.nodes} nodes`);
    assert(trie.nodes <= pattern.length + 1);
    const tookMs = performance.now() - startMs;
    assert(tookMs < 2_000, `${tookMs} ms`);
  });
}
