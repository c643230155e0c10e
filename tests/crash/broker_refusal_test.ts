// Goal: a broker that cannot keep its word with what it finds in its directory does not start, and says why and
// what to do; what it can live with it reports.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { crc32c } from "../../src/log/crc32c.ts";
import { FORMAT_VERSION, RECORDS_AT, SEGMENT_HEADER_BYTES } from "../../src/log/segment_header.ts";
import { BrokerChild } from "../helpers/broker_child.ts";
import { connectChild } from "../helpers/broker_child_load.ts";
import { eventually } from "../helpers/eventually.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";

/** A directory in which a broker ran, and ended in order. */
async function usedDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const directory = await temporaryDirectory();
  await using child = new BrokerChild({ dir: directory.path });
  await child.start();
  const node = await connectChild(child, "meter");
  await node.subscribe("kept", () => {});
  for (let i = 0; i < 20; i++) await node.with({ qos: 1 }).publish("town/temperature", i);
  await node.close();
  await child.stop();
  return directory;
}

/** Starts a broker that must not start: exit code 1, and one line that holds all of this. */
async function assertRefused(dir: string, ...parts: readonly string[]): Promise<void> {
  await using child = new BrokerChild({ dir });
  child.spawn();
  const { code, lines } = await child.ended();
  assertEquals(code, 1, lines.join("\n"));
  const told = lines.filter((line) => line.startsWith("rembus: "));
  assertEquals(told.length, 1, lines.join("\n"));
  for (const part of parts) assertStringIncludes(told[0] ?? "", part);
}

async function assertStarts(dir: string): Promise<void> {
  await using child = new BrokerChild({ dir });
  await child.start();
  assertEquals((await child.stop()).code, 0);
}

Deno.test("rembus broker refuses a directory that another broker uses, which goes on", async () => {
  await using directory = await temporaryDirectory();
  await using child = new BrokerChild({ dir: directory.path });
  await child.start();
  const log = `${directory.path}/broker/log`;
  await assertRefused(directory.path, log, "another process", "another name or directory");
  await using node = await connectChild(child, "meter");
  await node.with({ qos: 1 }).publish("town/temperature", 21);
});

Deno.test("rembus broker refuses a state that is damaged, leaves it as it is, and says what to do", async () => {
  await using directory = await usedDirectory();
  const path = `${directory.path}/broker/state.db`;
  const bytes = await Deno.readFile(path);
  bytes.fill(0xa5, 4_096, bytes.length);
  await Deno.writeFile(path, bytes);
  await assertRefused(directory.path, path, "damaged", "move");
  assertEquals(await Deno.readFile(path), bytes);
  await Deno.rename(path, `${path}.damaged`);
  await Deno.remove(`${path}-wal`).catch(ignoreMissing);
  await assertStarts(directory.path);
});

Deno.test("rembus broker refuses a state that is no database", async () => {
  await using directory = await usedDirectory();
  const path = `${directory.path}/broker/state.db`;
  await Deno.writeTextFile(path, "{ this is no database }".repeat(500));
  await assertRefused(directory.path, path, "move");
});

Deno.test("rembus broker refuses a state of a newer version", async () => {
  await using directory = await usedDirectory();
  const path = `${directory.path}/broker/state.db`;
  const database = new DatabaseSync(path);
  database.exec("PRAGMA user_version = 99");
  database.close();
  await assertRefused(directory.path, path, "got 99", "newer");
});

Deno.test("rembus broker refuses a state that somebody else has open", async () => {
  await using directory = await usedDirectory();
  const path = `${directory.path}/broker/state.db`;
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    await assertRefused(directory.path, path, "nobody else has it open", "another");
  } finally {
    database.close();
  }
  await assertStarts(directory.path);
});

Deno.test("rembus broker refuses a log of a newer version", async () => {
  await using directory = await usedDirectory();
  const path = await firstSegment(directory.path);
  const bytes = await Deno.readFile(path);
  const view = new DataView(bytes.buffer);
  for (const at of [0, SEGMENT_HEADER_BYTES]) {
    view.setUint16(at + 8, FORMAT_VERSION + 1, true);
    const crcAt = at + SEGMENT_HEADER_BYTES - 4;
    view.setInt32(crcAt, crc32c(view, at, crcAt), true);
  }
  await Deno.writeFile(path, bytes);
  await assertRefused(directory.path, ".seg", `got ${FORMAT_VERSION + 1}`, "newer version");
  assertEquals(await Deno.readFile(path), bytes);
});

Deno.test("rembus broker starts with a record that is damaged, reports it, and serves the others", async () => {
  await using directory = await usedDirectory();
  const path = await firstSegment(directory.path);
  const bytes = await Deno.readFile(path);
  const at = placesOf("town/temperature", bytes)[10] ?? 0;
  assert(at > RECORDS_AT);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  await Deno.writeFile(path, bytes);
  await using child = new BrokerChild({ dir: directory.path });
  await child.start();
  await using node = await connectChild(child, "reader");
  const seen: number[] = [];
  await node.subscribe("town/temperature", (value: number) => void seen.push(value), {
    from: "first",
  });
  await node.with({ qos: 1 }).publish("done", null);
  await using other = await connectChild(child, "other");
  await other.with({ qos: 1 }).publish("town/temperature", 20);
  await eventually(() => assertEquals(seen.at(-1), 20));
  assertEquals(seen, Array.from({ length: 21 }, (_, i) => i).filter((i) => i !== 10));
  assert(child.lines.some((line) => line.includes("log damaged")), child.lines.join("\n"));
});

async function firstSegment(dir: string): Promise<string> {
  const log = `${dir}/broker/log`;
  const names = (await Array.fromAsync(Deno.readDir(log))).map(({ name }) => name);
  const [first] = names.filter((name) => name.endsWith(".seg")).sort();
  return `${log}/${first}`;
}

/** Where a text stands in bytes. */
function placesOf(text: string, bytes: Uint8Array): number[] {
  const haystack = new TextDecoder("latin1").decode(bytes);
  return [...haystack.matchAll(new RegExp(text, "g"))].map(({ index }) => index);
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
