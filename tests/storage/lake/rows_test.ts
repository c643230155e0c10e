import { assertEquals, assertThrows } from "@std/assert";
import { tableFromArrays, tableToIPC } from "npm:@uwdata/flechette@2.6.0";
import { encodeCbor } from "../../../src/protocol/cbor.ts";
import { RowError } from "../../../src/lake/errors.ts";
import { publicationRows, type RowSet, upsertRows } from "../../../src/lake/rows.ts";
import { checkSchema, type LakeSchema } from "../../../src/lake/schema.ts";
import { TopicMatcher } from "../../../src/lake/topic_match.ts";
import { frameValue, oneTable, README_SCHEMA, tableOf } from "../../helpers/lake_schema.ts";

const schema = checkSchema(README_SCHEMA);
const facts = { recvNs: 7n, slot: 900 };

function rowsOf(topic: string, args: unknown, from: LakeSchema = schema): RowSet {
  const match = new TopicMatcher(from.tables).match(topic);
  if (match === null) throw new Error(`Cannot match "${topic}"`);
  return publicationRows(encodeCbor(args), match, facts);
}

function rowLists({ columns, count }: RowSet): unknown[][] {
  return Array.from({ length: count }, (_, row) => columns.map((cells) => cells[row]));
}

function reason(topic: string, args: unknown, from: LakeSchema = schema): string {
  return assertThrows(() => rowsOf(topic, args, from), RowError).message;
}

function frame(columns: Record<string, unknown[]>): unknown {
  return frameValue(tableToIPC(tableFromArrays(columns), { format: "stream" }) ?? new Uint8Array());
}

const typed = oneTable({
  table: "typed",
  columns: [
    { col: "k", type: "TEXT", nullable: false },
    { col: "n", type: "INTEGER", nullable: false, default: 4 },
    { col: "o", type: "DOUBLE" },
  ],
  keys: ["k"],
});

const STORED: readonly (readonly [string, string, unknown, unknown[][], LakeSchema?])[] = [
  ["the topic variables when there is no payload", "mysite/HVAC/d1/sensor", [], [[
    "mysite",
    "HVAC",
    "d1",
  ]]],
  ["topic variables before the payload", "mysite/HVAC/d1/sensor", [{ type: "X" }], [[
    "mysite",
    "HVAC",
    "d1",
  ]]],
  ["a map that lacks a column", "s1/telemetry", [{ temperature: 1.5 }], [[
    "s1",
    1.5,
    undefined,
    7n,
    900,
  ]]],
  ["a map that is no list", "s1/telemetry", { temperature: 1.5 }, [[
    "s1",
    1.5,
    undefined,
    7n,
    900,
  ]]],
  ["an explicit null", "s1/telemetry", [{ temperature: null }], [["s1", null, undefined, 7n, 900]]],
  ["values in column order", "telemetry", ["s9", 1, 2], [["s9", 1, 2, 7n, 900]]],
  ["values with the topic variable in front", "s1/telemetry", ["s9", 1, 2], [[
    "s1",
    1,
    2,
    7n,
    900,
  ]]],
  ["a map on the name of the table", "telemetry", [{ temperature: 5 }], [[
    undefined,
    5,
    undefined,
    7n,
    900,
  ]]],
  ["no unknown members", "telemetry", [{ x: 5 }], [[undefined, undefined, undefined, 7n, 900]]],
  ["extras of the broker only", "telemetry", [{ ts: 1, time_bucket: 2 }], [[
    undefined,
    undefined,
    undefined,
    7n,
    900,
  ]]],
  ["a list of maps", "s1/telemetry", [[{ pressure: 1 }, { pressure: 2 }]], [
    ["s1", undefined, 1, 7n, 900],
    ["s1", undefined, 2, 7n, 900],
  ]],
  [
    "no default yet, which is for new rows",
    "typed",
    [{ k: "a" }],
    [["a", undefined, undefined]],
    typed,
  ],
  ["all members", "typed", [{ k: "a", n: 1, o: 2 }], [["a", 1, 2]], typed],
];

for (const [what, topic, args, rows, from] of STORED) {
  Deno.test(`publicationRows() stores ${what}`, () => {
    assertEquals(rowLists(rowsOf(topic, args, from)), rows);
  });
}

const REFUSED: readonly (readonly [string, string, unknown, string, LakeSchema?])[] = [
  ["too few values", "telemetry", ["s9", 1], "expected 3 values, got 2"],
  ["a single text", "telemetry", ["x"], "expected 3 values, got 1"],
  ["nothing on the name of a table", "telemetry", [], "expected 3 values, got 0"],
  [
    "text in a DOUBLE column",
    "telemetry",
    ["s", "hot", 1],
    'column "temperature": expected a number, got text "hot"',
  ],
  [
    "a map without a mandatory column",
    "sensor",
    [{ dn: "d" }],
    'column "site": expected a value, got none and there is no default',
  ],
  [
    "null in a mandatory column",
    "sensor",
    [null, "x", "y"],
    'column "site": expected a value, got null',
  ],
  [
    "a map without a key column",
    "sensor",
    [{ site: "a", type: "b" }],
    'column "dn": a key column is not given',
  ],
  [
    "one bad map of a list",
    "s/telemetry",
    [[{}, { pressure: "x" }]],
    'row 2, column "pressure": expected a number, got text "x"',
  ],
  [
    "null for a column with a default",
    "typed",
    [{ k: "a", n: null }],
    'column "n": expected a value, got null',
    typed,
  ],
  [
    "bytes that are no frame",
    "telemetry",
    [frameValue(new Uint8Array([1, 2, 3]))],
    "expected an Arrow IPC stream",
  ],
];

for (const [what, topic, args, text, from] of REFUSED) {
  Deno.test(`publicationRows() refuses ${what}`, () => {
    assertEquals(reason(topic, args, from).slice(0, text.length), text);
  });
}

Deno.test("publicationRows() refuses a payload that is no CBOR", () => {
  const match = new TopicMatcher(schema.tables).match("telemetry");
  if (match === null) throw new Error("no match");
  assertThrows(
    () => publicationRows(new Uint8Array([0x82, 1]), match, facts),
    RowError,
    "the payload cannot be read",
  );
});

Deno.test("publicationRows() stores every row of a frame, with the extras of the broker", () => {
  const value = frame({
    pressure: [1, 2],
    temperature: [3.5, null],
    dn: ["a", "b"],
    ts: [1, 1],
    z: [0, 0],
  });
  assertEquals(rowLists(rowsOf("telemetry", [value])), [
    ["a", 3.5, 1, 7n, 900],
    ["b", null, 2, 7n, 900],
  ]);
  assertEquals(rowLists(rowsOf("s1/telemetry", [value])).map(([dn]) => dn), ["s1", "s1"]);
});

Deno.test("publicationRows() stores an empty frame as no rows", () => {
  assertEquals(rowsOf("telemetry", [frame({ dn: [], temperature: [], pressure: [] })]).count, 0);
});

Deno.test("publicationRows() refuses a frame that lacks a column", () => {
  assertEquals(
    reason("telemetry", [frame({ dn: ["a"], temperature: [1] })]),
    'column "pressure": the frame lacks column "pressure"',
  );
});

Deno.test("publicationRows() names the row of a frame that does not fit", () => {
  assertEquals(
    reason("telemetry", [frame({ dn: ["a", "b"], temperature: ["1", "x"], pressure: [1, 1] })]),
    'row 2, column "temperature": expected a number, got text "x"',
  );
});

Deno.test("upsertRows() takes null as keep unless nulls are asked for", () => {
  const table = tableOf(typed, "typed");
  const value = { k: "a", n: 1, o: null };
  assertEquals(rowLists(upsertRows(value, { table, facts, nulls: false })), [["a", 1, undefined]]);
  assertEquals(rowLists(upsertRows(value, { table, facts, nulls: true })), [["a", 1, null]]);
});

Deno.test("upsertRows() takes a slot under the name of its column, never a receive time", () => {
  const table = tableOf(schema, "telemetry");
  const rows = upsertRows([{ dn: "a", ts: 1, time_bucket: 5 }], { table, facts, nulls: false });
  assertEquals(rowLists(rows), [["a", undefined, undefined, 7n, 5]]);
});

Deno.test("upsertRows() does nothing for an empty list", () => {
  const table = tableOf(schema, "telemetry");
  assertEquals(upsertRows([], { table, facts, nulls: false }).count, 0);
});

for (
  const [value, name] of [[5, "number"], ["x", "string"], [null, "null"], [[1], "list"]] as const
) {
  Deno.test(`upsertRows() refuses a ${name}`, () => {
    const table = tableOf(schema, "telemetry");
    assertThrows(
      () => upsertRows(value, { table, facts, nulls: false }),
      RowError,
      `upsert failed: invalid record type ${name}`,
    );
  });
}
