import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { lakeArguments, lakeEnvironment, spawnLake } from "../../src/lake/process.ts";
import { checkSchema } from "../../src/lake/schema.ts";
import { importDirectory, type ImportOptions, type ImportReport } from "../../src/state/import.ts";
import { openStateStore } from "../../src/state/open_state_store.ts";
import { eventually } from "../helpers/eventually.ts";
import { makeSource, plainFile, runSql, snapshot } from "../helpers/import_source.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { EXTENSIONS } from "../helpers/lake_extensions.ts";
import { README_SCHEMA } from "../helpers/lake_schema.ts";
import { openStore } from "../helpers/lake_store.ts";
import { testNeeding } from "../helpers/needs.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { PythonDriver, startPythonBroker } from "../interop/python_peer.ts";

const WALL_MS = 1_790_000_000_000;
const ENTRY = new URL("../../src/state/import_child.ts", import.meta.url).pathname;

/** An import that reads `from` and fills `to`, both below a directory that is removed. */
async function set(): Promise<
  AsyncDisposable & { readonly from: string; readonly to: string }
> {
  const directory = await temporaryDirectory();
  const from = `${directory.path}/python`;
  await Deno.mkdir(from);
  return {
    from,
    to: `${directory.path}/deno`,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

function run(options: Partial<ImportOptions> & Pick<ImportOptions, "from" | "to">) {
  return importDirectory({
    name: "broker",
    wallMs: () => WALL_MS,
    spawn: (permissions) =>
      spawnLake({
        executable: Deno.execPath(),
        args: lakeArguments(ENTRY, permissions).toSpliced(1, 0, "--no-check"),
        env: lakeEnvironment(Deno.env.toObject()),
      }),
    ...options,
  });
}

function itemOf({ items }: ImportReport, kind: string): unknown[] {
  const item = items.find((one) => one.kind === kind);
  return [item?.taken, ...(item?.skipped ?? []).map(({ count, reason }) => `${count} ${reason}`)];
}

/** What every import of the made store must leave. */
async function checkImported(report: ImportReport, to: string): Promise<void> {
  assertEquals(itemOf(report, "subscriptions"), [
    2,
    "1 are of the broker itself",
    "1 are of anonymous components",
  ]);
  assertEquals(itemOf(report, "services"), [1]);
  assertEquals(itemOf(report, "components"), [2, "1 neither subscribe nor expose anything"]);
  assertEquals(itemOf(report, "marks"), [0, "2 are times of stored messages, which stay behind"]);
  assertEquals(itemOf(report, "private topics"), [1]);
  assertEquals(itemOf(report, "admins"), [1]);
  assertEquals(itemOf(report, "tenants"), [1]);
  assertEquals(itemOf(report, 'table "sensor"'), [2]);
  assertEquals(itemOf(report, 'table "telemetry"'), [10_000]);
  assertEquals(itemOf(report, "messages"), [0, "5 stay where they are: the new log begins empty"]);
  assertEquals(itemOf(report, "keys"), [2, "1 are no public key of a component"]);
  assertEquals(itemOf(report, "settings"), [1]);

  await using state = openStateStore({ path: `${to}/broker/state.db` });
  const served = { mark: 0, seen: 0, until: 0 };
  assertEquals(state.remembered, {
    components: [
      { name: "adder", lastSeenMs: WALL_MS - 1, subscriptions: [], services: ["add"] },
      {
        name: "panel",
        lastSeenMs: WALL_MS,
        subscriptions: [
          { topic: "alarm", msgFrom: 900_000_000, ...served },
          { topic: "town/*", msgFrom: Infinity, ...served },
        ],
        services: [],
      },
    ],
    privateTopics: [{ topic: "secret", names: ["panel"] }],
    admins: ["root"],
    tenants: [{ tenant: ".", secret: "1234" }],
  });

  const read = (path: string) => Deno.readTextFile(`${to}/broker/${path}`);
  assertEquals(await read("settings.json"), '{"request_timeout": 5}');
  assertEquals(await read("keys/panel.rsa.pem"), "-----BEGIN PUBLIC KEY-----");
  assertEquals(await read("keys/plant/a.b.ecdsa.der"), "der");
  await assertRejects(() => read("keys/notes.txt"), Deno.errors.NotFound);
  const left = (await Array.fromAsync(Deno.readDir(`${to}/broker`))).map(({ name }) => name);
  assertEquals(left.filter((name) => name.startsWith("import-")), []);
}

/** The tables as our own lake opens them. */
async function checkTables(
  to: string,
  storage: "native" | "ducklake",
  extensionDirectory?: string,
): Promise<void> {
  await using store = await openStore(checkSchema(README_SCHEMA), {
    storage: {
      kind: "disk",
      directory: to,
      name: "broker",
      ...(extensionDirectory === undefined ? {} : { extensionDirectory }),
    },
  });
  assertEquals(store.store.storage.kind, storage);
  assertEquals(store.store.nextOffset, 0);
  assertEquals(await store.query("sensor", [{ order: "dn" }]), [
    ["s", "HVAC", "d1"],
    ["s", "HVAC", null],
  ]);
  const rows = await store.query("telemetry", [{ where: "dn = 'd9999'" }]);
  assertEquals(rows, [["d9999", 3333, Infinity, 9999n, 3]]);
  assertEquals((await store.query("telemetry")).length, 10_000);
}

Deno.test("importDirectory() takes a plain DuckDB store over, and our lake opens its tables", async () => {
  await using place = await set();
  const { from, to } = place;
  await makeSource({ directory: from, attach: [plainFile(from)] });
  const before = await snapshot(from);
  const report = await run(place);
  assertEquals([report.sourceKind, report.storage], ["duckdb", "native"]);
  assertEquals(report.source, `${await Deno.realPath(from)}/broker.duckdb`);
  await checkImported(report, to);
  await checkTables(to, "native");
  assertEquals(await snapshot(from), before, "the source was changed");
});

Deno.test("importDirectory() reads what a broker that was killed left in the log of its store", async () => {
  await using place = await set();
  const { from, to } = place;
  await makeSource({
    directory: from,
    attach: [plainFile(from), "PRAGMA wal_autocheckpoint = '1GB'"],
  });
  // A process that dies leaves the rows in the write-ahead log.
  const script = `
    import { Duck, openInstance } from ${
    JSON.stringify(new URL("../../src/lake/duck.ts", import.meta.url).href)
  };
    const duck = await Duck.connect(await openInstance({}));
    await duck.run(${JSON.stringify(plainFile(from))});
    await duck.run("INSERT INTO rl.exposer VALUES ('broker', 'late', 'service')");
    Deno.kill(Deno.pid, "SIGKILL");`;
  await Deno.writeTextFile(`${from}/die.ts`, script);
  await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-lock", `${from}/die.ts`],
  }).output();
  assert((await Deno.stat(`${from}/broker.duckdb.wal`)).size > 0);
  const before = await snapshot(from);
  const report = await run(place);
  assertEquals(itemOf(report, "services"), [2]);
  assertEquals(await snapshot(from), before, "the source was changed");
  await checkTables(to, "native");
});

Deno.test("importDirectory() takes a store without tables over, and leaves the choice of storage open", async () => {
  await using place = await set();
  const { from, to } = place;
  await makeSource({
    directory: from,
    attach: [plainFile(from)],
    more: ["DROP TABLE sensor", "DROP TABLE telemetry", "DROP TABLE topic_auth"],
  });
  const report = await run(place);
  assertEquals(report.storage, null);
  assertEquals(itemOf(report, "private topics"), [0]);
  const names = (await Array.fromAsync(Deno.readDir(to))).map(({ name }) => name);
  assertEquals(names, ["broker"]);
});

Deno.test("importDirectory() copies columns of all kinds as they are", async () => {
  await using place = await set();
  const { from, to } = place;
  const create = "CREATE TABLE kinds (a HUGEINT, b DECIMAL(18,3), c ENUM('x', 'y'), d TIMESTAMP, " +
    'e STRUCT(p INTEGER, q TEXT), f INTEGER[], g MAP(TEXT, DOUBLE), h UUID, "i ""j" BLOB, k DATE)';
  await makeSource({
    directory: from,
    attach: [plainFile(from)],
    more: [
      create,
      "INSERT INTO kinds SELECT 170141183460469231731687303715884105727, 1.5, 'y', " +
      "TIMESTAMP '2026-01-02 03:04:05.678901', {p: 1, q: 'z'}, [1, NULL], MAP {'k': 0.1}, " +
      `'${crypto.randomUUID()}', '\\x00\\xff'::BLOB, DATE '2026-01-02'`,
      "INSERT INTO kinds (a) VALUES (NULL)",
    ],
  });
  await run(place);
  const dump = (path: string) =>
    runSql([`ATTACH '${path}' AS x`, 'SELECT to_json(t)::TEXT, c, "i ""j" FROM x.kinds t']);
  assertEquals(await dump(`${to}/broker.duckdb`), await dump(`${from}/broker.duckdb`));
  const types = (path: string) =>
    runSql([
      `ATTACH '${path}' AS x`,
      "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() WHERE " +
      "table_name IN ('kinds', 'sensor', 'telemetry') ORDER BY table_name, column_index",
    ]);
  assertEquals(await types(`${to}/broker.duckdb`), await types(`${from}/broker.duckdb`));
});

Deno.test("importDirectory() keeps keys and settings that are there", async () => {
  await using place = await set();
  const { from, to } = place;
  await makeSource({ directory: from, attach: [plainFile(from)] });
  await Deno.mkdir(`${to}/broker/keys`, { recursive: true });
  await Deno.writeTextFile(`${to}/broker/settings.json`, "{}");
  await Deno.writeTextFile(`${to}/broker/keys/panel.rsa.pem`, "ours");
  const report = await run(place);
  assertEquals(itemOf(report, "settings"), [0, "1 are there already"]);
  assertEquals(itemOf(report, "keys").slice(0, 1), [1]);
  assertEquals(await Deno.readTextFile(`${to}/broker/settings.json`), "{}");
  assertEquals(await Deno.readTextFile(`${to}/broker/keys/panel.rsa.pem`), "ours");
});

Deno.test("importDirectory() makes files that only the user of the broker reads", async () => {
  if (Deno.build.os === "windows") return;
  await using place = await set();
  const { from, to } = place;
  await makeSource({ directory: from, attach: [plainFile(from)] });
  await run(place);
  for (const path of ["state.db", "settings.json", "keys/panel.rsa.pem"]) {
    assertEquals(((await Deno.stat(`${to}/broker/${path}`)).mode ?? 0) & 0o777, 0o600, path);
  }
});

Deno.test("importDirectory() refuses what is there already, and leaves it", async () => {
  await using place = await set();
  const { from, to } = place;
  await makeSource({ directory: from, attach: [plainFile(from)] });
  await run(place);
  const before = await snapshot(to);
  const error = await assertRejects(() => run(place), Error);
  assertStringIncludes(error.message, `Cannot import into "${to}": expected no broker "broker"`);
  assertEquals(await snapshot(to), before);
});

Deno.test("importDirectory() refuses to write where it reads", async () => {
  await using place = await set();
  const { from } = place;
  await makeSource({ directory: from, attach: [plainFile(from)] });
  await assertRejects(() => run({ from, to: `${from}/../python/.` }), Error, "into itself");
});

Deno.test("importDirectory() says what it looks for when there is nothing", async () => {
  await using place = await set();
  await assertRejects(() => run(place), Error, 'expected "broker.ducklake" there, got none');
  const from = `${place.from}/nothing`;
  await assertRejects(() => run({ ...place, from }), Error, "there is no such directory");
  await assertRejects(() => run({ ...place, name: "../x" }), TypeError, "Cannot import broker");
});

Deno.test("importDirectory() refuses a store that a broker has open", async () => {
  await using place = await set();
  const { from, to } = place;
  await makeSource({ directory: from, attach: [plainFile(from)] });
  await Deno.writeTextFile(
    `${from}/hold.ts`,
    `import { Duck, openInstance } from ${
      JSON.stringify(new URL("../../src/lake/duck.ts", import.meta.url).href)
    };
     const duck = await Duck.connect(await openInstance({}));
     await duck.run(${JSON.stringify(plainFile(from))});
     console.log("open");
     for await (const _ of Deno.stdin.readable);`,
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-lock", `${from}/hold.ts`],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await assertRejects(() => run(place), Error, "Stop the broker that writes it");
  await child.stdin.close();
  await reader.cancel();
  await child.status;
  assertEquals(await snapshot(to), {});
});

Deno.test("importDirectory() leaves nothing behind when it fails, and can be repeated", async () => {
  await using place = await set();
  const { from, to } = place;
  await makeSource({ directory: from, attach: [plainFile(from)] });
  const good = await Deno.readFile(`${from}/broker.duckdb`);
  await Deno.writeTextFile(`${from}/broker.duckdb`, "garbage ".repeat(5_000));
  await assertRejects(() => run(place), Error, `Cannot read "`);
  assertEquals(await snapshot(to), {});
  await Deno.writeFile(`${from}/broker.duckdb`, good);
  // Keys cannot be written where a file is.
  await Deno.writeTextFile(`${to}/broker/keys`, "in the way");
  await assertRejects(() => run(place), Error);
  assertEquals(Object.keys(await snapshot(to)), ["broker/keys"]);
  await Deno.remove(`${to}/broker/keys`);
  await checkImported(await run(place), to);
});

Deno.test("importDirectory() says how the process ended that reads the tables", async () => {
  await using place = await set();
  const { from } = place;
  await makeSource({ directory: from, attach: [plainFile(from)] });
  await Deno.writeTextFile(`${from}/exit.ts`, "Deno.exit(7)");
  const spawn = () =>
    spawnLake({
      executable: Deno.execPath(),
      args: ["run", "--no-check", "--no-lock", `${from}/exit.ts`],
      env: lakeEnvironment(Deno.env.toObject()),
    });
  await assertRejects(() => run({ ...place, spawn }), Error, "ended with code 7");
});

testNeeding(
  EXTENSIONS,
  "importDirectory() takes a DuckLake store over, small rows in the catalog and all",
  async (extensionDirectory) => {
    await using place = await set();
    const { from, to } = place;
    await makeSource({ directory: from, attach: await duckLake(from, extensionDirectory) });
    const before = await snapshot(from);
    const report = await run({ ...place, extensionDirectory });
    assertEquals([report.sourceKind, report.storage], ["ducklake", "ducklake"]);
    await checkImported(report, to);
    await checkTables(to, "ducklake", extensionDirectory);
    assertEquals(await snapshot(from), before, "the source was changed");
  },
);

testNeeding(
  EXTENSIONS,
  "importDirectory() takes a DuckLake store over that was moved, into a native file",
  async (extensionDirectory) => {
    await using place = await set();
    const { from, to } = place;
    await makeSource({ directory: from, attach: await duckLake(from, extensionDirectory) });
    await Deno.rename(from, `${from}-moved`);
    const report = await run({
      from: `${from}-moved`,
      to,
      extensionDirectory,
      storage: "native",
    });
    assertEquals([report.sourceKind, report.storage], ["ducklake", "native"]);
    await checkImported(report, to);
    await checkTables(to, "native");
  },
);

testNeeding(
  EXTENSIONS,
  "importDirectory() takes a DuckLake store with a SQLite catalog over",
  async (extensionDirectory) => {
    await using place = await set();
    const { from, to } = place;
    const fromUrl = `ducklake:sqlite:${from}/catalog.sqlite`;
    await makeSource({
      directory: from,
      attach: await duckLake(from, extensionDirectory, fromUrl),
    });
    const report = await run({ ...place, extensionDirectory, fromUrl });
    assertEquals(report.source, `sqlite:${from}/catalog.sqlite`);
    await checkImported(report, to);
    await checkTables(to, "ducklake", extensionDirectory);
  },
);

/** Statements that attach a DuckLake as rembus.python does (spec 8.1). */
async function duckLake(
  directory: string,
  extensionDirectory: string,
  url = `ducklake:${directory}/broker.ducklake`,
): Promise<string[]> {
  const names = ["ducklake", ...(url.includes("sqlite") ? ["sqlite_scanner"] : [])];
  const loads: string[] = [];
  for (const name of names) {
    for (const place of ["", "/v1.5.5", "/v1.5.5/linux_amd64"]) {
      const file = `${extensionDirectory}${place}/${name}.duckdb_extension`;
      const isThere = await Deno.stat(file).then(() => true, () => false);
      if (isThere) loads.push(`LOAD '${file}'`);
    }
  }
  return [
    ...loads,
    `ATTACH '${url}' AS rl (DATA_PATH '${directory}/broker', AUTOMATIC_MIGRATION TRUE)`,
  ];
}

pythonTest(
  await pythonForTests(),
  "importDirectory() takes over what a broker of rembus.python wrote",
  async (python) => {
    await using place = await set();
    const { from, to } = place;
    {
      await using broker = await startPythonBroker({ python, dir: from });
      await using driver = await PythonDriver.start({ python });
      const panel = await driver.connect({ url: `${broker.url}/panel` });
      await panel.subscribe("town/weather", "last");
      await panel.subscribe("town/*", 900_000_000);
      const adder = await driver.connect({ url: `${broker.url}/adder` });
      await adder.expose("sum", "add");
      const nobody = await driver.connect({ url: broker.url });
      await nobody.subscribe("town/weather");
      await nobody.publish("town/weather", [21], { qos: 1 });
      await eventually(() => assertEquals(panel.received("town/weather").length, 1));
    }
    const before = await snapshot(from);
    const report = await run(place);
    assertEquals(itemOf(report, "subscriptions").slice(0, 1), [2]);
    assertEquals(itemOf(report, "services").slice(0, 1), [1]);
    assertEquals(itemOf(report, "messages")[0], 0);
    await using state = openStateStore({ path: `${to}/broker/state.db` });
    const found = new Map(state.remembered.components.map((one) => [one.name, one]));
    assertEquals([...found.keys()].toSorted(), ["adder", "panel"]);
    assertEquals(found.get("adder")?.services, ["sum"]);
    assertEquals(
      found.get("panel")?.subscriptions.map(({ topic, msgFrom }) => [topic, msgFrom]),
      [["town/*", 900_000_000], ["town/weather", Infinity]],
    );
    assertEquals(await snapshot(from), before, "the source was changed");
  },
);
