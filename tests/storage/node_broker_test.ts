import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { tableFromIPC } from "npm:@uwdata/flechette@2.6.0";
import { broker, type BrokerNodeOptions } from "../../src/node/broker.ts";
import type { BrokerNode } from "../../src/node/broker_node.ts";
import { component } from "../../src/node/component.ts";
import { Tagged } from "../../src/protocol/cbor.ts";
import { EXTENSIONS } from "../helpers/lake_extensions.ts";
import { README_SCHEMA } from "../helpers/lake_schema.ts";
import { testNeeding } from "../helpers/needs.ts";
import { CliProcess, runCli } from "../integration/cli_process.ts";
import { temporaryDirectory } from "../helpers/store.ts";

const SCHEMA_FILE = new URL("../../examples/schema.json", import.meta.url).pathname;
const SENSOR = { site: "mysite", type: "HVAC", dn: "mysite.sensor1" };

function start(dir: string, more: Partial<BrokerNodeOptions> = {}): Promise<BrokerNode> {
  return broker({ dir, port: 0, storage: "native", schema: SCHEMA_FILE, ...more });
}

function rowsOf(frame: unknown): unknown[] {
  if (!(frame instanceof Tagged) || !(frame.value instanceof Uint8Array)) {
    throw new Error("Cannot read the answer: expected a frame");
  }
  return tableFromIPC(frame.value.slice(), { useBigInt: true }).toArray();
}

const README_NAME =
  "broker() with the schema of the README fills its tables, answers for them, keeps them";
Deno.test(README_NAME, () => followReadme({ storage: "native" }));
testNeeding(EXTENSIONS, `${README_NAME} (DuckLake)`, () => followReadme({ storage: "ducklake" }));

async function followReadme(storage: Partial<BrokerNodeOptions>): Promise<void> {
  await using directory = await temporaryDirectory();
  {
    await using node = await start(directory.path, storage);
    await using meter = await component(`${node.url}/meter`);
    await meter.publish("mysite/HVAC/mysite.sensor1/sensor");
    await meter.with({ qos: 1 }).publish("mysite.sensor1/telemetry", {
      temperature: 21.6,
      pressure: 980,
    });
    assertEquals(rowsOf(await meter.rpc("query_sensor")), [SENSOR]);
    const cols = ["dn", "temperature", "pressure"];
    assertEquals(rowsOf(await meter.rpc("query_telemetry", { cols })), [
      { dn: "mysite.sensor1", temperature: 21.6, pressure: 980 },
    ]);
    assertEquals(await meter.rpc("upsert_sensor", { ...SENSOR, dn: "b" }), null);
    assertEquals(await meter.rpc("delete_sensor", { where: "dn = 'b'" }), null);
    assertEquals(node.health.overall, "green");
  }
  await using node = await start(directory.path, { ...storage, schema: README_SCHEMA });
  assertEquals(rowsOf(await node.rpc("query_sensor")), [SENSOR]);
  const info = await node.rpc("query___tables");
  assertEquals(
    (info as { tables: { table: string }[] }).tables.map(({ table }) => table),
    ["sensor", "telemetry"],
  );
}

Deno.test("broker() without a schema keeps files only when it is told to", async () => {
  await using directory = await temporaryDirectory();
  const list = async () => (await Array.fromAsync(Deno.readDir(directory.path))).length;
  await (await broker({ dir: directory.path, port: null })).close();
  assertEquals(await list(), 0);
  await using node = await broker({ dir: directory.path, port: null, memory: false });
  assertEquals(await list(), 1);
  assertEquals(node.health.log?.health, { kind: "green" });
  assertEquals(node.health.lake, null);
});

Deno.test("broker() refuses a schema together with memory", async () => {
  const error = await assertRejects(
    () => broker({ port: null, memory: true, schema: README_SCHEMA }),
    TypeError,
  );
  assertStringIncludes(error.message, "memory");
});

Deno.test("broker() leaves nothing open when its port is in use", async () => {
  await using directory = await temporaryDirectory();
  await using other = await broker({ port: 0 });
  const port = other.port ?? 0;
  await assertRejects(() => broker({ dir: directory.path, memory: false, port }), Error, "in use");
  await using _node = await broker({ dir: directory.path, memory: false, port: null });
});

/** The command line of a broker with tables, and the least that it may do. */
function daemon(dir: string): { readonly args: string[]; readonly flags: string[] } {
  return {
    args: [
      ...["broker", "--dir", dir, "--schema", SCHEMA_FILE],
      ...["--ws", "0", "--storage", "native"],
    ],
    flags: [
      "--allow-net=127.0.0.1",
      `--allow-read=${dir},${SCHEMA_FILE}`,
      `--allow-write=${dir}`,
    ],
  };
}

Deno.test("rembus broker --schema needs its directory and leave to start itself, and closes its tables on Ctrl-C", async () => {
  await using directory = await temporaryDirectory();
  const { args, flags } = daemon(directory.path);
  {
    await using process = new CliProcess(args, {
      flags: [...flags, `--allow-run=${Deno.execPath()}`],
    });
    const url = (await process.line()).split(" ").at(-1);
    await using meter = await component(`${url}/meter`);
    await meter.publish("mysite/HVAC/mysite.sensor1/sensor");
    assertEquals(rowsOf(await meter.rpc("query_sensor")), [SENSOR]);
    await meter.close();
    process.signal("SIGINT");
    assertEquals((await process.end()).code, 0);
  }
  await using node = await start(directory.path);
  assertEquals(rowsOf(await node.rpc("query_sensor")), [SENSOR]);
});

Deno.test("rembus broker names the permission that is missing", async () => {
  await using directory = await temporaryDirectory();
  const { args, flags } = daemon(directory.path);
  for (
    const [given, wanted] of [
      [flags, "--allow-run="],
      [flags.slice(0, 2), "--allow-write"],
    ] as const
  ) {
    const { code, stderr } = await runCli(args, { flags: given });
    assertEquals(code, 1);
    assertStringIncludes(stderr.join("\n"), wanted);
  }
});
