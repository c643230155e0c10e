// Goal: a broker's tables work the same in every storage that a lake can have, through the real process.
// Method: one story for each: rows by publication and by command, query, the past, restart, the death of the
// process, housekeeping; and what only servers allow: two processes on one catalog.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { tableFromIPC } from "npm:@uwdata/flechette@2.6.0";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { QueryError, StoreError } from "../../src/lake/errors.ts";
import { maintain, type MaintenanceStep } from "../../src/lake/maintenance.ts";
import { checkSchema } from "../../src/lake/schema.ts";
import type { Lake } from "../../src/lake/supervisor.ts";
import { eventually } from "../helpers/eventually.ts";
import { startLake } from "../helpers/lake_child.ts";
import { publication, README_SCHEMA } from "../helpers/lake_schema.ts";
import { POSTGRES } from "../helpers/lake_postgres.ts";
import { madeTruth } from "../helpers/lake_source.ts";
import { type StorageName, STORAGES, testOnStorages } from "../helpers/lake_storages.ts";
import { openStore } from "../helpers/lake_store.ts";

const schema = checkSchema(README_SCHEMA);
const DUCKLAKES = STORAGES.filter((storage) => storage !== "native");
/** Catalogs that more than one process may have open. */
const SHARED: readonly StorageName[] = ["DuckLake in SQLite", "DuckLake in Postgres"];
const READY_MS = 60_000;

async function rowsOf(
  lake: Lake,
  table: string,
  { after, ...options }: Record<string, unknown> & { readonly after: number },
): Promise<unknown[][]> {
  const frame = tableFromIPC((await lake.query(table, encodeCbor([options]), { after })).slice(), {
    useBigInt: true,
  });
  return Array.from(
    { length: frame.numRows },
    (_, row) => frame.names.map((_, i) => frame.getChildAt(i).at(row)),
  );
}

async function offsetsOf(lake: Lake, after: number, more: Record<string, unknown> = {}) {
  const cols = { cols: "temperature", order: "temperature" };
  return (await rowsOf(lake, "telemetry", { ...cols, ...more, after })).map(([offset]) => offset);
}

testOnStorages("Lake goes on through a restart and the death of its process", async (place) => {
  const { directory, disk } = place;
  {
    await using started = startLake(directory, { durableEnd: 500, disk });
    assertEquals(await offsetsOf(started.lake, 500), madeTruth(500).telemetry);
    const kind = disk.storage ?? "ducklake";
    assertEquals(started.lake.health.storage, kind);
  }
  // What was chosen stands, although nobody asks for it any more, unless it names a server.
  await using started = startLake(directory, { durableEnd: 700, disk });
  const { lake, processes } = started;
  assertEquals(await offsetsOf(lake, 700), madeTruth(700).telemetry);
  processes.at(-1)?.kill();
  await eventually(() => assertEquals(lake.health.state, "restarting"));
  lake.durable(1_000);
  assertEquals(await offsetsOf(lake, 1_000), madeTruth(1_000).telemetry);
  assertEquals(
    await rowsOf(lake, "sensor", { cols: ["dn", "site"], order: "dn", after: 1_000 }),
    madeTruth(1_000).sensor,
  );
  assertEquals(lake.health.restarts, 1);
});

testOnStorages("Lake sees the past by when, after its process was started again", async (place) => {
  const { directory, disk } = place;
  let then: number;
  {
    await using started = startLake(directory, { durableEnd: 300, disk });
    assertEquals(await offsetsOf(started.lake, 300), madeTruth(300).telemetry);
    then = (Date.now() + 1) / 1_000;
  }
  await using started = startLake(directory, { durableEnd: 600, disk });
  const { lake } = started;
  assertEquals(await offsetsOf(lake, 600), madeTruth(600).telemetry);
  if (disk.storage === "native") {
    await assertRejects(() => offsetsOf(lake, 600, { when: then }), QueryError, "has no past");
    return;
  }
  assertEquals(await offsetsOf(lake, 600, { when: then }), madeTruth(300).telemetry);
  const where = "temperature < 50";
  const few = madeTruth(300).telemetry.filter((offset) => offset < 50);
  assertEquals(await offsetsOf(lake, 600, { when: then, where }), few);
});

testOnStorages("Lake.maintain() keeps every row, and ingest goes on beside it", async (place) => {
  const { directory, disk } = place;
  await using started = startLake(directory, { durableEnd: 100, disk });
  const { lake } = started;
  for (let end = 200; end <= 1_000; end += 200) {
    lake.durable(end);
    const [steps] = await Promise.all([lake.maintain(), offsetsOf(lake, end)]);
    assertEquals((steps as MaintenanceStep[]).filter(({ error }) => error !== null), []);
  }
  assertEquals(await offsetsOf(lake, 1_000), madeTruth(1_000).telemetry);
});

testOnStorages(
  "maintain() flushes rows to files, merges files and forgets snapshots",
  async ({ disk }) => {
    await using opened = await openStore(schema, { storage: disk, threads: 2 });
    const { store, ingest, query } = opened;
    const catalog = "__ducklake_metadata_rl";
    const count = async (sql: string) => Number((await store.writer.rows(sql))[0]?.[0]);
    const snapshots = () => count("SELECT count(*) FROM ducklake_snapshots('rl')");
    const files = () =>
      count(`SELECT count(*) FROM ${catalog}.ducklake_data_file f JOIN ${catalog}.ducklake_table t
        USING (table_id) WHERE t.table_name = 'telemetry' AND f.end_snapshot IS NULL`);
    const rows = 200;
    for (let part = 0; part < 4; part++) {
      const records = Array.from(
        { length: rows },
        (_, i) => publication(part * rows + i, "d/telemetry", [{ temperature: part * rows + i }]),
      );
      await ingest.apply(records, (part + 1) * rows);
    }
    // A few rows stay in the catalog until they are flushed.
    await ingest.apply([publication(4 * rows, "d/telemetry", [{ temperature: 4 * rows }])], 801);
    const before = { files: await files(), snapshots: await snapshots() };
    assert(before.files >= 4 && before.snapshots > 5, JSON.stringify(before));
    assertEquals(await maintain(store, 0), [
      { step: "flush", error: null },
      { step: "merge", error: null },
      { step: "expire", error: null },
      { step: "clean", error: null },
    ]);
    assertEquals(await files(), 1);
    assert(await snapshots() < before.snapshots);
    const temperatures = await query("telemetry", [{ cols: "temperature", order: "temperature" }]);
    assertEquals(temperatures, Array.from({ length: 801 }, (_, i) => [i]));
  },
  DUCKLAKES,
);

testOnStorages("LakeStore.open() refuses the catalog of another broker", async ({ disk }) => {
  {
    await using opened = await openStore(schema, { storage: disk, threads: 1 });
    await opened.ingest.apply([publication(0, "d/telemetry", [{ temperature: 1 }])], 1);
  }
  // The catalog knows where the files are; who names another directory is refused by DuckLake itself.
  const other = { ...disk, directory: `${disk.directory}/other`, ignoreDataPath: true };
  const error = await assertRejects(
    () => openStore(schema, { storage: other, logId: "log-2", threads: 1 }),
    StoreError,
  );
  assertEquals(error.fault, "other-log", error.message);
  await using opened = await openStore(schema, { storage: disk, threads: 1 });
  assertEquals((await opened.query("telemetry")).length, 1);
}, SHARED);

testOnStorages(
  "two processes that fill the same tables store every row once",
  async ({ directory, disk }) => {
    // An old process may live a little longer than its broker; a server does not keep the new one out.
    await using one = startLake(directory, { durableEnd: 100, disk });
    await eventually(() => assertEquals(one.lake.health.nextOffset, 100), READY_MS);
    await using two = startLake(directory, { durableEnd: 100, disk });
    await eventually(() => assertEquals(two.lake.health.nextOffset, 100), READY_MS);
    const end = 3_000;
    for (let at = 200; at <= end; at += 200) {
      one.lake.durable(at);
      two.lake.durable(at);
      await eventually(
        () =>
          assert(
            (one.lake.health.nextOffset ?? 0) >= at || (two.lake.health.nextOffset ?? 0) >= at,
          ),
        READY_MS,
      );
    }
    for (const { lake } of [one, two]) {
      await eventually(() => assertEquals(lake.health.nextOffset, end), READY_MS);
      assertEquals(await offsetsOf(lake, end), madeTruth(end).telemetry);
    }
  },
  SHARED,
);

/** Ways to name the same catalogs (spec 8.1, spec-jl 8.1). */
const URLS:
  readonly (readonly [StorageName, string, (url: string, directory: string) => string])[] = [
    ["DuckLake", "ducklake:<file>", (_, directory) => `ducklake:${directory}/my lake.db`],
    ["DuckLake", "ducklake:duckdb:<file>", (_, directory) => `ducklake:duckdb:${directory}/x.db`],
    [
      "DuckLake in Postgres",
      "ducklake:postgresql://... as Rembus.jl has it",
      (url) => url.replace("postgres:postgresql:", "postgresql:"),
    ],
  ];

for (const [storage, form, urlOf] of URLS) {
  testOnStorages(`DUCKLAKE_URL may be ${form}`, async ({ directory, disk }) => {
    const { storage: _, duckLakeUrl = "", ...others } = disk;
    const named = { ...others, duckLakeUrl: urlOf(duckLakeUrl, directory) };
    for (let start = 0; start < 2; start++) {
      await using opened = await openStore(schema, { storage: named, threads: 1 });
      await opened.ingest.apply([publication(0, "d/telemetry", [{ temperature: 1 }])], 1);
      assertEquals(await opened.query("telemetry", [{ cols: "temperature" }]), [[1]]);
    }
    const record = await Deno.readTextFile(`${directory}/broker.lake.json`);
    assert(!record.includes("p%40ss"), record);
  }, [storage]);
}

testOnStorages("Lake goes on when the server cuts its connections", async ({ directory, disk }) => {
  await using started = startLake(directory, { durableEnd: 100, disk });
  const { lake } = started;
  for (let end = 100; end <= 400; end += 100) {
    lake.durable(end);
    assertEquals(await offsetsOf(lake, end), madeTruth(end).telemetry);
    await cutConnections(disk.duckLakeUrl ?? "");
  }
  assertEquals(lake.health.restarts, 0);
}, ["DuckLake in Postgres"]);

async function cutConnections(url: string): Promise<void> {
  const [, server = "", database = ""] = /^ducklake:postgres:(.*)\/(.*)$/.exec(url) ?? [];
  const sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = " +
    `'${database}'`;
  const { success } = await new Deno.Command(`${POSTGRES.found}/psql`, {
    args: [`${server}/postgres`, "-qc", sql],
  }).output();
  assert(success);
}
