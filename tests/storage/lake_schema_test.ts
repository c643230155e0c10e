// Goal: every type that a schema may name, and every change of a schema, ends the same in every storage.
import { assertEquals, assertRejects } from "@std/assert";
import { SchemaError } from "../../src/lake/errors.ts";
import type { LakeSchema } from "../../src/lake/schema.ts";
import { oneTable, publication } from "../helpers/lake_schema.ts";
import { testOnStorages } from "../helpers/lake_storages.ts";
import { openStore } from "../helpers/lake_store.ts";

const TYPES: readonly (readonly [string, unknown, unknown])[] = [
  ["BOOLEAN", true, true],
  ["TINYINT", -128, -128],
  ["UBIGINT", 18446744073709551615n, 18446744073709551615n],
  ["HUGEINT", 9007199254740993n, 9007199254740993],
  ["DOUBLE", 0.1, 0.1],
  ["DECIMAL(6,2)", "1234.56", 1234.56],
  ["TEXT", "ä\0'", "ä\0'"],
  ["BLOB", new Uint8Array([0, 255]), new Uint8Array([0, 255])],
  ["DATE", "2026-01-31", Date.UTC(2026, 0, 31)],
  ["TIMESTAMP", "2026-01-31T12:00:00Z", Date.UTC(2026, 0, 31, 12)],
  ["INTERVAL", "1 day 02:00:00", "1 day 02:00:00"],
  ["UUID", "00000000-0000-0000-0000-0000000000ff", "00000000-0000-0000-0000-0000000000ff"],
  ["JSON", { a: [1] }, '{"a":[1]}'],
  ["ENUM('red', 'it''s')", "it's", "it's"],
  ["colour", "green", "green"],
  ["INTEGER[]", [1, null, 3], [1, null, 3]],
  ["TEXT[2]", ["a", "b"], ["a", "b"]],
  ["STRUCT(a INTEGER, b colour)", { a: 1, b: "green" }, { a: 1, b: "green" }],
];

testOnStorages("every type of a schema is stored and given back", async ({ disk }) => {
  const schema = oneTable({
    table: "t",
    enums: { colour: ["red", "green"] },
    columns: TYPES.map(([type], i) => ({ col: `c${i}`, type })),
  });
  for (let start = 0; start < 2; start++) {
    await using opened = await openStore(schema, { storage: disk, threads: 2 });
    if (start === 0) {
      const row = TYPES.map(([, given]) => given);
      const { deadLetters } = await opened.ingest.apply([
        publication(0, "t", row),
        publication(1, "t", row.with(14, "blue")),
        publication(2, "t", row.with(16, ["only one"])),
      ], 3);
      assertEquals(deadLetters, 2);
    }
    const rows = await opened.query("t");
    assertEquals(rows.map((row) => row.map(plain)), [TYPES.map(([, , wanted]) => plain(wanted))]);
    assertEquals(
      await opened.query("t", [{ cols: "1", where: { col: "c14", value: "green" } }]),
      [[1]],
    );
  }
});

/** Lists come as typed arrays, structures as objects of a class. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return value.getTime();
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array);
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "object" && value !== null ? { ...value } : value;
}

const A = { col: "a", type: "INTEGER" };
const B = { col: "b", type: "colour", default: "red" };

function schemaOf(keys: readonly string[], ...columns: Record<string, unknown>[]): LakeSchema {
  return oneTable({ table: "t", columns, keys, enums: { colour: ["red", "green"] } });
}

testOnStorages(
  "a column that may be null is added, other changes are refused",
  async ({ disk }) => {
    const open = (schema: LakeSchema) => openStore(schema, { storage: disk, threads: 2 });
    {
      await using opened = await open(schemaOf(["a"], A));
      await opened.ingest.apply([publication(0, "t", [1])], 1);
    }
    const refused: readonly (readonly [LakeSchema, string])[] = [
      [schemaOf([], A), "keys: the schema says none, the table was filled with a"],
      [schemaOf(["a", "b"], A, { ...B, default: "red" }), "keys: the schema says a, b"],
      [schemaOf(["a"], { ...A, type: "TEXT" }), 'column "a": the schema says VARCHAR'],
      [schemaOf(["a"], A, { ...B, nullable: false }), 'column "b": it is new and not nullable'],
    ];
    for (const [schema, cause] of refused) {
      await assertRejects(() => open(schema), SchemaError, `Cannot migrate table "t": ${cause}`);
    }
    await using opened = await open(schemaOf(["A"], { ...A, col: "A" }, B));
    await opened.ingest.apply([
      publication(1, "t", [{ A: 2 }]),
      publication(2, "t", [{ A: 1, b: "green" }]),
      publication(3, "t", [{ A: 3, b: null }]),
    ], 4);
    assertEquals(await opened.all("t"), [[1, "green"], [2, "red"], [3, null]]);
  },
);
