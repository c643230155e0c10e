import { assertEquals } from "@std/assert";
import { regexProblem } from "../../../src/protocol/python_regex.ts";

Deno.test("regexProblem() accepts what every engine reads alike", () => {
  for (
    const source of [
      "",
      "abc",
      "^a.c$",
      "a*b+c?d{2}e{2,}f{1,3}g*?",
      "(a|b)+",
      "(?:a|)b",
      "(?=a)b(?!c)",
      "[a-z0-9_]+",
      "[^,;]*",
      "\\d+\\.\\d{2}",
      "\\[x\\]",
      "été|日本",
      "[\\d.]+",
    ]
  ) assertEquals([source, regexProblem(source)], [source, null]);
});

Deno.test("regexProblem() refuses what a peer may not compile", () => {
  for (
    const source of [
      "(",
      ")",
      "a)",
      "*",
      "+a",
      "a**",
      "a{2}{3}",
      "^*",
      "()*",
      "(?<n>a)",
      "(?P<n>a)",
      "(?<=a)b",
      "\\1",
      "\\q",
      "\\",
      "[",
      "[]",
      "[z-a]",
      "[a",
      "a{3,2}",
      "a{1001}",
      "a{",
      "x]",
      "}",
      "(".repeat(33) + "a" + ")".repeat(33),
    ]
  ) assertEquals([source, regexProblem(source) !== null], [source, true]);
});
