import { assertEquals } from "@std/assert";
import { argumentsFrom, jsonLine, readable } from "../../../src/cli/values.ts";
import { Tagged } from "../../../src/protocol/cbor.ts";
import { weatherFrame } from "./frames.ts";

Deno.test("argumentsFrom() reads JSON where it is JSON, else text", () => {
  assertEquals(
    argumentsFrom(["1", "-2.5", "true", "null", '{"a": [1]}', '"1"', "007", "hello", ""], {
      asText: false,
    }),
    [1, -2.5, true, null, { a: [1] }, "1", "007", "hello", ""],
  );
});

Deno.test("argumentsFrom() keeps integers of 64 bits exact", () => {
  assertEquals(argumentsFrom(["18446744073709551615"], { asText: false }), [2n ** 64n - 1n]);
});

Deno.test("argumentsFrom() takes all as text when told so", () => {
  assertEquals(argumentsFrom(["1", "{}"], { asText: true }), ["1", "{}"]);
});

Deno.test("jsonLine() writes one line with exact integers", () => {
  assertEquals(
    jsonLine({ a: 2n ** 64n - 1n, b: "x\ny" }),
    '{"a":18446744073709551615,"b":"x\\ny"}',
  );
});

Deno.test("readable() writes text as it is and all else as JSON", () => {
  assertEquals(readable("a b"), "a b");
  assertEquals(readable([1, "x"]), '[1,"x"]');
  assertEquals(readable(null), "null");
});

Deno.test("jsonLine() writes data frames as rows, and damaged ones as their bytes", () => {
  const frame = new Tagged(80, weatherFrame());
  const rows = '[{"dn":"a","temperature":21.5},{"dn":"b","temperature":-3},' +
    '{"dn":"c","temperature":null}]';
  assertEquals(readable(frame), rows);
  assertEquals(jsonLine({ args: [frame, 1] }), `{"args":[${rows},1]}`);
  assertEquals(jsonLine([new Tagged(80, Uint8Array.of(1))]), '["AQ=="]');
});
