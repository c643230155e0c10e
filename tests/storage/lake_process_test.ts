// The lake process under its supervisor: a real child, native storage, real pipes.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { tableFromIPC } from "npm:@uwdata/flechette@2.6.0";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { QueryError, StoreError } from "../../src/lake/errors.ts";
import { checkSchema } from "../../src/lake/schema.ts";
import type { Lake } from "../../src/lake/supervisor.ts";
import { eventually } from "../helpers/eventually.ts";
import { startLake } from "../helpers/lake_child.ts";
import { command, publication, README_SCHEMA } from "../helpers/lake_schema.ts";
import { openStore } from "../helpers/lake_store.ts";
import { madeRecord, madeTruth } from "../helpers/lake_source.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";

async function rowsOf(lake: Lake, table: string, options: Record<string, unknown>, after?: number) {
  const bytes = await lake.query(
    table,
    encodeCbor([options]),
    after === undefined ? {} : { after },
  );
  const frame = tableFromIPC(bytes.slice(), { useBigInt: true });
  return Array.from(
    { length: frame.numRows },
    (_, row) => frame.names.map((_, i) => frame.getChildAt(i).at(row)),
  );
}

Deno.test("Lake fills the tables up to the durable end and answers what was written before", async () => {
  await using directory = await temporaryDirectory();
  await using started = startLake(directory.path, { durableEnd: 1_000 });
  const { lake } = started;
  const truth = madeTruth(1_000);
  const rows = await rowsOf(
    lake,
    "telemetry",
    { cols: "temperature", order: "temperature" },
    1_000,
  );
  assertEquals(rows.map(([value]) => value), truth.telemetry);
  assertEquals(await rowsOf(lake, "sensor", { cols: ["dn", "site"], order: "dn" }), truth.sensor);
  assertEquals(lake.heldOffset, 1_000);
  lake.durable(1_500);
  const [count] = await rowsOf(lake, "telemetry", { cols: "count(*)" }, 1_500);
  assertEquals(count, [BigInt(madeTruth(1_500).telemetry.length)]);
  assertEquals(lake.health.state, "ready");
  assertEquals(lake.health.deadLetters, madeTruth(1_500).bad.length);
});

Deno.test("Lake goes on where it was after it was closed", async () => {
  await using directory = await temporaryDirectory();
  {
    await using started = startLake(directory.path, { durableEnd: 700 });
    await rowsOf(started.lake, "sensor", {}, 700);
  }
  await using started = startLake(directory.path, { durableEnd: 900 });
  await eventually(() => assertEquals(started.lake.health.state, "ready"));
  const rows = await rowsOf(started.lake, "telemetry", {
    cols: "temperature",
    order: "temperature",
  }, 900);
  assertEquals(rows.map(([value]) => value), madeTruth(900).telemetry);
});

Deno.test("Lake is started again when its process is killed, and requests that wait are answered", async () => {
  await using directory = await temporaryDirectory();
  await using started = startLake(directory.path, { durableEnd: 100 });
  const { lake, processes } = started;
  await rowsOf(lake, "sensor", {}, 100);
  processes[0]?.kill();
  await eventually(() => assertEquals(lake.health.state, "restarting"));
  lake.durable(200);
  const rows = await rowsOf(lake, "telemetry", { cols: "temperature", order: "temperature" }, 200);
  assertEquals(rows.map(([value]) => value), madeTruth(200).telemetry);
  assertEquals(lake.health.restarts, 1);
});

Deno.test("Lake refuses tables that belong to another log, and does not try again", async () => {
  await using directory = await temporaryDirectory();
  {
    await using started = startLake(directory.path, { durableEnd: 10 });
    await rowsOf(started.lake, "sensor", {}, 10);
  }
  await using started = startLake(directory.path, { durableEnd: 10, source: { logId: "log-2" } });
  await eventually(() => assertEquals(started.lake.health.state, "failed"));
  assertEquals(started.lake.health.fault, "other-log");
  const error = await assertRejects(() => rowsOf(started.lake, "sensor", {}), QueryError);
  assert(error.message.startsWith('Cannot fill the tables from log "log-2"'), error.message);
  assertEquals(started.processes.length, 1);
});

Deno.test("Lake ingests nothing when the tables are ahead of the log, and still answers", async () => {
  await using directory = await temporaryDirectory();
  {
    await using started = startLake(directory.path, { durableEnd: 100 });
    await rowsOf(started.lake, "sensor", {}, 100);
  }
  await using started = startLake(directory.path, { durableEnd: 50 });
  await eventually(() => assertEquals(started.lake.health.fault, "beyond-end"));
  started.lake.durable(200);
  const [count] = await rowsOf(started.lake, "telemetry", { cols: "count(*)" });
  assertEquals(count, [BigInt(madeTruth(100).telemetry.length)]);
  await assertRejects(() => rowsOf(started.lake, "sensor", {}, 200), QueryError, "behind the log");
});

Deno.test("Lake sets a damaged file aside and fills a new one from the log", async () => {
  await using directory = await temporaryDirectory();
  {
    await using started = startLake(directory.path, { durableEnd: 100 });
    await rowsOf(started.lake, "sensor", {}, 100);
  }
  const file = `${directory.path}/broker.duckdb`;
  const bytes = await Deno.readFile(file);
  bytes.fill(0xa5, 0, 8_192);
  await Deno.writeFile(file, bytes);
  await using started = startLake(directory.path, { durableEnd: 150 });
  const rows = await rowsOf(started.lake, "telemetry", {
    cols: "temperature",
    order: "temperature",
  }, 150);
  assertEquals(rows.map(([value]) => value), madeTruth(150).telemetry);
  const names = (await Array.fromAsync(Deno.readDir(directory.path))).map(({ name }) => name);
  const aside = names.find((name) => name.startsWith("broker.duckdb.damaged-"));
  assertEquals(await Deno.readFile(`${directory.path}/${aside}`), bytes);
});

Deno.test("Lake stops a query that takes too long and answers the others", async () => {
  await using directory = await temporaryDirectory();
  await using started = startLake(directory.path, { durableEnd: 60_000, queryMs: 2_000 });
  const { lake } = started;
  await rowsOf(lake, "sensor", {}, 60_000);
  const digest = `${"md5(".repeat(900)}dn${")".repeat(900)}`;
  const where = Array.from({ length: 10 }, () => `${digest} > 'a'`).join(" OR ");
  const slow = assertRejects(
    () => rowsOf(lake, "telemetry", { where: `NOT (${where})` }),
    QueryError,
    "expected at most 2000 ms",
  );
  const others = await Promise.all(
    Array.from({ length: 3 }, () => rowsOf(lake, "sensor", { cols: "count(*)" })),
  );
  assertEquals(others, Array(3).fill([[17n]]));
  await slow;
  assertEquals(await rowsOf(lake, "sensor", { cols: "count(*)" }), [[17n]]);
  assertEquals(lake.health.restarts, 0);
});

Deno.test("Ingest gives up a delete_ that takes too long, and goes on with what follows", async () => {
  await using opened = await openStore(checkSchema(README_SCHEMA), { deleteMs: 500, threads: 2 });
  const rows = 30_000;
  await opened.ingest.apply(Array.from({ length: rows }, (_, i) => madeRecord(i)), rows);
  const digest = `${"md5(".repeat(900)}dn${")".repeat(900)}`;
  const where = Array.from({ length: 10 }, () => `${digest} > 'a'`).join(" OR ");
  const { outcomes } = await opened.ingest.apply([
    command(rows, "delete_telemetry", [{ where: `NOT (${where})` }]),
    publication(rows + 1, "d/telemetry", [{ temperature: -1 }]),
  ], rows + 2);
  assertEquals(outcomes, [{
    offset: rows,
    error: "Cannot run the statement: expected at most 500 ms, it took longer",
  }]);
  assertEquals((await opened.query("telemetry", [{ where: "temperature < 0" }])).length, 1);
});

Deno.test("LakeStore.open() leaves a file alone that another process holds", async () => {
  await using directory = await temporaryDirectory();
  await using started = startLake(directory.path, { durableEnd: 10 });
  await rowsOf(started.lake, "sensor", {}, 10);
  const storage = { kind: "disk", directory: directory.path, name: "broker" } as const;
  const error = await assertRejects(
    () => openStore(checkSchema(README_SCHEMA), { storage }),
    StoreError,
  );
  assertEquals(error.fault, "unavailable");
  assertEquals((await rowsOf(started.lake, "sensor", {})).length, 4);
});

Deno.test("Lake finds the message that its process dies of, and goes on without it", async () => {
  await using directory = await temporaryDirectory();
  const source = { logId: "log-1", deadlyOffset: 1_234 };
  await using started = startLake(directory.path, { durableEnd: 2_000, source });
  const { lake } = started;
  await eventually(() => assertEquals(lake.health.nextOffset, 2_000), 60_000);
  const rows = await rowsOf(
    lake,
    "telemetry",
    { cols: "temperature", order: "temperature" },
    2_000,
  );
  assertEquals(
    rows.map(([value]) => value),
    madeTruth(2_000).telemetry.filter((offset) => offset !== 1_234),
  );
  assertEquals(lake.health.deadLetters > 0, true);
});

/** Some 40 KB for each row, and every row different: nothing can be forgotten before the end. */
const HUNGRY = `count(DISTINCT concat(temperature, ${Array(15_000).fill("dn").join(", ")}))`;

Deno.test("Lake stops a query that needs too much memory and disk, and nothing else", async () => {
  await using directory = await temporaryDirectory();
  await using opened = await openStore(checkSchema(README_SCHEMA), {
    storage: { kind: "disk", directory: directory.path, name: "broker", storage: "native" },
    memoryBytes: 200 * 2 ** 20,
    spillBytesMax: 50 * 2 ** 20,
    threads: 2,
  });
  const rows = 30_000;
  const records = Array.from({ length: rows }, (_, i) => madeRecord(i));
  await opened.ingest.apply(records, rows);
  const hungry = assertRejects(
    () => opened.query("telemetry", [{ cols: HUNGRY }]),
    QueryError,
    "Out of Memory Error",
  );
  await opened.ingest.apply([publication(rows, "d/telemetry", [{ temperature: -1 }])], rows + 1);
  await hungry;
  const [[count] = []] = await opened.query("telemetry", [{ cols: "count(*)" }]);
  assertEquals(count, BigInt(madeTruth(rows).telemetry.length + 1));
});

Deno.test("Lake gives up the query that its process dies of, and answers those beside it", async () => {
  await using directory = await temporaryDirectory();
  await using started = startLake(directory.path, {
    durableEnd: 60_000,
    memoryBytes: 8 * 2 ** 30,
    residentBytesMax: 700 * 2 ** 20,
  });
  const { lake } = started;
  await rowsOf(lake, "sensor", { cols: "count(*)" }, 60_000);
  const hungry = assertRejects(
    () => rowsOf(lake, "telemetry", { cols: HUNGRY }),
    QueryError,
    "the table process ended (code 4), twice",
  );
  const others = Promise.all(
    Array.from({ length: 3 }, () => rowsOf(lake, "sensor", { cols: "count(*)" }, 61_000)),
  );
  await eventually(() => assert(lake.health.restarts > 0), 30_000);
  lake.durable(61_000);
  assertEquals(await others, Array(3).fill([[17n]]));
  await hungry;
  const rows = await rowsOf(
    lake,
    "telemetry",
    { cols: "temperature", order: "temperature" },
    61_000,
  );
  assertEquals(rows.map(([value]) => value), madeTruth(61_000).telemetry);
  assertEquals(lake.health.restarts, 2);
});

Deno.test("Lake is started again when it uses too much memory", async () => {
  await using directory = await temporaryDirectory();
  await using started = startLake(directory.path, { durableEnd: 0, residentBytesMax: 1_000_000 });
  await eventually(() => assert(started.lake.health.restarts > 0));
});

Deno.test("Lake.query() gives up at once when its signal says so", async () => {
  await using directory = await temporaryDirectory();
  await using started = startLake(directory.path);
  const stop = new AbortController();
  const answer = started.lake.query("sensor", encodeCbor([]), { signal: stop.signal, after: 10 });
  stop.abort(new Error("enough"));
  await assertRejects(() => answer, Error, "enough");
});
