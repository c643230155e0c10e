import { assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../../src/lake/errors.ts";
import { checkSchema } from "../../../src/lake/schema.ts";
import { publicCatalog } from "../../../src/lake/storage.ts";
import type { DiskStorageOptions } from "../../../src/lake/storage_options.ts";
import { temporaryDirectory } from "../../helpers/lake_directory.ts";
import { EXTENSIONS } from "../../helpers/lake_extensions.ts";
import { README_SCHEMA } from "../../helpers/lake_schema.ts";
import { openStore } from "../../helpers/lake_store.ts";
import { testNeeding } from "../../helpers/needs.ts";

const schema = checkSchema(README_SCHEMA);

async function kindOf(
  directory: string,
  more: Partial<DiskStorageOptions> = {},
  logId = "log-1",
): Promise<string> {
  await using opened = await openStore(schema, {
    storage: { kind: "disk", directory, name: "broker", ...more },
    logId,
    threads: 1,
  });
  return opened.store.storage.kind;
}

async function faultOf(work: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => work, StoreError)).fault;
}

Deno.test("chooseStorage() takes a native file where DuckLake is not installed, and records it", async () => {
  await using directory = await temporaryDirectory();
  assertEquals(await kindOf(directory.path, { extensionDirectory: directory.path }), "native");
  const record = JSON.parse(await Deno.readTextFile(`${directory.path}/broker.lake.json`));
  assertEquals(record, { version: 1, storage: "native", catalog: null });
});

Deno.test("chooseStorage() refuses another storage than the recorded one", async () => {
  await using directory = await temporaryDirectory();
  await kindOf(directory.path, { storage: "native" });
  const url = { duckLakeUrl: `ducklake:${directory.path}/x.ducklake` };
  assertEquals(await faultOf(kindOf(directory.path, { storage: "ducklake" })), "other-storage");
  assertEquals(await faultOf(kindOf(directory.path, url)), "other-storage");
  assertEquals(await kindOf(directory.path), "native");
});

Deno.test("chooseStorage() fails when DuckLake is asked for and cannot be loaded", async () => {
  await using directory = await temporaryDirectory();
  const error = await assertRejects(
    () => kindOf(directory.path, { storage: "ducklake", extensionDirectory: directory.path }),
    StoreError,
  );
  assertEquals(error.fault, "extension");
  assertEquals(error.message.includes("REMBUS_EXTENSION_DIR"), true);
});

Deno.test("chooseStorage() refuses a record that it cannot read", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/broker.lake.json`;
  for (
    const text of ["{", "null", '{"version":2,"storage":"native"}', '{"version":1,"storage":"x"}']
  ) {
    await Deno.writeTextFile(file, text);
    assertEquals(await faultOf(kindOf(directory.path)), "other-storage");
    assertEquals(await Deno.readTextFile(file), text);
  }
});

testNeeding(
  EXTENSIONS,
  "chooseStorage() keeps to DuckLake once it was chosen",
  async (extensionDirectory) => {
    await using directory = await temporaryDirectory();
    assertEquals(await kindOf(directory.path, { extensionDirectory }), "ducklake");
    assertEquals(await faultOf(kindOf(directory.path, { storage: "native" })), "other-storage");
    const other = { extensionDirectory, duckLakeUrl: `ducklake:${directory.path}/other.ducklake` };
    assertEquals(await faultOf(kindOf(directory.path, other)), "other-storage");
    assertEquals(await kindOf(directory.path, { extensionDirectory }), "ducklake");
  },
);

Deno.test("LakeStore.open() refuses the tables of another log", async () => {
  await using directory = await temporaryDirectory();
  await kindOf(directory.path, { storage: "native" });
  assertEquals(await faultOf(kindOf(directory.path, {}, "log-2")), "other-log");
});

Deno.test("LakeStore.open() leaves a file alone that it cannot open, since another try may work", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/broker.duckdb`;
  await Deno.mkdir(file);
  assertEquals(await faultOf(kindOf(directory.path, { storage: "native" })), "unavailable");
});

Deno.test("LakeStore.open() sets a damaged file aside with its WAL, and deletes nothing", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/broker.duckdb`;
  await Deno.writeTextFile(file, "no database".repeat(2_000));
  await Deno.writeTextFile(`${file}.wal`, "no log");
  await using opened = await openStore(schema, {
    storage: { kind: "disk", directory: directory.path, name: "broker", storage: "native" },
    wallMs: () => 0,
  });
  const moved = `${file}.damaged-1970-01-01T00-00-00-000Z`;
  assertEquals(opened.store.setAside, moved);
  assertEquals((await Deno.readTextFile(moved)).startsWith("no database"), true);
  assertEquals(await Deno.readTextFile(`${moved}.wal`), "no log");
  assertEquals(opened.store.nextOffset, 0);
});

const CATALOGS: readonly (readonly [string, string])[] = [
  ["ducklake:/data/x.ducklake", "/data/x.ducklake"],
  ["ducklake:sqlite:/data/x.sqlite", "sqlite:/data/x.sqlite"],
  ["ducklake:postgres:postgresql://user:secret@host:5432/db?password=x", "postgres://host:5432/db"],
  ["ducklake:postgres:dbname=lake host=h password=secret user=u", "postgres:dbname=lake host=h"],
];

for (const [url, shown] of CATALOGS) {
  Deno.test(`publicCatalog() shows ${shown}`, () => assertEquals(publicCatalog(url), shown));
}
