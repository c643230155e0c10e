import { duckLakeType, parseColumnType, typeText } from "../lake/column_type.ts";
import { closeInstance, Duck, openInstance, SCHEMA } from "../lake/duck.ts";
import { reasonOf, SchemaError } from "../lake/errors.ts";
import { ident, literal } from "../lake/identifier.ts";
import {
  attachStatement,
  chooseStorage,
  publicCatalog,
  recordStorage,
  type Storage,
} from "../lake/storage.ts";
import type { DiskStorageOptions } from "../lake/storage_options.ts";
import type { ImportAnswer, ImportedTable, ImportRequest } from "./import_message.ts";
import { readSourceRows, SYSTEM_TABLES } from "./import_system.ts";

/** Name that the store of rembus.python is attached under; that of the new one; that of a first look. */
const SOURCE = "source";
const TARGET = "target";
const PROBE = "probe";
/** Names with this in front are ours. */
const OWN_PREFIX = "__";

/** Reads the store of a broker of rembus.python, and copies its tables. Runs in a process of its own. */
export async function importStore(request: ImportRequest): Promise<ImportAnswer> {
  const database = await openInstance({
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
  });
  const duck = await Duck.connect(database);
  try {
    const sourceKind = await attachSource(duck, request);
    const rows = await readSourceRows(duck, { catalog: SOURCE, broker: request.name });
    const { storage, tables } = await copyTables(duck, request.target, sourceKind);
    const { source } = request;
    const place = source.kind === "file" ? source.path : publicCatalog(source.url);
    return { kind: "done", source: place, sourceKind, storage, rows, tables };
  } finally {
    duck.close();
    closeInstance(database);
  }
}

/** Attaches the store so that nothing is written to it; tells what it is. */
async function attachSource(duck: Duck, request: ImportRequest): Promise<"duckdb" | "ducklake"> {
  const { source } = request;
  if (source.kind === "url") {
    await attachDuckLake(duck, request, { url: source.url, options: "READ_ONLY" });
    return "ducklake";
  }
  const { path } = source;
  const catalog = await probe(duck, path);
  if (catalog === null) {
    await duck.run(`ATTACH ${literal(path)} AS ${SOURCE} (READ_ONLY)`);
    return "duckdb";
  }
  // An older catalog is migrated when it is attached: that is done to a copy.
  const copy = `${request.scratch}/catalog`;
  await Deno.copyFile(path, copy);
  await copyIfThere(`${path}.wal`, `${copy}.wal`);
  const isMoved = request.dataPath !== null && !isSamePath(request.dataPath, catalog.dataPath);
  const moved = isMoved
    ? `, DATA_PATH ${literal(`${request.dataPath}/`)}, OVERRIDE_DATA_PATH TRUE`
    : "";
  await attachDuckLake(duck, request, {
    url: `ducklake:${copy}`,
    options: `AUTOMATIC_MIGRATION TRUE${moved}`,
  });
  return "ducklake";
}

/** What a file of DuckDB is: `null` for tables themselves, else a catalog of DuckLake. */
async function probe(duck: Duck, path: string): Promise<{ readonly dataPath: string } | null> {
  try {
    await duck.run(`ATTACH ${literal(path)} AS ${PROBE} (READ_ONLY)`);
  } catch (cause) {
    const reason = reasonOf(cause);
    const advice = /lock/i.test(reason) ? "Stop the broker that writes it. " : "";
    throw new Error(`Cannot read "${path}": ${advice}${reason}`, { cause });
  }
  const catalogs = await duck.rows(
    "SELECT 1 FROM duckdb_tables() WHERE database_name = ? AND table_name = 'ducklake_metadata'",
    [PROBE],
  );
  const paths = catalogs.length === 0 ? null : await duck.rows(
    `SELECT value FROM ${PROBE}.ducklake_metadata WHERE key = 'data_path'`,
  );
  await duck.run(`DETACH ${PROBE}`);
  return paths === null ? null : { dataPath: String(paths[0]?.[0] ?? "") };
}

async function attachDuckLake(
  duck: Duck,
  { scratch, target }: ImportRequest,
  { url, options }: { readonly url: string; readonly options: string },
): Promise<void> {
  const { extensionDirectory, download = false } = target;
  // This loads the extensions, and writes nothing.
  const storage = await chooseStorage(duck, {
    kind: "disk",
    directory: scratch,
    name: SOURCE,
    storage: "ducklake",
    duckLakeUrl: url,
    download,
    ...(extensionDirectory === undefined ? {} : { extensionDirectory }),
  });
  const attached = storage.kind === "ducklake" ? storage.url : url;
  try {
    await duck.run(`ATTACH ${literal(attached)} AS ${SOURCE} (${options})`);
  } catch (cause) {
    // DuckDB repeats the connection text, which may hold a password.
    const reason = reasonOf(cause).replaceAll(url, publicCatalog(url))
      .replaceAll(/(:\/\/[^:@/\s]*):[^@\s]*@/g, "$1:***@")
      .replaceAll(/\bpassword\s*=\s*(?:'[^']*'|\S+)/gi, "password=***");
    throw new Error(`Cannot read the tables of rembus.python: ${reason}`);
  }
}

async function copyTables(
  duck: Duck,
  target: DiskStorageOptions,
  sourceKind: "duckdb" | "ducklake",
): Promise<Pick<ImportAnswer & { kind: "done" }, "storage" | "tables">> {
  const names = await userTables(duck);
  if (names.length === 0) return { storage: null, tables: [] };
  // What they are kept in now can take them as they are.
  const { storage: wanted = "auto" } = target;
  const fitting = sourceKind === "duckdb" ? "native" : "ducklake";
  const options: DiskStorageOptions = {
    ...target,
    storage: wanted === "auto" ? fitting : wanted,
  };
  const storage = await chooseStorage(duck, options);
  if (storage.kind === "memory") throw new Error("Cannot import into memory");
  await duck.run(attachStatement(storage, TARGET));
  const tables: ImportedTable[] = [];
  for (const table of names) {
    const isCopied = !table.startsWith(OWN_PREFIX);
    try {
      if (isCopied) await copyTable(duck, table, storage);
      tables.push({ table, rows: await countRows(duck, SOURCE, table), isCopied });
    } catch (cause) {
      throw new Error(`Cannot copy table "${table}": ${reasonOf(cause)}`, { cause });
    }
  }
  await duck.run(`DETACH ${TARGET}`);
  await recordStorage(options, storage);
  return { storage: storage.kind, tables };
}

async function userTables(duck: Duck): Promise<string[]> {
  const rows = await duck.rows(
    "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? " +
      "AND NOT internal ORDER BY table_name",
    [SOURCE, SCHEMA],
  );
  return rows.map(([name]) => String(name)).filter((name) => !SYSTEM_TABLES.has(name));
}

/** Copies rows and columns. Defaults stay behind: the schema says them, and what is stored has them. */
async function copyTable(duck: Duck, table: string, storage: Storage): Promise<void> {
  const columns = await duck.rows(
    "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE database_name = ? " +
      "AND schema_name = ? AND table_name = ? ORDER BY column_index",
    [SOURCE, SCHEMA, table],
  );
  const texts = columns.map(([name, type, isNullable]) =>
    `${ident(String(name))} ${storedType(String(type), storage)}${
      isNullable === true ? "" : " NOT NULL"
    }`
  );
  const names = columns.map(([name]) => ident(String(name))).join(", ");
  await duck.transaction(async () => {
    await duck.run(`CREATE TABLE ${qualified(TARGET, table)} (${texts.join(", ")})`);
    await duck.run(
      `INSERT INTO ${qualified(TARGET, table)} (${names}) ` +
        `SELECT ${names} FROM ${qualified(SOURCE, table)}`,
    );
  });
  const [from, to] = [
    await countRows(duck, SOURCE, table),
    await countRows(duck, TARGET, table),
  ];
  if (from !== to) throw new Error(`expected ${from} rows, got ${to}`);
}

/** The type that a lake of ours would make the column with. */
function storedType(type: string, storage: Storage): string {
  if (storage.kind !== "ducklake") return type;
  try {
    return typeText(duckLakeType(parseColumnType(type)));
  } catch (error) {
    // A type that no schema of ours can have: DuckLake decides.
    if (error instanceof SchemaError) return type;
    throw error;
  }
}

async function countRows(duck: Duck, catalog: string, table: string): Promise<number> {
  const rows = await duck.rows(`SELECT count(*) FROM ${qualified(catalog, table)}`);
  return Number(rows[0]?.[0]);
}

function qualified(catalog: string, table: string): string {
  return `${catalog}.${SCHEMA}.${ident(table)}`;
}

function isSamePath(a: string, b: string): boolean {
  const plain = (path: string) => path.replaceAll("\\", "/").replace(/\/+$/, "");
  return plain(a) === plain(b);
}

async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await Deno.copyFile(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
