// Numbers 84-93 of the reference's acceptance list, as far as they are about the store, with the "New" rules
// of spec 8.6 and 8.7. Every test runs on a native file, and on DuckLake where its extension is installed.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { tableFromArrays, tableToIPC } from "npm:@uwdata/flechette@2.6.0";
import { checkSchema } from "../../src/lake/schema.ts";
import {
  ACCEPTANCE_TABLES,
  command,
  frameValue,
  publication,
  README_SCHEMA,
  RECV_NS,
} from "../helpers/lake_schema.ts";
import { testOnStorages } from "../helpers/lake_storages.ts";
import { openStore, type TestStore } from "../helpers/lake_store.ts";

const schema = checkSchema({
  tables: [
    ...README_SCHEMA.tables,
    ...ACCEPTANCE_TABLES,
    { table: "bare", extras: { recv_ts: "ts" } },
  ],
});

type Run = (opened: TestStore) => Promise<void>;

/** The native file, and all catalogs of DuckLake (acceptance 84). */
function acceptance(name: string, run: Run): void {
  testOnStorages(name, async ({ disk }) => {
    await using opened = await openStore(schema, { storage: disk, threads: 2 });
    await run(opened);
  });
}

const ts = (offset: number) => RECV_NS + BigInt(offset);

acceptance("85: values for all columns with a slot are stored once", async ({ ingest, query }) => {
  const record = publication(0, "topic1", ["a", "b", 1, 2.5], { qos: 2, slot: 900 });
  await ingest.apply([record], 1);
  await ingest.apply([record], 1);
  assertEquals(await query("topic1"), [["a", "b", 1, 2.5, ts(0), 900]]);
});

acceptance(
  "86: a map may lack columns with a default or null; what does not fit is not stored",
  async (
    { ingest, query, all },
  ) => {
    const applied = await ingest.apply([
      publication(0, "topic1", [{ name: "a" }]),
      publication(1, "topic1", ["a", "b"]),
      publication(2, "topic1", [{ type: "b" }]),
      publication(3, "topic1", [{ x: 1 }]),
    ], 4);
    assertEquals(applied.deadLetters, 3);
    assertEquals(await query("topic1"), [["a", null, 5, null, ts(0), null]]);
    assertEquals((await all("__dead_letter")).map((row) => row[7]), [
      "expected 4 values, got 2",
      'column "name": expected a value, got none and there is no default',
      'column "name": expected a value, got none and there is no default',
    ]);
  },
);

acceptance("87: query_ gives the table, rows by where, columns by list and by text", async (
  { ingest, query },
) => {
  await ingest.apply([
    publication(0, "a/telemetry", [{ temperature: 1, pressure: 10 }]),
    publication(1, "b/telemetry", [{ temperature: 2, pressure: 20 }]),
  ], 2);
  assertEquals(await query("telemetry", [null]), [["a", 1, 10, ts(0), null], [
    "b",
    2,
    20,
    ts(1),
    null,
  ]]);
  assertEquals(await query("telemetry", [{}]), await query("telemetry"));
  assertEquals(await query("telemetry", [{ where: "temperature > 1.5" }]), [[
    "b",
    2,
    20,
    ts(1),
    null,
  ]]);
  assertEquals(await query("telemetry", [{ cols: ["dn", "pressure"], where: "dn = 'a'" }]), [[
    "a",
    10,
  ]]);
  assertEquals(await query("telemetry", [{ cols: "pressure, dn", where: "dn = 'a'" }]), [[
    10,
    "a",
  ]]);
  assertEquals(await query("telemetry", [{ cols: "max(ts)" }]), [[ts(1)]]);
  assertEquals(await query("telemetry", [{ where: "dn = ?", params: ["b"], cols: "dn" }]), [["b"]]);
  assertEquals(await query("telemetry", [{ where: "ts = $t", params: { t: ts(0) }, cols: "dn" }]), [
    ["a"],
  ]);
  const condition = {
    and: [{ col: "ts", op: ">=", value: ts(1) }, { not: { col: "dn", value: "a" } }],
  };
  assertEquals(await query("telemetry", [{ where: condition, cols: ["dn"] }]), [["b"]]);
  assertEquals(await query("telemetry", [{ cols: "dn", order: "dn desc", limit: 1 }]), [["b"]]);
  assertEquals(await query("telemetry", [{ cols: "dn", order: ["dn"], limit: 1, offset: 1 }]), [[
    "b",
  ]]);
});

acceptance("87: query_ sees the past by when, as text and as epoch seconds", async (
  { ingest, query, store },
) => {
  await ingest.apply([publication(0, "a/telemetry", [{ temperature: 1, pressure: 10 }])], 1);
  const [[now] = []] = await store.writer.rows("SELECT epoch_us(now())");
  await ingest.apply([publication(1, "b/telemetry", [{ temperature: 2, pressure: 20 }])], 2);
  const seconds = Number(now as bigint) / 1e6;
  if (store.storage.kind !== "ducklake") {
    await assertRejects(() => query("telemetry", [{ when: seconds }]), Error, "has no past");
    return;
  }
  const local = new Date(Number(now as bigint) / 1_000 + 1);
  const text = [local.getFullYear(), local.getMonth() + 1, local.getDate()]
    .map((part) => String(part).padStart(2, "0")).join("-") +
    ` ${local.toTimeString().slice(0, 8)}` +
    `.${String(local.getMilliseconds()).padStart(3, "0")}`;
  assertEquals((await query("telemetry", [{ when: seconds }])).map(([dn]) => dn), ["a"]);
  assertEquals((await query("telemetry", [{ when: local.toISOString() }])).length >= 1, true);
  assertEquals((await query("telemetry", [{ when: text, where: "dn = 'a'" }])).map(([dn]) => dn), [
    "a",
  ]);
  assertEquals((await query("telemetry", [{ when: seconds + 3_600 }])).length, 2);
});

acceptance("88: delete_ removes rows by where; without it only what is meant", async (
  { ingest, query },
) => {
  const empty = await ingest.apply([command(0, "delete_telemetry", [])], 1);
  assertEquals(empty.outcomes, [{ offset: 0, error: null }]);
  await ingest.apply([
    publication(1, "a/telemetry", [{ temperature: 1 }]),
    publication(2, "b/telemetry", [{ temperature: 2 }]),
    command(3, "delete_telemetry", [{ where: "dn = 'a'" }]),
    publication(4, "a/telemetry", [{ temperature: 3 }]),
  ], 5);
  assertEquals(await query("telemetry", [{ cols: "dn, temperature", order: "temperature" }]), [[
    "b",
    2,
  ], ["a", 3]]);
  const { outcomes } = await ingest.apply([
    command(5, "delete_telemetry", []),
    command(6, "delete_telemetry", [{ where: { col: "dn", value: "b" } }]),
    command(7, "delete_telemetry", [{ where: "temperature = ?", params: [9] }]),
  ], 8);
  assertEquals(outcomes.map(({ error }) => error), [
    'Cannot delete all rows of "telemetry": expected "where", or {all: true} if that is meant',
    null,
    null,
  ]);
  assertEquals((await query("telemetry")).length, 1);
  await ingest.apply([command(8, "delete_telemetry", [{ all: true }])], 9);
  assertEquals(await query("telemetry"), []);
});

acceptance("89: an unknown key is refused by query_ and delete_", async ({ ingest, query }) => {
  await assertRejects(
    () => query("telemetry", [{ foo: 1, bar: 2 }]),
    Error,
    "invalid keys: foo, bar",
  );
  const { outcomes } = await ingest.apply([command(0, "delete_telemetry", [{ foo: 1 }])], 1);
  assertEquals(outcomes[0]?.error, "invalid keys: foo");
});

function frame(columns: Record<string, unknown[]>): unknown {
  return frameValue(tableToIPC(tableFromArrays(columns), { format: "stream" }) ?? new Uint8Array());
}

acceptance("90: frames: all rows to an append table, one per key to a keyed one", async (
  { ingest, query },
) => {
  const applied = await ingest.apply([
    publication(0, "telemetry", [
      frame({ dn: ["a", "b"], temperature: [1, 2], pressure: [3, null] }),
    ]),
    publication(1, "telemetry", [frame({ pressure: [4], temperature: [5], dn: ["c"], more: [1] })]),
    publication(2, "keyed", [
      frame({ name: ["k", "l", "k"], value: [1, 2, 3], note: ["x", "y", "z"] }),
    ]),
    publication(3, "keyed", [frame({ name: ["l"], value: [null], note: ["w"] })]),
    publication(4, "keyed", [frame({ name: ["k"] })]),
    publication(5, "telemetry", [frame({ dn: [], temperature: [], pressure: [] })]),
    publication(6, "telemetry", ["text"]),
  ], 7);
  assertEquals(applied.deadLetters, 2);
  assertEquals(
    (await query("telemetry", [{ order: "dn" }])).map((row) => row.slice(0, 4)),
    [["a", 1, 3, ts(0)], ["b", 2, null, ts(0)], ["c", 5, 4, ts(1)]],
  );
  assertEquals(await query("keyed", [{ order: "name" }]), [["k", 3n, "z"], ["l", null, "w"]]);
});

acceptance("91: a pattern topic without payload stores the topic variables", async (
  { ingest, query, all },
) => {
  await ingest.apply([
    publication(0, "mysite/HVAC/d1/sensor", []),
    publication(1, "mysite/HVAC/d1/sensor", []),
    publication(2, "mysite/HVAC/d1/other", []),
    publication(3, "x/mysite/HVAC/d1/sensor", [{ dn: "d2" }]),
  ], 4);
  assertEquals(await query("sensor"), [["mysite", "HVAC", "d1"]]);
  assertEquals(await all("__dead_letter"), []);
});

acceptance("92: upsert_ takes a map, a list of maps and a frame", async ({ ingest, query }) => {
  const { outcomes } = await ingest.apply([
    command(0, "upsert_keyed", [5]),
    command(1, "upsert_keyed", [{ name: "a", value: 1 }]),
    command(2, "upsert_keyed", [[{ name: "b", value: 2 }, { name: "c", value: 3 }]]),
    command(3, "upsert_keyed", [frame({ name: ["a"], value: [4] })]),
    command(4, "upsert_keyed", [[]]),
    command(5, "upsert_keyed", [{ name: "b", value: null }]),
    command(6, "upsert_keyed", [{ name: "c", value: null }, { nulls: true }]),
    command(7, "upsert_keyed", [{ name: "x" }, { foo: 1 }]),
    command(8, "upsert_keyed", [[{ name: "y" }, { value: 1 }]]),
    command(9, "upsert_telemetry", [{ dn: "t", time_bucket: 7 }]),
    command(10, "upsert_nothing", [{}]),
  ], 11);
  assertEquals(outcomes.map(({ error }) => error), [
    "upsert failed: invalid record type number",
    ...Array(6).fill(null),
    "invalid keys: foo",
    'row 2, column "name": a key column is not given',
    null,
    'there is no table for "upsert_nothing"',
  ]);
  assertEquals(await query("keyed", [{ order: "name" }]), [
    ["a", 4n, "new"],
    ["b", 2n, "new"],
    ["c", null, "new"],
  ]);
  assertEquals(await query("telemetry"), [["t", null, null, ts(9), 7]]);
});

acceptance(
  "93: a table without columns but with extras gets its rows",
  async ({ ingest, query }) => {
    await ingest.apply([publication(0, "bare", [])], 1);
    assertEquals(await query("bare"), [[ts(0)]]);
  },
);

acceptance("spec 8.6: the last write wins by order, null is a value, absent keeps", async (
  { ingest, query },
) => {
  await ingest.apply([
    publication(0, "keyed", [{ name: "k", value: 9007199254740993n, note: "n" }]),
    publication(1, "keyed", [{ name: "k" }]),
    publication(2, "keyed", [{ name: "l", value: 1 }]),
  ], 3);
  assertEquals(await query("keyed", [{ order: "name" }]), [["k", 9007199254740993n, "n"], [
    "l",
    1n,
    "new",
  ]]);
  await ingest.apply([
    publication(3, "keyed", [{ name: "l", note: null }]),
    publication(4, "keyed", [{ name: "k", value: null }]),
    publication(5, "keyed", [{ name: "l", value: 3 }]),
  ], 6);
  assertEquals(await query("keyed", [{ order: "name" }]), [["k", null, "n"], ["l", 3n, null]]);
});

acceptance(
  "spec 12 #1: one bad message among 10,000 harms no other",
  async ({ ingest, query, all }) => {
    const records = Array.from(
      { length: 10_000 },
      (_, i) =>
        publication(i, i % 2 === 0 ? "d/telemetry" : "keyed", [
          i === 5_000
            ? { temperature: "hot" }
            : i % 2 === 0
            ? { temperature: i }
            : { name: `k${i}`, value: i },
        ]),
    );
    const applied = await ingest.apply(records, 10_000);
    assertEquals([applied.rows, applied.deadLetters, applied.nextOffset], [9_999, 1, 10_000]);
    assertEquals(await query("telemetry", [{ cols: "count(*), count(DISTINCT temperature)" }]), [[
      4_999n,
      4_999n,
    ]]);
    assertEquals(await query("keyed", [{ cols: "count(*), count(DISTINCT value)" }]), [[
      5_000n,
      5_000n,
    ]]);
    const [letter] = await all("__dead_letter");
    assertEquals(letter?.slice(0, 8), [
      "log-1",
      5_000n,
      ts(5_000),
      "publication",
      "tester",
      "d/telemetry",
      "telemetry",
      'column "temperature": expected a number, got text "hot"',
    ]);
    assert(letter?.[8] !== null);
  },
);
