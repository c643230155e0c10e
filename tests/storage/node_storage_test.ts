import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { tableFromIPC } from "npm:@uwdata/flechette@2.6.0";
import type { JournalEntry } from "../../src/broker/journal.ts";
import { decodeCbor, encodeCbor, Tagged } from "../../src/protocol/cbor.ts";
import { RembusError } from "../../src/protocol/errors.ts";
import type { Storage } from "../../src/store/open_storage.ts";
import { eventually } from "../helpers/eventually.ts";
import { README_SCHEMA } from "../helpers/lake_schema.ts";
import { NotingLogger } from "../helpers/noting_logger.ts";
import { openReadme, temporaryDirectory } from "../helpers/store.ts";

async function publish(storage: Storage, topic: string, ...args: unknown[]): Promise<void> {
  const { journal } = storage;
  const entry: JournalEntry = {
    kind: "publication",
    id: null,
    slot: 7,
    qos: 0,
    publisher: "tester",
    isAnonymous: false,
    topic,
    data: encodeCbor(args),
  };
  assertEquals(journal.append(entry).kind, "logged");
  await Promise.resolve();
}

async function call(storage: Storage, topic: string, ...args: unknown[]): Promise<unknown> {
  const service = storage.services.get(topic);
  if (service === undefined) throw new Error(`Cannot call "${topic}": there is no such service`);
  const data = encodeCbor(args);
  return decodeCbor(
    await service({ topic, args: data, from: "tester", isAnonymous: false, ttlMs: 20_000 }),
  );
}

async function rows(storage: Storage, table: string, ...args: unknown[]): Promise<unknown[]> {
  const frame = await call(storage, `query_${table}`, ...args);
  if (!(frame instanceof Tagged) || !(frame.value instanceof Uint8Array)) {
    throw new Error("Cannot read the answer: expected a frame");
  }
  assertEquals(frame.tag, 80);
  // A copy, because Arrow wants its bytes aligned.
  return tableFromIPC(frame.value.slice(), { useBigInt: true }).toArray();
}

const SENSOR = { site: "mysite", type: "HVAC", dn: "mysite.sensor1" };

Deno.test("openStorage() fills the tables of the README from topics and payloads, and keeps them", async () => {
  await using directory = await temporaryDirectory();
  {
    await using storage = await openReadme(directory.path);
    await publish(storage, "mysite/HVAC/mysite.sensor1/sensor");
    await publish(storage, "mysite.sensor1/telemetry", { temperature: 21.6, pressure: 980 });
    assertEquals(await rows(storage, "sensor"), [SENSOR]);
    assertEquals(await rows(storage, "telemetry", { cols: ["dn", "temperature", "time_bucket"] }), [
      { dn: "mysite.sensor1", temperature: 21.6, time_bucket: 7 },
    ]);
    assertEquals(storage.health.overall, "green");
    assertEquals(storage.health.lake?.storage, "native");
  }
  await using storage = await openReadme(directory.path);
  assertEquals(await rows(storage, "sensor"), [SENSOR]);
  assertEquals((await rows(storage, "telemetry")).length, 1);
});

Deno.test("openStorage() answers upsert_ and delete_ once the tables have carried them out", async () => {
  await using directory = await temporaryDirectory();
  await using storage = await openReadme(directory.path);
  assertEquals(await call(storage, "upsert_sensor", [SENSOR, { ...SENSOR, dn: "b" }]), null);
  assertEquals((await rows(storage, "sensor")).length, 2);
  assertEquals(await call(storage, "delete_sensor", { where: "dn = 'b'" }), null);
  assertEquals(await rows(storage, "sensor"), [SENSOR]);
  const error = await assertRejects(() => call(storage, "delete_sensor"), RembusError);
  assertStringIncludes(error.message, "all");
  assertEquals((await rows(storage, "sensor")).length, 1);
});

Deno.test("query_ takes fresh, and refuses what it does not know", async () => {
  await using directory = await temporaryDirectory();
  await using storage = await openReadme(directory.path);
  assertEquals(await rows(storage, "sensor", { fresh: false }), []);
  await assertRejects(() => call(storage, "query_sensor", { fresh: 1 }), RembusError, "fresh");
  await assertRejects(() => call(storage, "query_sensor", { frehs: 1 }), RembusError, "frehs");
});

Deno.test("openStorage() lets a restarted lake process go on where the last one was", async () => {
  await using directory = await temporaryDirectory();
  const logger = new NotingLogger();
  await using storage = await openReadme(directory.path, { logger });
  await publish(storage, "a.b/telemetry", { temperature: 1 });
  assertEquals((await rows(storage, "telemetry")).length, 1);
  for (const pid of await lakeProcesses()) Deno.kill(pid, "SIGKILL");
  await eventually(() => assertEquals(storage.health.lake?.restarts, 1));
  await publish(storage, "a.b/telemetry", { temperature: 2 });
  assertEquals((await rows(storage, "telemetry")).length, 2);
  await eventually(() => assertEquals(storage.health.overall, "green"));
  const told = logger.events.filter((event) => event.endsWith("health changed"));
  assertEquals(told, ["error health changed", "warn health changed"]);
});

/** Children of this process that are lake processes. */
async function lakeProcesses(): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", "pid=,args=", "--ppid", String(Deno.pid)],
  }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.includes("lake_process.ts"))
    .map((line) => Number.parseInt(line, 10));
}

Deno.test("openStorage() refuses a directory that is in use, and says which", async () => {
  await using directory = await temporaryDirectory();
  await using _storage = await openReadme(directory.path);
  const error = await assertRejects(() => openReadme(directory.path), RembusError);
  assertStringIncludes(error.message, `${directory.path}/broker/log`);
});

Deno.test("openStorage() names table, column and cause of a schema that cannot be used", async () => {
  await using directory = await temporaryDirectory();
  const schema = { tables: [{ table: "t", columns: [{ col: "v", type: "NUMBER" }] }] };
  const error = await assertRejects(
    () => openReadme(directory.path, { tables: { schema, storage: "native" } }),
    RembusError,
  );
  for (const part of ['"t"', '"v"', "NUMBER"]) assertStringIncludes(error.message, part);
});

Deno.test("openStorage() refuses a schema that the tables cannot be brought to, and leaves nothing open", async () => {
  await using directory = await temporaryDirectory();
  await (await openReadme(directory.path)).close();
  const schema = {
    tables: README_SCHEMA.tables.map((table) => ({
      ...table,
      columns: table.columns.map((column) => ({ ...column, type: "BLOB" })),
      keys: [],
    })),
  };
  const error = await assertRejects(
    () => openReadme(directory.path, { tables: { schema, storage: "native" } }),
    RembusError,
  );
  assertStringIncludes(error.message, "sensor");
  await (await openReadme(directory.path)).close();
});

Deno.test("openStorage() says what to do when an extension is missing", async () => {
  await using directory = await temporaryDirectory();
  const tables = {
    schema: README_SCHEMA,
    storage: "ducklake",
    extensionDirectory: directory.path,
  } as const;
  const error = await assertRejects(() => openReadme(directory.path, { tables }), RembusError);
  assertStringIncludes(error.message, "REMBUS_EXTENSION_DIR");
});

Deno.test("openStorage() without tables keeps a log and a state, and has no services", async () => {
  await using directory = await temporaryDirectory();
  const given = { dir: directory.path, name: "plant/east" };
  const { openStorage } = await import("../../src/store/open_storage.ts");
  await using storage = await openStorage(given);
  await publish(storage, "a", 1);
  assertEquals(await storage.journal.flush(), 1);
  assertEquals([...storage.services.keys()], []);
  assertEquals(storage.health.lake, null);
});
