// Goal: no text gets past the gate that does more than compare columns of its own table.
// Method: hostile texts in every place that takes one. Whatever is not refused must give nothing but rows of
// the table, and afterwards all tables, settings and databases are as they were.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { QueryError } from "../../../src/lake/errors.ts";
import { gateColumns, gateCondition } from "../../../src/lake/gate.ts";
import { checkSchema } from "../../../src/lake/schema.ts";
import type { LakeSchema } from "../../../src/lake/schema.ts";
import type { StoreOptions } from "../../../src/lake/store.ts";
import { command, publication, README_SCHEMA } from "../../helpers/lake_schema.ts";
import { testOnStorages } from "../../helpers/lake_storages.ts";
import { openStore, type TestStore } from "../../helpers/lake_store.ts";
import { INJECTIONS } from "../../helpers/lake_injections.ts";

const SECRET = "the-secret-value";
const schema = checkSchema({
  tables: [
    ...README_SCHEMA.tables,
    { table: "secret", columns: [{ col: "value", type: "TEXT" }] },
  ],
});

async function filledStore(more: Partial<StoreOptions> = {}): Promise<TestStore> {
  const opened = await openStore(schema, more);
  await opened.ingest.apply([
    publication(0, "secret", [SECRET]),
    publication(1, "a/telemetry", [{ temperature: 1, pressure: 2 }]),
    publication(2, "b/telemetry", [{ temperature: 3, pressure: null }]),
  ], 3);
  return opened;
}

/** All that an attack could change. */
async function stateOf({ store, all }: TestStore): Promise<unknown> {
  const rows = async (sql: string) => JSON.stringify(await store.writer.rows(sql), replacer);
  return [
    await all("secret"),
    await all("telemetry"),
    await rows("SELECT database_name, schema_name, table_name FROM duckdb_tables() ORDER BY ALL"),
    await rows("SELECT name, value FROM duckdb_settings() ORDER BY name"),
    await rows("SELECT database_name FROM duckdb_databases() ORDER BY ALL"),
    await rows("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL"),
    await rows("SELECT function_name FROM duckdb_functions() WHERE NOT internal ORDER BY ALL"),
    await Promise.all(TARGETS.map(exists)),
  ];
}

/** Files that the texts try to write. */
const TARGETS = [...new Set(INJECTIONS.join(" ").match(/\/tmp\/[\w.-]+/g))];

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function replacer(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}

const PLACES: Readonly<Record<string, (text: string) => Record<string, unknown>>> = {
  where: (text) => ({ where: text }),
  cols: (text) => ({ cols: text }),
  "cols in a list": (text) => ({ cols: ["dn", text] }),
  order: (text) => ({ order: text }),
  when: (text) => ({ when: text }),
  limit: (text) => ({ limit: text }),
  "a column of a condition": (text) => ({ where: { col: text, value: 1 } }),
  "an operator of a condition": (text) => ({ where: { col: "dn", op: text, value: 1 } }),
  "a value of a condition": (text) => ({ where: { col: "dn", value: text } }),
  "a parameter": (text) => ({ where: "dn = $1", params: [text] }),
  "the name of a parameter": (text) => ({ where: "dn = $x", params: { [text]: 1 } }),
  "a key": (text) => ({ [`x${text}`]: 1 }),
};

assert(INJECTIONS.length >= 200, `only ${INJECTIONS.length} injections`);

/** Puts every text in a place of a query; how many were refused. */
async function attack(
  opened: TestStore,
  make: (text: string) => Record<string, unknown>,
): Promise<number> {
  const before = await stateOf(opened);
  let refused = 0;
  for (const text of INJECTIONS) {
    try {
      const rows = await opened.query("telemetry", [make(text)], { queryMs: 5_000 });
      const shown = JSON.stringify(rows, replacer);
      assert(!shown.includes(SECRET) && !shown.includes("root:"), `${text} gave ${shown}`);
    } catch (error) {
      assert(error instanceof QueryError, `${text}: ${error}`);
      refused++;
    }
  }
  assertEquals(await stateOf(opened), before);
  return refused;
}

for (const [place, make] of Object.entries(PLACES)) {
  Deno.test(`query_ gives and changes nothing else, whatever stands in ${place}`, async () => {
    await using opened = await filledStore();
    const refused = await attack(opened, make);
    assert(refused > 0 || place.startsWith("a value") || place === "a parameter");
  });
}

testOnStorages(
  "query_ gives and changes nothing else, whatever stands in where, cols and when",
  async ({ disk }) => {
    await using opened = await filledStore({ storage: disk, threads: 2 });
    for (const place of ["where", "cols", "when"]) {
      assert(await attack(opened, PLACES[place] ?? (() => ({}))) > 100, place);
    }
  },
  ["DuckLake"],
);

/** A schema whose tables and columns are named by the texts. */
function hostileSchema(texts: readonly string[]): LakeSchema {
  return checkSchema({
    tables: [
      ...README_SCHEMA.tables,
      { table: "secret", columns: [{ col: "value", type: "TEXT" }] },
      ...texts.map((text, i) => ({
        table: text,
        topic: `attack/${i}`,
        columns: [{ col: text, type: "TEXT", default: text }, {
          col: `n${text}`.slice(0, 60),
          type: "INTEGER",
        }],
        keys: i % 2 === 0 ? [] : [text],
      })),
    ],
  });
}

/** Texts that are names: what is too long, empty or no text is refused at start. */
const NAMES = [...new Map(INJECTIONS.map((text) => [text.toLowerCase(), text])).values()].filter(
  (text) =>
    text.trim() !== "" && text.length <= 80 && !text.startsWith("__") && !text.includes("\0") &&
    text.isWellFormed(),
);

async function nameTables(texts: readonly string[], more: Partial<StoreOptions>): Promise<void> {
  const hostile = hostileSchema(texts);
  await using opened = await openStore(hostile, { threads: 2, ...more });
  const before = await stateOf(opened);
  const records = texts.flatMap((text, i) => [
    publication(i * 3, `attack/${i}`, [{ [text]: text }]),
    publication(i * 3 + 1, text, [text, 2]),
    command(i * 3 + 2, `delete_${text}`, [{ where: { col: text, value: "nobody" } }]),
  ]);
  const { deadLetters, outcomes } = await opened.ingest.apply(records, texts.length * 3);
  assertEquals([deadLetters, outcomes.filter(({ error }) => error !== null)], [0, []]);
  for (const [i, text] of texts.entries()) {
    const rows = await opened.query(text, [{
      cols: [text],
      where: { col: text, value: text },
      order: text,
    }]);
    assertEquals(rows, i % 2 === 0 ? [[text], [text]] : [[text]]);
  }
  assertEquals(await stateOf(opened), before);
}

Deno.test("tables and columns may have any name, which is nothing but a name", async () => {
  assert(NAMES.length >= 200, `only ${NAMES.length} names`);
  await nameTables(NAMES, {});
});

testOnStorages(
  "tables of DuckLake may have any name, and no file is outside of its directory",
  async ({ directory, disk }) => {
    const paths = [
      "../x",
      "../../x",
      "/tmp/rembus-attack",
      "a/b",
      "..",
      ".",
      "a\\b",
      "%2e%2e",
      "C:",
      "a'b",
      "~",
    ];
    await nameTables([...paths, ...NAMES.filter((_, i) => i % 20 === 0)], {
      storage: { ...disk, directory: `${directory}/inner` },
    });
    const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
    assertEquals(names, ["inner"]);
    assertEquals(await exists("/tmp/rembus-attack"), false);
  },
  ["DuckLake"],
);

Deno.test("a service of a table that is not in the schema is refused, whatever its name", async () => {
  await using opened = await filledStore();
  const before = await stateOf(opened);
  const records = INJECTIONS.flatMap((text, i) => [
    command(10 + i * 2, `upsert_${text}`, [{ dn: text }]),
    command(11 + i * 2, `delete_${text}`, [{ all: true }]),
  ]);
  const { outcomes } = await opened.ingest.apply(records, 10 + records.length);
  assertEquals(outcomes.length, records.length);
  for (const { error } of outcomes) {
    assert(error?.startsWith('there is no table for "') ?? false, `${error}`);
  }
  assertEquals(await stateOf(opened), before);
});

Deno.test("delete_ removes nothing but what a condition of its own table says", async () => {
  await using opened = await filledStore();
  const before = await opened.all("secret");
  let offset = 10;
  for (const text of INJECTIONS) {
    const record = command(offset, "delete_telemetry", [{ where: text }]);
    await opened.ingest.apply([record], ++offset);
  }
  assertEquals(await opened.all("secret"), before);
  assertEquals(
    (await opened.store.writer.rows("SELECT 1 FROM duckdb_tables() WHERE table_name = 'secret'"))
      .length,
    1,
  );
});

Deno.test("upsert_ and publications take hostile texts as values only", async () => {
  await using opened = await filledStore();
  let offset = 10;
  const texts = INJECTIONS.filter((text) => text.length < 1_000);
  for (const text of texts) {
    const records = [
      publication(offset, `a/b/${offset}/sensor`, []),
      publication(offset + 1, `${text}/telemetry`, [{ [text]: text }]),
      publication(offset + 2, text, [text]),
      publication(offset + 3, "telemetry", [text, 1, 2]),
      command(offset + 4, "upsert_telemetry", [{ dn: text, [text]: 1 }]),
      command(offset + 5, `upsert_${text}`, [{ dn: text }]),
      command(offset + 6, `delete_${text}`, []),
    ];
    offset += records.length;
    await opened.ingest.apply(records, offset);
  }
  assertEquals(await opened.all("secret"), [[SECRET]]);
  const rows = await opened.query("telemetry", [{ cols: "dn" }]);
  for (const text of texts) assert(rows.some(([dn]) => dn === text), text);
});

const ALLOWED_WHERE: readonly (readonly [string, string])[] = [
  ["dn = 'a'", "((dn = 'a'))"],
  ["dn LIKE 'a%' AND temperature > 1.5", ""],
  ["temperature BETWEEN 1 AND 2 OR pressure IS NULL", ""],
  ["NOT (dn IN ('a', 'b'))", ""],
  ["lower(dn) = 'a' AND abs(temperature) >= 2", ""],
  ["CASE WHEN temperature > 1 THEN true ELSE false END", ""],
  ["ts > epoch_ms(now()) * 1000", ""],
  ["temperature::INTEGER = 1", ""],
  ["to_timestamp(ts / 1e9) > now() - INTERVAL 1 DAY", ""],
  ["dn = ? AND pressure > ?", ""],
  ["dn = $a", ""],
  ["dn = 'it''s' -- a comment", ""],
  ["date_part('year', make_timestamp(ts::BIGINT // 1000)) = 2026", ""],
];

for (const [text] of ALLOWED_WHERE) {
  Deno.test(`gateCondition() lets ${text} pass`, async () => {
    await using opened = await filledStore();
    const canonical = await gateCondition(opened.store.writer, text);
    assert(!canonical.includes("--"));
    assertEquals(await gateCondition(opened.store.writer, canonical), canonical);
  });
}

for (
  const text of [
    "*",
    "dn, temperature * 2 AS double",
    "DISTINCT dn",
    "count(*)",
    "* EXCLUDE (ts)",
    'max(ts) AS "a b"',
  ]
) {
  Deno.test(`gateColumns() lets ${text} pass`, async () => {
    await using opened = await filledStore();
    const canonical = await gateColumns(opened.store.writer, text);
    assertEquals(await gateColumns(opened.store.writer, canonical), canonical);
  });
}

Deno.test("gateCondition() names the function that is not allowed", async () => {
  await using opened = await filledStore();
  await assertRejects(
    () => gateCondition(opened.store.writer, "getenv('HOME') = 'x'"),
    QueryError,
    'Cannot use "where": function "getenv" is not allowed',
  );
});
