import { type Duck, DUCKDB_VERSION } from "./duck.ts";
import { reasonOf, StoreError } from "./errors.ts";
import { ident, literal } from "./identifier.ts";
import type { DiskStorageOptions, StorageOptions } from "./storage_options.ts";

/** The storage that was chosen. */
export type Storage =
  | { readonly kind: "memory" }
  | { readonly kind: "native"; readonly file: string }
  | {
    readonly kind: "ducklake";
    /** What `ATTACH` takes; may hold a password, so that it is never logged or recorded. */
    readonly url: string;
    /** Where the Parquet files are, or `null` when the catalog knows. */
    readonly dataPath: string | null;
  };

/** Version of the file that records the choice. */
const RECORD_VERSION = 1;

interface StorageRecord {
  readonly version: number;
  readonly storage: "native" | "ducklake";
  /** Kind and place of the catalog, without user and password. */
  readonly catalog: string | null;
}

/** Catalog in a DuckLake URL -> the extension that reads it. */
const CATALOG_EXTENSIONS: readonly (readonly [RegExp, string])[] = [
  [/^sqlite:/i, "sqlite_scanner"],
  [/^(?:postgres|postgresql):/i, "postgres_scanner"],
  [/^mysql:/i, "mysql_scanner"],
];
const OBJECT_STORAGE = /^(?:s3|s3a|s3n|gs|gcs|r2|https?|hf|azure|az|abfss):\/\//i;
/** Without these a query fails while rows are written, and the other way round: "database is locked". */
const SQLITE_OPTIONS = ["META_JOURNAL_MODE 'WAL'", "META_BUSY_TIMEOUT 30000"] as const;
const DUCKLAKE_PREFIX = "ducklake:";
const PLATFORM_DIRECTORIES = [
  "linux_amd64",
  "linux_arm64",
  "osx_arm64",
  "osx_amd64",
  "windows_amd64",
];

/**
 * Chooses the storage and loads its extensions. The choice that was recorded beside the data stands: what
 * contradicts it, or cannot be honoured, is an error that says what to do.
 *
 * @throws {StoreError} `other-storage`, or `unavailable`.
 */
export async function chooseStorage(duck: Duck, options: StorageOptions): Promise<Storage> {
  if (options.kind === "memory") return { kind: "memory" };
  const recorded = await readRecord(options);
  const wanted = options.duckLakeUrl !== undefined ? "ducklake" : options.storage ?? "auto";
  if (recorded !== null && wanted !== "auto" && wanted !== recorded.storage) {
    throw new StoreError(
      "other-storage",
      `Cannot open the tables of "${options.name}" as ${wanted}: they are kept as ` +
        `${recorded.storage} (${
          recordFile(options)
        }). Ask for that, or use another directory or name`,
    );
  }
  const kind = recorded?.storage ?? (wanted === "auto" ? await fittest(duck, options) : wanted);
  if (kind === "native") return { kind, file: nativeFile(options) };
  const storage = duckLake(options);
  if (recorded !== null && recorded.catalog !== publicCatalog(storage.url)) {
    throw new StoreError(
      "other-storage",
      `Cannot open the tables of "${options.name}": they are kept in ${recorded.catalog}, and ` +
        `${publicCatalog(storage.url)} is asked for. Ask for the former, or use another name`,
    );
  }
  for (const extension of extensionsOf(storage)) await loadExtension(duck, extension, options);
  return storage;
}

/** Records the choice beside the data, once it was opened with success. */
export async function recordStorage(options: StorageOptions, storage: Storage): Promise<void> {
  if (options.kind === "memory" || storage.kind === "memory") return;
  if (await readRecord(options) !== null) return;
  const record: StorageRecord = {
    version: RECORD_VERSION,
    storage: storage.kind,
    catalog: storage.kind === "ducklake" ? publicCatalog(storage.url) : null,
  };
  const file = recordFile(options);
  await Deno.writeTextFile(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`);
  await Deno.rename(`${file}.new`, file);
}

/** The statement that attaches the storage under a name. */
export function attachStatement(storage: Storage, catalog: string): string {
  switch (storage.kind) {
    case "memory":
      return `ATTACH ':memory:' AS ${ident(catalog)}`;
    case "native":
      return `ATTACH ${literal(storage.file)} AS ${ident(catalog)}`;
    case "ducklake": {
      const options = [
        ...(storage.dataPath === null ? [] : [`DATA_PATH ${literal(storage.dataPath)}`]),
        ...(/^ducklake:sqlite:/i.test(storage.url) ? SQLITE_OPTIONS : []),
        "AUTOMATIC_MIGRATION TRUE",
      ];
      return `ATTACH ${literal(storage.url)} AS ${ident(catalog)} (${options.join(", ")})`;
    }
    default:
      return storage satisfies never;
  }
}

/** Where the native file is. */
export function nativeFile({ directory, name }: DiskStorageOptions): string {
  return `${directory}/${name}.duckdb`;
}

/** Where DuckDB may put what does not fit into memory. */
export function spillDirectory({ directory, name }: DiskStorageOptions): string {
  return `${directory}/${name}.tmp`;
}

function recordFile({ directory, name }: DiskStorageOptions): string {
  return `${directory}/${name}.lake.json`;
}

async function readRecord(options: DiskStorageOptions): Promise<StorageRecord | null> {
  const file = recordFile(options);
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  let record: Partial<StorageRecord> | null = null;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw unreadable(file, reasonOf(cause), { cause });
  }
  const { version, storage, catalog = null } = record ?? {};
  if (version !== RECORD_VERSION || (storage !== "native" && storage !== "ducklake")) {
    throw unreadable(file, `expected version ${RECORD_VERSION}, got ${version}`);
  }
  return { version, storage, catalog };
}

function unreadable(file: string, cause: string, options?: ErrorOptions): StoreError {
  return new StoreError(
    "other-storage",
    `Cannot read "${file}", which says where the tables are: ${cause}`,
    options,
  );
}

/** Without a record: what is there already, else DuckLake when it can be loaded. */
async function fittest(duck: Duck, options: DiskStorageOptions): Promise<"native" | "ducklake"> {
  if (await exists(nativeFile(options))) return "native";
  if (await exists(defaultCatalog(options))) return "ducklake";
  try {
    await loadExtension(duck, "ducklake", options);
    return "ducklake";
  } catch (error) {
    if (error instanceof StoreError) return "native";
    throw error;
  }
}

function duckLake(options: DiskStorageOptions): Storage & { kind: "ducklake" } {
  const { directory, name, duckLakeUrl, dataPath, ignoreDataPath = false } = options;
  const given = duckLakeUrl ?? `${DUCKLAKE_PREFIX}${defaultCatalog(options)}`;
  if (!given.startsWith(DUCKLAKE_PREFIX)) {
    throw new StoreError(
      "other-storage",
      `Cannot use DUCKLAKE_URL: expected it to start with "${DUCKLAKE_PREFIX}"`,
    );
  }
  // The README of Rembus.jl writes `ducklake:postgresql://...`, DuckDB wants the kind in front.
  const url = given.replace(/^ducklake:(?=postgres(?:ql)?:\/\/)/i, "ducklake:postgres:");
  return {
    kind: "ducklake",
    url,
    dataPath: ignoreDataPath ? null : dataPath ?? `${directory}/${name}`,
  };
}

function defaultCatalog({ directory, name }: DiskStorageOptions): string {
  return `${directory}/${name}.ducklake`;
}

/** The catalog without anything secret: user, password and settings fall away. */
export function publicCatalog(url: string): string {
  const catalog = url.slice(DUCKLAKE_PREFIX.length);
  if (!/^(?:postgres|postgresql|mysql):/i.test(catalog)) return catalog;
  const kind = catalog.slice(0, catalog.indexOf(":"));
  const address = /\/\/(?:[^@/]*@)?([^?]*)/.exec(catalog)?.[1];
  if (address !== undefined) return `${kind}://${address}`;
  const named = [...catalog.matchAll(/\b(host|port|dbname)\s*=\s*('[^']*'|\S+)/g)];
  return `${kind}:${named.map(([, key, value]) => `${key}=${value}`).join(" ")}`;
}

function extensionsOf(storage: Storage & { kind: "ducklake" }): string[] {
  const catalog = storage.url.slice(DUCKLAKE_PREFIX.length);
  const ofCatalog = CATALOG_EXTENSIONS.filter(([pattern]) => pattern.test(catalog));
  const names = ["ducklake", ...ofCatalog.map(([, name]) => name)];
  if (storage.dataPath !== null && OBJECT_STORAGE.test(storage.dataPath)) names.push("httpfs");
  return names;
}

/** Loads from the directory, else what is installed, else fetches it when that is allowed. */
async function loadExtension(
  duck: Duck,
  name: string,
  options: DiskStorageOptions,
): Promise<void> {
  const { extensionDirectory, download = false } = options;
  // Else LOAD fetches by itself what it does not find.
  await duck.run("SET autoinstall_known_extensions = false");
  const statements: string[] = [];
  if (extensionDirectory !== undefined) {
    const file = await extensionFile(extensionDirectory, name);
    if (file !== null) statements.push(`LOAD ${literal(file)}`);
  }
  statements.push(`LOAD ${name}`);
  if (download) statements.push(`INSTALL ${name}; LOAD ${name}`);
  const reasons: string[] = [];
  for (const statement of statements) {
    try {
      await duck.run(statement);
      return;
    } catch (error) {
      reasons.push(reasonOf(error));
    }
  }
  throw new StoreError(
    "extension",
    `Cannot load DuckDB's extension "${name}" for DuckDB ${DUCKDB_VERSION}: put ` +
      `${name}.duckdb_extension of that version into REMBUS_EXTENSION_DIR: ${reasons[0]}`,
  );
}

/** The layouts that DuckDB's own directory and the wheels on PyPI have, and a plain directory. */
async function extensionFile(directory: string, name: string): Promise<string | null> {
  const file = `${name}.duckdb_extension`;
  const versioned = `${directory}/${DUCKDB_VERSION}`;
  const places = [
    directory,
    versioned,
    ...PLATFORM_DIRECTORIES.map((platform) => `${versioned}/${platform}`),
  ];
  for (const place of places) {
    if (await exists(`${place}/${file}`)) return `${place}/${file}`;
  }
  return null;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
