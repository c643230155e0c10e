import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { NAME_BYTES_MAX } from "../../../src/protocol/limits.ts";
import { checkName, domainOf } from "../../../src/protocol/name.ts";

const GOOD = [
  "a",
  "broker",
  "_x",
  "@x",
  "-x",
  "9",
  "a.b-c_d@e",
  "x.",
  "plant/line-1/meter.2",
  "repl2",
  "a/repl",
  "__noname__",
  "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
  "a".repeat(NAME_BYTES_MAX),
];

for (const name of GOOD) {
  Deno.test(`checkName() accepts ${name.slice(0, 40)} of length ${name.length}`, () => {
    assertEquals(checkName(name), null);
  });
}

const BAD: readonly (readonly [string, string])[] = [
  ["", "got an empty text"],
  ["repl", '"repl"'],
  ["a".repeat(NAME_BYTES_MAX + 1), `expected at most ${NAME_BYTES_MAX} bytes, got 256`],
  ["é".repeat(NAME_BYTES_MAX / 2 + 1), "expected segments"],
  ["..", "no two dots"],
  ["a/../b", "no two dots"],
  ["a..b", "no two dots"],
  [".", "expected segments"],
  [".x", "expected segments"],
  ["a/.x", "expected segments"],
  ["/a", "expected segments"],
  ["a/", "expected segments"],
  ["a//b", "expected segments"],
  ["a b", "expected segments"],
  ["a\n", "expected segments"],
  ["a\0", "expected segments"],
  ["a*", "expected segments"],
  ["a\\b", "expected segments"],
  ["a:b", "expected segments"],
  ["a%2fb", "expected segments"],
  ["città", "expected segments"],
];

for (const [name, problem] of BAD) {
  Deno.test(`checkName() refuses ${JSON.stringify(name.slice(0, 40))} and says why`, () => {
    const got = checkName(name);
    assert(got !== null);
    assertStringIncludes(got, problem);
  });
}

Deno.test("checkName() takes time in proportion to the name, also for one that nearly fits", () => {
  // A pattern that tries all ways to split such a name would not come back.
  assert(checkName(`${"a".repeat(NAME_BYTES_MAX - 1)} `) !== null);
  assert(checkName(`${"a/".repeat(100)}/`) !== null);
});

Deno.test("domainOf() gives what follows the first dot, and a dot where there is none", () => {
  const domains = ["alice", "alice.acme.org", ".x", "x.", "a/b.c", ""].map(domainOf);
  assertEquals(domains, [".", "acme.org", "x", "", "c", "."]);
});
