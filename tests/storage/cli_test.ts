import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DataFrame } from "../../src/frame/data_frame.ts";
import { denoLogFiles } from "../../src/log/deno_files.ts";
import type { MessageLog } from "../../src/log/message_log.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { entry, store } from "../helpers/log_entries.ts";
import { CliProcess, runCli, startBrokerProcess } from "../integration/cli_process.ts";
import { README_SCHEMA } from "../helpers/lake_schema.ts";

/** What README names for a broker that keeps data. */
const BROKER_FLAGS = [
  "--allow-net",
  "--allow-env",
  "--allow-read",
  "--allow-write",
  "--allow-run",
];
const READ_ONLY = { flags: ["--allow-read"] };
const SEGMENT_BYTES = 16 * 1024;

const SCHEMA = {
  tables: [
    README_SCHEMA.tables[0],
    {
      table: "telemetry",
      topic: ":dn/telemetry",
      columns: [
        { col: "dn", type: "TEXT" },
        { col: "temperature", type: "DOUBLE" },
        { col: "pressure", type: "DOUBLE" },
        { col: "n", type: "UBIGINT" },
        { col: "at", type: "TIMESTAMP" },
      ],
    },
  ],
};

interface Directory extends AsyncDisposable {
  readonly dir: string;
}

async function directory(): Promise<Directory> {
  const dir = await Deno.makeTempDir();
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

/** The log of broker "plant" in a directory, with small files. */
function openPlant(dir: string): Promise<MessageLog> {
  return openMessageLog({ files: denoLogFiles(`${dir}/plant/log`), segmentBytes: SEGMENT_BYTES });
}

async function storeNumbers(log: MessageLog, first: number, last: number): Promise<void> {
  for (let n = first; n <= last; n++) {
    await store(log, entry("", { data: encodeCbor([n, "x".repeat(1_000)]) }));
  }
}

function plantArgs(dir: string, ...args: string[]): string[] {
  return ["log", "--dir", dir, "--name", "plant", ...args];
}

/** A broker with tables in a directory of its own. */
async function plantBroker(dir: string): ReturnType<typeof startBrokerProcess> {
  await Deno.writeTextFile(`${dir}/schema.json`, JSON.stringify(SCHEMA));
  const args = ["--schema", `${dir}/schema.json`, "--dir", dir, "--name", "plant"];
  return await startBrokerProcess([...args, "--storage", "native"], { flags: BROKER_FLAGS });
}

async function lines(args: readonly string[]): Promise<readonly string[]> {
  const { code, stdout, stderr } = await runCli(args);
  assertEquals([code, stderr], [0, []]);
  return stdout;
}

Deno.test("log reads, checks and follows a log that is written meanwhile, with --allow-read only", async () => {
  await using at = await directory();
  await using log = await openPlant(at.dir);
  await storeNumbers(log, 1, 30);
  assert(log.status.segments > 1);
  const read = await runCli(plantArgs(at.dir, "--json", "--from", "20", "--count", "3"), READ_ONLY);
  assertEquals(read.code, 0);
  assertEquals(read.stdout.map((line) => JSON.parse(line).args[0]), [20, 21, 22]);
  const check = await runCli(plantArgs(at.dir, "--check"), READ_ONLY);
  assertEquals([check.code, check.stderr], [0, []]);
  assertStringIncludes(check.stdout[1] ?? "", "30 records");

  await using tail = new CliProcess(
    plantArgs(at.dir, "--follow", "--from", "29", "--json"),
    READ_ONLY,
  );
  const seen = [JSON.parse(await tail.line()).offset, JSON.parse(await tail.line()).offset];
  const files = log.status.segments;
  await storeNumbers(log, 31, 80);
  while (seen.length < 52) seen.push(JSON.parse(await tail.line()).offset);
  assert(log.status.segments > files, "no file was begun");
  await storeNumbers(log, 81, 81);
  seen.push(JSON.parse(await tail.line()).offset);
  assertEquals(seen, Array.from({ length: 53 }, (_, i) => 29 + i));
  tail.signal("SIGINT");
  assertEquals((await tail.end()).code, 0);
});

Deno.test("log --check gives exit code 1 for a flipped bit, and log shows the rest", async () => {
  await using at = await directory();
  {
    await using log = await openPlant(at.dir);
    await storeNumbers(log, 1, 30);
  }
  const path = `${at.dir}/plant/log/0000000000000001.seg`;
  const content = await Deno.readFile(path);
  // In the payload of a record, and not in what lies between two.
  const text = new TextDecoder("latin1").decode(content);
  const place = text.indexOf("x".repeat(900), content.length >> 1);
  content[place] = (content[place] ?? 0) ^ 4;
  await Deno.writeFile(path, content);
  const check = await runCli(plantArgs(at.dir, "--check", "--json"), READ_ONLY);
  const { ok, records, lost } = JSON.parse(check.stdout[0] ?? "");
  assertEquals([check.code, ok, records, lost], [1, false, 29, 1]);
  const read = await runCli(plantArgs(at.dir), READ_ONLY);
  assertEquals([read.code, read.stdout.length], [0, 29]);
});

Deno.test("log says what it needs when it may not read", async () => {
  await using at = await directory();
  const { code, stdout, stderr } = await runCli(plantArgs(at.dir), { flags: [] });
  assertEquals([code, stdout, stderr.length], [1, [], 1]);
  assertStringIncludes(stderr[0] ?? "", "--allow-read");
});

Deno.test("query and tables show what was published, also as JSON, CSV and Arrow", async () => {
  await using at = await directory();
  const { process, url } = await plantBroker(at.dir);
  await using _broker = process;
  const here = ["--url", url];
  const publish = (...args: string[]) => lines(["pub", ...args, "--qos", "1", ...here]);
  await publish("mysite/HVAC/mysite.sensor1/sensor");
  await publish("s1/telemetry", '{"temperature": 21.6, "n": 18446744073709551615}');
  await publish("s2/telemetry", '{"pressure": 980, "at": "2026-01-31T12:30:15.123456Z"}');

  assertEquals(await lines(["query", "sensor", ...here]), [
    "site    type  dn",
    "mysite  HVAC  mysite.sensor1",
  ]);
  const query = ["query", "telemetry", "--order", "dn", ...here];
  assertEquals(await lines([...query, "--json"]), [
    '{"dn":"s1","temperature":21.6,"pressure":null,"n":18446744073709551615,"at":null}',
    '{"dn":"s2","temperature":null,"pressure":980,"n":null,"at":"2026-01-31T12:30:15.123456Z"}',
  ]);
  const some = ["--where", "dn = $dn and pressure > $p", "--param", "dn=s2", "--param", "p=1"];
  assertEquals(await lines([...query, ...some, "--cols", "dn, pressure + 1 as more", "--csv"]), [
    "dn,more\r",
    "s2,981\r",
  ]);
  const path = `${at.dir}/rows.arrow`;
  const flags = ["--allow-net", `--allow-write=${path}`];
  assertEquals((await runCli([...query, "--arrow", path], { flags })).code, 0);
  assertEquals(new DataFrame(await Deno.readFile(path)).numRows, 2);
  await publish("telemetry", "--arrow", path);
  const count = await lines(["query", "telemetry", "--cols", "count(*) as n", "--json", ...here]);
  assertEquals(count, ['{"n":4}']);

  const tables = await lines(["tables", ...here]);
  assertStringIncludes(tables[0] ?? "", "ready: native, 0 messages behind the log");
  assert(tables.includes("telemetry  <-  :dn/telemetry"));
});

Deno.test("query says in one line why it is refused", async () => {
  await using at = await directory();
  const { process, url } = await plantBroker(at.dir);
  await using _broker = process;
  const cases = [
    { args: ["telemtry"], wanted: 'no such table; did you mean "telemetry"? (it has sensor, tel' },
    { args: ["telemetry", "--where", "nope = 1"], wanted: 'column "nope" not found' },
    { args: ["telemetry", "--where", "1; drop table x"], wanted: "Cannot" },
    { args: ["telemetry", "--when", "1h"], wanted: "native DuckDB file" },
    { args: ["telemetry", "--arrow", `${at.dir}/x`], wanted: "--allow-write" },
  ];
  for (const { args, wanted } of cases) {
    const { code, stdout, stderr } = await runCli(["query", ...args, "--url", url]);
    assertEquals([code, stdout, stderr.length], [1, [], 1], stderr.join("\n"));
    assertStringIncludes(stderr[0] ?? "", wanted);
  }
});

Deno.test("log shows what a broker acknowledged while it runs, and after it was killed", async () => {
  await using at = await directory();
  const { process, url } = await plantBroker(at.dir);
  await using broker = process;
  await using tail = new CliProcess(plantArgs(at.dir, "--follow", "--from", "first"), READ_ONLY);
  const publish = (n: string) => lines(["pub", "a/b", n, "--qos", "1", "--url", url]);
  await publish("1");
  assertStringIncludes(await tail.line(), "a/b qos1 1");
  await publish("2");
  assertStringIncludes(await tail.line(), "a/b qos1 2");
  broker.signal("SIGKILL");
  await broker.end();
  const after = await runCli(plantArgs(at.dir, "--json"), READ_ONLY);
  assertEquals(after.stdout.map((line) => JSON.parse(line).args), [[1], [2]]);
  assertEquals((await runCli(plantArgs(at.dir, "--check"), READ_ONLY)).code, 0);
});

Deno.test("tables and query say that a broker without a schema has no tables", async () => {
  const { process, url } = await startBrokerProcess(["--memory"]);
  await using _broker = process;
  const cases = [
    { args: ["tables"], wanted: "the broker has none, or does not tell" },
    { args: ["query", "telemetry"], wanted: "the broker has no tables, or does not show them" },
  ];
  for (const { args, wanted } of cases) {
    const { code, stderr } = await runCli([...args, "--url", url]);
    assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
    assertStringIncludes(stderr[0] ?? "", wanted);
  }
});
