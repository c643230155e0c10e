import { assertEquals, assertThrows } from "@std/assert";
import { SchemaError } from "../../../src/lake/errors.ts";
import { checkSchema, parseSchema } from "../../../src/lake/schema.ts";
import { typeText } from "../../../src/lake/column_type.ts";
import { oneTable, README_SCHEMA, tableOf } from "../../helpers/lake_schema.ts";

function messageOf(value: unknown): string {
  return assertThrows(() => checkSchema(value), SchemaError).message;
}

const column = (more: Record<string, unknown>) => ({
  tables: [{ table: "t", columns: [{ col: "a", type: "TEXT", ...more }] }],
});

Deno.test("checkSchema() reads the schema of the README", () => {
  const schema = checkSchema(README_SCHEMA);
  const sensor = tableOf(schema, "sensor");
  assertEquals(sensor.keys, [2]);
  assertEquals(sensor.columns.map(({ isNullable }) => isNullable), [false, false, true]);
  const telemetry = tableOf(schema, "telemetry");
  assertEquals(
    telemetry.columns.map(({ name, type, extra }) => [name, typeText(type), extra]),
    [
      ["dn", "VARCHAR", null],
      ["temperature", "DOUBLE", null],
      ["pressure", "DOUBLE", null],
      ["ts", "UBIGINT", "recv_ts"],
      ["time_bucket", "UINTEGER", "slot"],
    ],
  );
});

Deno.test("checkSchema() takes the name of the table as topic when none is given", () => {
  assertEquals(
    tableOf(oneTable({ table: "t", columns: [{ col: "a", type: "INT" }] }), "t").topic,
    "t",
  );
});

Deno.test("checkSchema() accepts a table without columns but with extras (acceptance 93)", () => {
  const table = tableOf(oneTable({ table: "t", extras: { recv_ts: "ts" } }), "t");
  assertEquals(table.columns.map(({ name }) => name), ["ts"]);
});

Deno.test("checkSchema() accepts the fields of Rembus.jl and ignores unknown ones", () => {
  const schema = checkSchema({
    enums: { colour: ["red", "green"] },
    note: 1,
    tables: [{
      table: "t",
      format: "sequence",
      delete_topic: "t/gone",
      columns: [{ col: "c", type: "colour", comment: "x" }],
    }],
  });
  const table = tableOf(schema, "t");
  assertEquals(schema.ignored.includes("t: delete_topic"), true);
  assertEquals(table.columns[0]?.type, { kind: "enum", members: ["red", "green"] });
});

Deno.test("parseSchema() says so when the text is no JSON", () => {
  const { message } = assertThrows(() => parseSchema("{"), SchemaError);
  assertEquals(message.startsWith("Cannot read the schema: expected JSON"), true);
});

const REFUSED: readonly (readonly [string, unknown, string])[] = [
  ["no object", 1, 'Cannot use the schema: expected an object with a list "tables"'],
  ["a table without a name", { tables: [{}] }, 'Cannot use table 1: expected a text as "table"'],
  [
    "a reserved name",
    { tables: [{ table: "__x" }] },
    'Cannot use table "__x": names with __ are reserved',
  ],
  [
    "no columns at all",
    { tables: [{ table: "t" }] },
    'Cannot use table "t": expected at least one column or extra',
  ],
  [
    "a zero in a name",
    { tables: [{ table: "a\0b" }] },
    'Cannot use table "a\0b": the name is not Unicode text',
  ],
  [
    "an unknown type",
    column({ type: "BLOBB" }),
    'Cannot use table "t": column "a": type "BLOBB": unknown type "BLOBB"',
  ],
  [
    "a type with SQL behind it",
    column({ type: "TEXT); DROP TABLE x; --" }),
    'Cannot use table "t": column "a": type "TEXT); DROP TABLE x; --": unexpected text at character 6',
  ],
  [
    "a decimal beyond its width",
    column({ type: "DECIMAL(39,2)" }),
    'Cannot use table "t": column "a": type "DECIMAL(39,2)": expected a number from 1 to 38',
  ],
  [
    "a default that does not fit",
    column({ type: "INTEGER", default: "x" }),
    'Cannot use table "t": column "a": default of INTEGER: expected an integer, got text "x"',
  ],
  [
    "a null default without null",
    column({ nullable: false, default: null }),
    'Cannot use table "t": column "a": default null of a column without null',
  ],
  [
    "a column without a type",
    column({ type: undefined }),
    'Cannot use table "t": column "a": expected a text as "type"',
  ],
  [
    "nullable that is no boolean",
    column({ nullable: 1 }),
    'Cannot use table "t": column "a": expected true or false as "nullable"',
  ],
  [
    "a column that is there twice",
    { tables: [{ table: "t", columns: [{ col: "a", type: "INT" }, { col: "A", type: "INT" }] }] },
    'Cannot use table "t": column "A": the name is there twice',
  ],
  [
    "an extra that is a column already",
    { tables: [{ table: "t", columns: [{ col: "a", type: "INT" }], extras: { slot: "a" } }] },
    'Cannot use table "t": column "a": the name is there twice',
  ],
  [
    "a table that is there twice",
    { tables: [{ table: "t", extras: { slot: "s" } }, { table: "T", extras: { slot: "s" } }] },
    'Cannot use table "T": the name is there twice',
  ],
  [
    "a key that is no column",
    { tables: [{ table: "t", columns: [{ col: "a", type: "INT" }], keys: ["b"] }] },
    'Cannot use table "t": key "b" is no column',
  ],
  [
    "a key of a nested type",
    { tables: [{ table: "t", columns: [{ col: "a", type: "INT[]" }], keys: ["a"] }] },
    'Cannot use table "t": column "a": a key cannot be of type INTEGER[]',
  ],
  [
    "a topic variable without a column",
    { tables: [{ table: "t", topic: ":x/t", columns: [{ col: "a", type: "INT" }] }] },
    'Cannot use table "t": topic variable ":x" is no column',
  ],
  [
    "a topic variable that is there twice",
    { tables: [{ table: "t", topic: ":a/:a", columns: [{ col: "a", type: "INT" }] }] },
    'Cannot use table "t": topic variable ":a" is there twice',
  ],
];

for (const [what, schema, message] of REFUSED) {
  Deno.test(`checkSchema() refuses ${what}`, () => assertEquals(messageOf(schema), message));
}
