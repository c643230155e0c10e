import type { DiskStorageOptions } from "../../src/lake/storage_options.ts";
import { temporaryDirectory } from "./lake_directory.ts";
import { EXTENSIONS } from "./lake_extensions.ts";
import { POSTGRES, type PostgresServer, startPostgres } from "./lake_postgres.ts";
import { type Need, testNeeding } from "./needs.ts";

/** A directory of one test, and what its storage is asked for with. */
export interface StoragePlace {
  /** The data of the broker; removed at the end. */
  readonly directory: string;
  /** Options of the storage. */
  readonly disk: DiskStorageOptions;
}

type Test = (place: StoragePlace) => Promise<void>;

/** Storages, most likely to least. */
export type StorageName = "native" | "DuckLake" | "DuckLake in SQLite" | "DuckLake in Postgres";

/** All storages that a table can be kept in. */
export const STORAGES: readonly StorageName[] = [
  "native",
  "DuckLake",
  "DuckLake in SQLite",
  "DuckLake in Postgres",
];

/** The server of a whole test file: it is started before the first test, and stopped after the last. */
let server: PostgresServer | null = null;
let isRegistered = false;
let databases = 0;

/** Registers a test for each storage; where one is not installed, it is skipped by name. */
export function testOnStorages(
  name: string,
  run: Test,
  storages: readonly StorageName[] = STORAGES,
): void {
  for (const storage of storages) registerOne(`${name} (${storage})`, storage, run);
}

function registerOne(name: string, storage: StorageName, run: Test): void {
  switch (storage) {
    case "native":
      Deno.test(name, () => at(() => ({ storage: "native" }), run));
      return;
    case "DuckLake":
      testNeeding(
        EXTENSIONS,
        name,
        (extensionDirectory) => at(() => ({ storage: "ducklake", extensionDirectory }), run),
      );
      return;
    case "DuckLake in SQLite":
      testNeeding(EXTENSIONS, name, (extensionDirectory) =>
        at((directory) => ({
          duckLakeUrl: `ducklake:sqlite:${directory}/catalog.sqlite`,
          extensionDirectory,
        }), run));
      return;
    case "DuckLake in Postgres":
      registerServer();
      testNeeding(both(EXTENSIONS, POSTGRES), name, async ([extensionDirectory]) => {
        if (server === null) throw new Error("Cannot make a database: the server was not started");
        const duckLakeUrl = await server.createDatabase(`lake${databases++}`);
        await at(() => ({ duckLakeUrl, extensionDirectory }), run);
      });
      return;
    default:
      storage satisfies never;
  }
}

async function at(
  more: (directory: string) => Partial<DiskStorageOptions>,
  run: Test,
): Promise<void> {
  await using temporary = await temporaryDirectory();
  const directory = temporary.path;
  await run({ directory, disk: { kind: "disk", directory, name: "broker", ...more(directory) } });
}

function both<A, B>(a: Need<A>, b: Need<B>): Need<readonly [A, B]> {
  return a.found !== null && b.found !== null
    ? { found: [a.found, b.found], missing: "" }
    : { found: null, missing: a.found === null ? a.missing : b.missing };
}

function registerServer(): void {
  const bin = POSTGRES.found;
  if (isRegistered || EXTENSIONS.found === null || bin === null) return;
  isRegistered = true;
  Deno.test.beforeAll(async () => {
    server = await startPostgres(bin);
  });
  Deno.test.afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    server = null;
  });
}
