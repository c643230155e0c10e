import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { decodeCbor, encodeCbor, Float, Simple, Tagged } from "../../../src/protocol/cbor.ts";
import { stringifyJson } from "../../../src/protocol/json.ts";
import { toJsonValue } from "../../../src/protocol/json_value.ts";
import { NESTING_MAX } from "../../../src/protocol/limits.ts";

/** The table of PROTOCOL.md 14.3, and what stands beside it in values. */
const TABLE: readonly (readonly [string, unknown, unknown])[] = [
  ["a text", "é", "é"],
  ["undefined", undefined, null],
  ["NaN", NaN, null],
  ["an infinity", [Infinity, -Infinity], [null, null]],
  ["a float that is whole", new Float(2), 2],
  ["a float that is no number", new Float(NaN), null],
  ["an integer beyond 2^53", 2n ** 60n, 2n ** 60n],
  ["bytes", Uint8Array.of(1, 2, 3), "AQID"],
  ["bytes in another view", new DataView(Uint8Array.of(0, 1, 2, 3).buffer, 1), "AQID"],
  ["bytes in a buffer", Uint8Array.of(1, 2, 3).buffer, "AQID"],
  ["a dataframe", new Tagged(80, Uint8Array.of(1, 2, 3)), "AQID"],
  ["a dataframe with the tag as BigInt", new Tagged(80n, Uint8Array.of(1, 2, 3)), "AQID"],
  ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
  ["a date that is none", new Date(NaN), null],
  ["a date as text", new Tagged(0, "2024-02-29T00:00:00+01:00"), "2024-02-29T00:00:00+01:00"],
  ["a date in seconds", new Tagged(1, 1.5), "1970-01-01T00:00:01.500Z"],
  ["a date in seconds as float", new Tagged(1, new Float(2)), "1970-01-01T00:00:02.000Z"],
  ["a date beyond all dates", new Tagged(1, 1e300), null],
  ["another tag", new Tagged(4, [1, 2]), [1, 2]],
  ["tags in tags", new Tagged(55_799, new Tagged(99, Uint8Array.of(1, 2, 3))), "AQID"],
  ["a simple value", new Simple(99), null],
  ["a map", new Map<unknown, unknown>([[1, NaN], ["b", 2]]), { "1": null, b: 2 }],
  [
    "a map with odd keys",
    new Map<unknown, unknown>([
      [Uint8Array.of(1, 2, 3), 1],
      [[1, 2n], 2],
      [new Date(0), 3],
      [null, 4],
      [new Float(2.5), 5],
    ]),
    { AQID: 1, "[1,2]": 2, "1970-01-01T00:00:00.000Z": 3, null: 4, "2.5": 5 },
  ],
  ["values deep inside", { a: [{ b: Uint8Array.of(1, 2, 3) }] }, { a: [{ b: "AQID" }] }],
];

for (const [what, value, wanted] of TABLE) {
  Deno.test(`toJsonValue() gives the nearest JSON value for ${what}`, () => {
    assertEquals(toJsonValue(value), wanted);
  });
}

Deno.test("toJsonValue() does not copy what JSON can say, and does not change what it gets", () => {
  const plain = { a: [1, "x", { b: null }] };
  assertStrictEquals(toJsonValue(plain), plain);
  const bytes = { a: [Uint8Array.of(1)], b: [2] };
  toJsonValue(bytes);
  assertEquals(bytes, { a: [Uint8Array.of(1)], b: [2] });
});

Deno.test("toJsonValue() keeps __proto__ a member, of objects and of maps", () => {
  const object = JSON.parse('{"__proto__":1}') as Record<string, unknown>;
  Object.assign(object, { bytes: Uint8Array.of(1, 2, 3) });
  const text = '{"__proto__":1,"bytes":"AQID"}';
  assertEquals(stringifyJson(toJsonValue(object)), text);
  assertEquals(stringifyJson(toJsonValue(new Map(Object.entries(object)))), text);
});

Deno.test("toJsonValue() gives dataframes as the base64 text of their bytes", () => {
  const frames = [3, 1].map((length) => new Tagged(80, new Uint8Array(length)));
  assertEquals(toJsonValue(frames), ["AAAA", "AA=="]);
});

Deno.test("toJsonValue() takes every value that CBOR can carry", () => {
  let nested: unknown = 1;
  for (let level = 0; level < NESTING_MAX; level++) nested = level % 2 ? [nested] : { a: nested };
  assertEquals(toJsonValue(decodeCbor(encodeCbor(nested))), nested);
});

for (
  const [what, makeCycle] of [
    ["an array", () => {
      const cycle: unknown[] = [];
      return cycle.push(cycle) && cycle;
    }],
    ["a map that is its own value", () => {
      const cycle = new Map<unknown, unknown>();
      return cycle.set("a", cycle);
    }],
    ["a map that is its own key", () => {
      const cycle = new Map<unknown, unknown>();
      return cycle.set(cycle, 1);
    }],
  ] as const
) {
  Deno.test(`toJsonValue() throws TypeError for a cycle through ${what}`, () => {
    assertThrows(() => toJsonValue(makeCycle()), TypeError, "a cycle");
  });
}
