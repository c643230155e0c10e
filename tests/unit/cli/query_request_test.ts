import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../src/cli/exit.ts";
import { parseOptions } from "../../../src/cli/options.ts";
import { commaParts, QUERY_OPTIONS, queryArgument } from "../../../src/cli/query_request.ts";

const NOW_MS = 1_790_000_000_000;

function argument(...args: string[]): Record<string, unknown> {
  return queryArgument(parseOptions(args, QUERY_OPTIONS), { nowMs: NOW_MS });
}

const WHERE = ["--where", "dn = ?"];
const CASES: readonly { args: readonly string[]; wanted: Record<string, unknown> }[] = [
  { args: [], wanted: {} },
  { args: WHERE, wanted: { where: "dn = ?" } },
  { args: [...WHERE, "--param", "a"], wanted: { where: "dn = ?", params: ["a"] } },
  {
    args: [...WHERE, "--param", "7", "--param", "-1.5", "--param", '"7"', "--param", "a=b"],
    wanted: { where: "dn = ?", params: [7, -1.5, "7", "a=b"] },
  },
  {
    args: ["--where", "dn = $dn and t > $t", "--param", "dn=a=b", "--param", "t=5"],
    wanted: { where: "dn = $dn and t > $t", params: { dn: "a=b", t: 5 } },
  },
  {
    args: ["--where", '{"col": "dn", "op": "=", "value": "a"}'],
    wanted: { where: { col: "dn", op: "=", value: "a" } },
  },
  { args: ["--cols", "dn, t", "--cols", "n"], wanted: { cols: ["dn", "t", "n"] } },
  { args: ["--order", "dn, t desc"], wanted: { order: ["dn", "t desc"] } },
  { args: ["--limit", "10", "--offset", "0"], wanted: { limit: 10, offset: 0 } },
  { args: ["--when", "1790000000.5"], wanted: { when: 1_790_000_000.5 } },
  { args: ["--when", "1h"], wanted: { when: 1_789_996_400 } },
  { args: ["--when", "-90s"], wanted: { when: 1_789_999_910 } },
  { args: ["--when", "2026-01-31 12:30"], wanted: { when: "2026-01-31 12:30" } },
];
for (const { args, wanted } of CASES) {
  Deno.test(`queryArgument() reads "${args.join(" ")}"`, () => {
    assertEquals(argument(...args), wanted);
  });
}

const REFUSED: readonly { args: readonly string[]; wanted: string }[] = [
  { args: ["--param", "a"], wanted: "expected a condition in --where" },
  { args: ["--where", "{}", "--param", "a"], wanted: "expected a condition in --where" },
  { args: ["--where", "{dn"], wanted: "or JSON such as" },
  { args: ["--where", "dn = $dn", "--param", "a"], wanted: "expected name=VALUE" },
  { args: ["--limit", "-1"], wanted: "--limit" },
  { args: ["--offset", "1.5"], wanted: "--offset" },
];
for (const { args, wanted } of REFUSED) {
  Deno.test(`queryArgument() refuses "${args.join(" ")}"`, () => {
    assertThrows(() => argument(...args), UsageError, wanted);
  });
}

Deno.test("commaParts() leaves commas in brackets and quotes alone", () => {
  assertEquals(commaParts(`a, max(b, c) as "x,y" , 'it''s, so', [1, 2],`), [
    "a",
    'max(b, c) as "x,y"',
    "'it''s, so'",
    "[1, 2]",
  ]);
  assertEquals(commaParts(" "), []);
  assertEquals(commaParts("a), b"), ["a)", "b"]);
});
