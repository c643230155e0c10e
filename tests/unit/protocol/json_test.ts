import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/protocol/errors.ts";
import { measureJson, parseJson, stringifyJson } from "../../../src/protocol/json.ts";
import { NESTING_MAX } from "../../../src/protocol/limits.ts";

/** An integer that makes the reader leave the fast path. */
const LONG = "9007199254740993";

const INTEGERS: readonly (readonly [string, number | bigint])[] = [
  ["0", 0],
  ["-1", -1],
  ["9007199254740991", 9_007_199_254_740_991],
  ["-9007199254740991", -9_007_199_254_740_991],
  ["9007199254740992", 9_007_199_254_740_992n],
  ["-9007199254740992", -9_007_199_254_740_992n],
  [LONG, 9_007_199_254_740_993n],
  ["18446744073709551615", 2n ** 64n - 1n],
  ["1000000000000000", 10 ** 15],
  ["1" + "0".repeat(999), 10n ** 999n],
];

for (const [text, value] of INTEGERS) {
  Deno.test(`parseJson() reads the integer ${text.slice(0, 30)} exactly`, () => {
    assertStrictEquals(parseJson(text), value);
  });
}

const OTHERS = [
  "null",
  "true",
  "false",
  '""',
  '"a\\"b\\\\"',
  '"\\u00e9\\n\\/😀"',
  "1.5",
  "-0",
  "1e3",
  "2E-3",
  "0.1234567890123456789",
  "1234567890.1234567890",
  "12345678901234567890e-3",
  "[]",
  "{}",
  ' [ 1 , { "a" : [ ] , "b" : null } ]\n\t\r',
  '{"a":{"b":[{"c":"]}"}]}}',
  '{"a":1,"a":2}',
  '{"":0}',
];

for (const text of OTHERS) {
  Deno.test(`parseJson() reads ${text.trim()} as JSON.parse does, also beside a long integer`, () => {
    assertEquals(parseJson(text), JSON.parse(text));
    assertEquals(parseJson(`[${LONG},${text}]`), [BigInt(LONG), JSON.parse(text)]);
    assertEquals(parseJson(`{"l":${LONG},"v":${text}}`), { l: BigInt(LONG), v: JSON.parse(text) });
  });
}

for (const long of ["1", LONG]) {
  Deno.test(`parseJson() makes __proto__ a member like any other, beside ${long}`, () => {
    const value = parseJson(`{"__proto__":{"polluted":${long}},"x":1}`) as Record<string, unknown>;
    assert(Object.hasOwn(value, "__proto__"));
    assertEquals(value["polluted"], undefined);
    assertStrictEquals(Object.getPrototypeOf(value), Object.prototype);
  });
}

const INVALID = [
  "",
  " ",
  "nul",
  "truefalse",
  "01",
  "-",
  "1.",
  ".5",
  "1e",
  "+1",
  "0x10",
  "NaN",
  "Infinity",
  "'a'",
  '"a',
  '"a\n"',
  '"\\x"',
  '"\\u12"',
  "[1,]",
  "[1 2]",
  "[",
  "]]",
  "[}",
  '{"a"}',
  '{"a":1,}',
  "{a:1}",
  '{"a":1 "b":2}',
  "{",
  "1 2",
  "\ufeff1",
];

for (const text of INVALID) {
  Deno.test(`parseJson() refuses ${JSON.stringify(text)} with 1007, also beside a long integer`, () => {
    for (
      const frame of [text, `[${LONG},${text}`, `[${LONG},[${text}]`, `{"a":${LONG},"b":${text}`]
    ) {
      assertEquals(assertThrows(() => parseJson(frame), ProtocolError).closeCode, 1007);
    }
  });
}

Deno.test("parseJson() refuses an integer of more than 1,000 digits instead of spending time on it", () => {
  assertThrows(() => parseJson("1".repeat(1_001)), ProtocolError, "at most 1000 digits");
});

Deno.test("parseJson() takes 64 nested levels and refuses 65", () => {
  for (const inner of ["", LONG]) {
    const nested = (levels: number): string => "[".repeat(levels) + inner + "]".repeat(levels);
    parseJson(nested(NESTING_MAX));
    const error = assertThrows(() => parseJson(nested(NESTING_MAX + 1)), ProtocolError);
    assertEquals(error.closeCode, 1007);
  }
});

Deno.test("parseJson() refuses deep nesting before it recurses, however the text begins", () => {
  for (const start of ["[", '{"a":', `[${LONG},`, "]", '"']) {
    assertThrows(() => parseJson(start.repeat(1_000_000)), ProtocolError);
  }
});

Deno.test("measureJson() counts arrays and objects, and not what stands in strings", () => {
  const depths = ["1", "[]", '["[[["]', '{"a":[{}],"b":[]}', '["\\"[",[1]]'].map((text) =>
    measureJson(text, 64).depth
  );
  assertEquals(depths, [0, 1, 1, 3, 2]);
});

Deno.test("stringifyJson() writes as JSON.stringify, and BigInt as bare integers", () => {
  const values = [null, "a\u2028\ud800", 1.5, -0, NaN, true, [1, [undefined]], {
    a: undefined,
    b: new Date(0),
    c: () => 1,
  }];
  for (const value of values) assertEquals(stringifyJson(value), JSON.stringify(value));
  const big = 2n ** 64n - 1n;
  for (const value of values) {
    const text = JSON.stringify([value]).slice(1, -1);
    assertEquals(stringifyJson([big, value]), `[18446744073709551615,${text}]`);
  }
  assertEquals(stringifyJson({ a: { b: -big } }), '{"a":{"b":-18446744073709551615}}');
});

Deno.test("stringifyJson() writes null for what has no JSON form, holes of arrays included", () => {
  assertEquals([undefined, () => 1, Symbol("s")].map(stringifyJson), ["null", "null", "null"]);
  const sparse: unknown[] = [1n];
  sparse[2] = 2n;
  assertEquals(stringifyJson(sparse), "[1,null,2]");
  assertEquals(stringifyJson([10n ** 1_000n]), "[null]");
});

Deno.test("stringifyJson() throws TypeError for a cycle", () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  assertThrows(() => stringifyJson(cycle), TypeError, "a cycle");
  assertThrows(() => stringifyJson([1n, cycle]), TypeError, "a cycle");
});

Deno.test("stringifyJson() and parseJson() give back what went in", () => {
  const value = { id: 2n ** 63n, list: [1, "é", null, { "__proto__x": -(2n ** 60n) }] };
  assertEquals(parseJson(stringifyJson(value)), value);
});
