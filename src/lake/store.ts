import type { Database } from "npm:@duckdb/node-bindings@1.5.5-r.5";
import { type Logger, SILENT } from "../util/log.ts";
import { duckLakeType } from "./column_type.ts";
import { checkKeys, createTable, type ExistingColumn, keyNames, migrateTable } from "./ddl.ts";
import { CATALOG, closeInstance, Duck, failureKind, openInstance, SCHEMA } from "./duck.ts";
import { reasonOf, SchemaError, StoreError } from "./errors.ts";
import { ident, literal } from "./identifier.ts";
import { MEMORY_BYTES, SPILL_BYTES_MAX } from "./limits.ts";
import { type LakeSchema, type TableSchema, withStoredTypes } from "./schema.ts";
import {
  attachStatement,
  chooseStorage,
  recordStorage,
  spillDirectory,
  type Storage,
} from "./storage.ts";
import type { StorageOptions } from "./storage_options.ts";

/** Table with the log id and the next offset to read. */
export const OFFSET_TABLE = "__lake";
/** Table of the messages that no table could take. */
export const DEAD_LETTER_TABLE = "__dead_letter";
/** Table of the tables of the schema, with the key that each was filled by. */
const KEY_TABLE = "__keys";

/** The WAL is folded into the file at this size: larger means rarer stalls, and a longer start. */
const CHECKPOINT_BYTES = "256MB";

/** What a store is opened with. */
export interface StoreOptions {
  /** The tables. */
  readonly schema: LakeSchema;
  /** Where they live. */
  readonly storage: StorageOptions;
  /** Identity of the log that fills them (D19). */
  readonly logId: string;
  /** Soft limit of DuckDB's memory, in bytes. @default {MEMORY_BYTES} */
  readonly memoryBytes?: number;
  /** Bytes that DuckDB may write to disk beyond its memory. @default {SPILL_BYTES_MAX} */
  readonly spillBytesMax?: number;
  /** Threads of DuckDB. @default all cores */
  readonly threads?: number;
  /** Where events go. @default silent */
  readonly logger?: Logger;
  /** Milliseconds since the epoch, for the name of a file that is set aside. @default Date.now */
  readonly wallMs?: () => number;
}

/** An opened store: the tables as the schema wants them, and a locked-down instance around them (D26). */
export class LakeStore {
  /** The connection that writes; all others only read. */
  readonly writer: Duck;
  /** The tables. */
  readonly schema: LakeSchema;
  /** What they are kept in. */
  readonly storage: Storage;
  /** Identity of the log. */
  readonly logId: string;
  /** Where a damaged file was moved at this start, or `null`. */
  readonly setAside: string | null;
  readonly #database: Database;
  readonly #orders: ReadonlyMap<string, readonly number[]>;
  #nextOffset: number;

  private constructor(opened: Opened, options: StoreOptions) {
    this.#database = opened.database;
    this.writer = opened.writer;
    this.storage = opened.storage;
    this.setAside = opened.setAside;
    this.#orders = opened.orders;
    this.#nextOffset = opened.nextOffset;
    this.schema = opened.schema;
    this.logId = options.logId;
  }

  /**
   * Opens the store and brings its tables to the schema. A native file that DuckDB reports as damaged is
   * set aside and a new one made (D20).
   *
   * @throws {StoreError} With the fault that decides whether another try makes sense.
   * @throws {SchemaError} When the tables differ in a way that is not migrated.
   */
  static async open(options: StoreOptions): Promise<LakeStore> {
    const { storage } = options;
    if (storage.kind === "disk") await Deno.mkdir(storage.directory, { recursive: true });
    try {
      return new LakeStore(await openOnce(options, null), options);
    } catch (error) {
      const isDamaged = error instanceof StoreError && error.fault === "corrupt";
      if (!isDamaged || storage.kind !== "disk") throw error;
      const file = `${storage.directory}/${storage.name}.duckdb`;
      const moved = await setFileAside(file, (options.wallMs ?? Date.now)());
      (options.logger ?? SILENT).error("lakeFileSetAside", { file, moved, reason: error.message });
      return new LakeStore(await openOnce(options, moved), options);
    }
  }

  /** The first offset that is not in the tables. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /**
   * Moves the offset on, within the transaction that fills the tables.
   *
   * @throws {StoreError} When it is another one by now: another process fills the tables, which a catalog
   * on a server does not prevent, or a commit that was reported as failed was carried out. The
   * transaction must be given up, and the offset read again.
   */
  async move(nextOffset: number): Promise<void> {
    const changed = await this.writer.change(
      `UPDATE ${qualified(OFFSET_TABLE)} SET next_offset = ? WHERE log_id = ? AND next_offset = ?`,
      [BigInt(nextOffset), this.logId, BigInt(this.#nextOffset)],
    );
    if (changed === 1) return;
    throw new StoreError(
      "unavailable",
      `Cannot store rows: the tables are not at offset ${this.#nextOffset} any more. ` +
        "Another process fills them, or a commit was carried out that was reported as failed",
    );
  }

  /** Notes the offset of a transaction that was committed. */
  advance(nextOffset: number): void {
    this.#nextOffset = nextOffset;
  }

  /** Reads the offset again, after a transaction that may have been carried out or not. */
  async reload(): Promise<void> {
    const rows = await this.writer.rows(
      `SELECT next_offset FROM ${qualified(OFFSET_TABLE)} WHERE log_id = ?`,
      [this.logId],
    );
    this.#nextOffset = Number(rows[0]?.[0] ?? this.#nextOffset);
  }

  /** A connection of its own, for reading. */
  connect(): Promise<Duck> {
    return Duck.connect(this.#database);
  }

  /** Positions in the schema's columns, in the order in which the table has them. */
  orderOf(table: TableSchema): readonly number[] {
    return this.#orders.get(table.name) ?? table.columns.map((_, i) => i);
  }

  /** Folds the WAL into the file, and closes. The store must not be used afterwards. */
  close(): void {
    this.writer.close();
    closeInstance(this.#database);
  }
}

/** A table or a table of ours, with catalog and schema. */
export function qualified(table: string): string {
  return `${CATALOG}.${SCHEMA}.${ident(table)}`;
}

interface Opened {
  readonly database: Database;
  readonly writer: Duck;
  readonly schema: LakeSchema;
  readonly storage: Storage;
  readonly setAside: string | null;
  readonly orders: ReadonlyMap<string, readonly number[]>;
  readonly nextOffset: number;
}

async function openOnce(options: StoreOptions, setAside: string | null): Promise<Opened> {
  const database = await openInstance(settingsOf(options));
  const writer = await Duck.connect(database);
  try {
    const storage = await chooseStorage(writer, options.storage);
    await attach(writer, storage);
    const nextOffset = await prepareOwnTables(writer, options.logId);
    const schema = storage.kind === "ducklake"
      ? withStoredTypes(options.schema, duckLakeType)
      : options.schema;
    const recorded = await readKeys(writer);
    const orders = new Map<string, readonly number[]>();
    // All or none: and one snapshot of DuckLake, not one for each.
    await writer.transaction(async () => {
      for (const table of schema.tables) {
        const key = recorded.get(table.name.toLowerCase());
        orders.set(table.name, await prepare(writer, table, key));
      }
    });
    await recordStorage(options.storage, storage);
    await lockDown(writer, storage, options.storage);
    return { database, writer, schema, storage, setAside, orders, nextOffset };
  } catch (error) {
    writer.close();
    closeInstance(database);
    throw error;
  }
}

function settingsOf(
  { memoryBytes = MEMORY_BYTES, spillBytesMax = SPILL_BYTES_MAX, threads }: StoreOptions,
): Record<string, string> {
  return {
    memory_limit: `${Math.floor(memoryBytes / 2 ** 20)}MiB`,
    // The disk is the log's as well: no query may fill it.
    max_temp_directory_size: `${Math.floor(spillBytesMax / 2 ** 20)}MiB`,
    wal_autocheckpoint: CHECKPOINT_BYTES,
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    ...(threads === undefined ? {} : { threads: String(threads) }),
  };
}

/** What DuckLake says of a data path that is not that of its catalog. It has no code for it. */
const OTHER_DATA_PATH = /DATA_PATH parameter|data_path is not set/i;

async function attach(writer: Duck, storage: Storage): Promise<void> {
  try {
    await writer.run(attachStatement(storage, CATALOG));
    await writer.run(`USE ${CATALOG}`);
  } catch (cause) {
    const reason = withoutSecrets(reasonOf(cause), storage);
    if (OTHER_DATA_PATH.test(reason)) {
      throw new StoreError(
        "other-storage",
        "Cannot open the tables: expected the data path that the catalog was made with, got " +
          `another or none. Set DATA_PATH (data_path) to that one: ${reason}`,
        { cause },
      );
    }
    const isDamaged = storage.kind === "native" && failureKind(cause) === "corrupt";
    throw new StoreError(
      isDamaged ? "corrupt" : "unavailable",
      `Cannot open the tables: ${reason}`,
      { cause },
    );
  }
}

/** DuckDB repeats the connection text in its errors. */
function withoutSecrets(text: string, storage: Storage): string {
  if (storage.kind !== "ducklake") return text;
  return text.replaceAll(/(:\/\/[^:@/\s]*):[^@\s]*@/g, "$1:***@")
    .replaceAll(/\bpassword\s*=\s*(?:'[^']*'|\S+)/gi, "password=***");
}

/** Makes the lake's own tables; the offset to go on from, of this log and no other (D19). */
async function prepareOwnTables(writer: Duck, logId: string): Promise<number> {
  await writer.run(
    `CREATE TABLE IF NOT EXISTS ${qualified(OFFSET_TABLE)} ` +
      "(log_id VARCHAR NOT NULL, next_offset UBIGINT NOT NULL)",
  );
  await writer.run(
    `CREATE TABLE IF NOT EXISTS ${qualified(DEAD_LETTER_TABLE)} (log_id VARCHAR NOT NULL, ` +
      "log_offset UBIGINT NOT NULL, recv_ts UBIGINT NOT NULL, kind VARCHAR NOT NULL, " +
      "publisher VARCHAR NOT NULL, topic VARCHAR NOT NULL, table_name VARCHAR NOT NULL, " +
      "reason VARCHAR NOT NULL, payload BLOB)",
  );
  await writer.run(
    `CREATE TABLE IF NOT EXISTS ${qualified(KEY_TABLE)} ` +
      "(table_name VARCHAR NOT NULL, key_names VARCHAR NOT NULL)",
  );
  const rows = await writer.rows(`SELECT log_id, next_offset FROM ${qualified(OFFSET_TABLE)}`);
  const [row] = rows;
  if (row === undefined) {
    await writer.run(`INSERT INTO ${qualified(OFFSET_TABLE)} VALUES (?, 0)`, [logId]);
    return 0;
  }
  const [stored, next] = row;
  if (rows.length !== 1 || stored !== logId) {
    throw new StoreError(
      "other-log",
      `Cannot fill the tables from log "${logId}": they were filled from log "${stored}". ` +
        "Put the log back that belongs to them, or use another name for new tables",
    );
  }
  return Number(next);
}

/** Name of a table in lower case -> the key that it was filled by. */
async function readKeys(writer: Duck): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await writer.rows(`SELECT table_name, key_names FROM ${qualified(KEY_TABLE)}`);
  return new Map(rows.map(([table, names]) => [String(table), JSON.parse(String(names))]));
}

/** Makes or migrates one table, inside a transaction; the order in which it has its columns. */
async function prepare(
  writer: Duck,
  table: TableSchema,
  recorded: readonly string[] | undefined,
): Promise<readonly number[]> {
  const name = qualified(table.name);
  if (recorded !== undefined) checkKeys(table, recorded);
  try {
    if (recorded === undefined) {
      await writer.run(`INSERT INTO ${qualified(KEY_TABLE)} VALUES (?, ?)`, [
        table.name.toLowerCase(),
        JSON.stringify(keyNames(table)),
      ]);
    }
    await writer.run(createTable(table, name));
    const existing = await readColumns(writer, table.name);
    for (const statement of migrateTable(table, existing, name)) await writer.run(statement);
  } catch (cause) {
    if (cause instanceof SchemaError) throw cause;
    throw new StoreError("schema", `Cannot make table "${table.name}": ${reasonOf(cause)}`, {
      cause,
    });
  }
  const position = new Map(table.columns.map(({ name }, i) => [name.toLowerCase(), i] as const));
  return (await readColumns(writer, table.name)).map((column) =>
    position.get(column.name.toLowerCase()) ?? 0
  );
}

async function readColumns(writer: Duck, table: string): Promise<ExistingColumn[]> {
  const rows = await writer.rows(
    "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE database_name = ? " +
      "AND schema_name = ? AND lower(table_name) = lower(?) ORDER BY column_index",
    [CATALOG, SCHEMA, table],
  );
  return rows.map(([name, type, isNullable]) => ({
    name: String(name),
    type: String(type),
    isNullable: isNullable === true,
  }));
}

/** From here on nothing reaches files, network, extensions or settings (D26). */
async function lockDown(writer: Duck, storage: Storage, options: StorageOptions): Promise<void> {
  if (options.kind === "disk") {
    await writer.run(`SET temp_directory = ${literal(spillDirectory(options))}`);
  }
  if (storage.kind === "ducklake") {
    // The catalog knows where the files are, whatever was asked for.
    const paths = await writer.rows(
      `SELECT value FROM __ducklake_metadata_${CATALOG}.ducklake_metadata WHERE key = 'data_path'`,
    );
    const list = paths.map(([path]) => literal(String(path))).join(", ");
    await writer.run(`SET allowed_directories = [${list}]`);
  }
  await writer.run("SET enable_external_access = false");
  await writer.run("SET lock_configuration = true");
}

/** Moves a file and its WAL out of the way; the new name of the file. Nothing is ever deleted. */
export async function setFileAside(file: string, wallMs: number): Promise<string> {
  const stamp = new Date(wallMs).toISOString().replaceAll(/[:.]/g, "-");
  const moved = `${file}.damaged-${stamp}`;
  await Deno.rename(file, moved);
  try {
    await Deno.rename(`${file}.wal`, `${moved}.wal`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return moved;
}
