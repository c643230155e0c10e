// The scenario of the README through the command line tool: `rembus broker --schema examples/schema.json` in a
// process of its own, with the permissions that README names for it; and `--memory`, which keeps no files.
import { assertEquals } from "@std/assert";
import { DataFrame } from "../../src/frame/data_frame.ts";
import type { Row } from "../../src/frame/rows.ts";
import { component } from "../../src/node/component.ts";
import { eventually } from "../helpers/eventually.ts";
import { queryRows } from "../helpers/lake_bus.ts";
import { type StorageName, type StoragePlace, testOnStorages } from "../helpers/lake_storages.ts";
import { temporaryDirectory } from "../helpers/store.ts";
import { CliProcess, runCli } from "../integration/cli_process.ts";

const SCHEMA_FILE = new URL("../../examples/schema.json", import.meta.url).pathname;
const FLAGS = ["--allow-net", "--allow-env", "--allow-read", "--allow-write", "--allow-run"];
/** Rows that are published in one frame. */
const BULK_ROWS = 5_000;
const STORAGES: readonly StorageName[] = ["native", "DuckLake"];

/** Starts `rembus broker`, waits until it listens, and ends it with Ctrl-C after `use`. */
async function withBroker(
  args: readonly string[],
  use: (url: string) => Promise<void>,
): Promise<void> {
  const options = ["--ws", "0", "--json", ...args];
  await using process = new CliProcess(["broker", ...options], { flags: FLAGS });
  const { url } = JSON.parse(await process.line());
  await use(url);
  process.signal("SIGINT");
  const { code, stderr } = await process.end();
  assertEquals([code, stderr], [0, []]);
}

function tableArgs({ directory, disk }: StoragePlace): readonly string[] {
  const { storage = "auto" } = disk;
  return ["--schema", SCHEMA_FILE, "--dir", directory, "--storage", storage];
}

const COLS = ["dn", "temperature", "pressure"];
const DEVICE: Row = { site: "mysite", type: "HVAC", dn: "mysite.sensor1" };
const READING: Row = { dn: "mysite.sensor1", temperature: 21.6, pressure: 980 };
const DEVICES: readonly Row[] = Array.from({ length: BULK_ROWS }, (_, n) => ({
  site: "mysite",
  type: n % 2 === 0 ? "HVAC" : "LIGHT",
  dn: `mysite.bulk${String(n).padStart(5, "0")}`,
}));
const READINGS: readonly Row[] = DEVICES.map(({ dn }, n) => ({
  dn,
  temperature: n / 8,
  pressure: n % 7 === 0 ? null : 900 + n,
}));

testOnStorages(
  "the scenario of the README: topics, maps and frames fill tables, which come back as frames",
  async (place) => {
    await withBroker(tableArgs(place), async (url) => {
      await using meter = await component(`${url}/meter`);
      await meter.publish("mysite/HVAC/mysite.sensor1/sensor");
      await meter.publish("mysite.sensor1/telemetry", { temperature: 21.6, pressure: 980 });
      assertEquals(await queryRows(meter, "sensor"), [DEVICE]);
      assertEquals(await queryRows(meter, "telemetry", { cols: COLS }), [READING]);

      await meter.publish("sensor", DataFrame.fromRows(DEVICES));
      await meter.publish("telemetry", DataFrame.fromRows(READINGS));
      await bulkIsThere((table, options) => queryRows(meter, table, options));

      // A component that speaks JSON gets the same as an array of row objects.
      await using text = await component(`${url}/text`, { encoding: "json" });
      assertEquals(await text.rpc("query_sensor", { where: "dn = 'mysite.sensor1'" }), [DEVICE]);
      const query = ["query", "telemetry", "--where", "dn = 'mysite.sensor1'", "--cols", "dn"];
      const shown = await runCli([...query, "--json", "--url", url], { flags: FLAGS });
      assertEquals(shown.stdout, ['{"dn":"mysite.sensor1"}']);
    });
    await withBroker(tableArgs(place), async (url) => {
      await using reader = await component(`${url}/reader`);
      await bulkIsThere((table, options) => queryRows(reader, table, options));
    });
  },
  STORAGES,
);

/** Both tables as they must be after the bulk. */
async function bulkIsThere(
  query: (table: string, options: object) => Promise<readonly Row[]>,
): Promise<void> {
  assertEquals(await query("sensor", { order: "dn" }), [...DEVICES, DEVICE]);
  assertEquals(await query("telemetry", { order: "dn", cols: COLS }), [...READINGS, READING]);
}

Deno.test("rembus broker --memory delivers, and keeps no files", async () => {
  await using directory = await temporaryDirectory();
  await withBroker(["--memory", "--dir", directory.path], async (url) => {
    await using panel = await component(`${url}/panel`);
    const got: unknown[] = [];
    await panel.subscribe("t", (value: number) => void got.push(value));
    await using meter = await component(`${url}/meter`);
    for (const qos of [0, 1, 2] as const) await meter.with({ qos }).publish("t", qos);
    await eventually(() => assertEquals(got, [0, 1, 2]));
    assertEquals(await Array.fromAsync(Deno.readDir(directory.path)), []);
  });
  assertEquals(await Array.fromAsync(Deno.readDir(directory.path)), []);
});
