import { assertEquals, assertThrows } from "@std/assert";
import { createTable, migrateTable } from "../../../src/lake/ddl.ts";
import { SchemaError, StoreError } from "../../../src/lake/errors.ts";
import type { LakeSchema } from "../../../src/lake/schema.ts";
import { temporaryDirectory } from "../../helpers/lake_directory.ts";
import { oneTable, publication, tableOf } from "../../helpers/lake_schema.ts";
import { openStore } from "../../helpers/lake_store.ts";

type ColumnSpec = Record<string, unknown>;

function schemaOf(...columns: ColumnSpec[]): LakeSchema {
  return oneTable({ table: 'a"b', topic: "t", columns });
}

const A = { col: "a", type: "INTEGER" };

Deno.test("createTable() quotes names and defaults", () => {
  const schema = schemaOf(
    { col: 'x"; DROP TABLE y; --', type: "TEXT", default: "it's", nullable: false },
    { col: "n", type: "DECIMAL(5,2)", default: 1.5 },
    { col: "i", type: "BIGINT", default: 7 },
    { col: "b", type: "BOOLEAN", default: true },
  );
  assertEquals(
    createTable(tableOf(schema, 'a"b'), "q"),
    `CREATE TABLE IF NOT EXISTS q ("x""; DROP TABLE y; --" VARCHAR DEFAULT 'it''s' NOT NULL, ` +
      `"n" DECIMAL(5,2), "i" BIGINT DEFAULT 7, "b" BOOLEAN DEFAULT TRUE)`,
  );
});

const there = [{ name: "a", type: "INTEGER", isNullable: true }];

Deno.test("migrateTable() adds columns that may be null", () => {
  const table = tableOf(schemaOf({ col: "n", type: "TEXT", default: "x" }, A), 'a"b');
  assertEquals(migrateTable(table, there, "q"), [
    `ALTER TABLE q ADD COLUMN "n" VARCHAR DEFAULT 'x'`,
  ]);
});

const REFUSED: readonly (readonly [string, LakeSchema, string])[] = [
  [
    "a type that changed",
    schemaOf({ ...A, type: "BIGINT" }),
    'column "a": the schema says BIGINT, the table has INTEGER',
  ],
  [
    "null that is no longer allowed",
    schemaOf({ ...A, nullable: false }),
    'column "a": the schema says not nullable, the table has nullable',
  ],
  [
    "a column that is gone",
    schemaOf({ col: "b", type: "TEXT" }),
    'column "a": the table has it and the schema does not',
  ],
  [
    "a new column that may not be null",
    schemaOf(A, { col: "b", type: "TEXT", nullable: false }),
    'column "b": it is new and not nullable',
  ],
  [
    "a new key",
    oneTable({ table: 'a"b', topic: "t", columns: [A, { col: "b", type: "TEXT" }], keys: ["b"] }),
    'column "b": it is new and a key',
  ],
];

for (const [what, schema, cause] of REFUSED) {
  Deno.test(`migrateTable() refuses ${what}`, () => {
    const { message } = assertThrows(
      () => migrateTable(tableOf(schema, 'a"b'), there, "q"),
      SchemaError,
    );
    assertEquals(message.startsWith(`Cannot migrate table "a"b": ${cause}`), true, message);
  });
}

Deno.test("LakeStore.open() migrates a table, and rows go into the right columns", async () => {
  await using directory = await temporaryDirectory();
  const storage = {
    kind: "disk",
    directory: directory.path,
    name: "b",
    storage: "native",
  } as const;
  {
    await using opened = await openStore(schemaOf(A, { col: "z", type: "TEXT" }), { storage });
    await opened.ingest.apply([publication(0, "t", [1, "old"])], 1);
  }
  const wider = schemaOf(A, { col: "new", type: "TEXT", default: "d" }, { col: "z", type: "TEXT" });
  await using opened = await openStore(wider, { storage });
  await opened.ingest.apply([publication(1, "t", [2, "x", "y"])], 2);
  assertEquals(await opened.all('a"b'), [[1, "old", "d"], [2, "y", "x"]]);
  assertEquals(await opened.query('a"b', [{ cols: ["new", "z"], order: "a" }]), [["d", "old"], [
    "x",
    "y",
  ]]);
});

Deno.test("LakeStore.open() refuses a schema that cannot be migrated, and leaves the table as it was", async () => {
  await using directory = await temporaryDirectory();
  const storage = {
    kind: "disk",
    directory: directory.path,
    name: "b",
    storage: "native",
  } as const;
  {
    await using opened = await openStore(schemaOf(A), { storage });
    await opened.ingest.apply([publication(0, "t", [1])], 1);
  }
  const error = await openStore(schemaOf({ ...A, type: "TEXT" }), { storage })
    .then(() => null, (error) => error);
  assertEquals(error instanceof SchemaError || error instanceof StoreError, true, String(error));
  await using opened = await openStore(schemaOf(A), { storage });
  assertEquals(await opened.all('a"b'), [[1]]);
});
