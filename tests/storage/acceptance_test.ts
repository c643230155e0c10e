// Numbers 82-93 of the reference's acceptance list, through the whole bus: a broker on a port with files in a
// directory, and components that connect to it. Every test runs with a native file, and with each catalog of
// DuckLake where its extension is installed (tools/setup_storage.sh).
import { assert, assertEquals, assertRejects } from "@std/assert";
import { DataFrame } from "../../src/frame/data_frame.ts";
import { dialWebSocket } from "../../src/link/whatwg.ts";
import type { Component } from "../../src/peer/api.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { MethodUnavailableError } from "../../src/protocol/errors.ts";
import type { MsgId } from "../../src/protocol/packet.ts";
import { Payload } from "../../src/protocol/payload.ts";
import type { TablesInfo } from "../../src/store/tables_answer.ts";
import { eventually } from "../helpers/eventually.ts";
import { LakeBus, queryRows } from "../helpers/lake_bus.ts";
import { ACCEPTANCE_TABLES, README_SCHEMA } from "../helpers/lake_schema.ts";
import { type StorageName, type StoragePlace, testOnStorages } from "../helpers/lake_storages.ts";
import { RawSession } from "../helpers/raw_session.ts";

const SCHEMA = {
  tables: [
    ...README_SCHEMA.tables,
    ...ACCEPTANCE_TABLES,
    { table: "bare", extras: { recv_ts: "ts", slot: "bucket" } },
  ],
};

/** Kind of catalog in a DuckLake URL -> its file beside the data; one of a server has none. */
const CATALOGS: Readonly<Record<string, string>> = {
  "": "broker.ducklake",
  sqlite: "catalog.sqlite",
};

/** What a test works with: the bus, and one component on it that publishes with QoS 1. */
interface Bench {
  readonly bus: LakeBus;
  readonly place: StoragePlace;
  readonly meter: Component;
}

type Run = (bench: Bench) => Promise<void>;

function acceptance(name: string, run: Run, storages?: readonly StorageName[]): void {
  testOnStorages(name, async (place) => {
    await using bus = await LakeBus.start(place, { schema: SCHEMA });
    await run({ bus, place, meter: (await bus.connect("meter")).with({ qos: 1 }) });
    assertEquals(bus.node.health.overall, "green");
  }, storages);
}

/** Who exposes what is no table: it is kept in the same way, whatever the tables are kept in. */
const ONCE: readonly StorageName[] = ["native"];

async function deadLetters(node: Component): Promise<number> {
  return (await node.rpc("query___tables") as TablesInfo).dead_letters;
}

acceptance("82 what a component exposes survives a restart of the broker", async (
  { bus, meter },
) => {
  await meter.expose("read", () => 21);
  await meter.close();
  await bus.restart();
  const other = await bus.connect("other");
  await assertRejects(() => other.rpc("read"), MethodUnavailableError);
  // It logs in, and exposes nothing in this session.
  await bus.connect("meter");
  assertEquals(await bus.exposers(), { read: ["meter"] });
}, ONCE);

acceptance(
  "83 of one service taken back and one exposed, only the second survives a restart",
  async (
    { bus, meter },
  ) => {
    await meter.expose("first", () => 1);
    await meter.unexpose("first");
    await meter.expose("second", () => 2);
    await bus.restart();
    await bus.connect("meter");
    assertEquals(await bus.exposers(), { second: ["meter"] });
  },
  ONCE,
);

acceptance(
  "84 the tables are in the storage that was asked for, and are still there after a restart",
  async (
    { bus, meter, place },
  ) => {
    await meter.publish("topic1", { name: "a" });
    const before = await queryRows(meter, "topic1");
    assertEquals(before.length, 1);
    const { storage = "ducklake", duckLakeUrl = "ducklake" } = place.disk;
    assertEquals((await meter.rpc("query___tables") as TablesInfo).storage, storage);
    const files = (await Array.fromAsync(Deno.readDir(place.directory))).map(({ name }) => name);
    const catalog = storage === "native"
      ? "broker.duckdb"
      : CATALOGS[duckLakeUrl.split(":")[1] ?? ""];
    for (const file of ["broker.duckdb", "broker.ducklake", "catalog.sqlite"]) {
      assertEquals(files.includes(file), file === catalog, file);
    }
    await bus.restart();
    assertEquals(await queryRows(bus.node, "topic1"), before);
  },
);

testOnStorages(
  "84 a catalog of SQLite that is there is enough without a data path",
  async (place) => {
    await using bus = await LakeBus.start(place, { schema: SCHEMA });
    await (await bus.connect("meter")).with({ qos: 1 }).publish("topic1", { name: "a" });
    await Deno.writeTextFile(
      `${place.directory}/broker/settings.json`,
      '{"ignore_data_path": true}',
    );
    await bus.restart();
    assertEquals(await queryRows(bus.node, "topic1", { cols: "name" }), [{ name: "a" }]);
  },
  ["DuckLake in SQLite"],
);

acceptance("85 values for all columns with a slot and QoS 2 are stored once", async (
  { bus, meter },
) => {
  await meter.with({ qos: 2, slot: 900 }).publish("topic1", "a", "b", 1, 2.5);
  await using raw = new RawSession(
    await dialWebSocket(bus.node.url ?? "", { signal: AbortSignal.timeout(10_000) }),
  );
  raw.send({ type: "identity", id: 1n as MsgId, cid: "raw" });
  await raw.next();
  // The acknowledgement was lost, as it seems to this one: it sends the same message bus.
  for (let copy = 0; copy < 2; copy++) {
    raw.send({
      type: "publish",
      id: 0x0000_0001_0000_0384n as MsgId,
      topic: "topic1",
      qos: 2,
      slot: 900,
      data: Payload.fromCbor(encodeCbor(["c", "d", 2, 3.5])),
      extras: null,
      frame: null,
    });
    assertEquals((await raw.next()).packet.type, "ack");
  }
  const cols = ["name", "type", "tinteger", "tdouble", "bucket"];
  assertEquals(await queryRows(meter, "topic1", { cols }), [
    { name: "a", type: "b", tinteger: 1, tdouble: 2.5, bucket: 900 },
    { name: "c", type: "d", tinteger: 2, tdouble: 3.5, bucket: 900 },
  ]);
});

acceptance(
  "86 a map may lack columns with a default or null; what does not fit is not stored",
  async ({ meter }) => {
    const before = BigInt(Date.now()) * 1_000_000n;
    await meter.publish("topic1", { name: "a" });
    await meter.publish("topic1", "a", "b");
    await meter.publish("topic1", { type: "b" });
    await meter.publish("topic1", { x: 1 });
    const [row, ...others] = await queryRows(meter, "topic1");
    const { ts, ...rest } = row ?? {};
    assertEquals(rest, { name: "a", type: null, tinteger: 5, tdouble: null, bucket: null });
    assert(BigInt(ts as bigint) >= before, "the receive time is in nanoseconds");
    assertEquals(others, []);
    assertEquals(await deadLetters(meter), 3);
  },
);

acceptance("87 query_ gives the table, rows by where, columns by list and by text", async (
  { meter },
) => {
  await meter.publish("a/telemetry", { temperature: 1, pressure: 10 });
  await meter.with({ qos: 1, slot: 7 }).publish("b/telemetry", { temperature: 2, pressure: 20 });
  const all = await queryRows(meter, "telemetry");
  assertEquals(all.map(({ ts: _, ...row }) => row), [
    { dn: "a", temperature: 1, pressure: 10, time_bucket: null },
    { dn: "b", temperature: 2, pressure: 20, time_bucket: 7 },
  ]);
  assertEquals(await queryRows(meter, "telemetry", null), all);
  assertEquals(await queryRows(meter, "telemetry", {}), all);
  assertEquals(await queryRows(meter, "telemetry", { where: "temperature > 1.5" }), [all[1]]);
  for (const cols of [["dn", "pressure"], "dn, pressure"]) {
    const where = "dn = 'a'";
    assertEquals(await queryRows(meter, "telemetry", { cols, where }), [{ dn: "a", pressure: 10 }]);
  }
  const bound = { where: "dn = $dn", params: { dn: "b" }, cols: "max(pressure) AS most" };
  assertEquals(await queryRows(meter, "telemetry", bound), [{ most: 20 }]);
});

acceptance("87 query_ sees the past by when, as text and as epoch seconds", async (
  { bus, meter },
) => {
  await meter.publish("a/telemetry", { temperature: 1 });
  assertEquals((await queryRows(meter, "telemetry")).length, 1);
  const between = Date.now() + 2;
  await eventually(() => assert(Date.now() > between + 2));
  await meter.publish("b/telemetry", { temperature: 2 });
  assertEquals((await queryRows(meter, "telemetry")).length, 2);
  const seconds = between / 1_000;
  if (bus.node.health.lake?.storage !== "ducklake") {
    await assertRejects(() => meter.rpc("query_telemetry", { when: seconds }), Error, "no past");
    return;
  }
  for (const when of [seconds, localText(between)]) {
    assertEquals(await queryRows(meter, "telemetry", { when, cols: "dn" }), [{ dn: "a" }]);
    assertEquals(await queryRows(meter, "telemetry", { when, where: "dn = 'b'" }), []);
  }
  assertEquals((await queryRows(meter, "telemetry", { when: seconds + 3_600 })).length, 2);
});

/** `YYYY-MM-DD hh:mm:ss.fff` in the time zone of this process, which is that of the broker. */
function localText(ms: number): string {
  const date = new Date(ms);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()];
  const milliseconds = String(date.getMilliseconds()).padStart(3, "0");
  return `${day.map((part) => String(part).padStart(2, "0")).join("-")} ${
    date.toTimeString().slice(0, 8)
  }.${milliseconds}`;
}

acceptance("88 delete_ removes rows by where; without it only from an empty table", async (
  { meter },
) => {
  assertEquals(await meter.rpc("delete_telemetry"), null);
  for (const dn of ["a", "b", "c"]) await meter.publish(`${dn}/telemetry`, { temperature: 1 });
  assertEquals(await meter.rpc("delete_telemetry", { where: "dn = 'a'" }), null);
  const dns = () => queryRows(meter, "telemetry", { cols: "dn", order: "dn" });
  assertEquals(await dns(), [{ dn: "b" }, { dn: "c" }]);
  await assertRejects(() => meter.rpc("delete_telemetry"), Error, "{all: true}");
  assertEquals(await dns(), [{ dn: "b" }, { dn: "c" }]);
  assertEquals(await meter.rpc("delete_telemetry", { all: true }), null);
  assertEquals(await dns(), []);
});

acceptance("89 an unknown key is refused by query_ and delete_", async ({ meter }) => {
  await meter.publish("a/telemetry", { temperature: 1 });
  for (const service of ["query_telemetry", "delete_telemetry"]) {
    const call = () => meter.rpc(service, { foo: 1, bar: 2 });
    await assertRejects(call, Error, "invalid keys: foo, bar");
  }
  assertEquals((await queryRows(meter, "telemetry")).length, 1);
});

acceptance("90 frames: all rows to an append table, one per key to a keyed one", async (
  { meter },
) => {
  await meter.publish(
    "telemetry",
    DataFrame.fromColumns({ dn: ["a", "b"], temperature: [1, 2], pressure: [3, null] }),
  );
  await meter.publish(
    "telemetry",
    DataFrame.fromRows([{ pressure: 4, temperature: 5, dn: "c", more: 1 }]),
  );
  await meter.publish(
    "keyed",
    DataFrame.fromColumns({ name: ["k", "l", "k"], value: [1, 2, 3], note: ["x", "y", "z"] }),
  );
  await meter.publish(
    "keyed",
    DataFrame.fromRows([{ name: "l", value: null, note: "w" }], { value: "int64" }),
  );
  await meter.publish("keyed", DataFrame.fromColumns({ name: ["m"] }));
  await meter.publish(
    "telemetry",
    DataFrame.fromRows([], { dn: "text", temperature: "float64", pressure: "float64" }),
  );
  await meter.publish("telemetry", "text");
  const cols = ["dn", "temperature", "pressure"];
  assertEquals(await queryRows(meter, "telemetry", { cols, order: "dn" }), [
    { dn: "a", temperature: 1, pressure: 3 },
    { dn: "b", temperature: 2, pressure: null },
    { dn: "c", temperature: 5, pressure: 4 },
  ]);
  assertEquals(await queryRows(meter, "keyed", { order: "name" }), [
    { name: "k", value: 3, note: "z" },
    { name: "l", value: null, note: "w" },
  ]);
  // The frame without all columns, and the text.
  assertEquals(await deadLetters(meter), 2);
});

acceptance(
  "91 a pattern topic without payload stores the topic variables, other topics only the log",
  async (
    { bus, meter },
  ) => {
    const topics = [
      "mysite/HVAC/d1/sensor",
      "mysite/HVAC/d1/sensor",
      "mysite/HVAC/d1/other",
      "x/mysite/HVAC/d1/sensor",
    ];
    for (const topic of topics) await meter.publish(topic);
    const device = { site: "mysite", type: "HVAC", dn: "d1" };
    assertEquals(await queryRows(meter, "sensor"), [device]);
    assertEquals(await queryRows(meter, "telemetry"), []);
    assertEquals(await deadLetters(meter), 0);
    const logged: string[] = [];
    // Nobody gets its own messages again, so another one reads the log.
    const reader = await bus.connect("reader");
    for await (const { topic } of reader.messages("**", { from: "first" })) {
      logged.push(topic);
      if (logged.length === topics.length) break;
    }
    assertEquals(logged, topics);
  },
);

acceptance("92 upsert_ takes a map, a list of maps and a frame, and answers with null", async (
  { meter },
) => {
  const upsert = (...args: unknown[]) => meter.rpc("upsert_keyed", ...args);
  await assertRejects(() => upsert(5), Error, "upsert failed: invalid record type number");
  assertEquals(await upsert({ name: "a", value: 1 }), null);
  assertEquals(await upsert([{ name: "b", value: 2 }, { name: "c", value: 3 }]), null);
  const frame = DataFrame.fromRows([{ name: "d", value: 4 }, { name: "a", value: 5 }]);
  assertEquals(await upsert(frame), null);
  assertEquals(await upsert([]), null);
  // Null keeps what is there, unless it is said that it is meant.
  assertEquals(await upsert({ name: "b", value: null, note: "kept" }), null);
  assertEquals(await upsert({ name: "c", value: null }, { nulls: true }), null);
  await assertRejects(() => upsert({ name: "x" }, { foo: 1 }), Error, "invalid keys: foo");
  assertEquals(await queryRows(meter, "keyed", { order: "name" }), [
    { name: "a", value: 5, note: "new" },
    { name: "b", value: 2, note: "kept" },
    { name: "c", value: null, note: "new" },
    { name: "d", value: 4, note: "new" },
  ]);
  assertEquals(await meter.rpc("upsert_telemetry", { dn: "t", time_bucket: 7 }), null);
  const cols = ["dn", "temperature", "time_bucket"];
  assertEquals(await queryRows(meter, "telemetry", { cols }), [
    { dn: "t", temperature: null, time_bucket: 7 },
  ]);
});

acceptance("93 a table without columns but with extras gets its rows", async ({ meter }) => {
  await meter.with({ qos: 1, slot: 3 }).publish("bare");
  const [row, ...others] = await queryRows(meter, "bare");
  assertEquals([row?.["bucket"], others], [3, []]);
});
