import { assert, assertEquals } from "@std/assert";
import { checkCodeName, codeTopics, isReservedService } from "../../../src/code/names.ts";

for (const name of ["a", "7", "foo_bar", "foo.bar", "A-1", "x".repeat(100)]) {
  Deno.test(`checkCodeName() accepts ${name.slice(0, 20)}`, () => {
    assertEquals(checkCodeName(name), null);
  });
}

for (
  const name of [
    "",
    ".",
    "..",
    ".hidden",
    "_x",
    "-x",
    "a..b",
    "a.",
    "../evil",
    "../../../evil",
    "a/b",
    "a\\b",
    "/etc/passwd",
    "C:evil",
    "a*",
    "a?",
    "[a]",
    "a b",
    "a\n",
    "a\0",
    "ä",
    "x".repeat(101),
  ]
) {
  Deno.test(`checkCodeName() refuses ${JSON.stringify(name).slice(0, 20)}`, () => {
    assert(checkCodeName(name) !== null);
  });
}

Deno.test("isReservedService() keeps code from the place of what every node has", () => {
  for (const name of ["rid", "version", "uptime", ...Object.values(codeTopics("subscriber"))]) {
    assert(isReservedService(name), name);
  }
  assert(!isReservedService("add"));
});
