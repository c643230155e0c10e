import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { openDatabase, readOne } from "../../../src/state/database.ts";
import type { DurableState } from "../../../src/state/durable_state.ts";
import { StateError, type StateFault } from "../../../src/state/errors.ts";
import { openStateStore } from "../../../src/state/open_state_store.ts";
import { APPLICATION_ID, FORMAT } from "../../../src/state/schema.ts";
import { FaultyDatabase } from "../../helpers/faulty_database.ts";
import { temporaryDirectory } from "../../helpers/lake_directory.ts";

function refusal(path: string, fault: StateFault): string {
  const error = assertThrows(() => openStateStore({ path }), StateError);
  assertEquals(error.fault, fault);
  assertStringIncludes(error.message, `Cannot open the state "${path}": `);
  return error.message;
}

function edit(path: string, sql: string): void {
  const database = openDatabase(path);
  database.exec(sql);
  database.close();
}

async function filled(path: string, count = 1): Promise<void> {
  await using store = openStateStore({ path });
  for (let i = 0; i < count; i++) {
    store.put({ kind: "exposed", name: `component${i}`, topic: `service ${i}` });
  }
}

function names({ remembered }: DurableState): string[] {
  return remembered.components.map(({ name }) => name);
}

Deno.test("openStateStore() makes directory and file for the user of the broker only", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/broker/state.db`;
  await using store = openStateStore({ path });
  store.put({ kind: "seen", name: "a", atMs: 1 });
  await store.committed();
  if (Deno.build.os === "windows") return;
  const mode = async (of: string) => ((await Deno.stat(of)).mode ?? 0) & 0o777;
  assertEquals(await mode(`${directory.path}/broker`), 0o700);
  assertEquals(await mode(path), 0o600);
  assertEquals(await mode(`${path}-wal`), 0o600);
});

Deno.test("openStateStore() takes a file from the others that could read it", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  await filled(path);
  if (Deno.build.os === "windows") return;
  await Deno.chmod(path, 0o644);
  await using _store = openStateStore({ path });
  assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
});

Deno.test("openStateStore() syncs each commit to a write-ahead log", async () => {
  await using directory = await temporaryDirectory();
  const databases: FaultyDatabase[] = [];
  await using _store = openStateStore({
    path: `${directory.path}/state.db`,
    openDatabase(path) {
      const database = new FaultyDatabase(path);
      databases.push(database);
      return database;
    },
  });
  const database = databases[0] as FaultyDatabase;
  assertEquals(readOne(database, "PRAGMA journal_mode"), "wal");
  assertEquals(readOne(database, "PRAGMA synchronous"), 2);
  assertEquals(readOne(database, "PRAGMA locking_mode"), "exclusive");
});

Deno.test("openStateStore() refuses a file that is open, in this process and in another", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  await using store = openStateStore({ path });
  assertStringIncludes(refusal(path, "locked"), "another broker");
  const module = new URL("../../../src/state/open_state_store.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      `--allow-read=${directory.path}`,
      `--allow-write=${directory.path}`,
      "--no-check",
      `data:application/typescript,${
        encodeURIComponent(
          `import { openStateStore } from ${JSON.stringify(module)};
           try { openStateStore({ path: ${JSON.stringify(path)} }) }
           catch (error) { console.log(error.fault) }`,
        )
      }`,
    ],
  }).output();
  assertEquals(new TextDecoder().decode(stdout).trim(), "locked");
  store.put({ kind: "seen", name: "a", atMs: 1 });
  await store.committed();
});

Deno.test("openStateStore() opens a file that was closed", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  await filled(path, 2);
  await using store = openStateStore({ path });
  assertEquals(names(store), ["component0", "component1"]);
});

Deno.test("openStateStore() refuses a newer format and leaves the file as it is", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  await filled(path);
  edit(path, `PRAGMA user_version = ${FORMAT + 1}; CREATE TABLE later (a)`);
  const before = await Deno.readFile(path);
  const message = refusal(path, "version");
  assertStringIncludes(message, `expected format ${FORMAT} or older, got ${FORMAT + 1}`);
  assertEquals(await Deno.readFile(path), before);
});

Deno.test("openStateStore() refuses the database of another program", async () => {
  await using directory = await temporaryDirectory();
  for (
    const [name, sql] of [["table", "CREATE TABLE t (a)"], ["id", "PRAGMA application_id = 7"]]
  ) {
    const path = `${directory.path}/${name}.db`;
    edit(path, sql ?? "");
    refusal(path, "foreign");
    const database = openDatabase(path);
    assertEquals(readOne(database, "PRAGMA user_version"), 0);
    database.close();
  }
});

Deno.test("openStateStore() says what to do with a file that is no database, and keeps it", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  const garbage = "garbage ".repeat(2_000);
  await Deno.writeTextFile(path, garbage);
  assertStringIncludes(refusal(path, "damaged"), `move "${path}" and "${path}-wal" away`);
  assertEquals(await Deno.readTextFile(path), garbage);
});

Deno.test("openStateStore() finds a damaged page, and keeps the file", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  await filled(path, 2_000);
  const bytes = await Deno.readFile(path);
  const page = 4_096;
  for (let at = page * 10; at < page * 11; at++) bytes[at] = 0xa5;
  await Deno.writeFile(path, bytes);
  assertStringIncludes(refusal(path, "damaged"), "it is damaged (");
  assertEquals(await Deno.readFile(path), bytes);
});

Deno.test("openStateStore() finds a file that was cut", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  await filled(path, 2_000);
  await Deno.truncate(path, 4_096 * 5);
  refusal(path, "damaged");
});

Deno.test("openStateStore() ignores a torn end of the write-ahead log", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  const copy = `${directory.path}/copy.db`;
  {
    await using store = openStateStore({ path });
    store.put({ kind: "seen", name: "a", atMs: 1 });
    await store.committed();
    const { size } = await Deno.stat(`${path}-wal`);
    store.put({ kind: "seen", name: "b", atMs: 2 });
    await store.committed();
    await Deno.copyFile(path, copy);
    // What a crash in the middle of the second commit leaves.
    await Deno.copyFile(`${path}-wal`, `${copy}-wal`);
    await Deno.truncate(`${copy}-wal`, size + 100);
  }
  await using store = openStateStore({ path: copy });
  assertEquals(names(store), ["a"]);
});

Deno.test("openStateStore() says why a file cannot be used", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  const error = assertThrows(
    () =>
      openStateStore({
        path,
        openDatabase(path) {
          const database = new FaultyDatabase(path);
          database.failing = { errcode: 10, at: "PRAGMA synchronous" };
          return database;
        },
      }),
    StateError,
    `Cannot open the state "${path}": as the test wants it (SQLite 10)`,
  );
  assertEquals(error.fault, "io");
  // The lock was given back.
  await using _store = openStateStore({ path });
});

Deno.test("the format and the id of the file are those that are documented", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  await filled(path);
  const database = openDatabase(path);
  assertEquals(readOne(database, "PRAGMA application_id"), APPLICATION_ID);
  assertEquals(readOne(database, "PRAGMA user_version"), 1);
  database.close();
});

Deno.test("openStateStore() needs no permission besides reading and writing its directory", async () => {
  await using directory = await temporaryDirectory();
  const module = new URL("../../../src/state/open_state_store.ts", import.meta.url).href;
  const script = `${directory.path}/main.ts`;
  await Deno.writeTextFile(
    script,
    `import { openStateStore } from ${JSON.stringify(module)};
     await using store = openStateStore({ path: ${
      JSON.stringify(`${directory.path}/b/state.db`)
    } });
     store.put({ kind: "seen", name: "a", atMs: 1 });
     await store.committed();
     console.log("stored");`,
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      `--allow-read=${directory.path}`,
      `--allow-write=${directory.path}`,
      script,
    ],
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  assertEquals([text(stdout), text(stderr)], ["stored", ""]);
});
