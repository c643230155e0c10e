import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../../src/cli/exit.ts";
import { main } from "../../../src/cli/main.ts";
import { denoLogFiles } from "../../../src/log/deno_files.ts";
import { openMessageLog } from "../../../src/log/open_message_log.ts";
import { encodeCbor } from "../../../src/protocol/cbor.ts";
import { entry, store } from "../../helpers/log_entries.ts";
import { type FakeIo, fakeIo } from "./fake_io.ts";

/** A directory with the log of broker "plant": 5 messages. */
async function plant(): Promise<{ readonly dir: string } & AsyncDisposable> {
  const dir = await Deno.makeTempDir();
  await using log = await openMessageLog({ files: denoLogFiles(`${dir}/plant/log`) });
  for (let i = 1; i <= 5; i++) {
    const topic = i % 2 === 0 ? "a/alarm" : "b/telemetry";
    await store(log, entry("", { topic, data: encodeCbor([i, { text: "x".repeat(60) }]) }));
  }
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

async function run(
  dir: string,
  args: readonly string[],
  io: FakeIo = fakeIo(),
): Promise<{ code: number; lines: string[]; errors: string[] }> {
  const code = await main(["log", "--dir", dir, "--name", "plant", ...args], io);
  return { code, lines: io.lines, errors: io.errors };
}

async function offsets(dir: string, ...args: string[]): Promise<number[]> {
  const { code, lines } = await run(dir, args);
  assertEquals(code, EXIT.OK);
  return lines.map((line) => Number(line.split(" ")[0]));
}

Deno.test("log prints what is asked for", async () => {
  await using at = await plant();
  assertEquals(await offsets(at.dir), [1, 2, 3, 4, 5]);
  assertEquals(await offsets(at.dir, "--from", "first", "--count", "2"), [1, 2]);
  assertEquals(await offsets(at.dir, "--from", "4"), [4, 5]);
  assertEquals(await offsets(at.dir, "--from", "6"), []);
  assertEquals(await offsets(at.dir, "--from", "1h"), [1, 2, 3, 4, 5]);
  assertEquals(await offsets(at.dir, "--from", "-1h", "--topic", "*/alarm"), [2, 4]);
  assertEquals(await offsets(at.dir, "--from", "2026-01-31T12:30:00Z", "-t", "b/**"), [1, 3, 5]);
  assertEquals(await offsets(at.dir, "--from", "2100-01-31"), []);
  assertEquals(await offsets(at.dir, "--last"), [4, 5]);
  assertEquals(await offsets(at.dir, "--last", "--count", "1"), [4]);
  assertEquals(await offsets(at.dir, "--last", "--topic", "b/*"), [5]);
});

Deno.test("log prints JSON, and cuts lines on a terminal only", async () => {
  await using at = await plant();
  const { lines } = await run(at.dir, ["--json", "--count", "1"]);
  const { offset, topic, args } = JSON.parse(lines[0] ?? "");
  assertEquals([offset, topic, args], [1, "b/telemetry", [1, { text: "x".repeat(60) }]]);
  const terminal = await run(at.dir, [], fakeIo({ isTerminal: true, width: 60 }));
  assert(terminal.lines.every((line) => line.length === 60 && line.endsWith("…")));
  const json = await run(at.dir, ["--json"], fakeIo({ isTerminal: true, width: 60 }));
  for (const line of json.lines) JSON.parse(line);
});

Deno.test("log --follow ends with 0 at Ctrl-C, and prints what was there when told to", async () => {
  await using at = await plant();
  const io = fakeIo();
  const running = run(at.dir, ["--follow", "--from", "5"], io);
  assertStringIncludes(await io.firstLine, "5 ");
  io.interrupt();
  assertEquals((await running).code, EXIT.OK);
  assertEquals(io.lines.length, 1);
});

Deno.test("log --check tells whether the log is whole, and gives exit code 1 when it is not", async () => {
  await using at = await plant();
  const whole = await run(at.dir, ["--check"]);
  assertEquals([whole.code, whole.errors], [EXIT.OK, []]);
  assertEquals(whole.lines[0], `ok  ${at.dir}/plant/log`);
  assertStringIncludes(whole.lines[1] ?? "", "5 records with offsets 1 to 5");

  const path = `${at.dir}/plant/log/0000000000000001.seg`;
  const content = await Deno.readFile(path);
  const place = new TextDecoder("latin1").decode(content).indexOf("a/alarm");
  content[place] = 0;
  await Deno.writeFile(path, content);
  const bad = await run(at.dir, ["--check", "--json"]);
  assertEquals(bad.code, EXIT.FAILED);
  const { ok, records, damaged, lost } = JSON.parse(bad.lines[0] ?? "");
  assertEquals([ok, records, damaged, lost], [false, 4, 1, 1]);
  assertStringIncludes(bad.errors[0] ?? "", "log damaged");
  assertEquals((await run(at.dir, ["--check"])).lines[0], `damaged  ${at.dir}/plant/log`);

  const read = await run(at.dir, []);
  assertEquals([read.code, read.lines.length], [EXIT.OK, 4]);
  assertStringIncludes(read.errors[0] ?? "", "log damaged");
});

Deno.test("log says where it looked when there is no log", async () => {
  const { code, lines, errors } = await run("/nonexistent-rembus-dir", []);
  assertEquals([code, lines, errors.length], [EXIT.FAILED, [], 1]);
  assertStringIncludes(errors[0] ?? "", 'in "/nonexistent-rembus-dir/plant/log"');
  assertStringIncludes(errors[0] ?? "", "--dir");
  const io = fakeIo();
  assertEquals(await main(["log"], io), EXIT.FAILED);
  assertStringIncludes(io.errors[0] ?? "", "REMBUS_DIR");
});
