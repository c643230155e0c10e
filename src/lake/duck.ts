/**
 * The door to DuckDB: the only module, with those that write and read raw vectors, that loads native code.
 * It is imported by the lake process alone.
 *
 * @module
 */
import { DuckDBConnection, type DuckDBValue } from "npm:@duckdb/node-api@1.5.5-r.5";
import duckdb, { type Connection, type Database } from "npm:@duckdb/node-bindings@1.5.5-r.5";

import { QueryError } from "./errors.ts";
import { QUERY_GRACE_MS } from "./limits.ts";

export { duckdb, type DuckDBValue };

/** Version of DuckDB, such as `v1.5.5`: extensions must match it exactly. */
export const DUCKDB_VERSION: string = duckdb.library_version();

/** Where the store is attached: the name that rembus.python gives it (spec 8.1). */
export const CATALOG = "rl";
/** The schema of its tables. */
export const SCHEMA = "main";

/** What kind of failure DuckDB reports: decides between dead letter, set aside and retry. */
export type FailureKind =
  /** A value or row does not fit: it would fail again. */
  | "data"
  /** The file is damaged. */
  | "corrupt"
  /** The statement was interrupted. */
  | "interrupted"
  /** The statement wanted more memory than it may have. */
  | "memory"
  /** Disk, lock, network, version, or a fault of DuckDB. */
  | "other";

/** DuckDB gives no code with an error, only a text that starts with the kind. This is the one place. */
const DATA_KINDS =
  /^(?:Constraint|Conversion|Out of Range|Invalid Input|Mismatch Type|Invalid Type|Decimal|Divide by Zero) Error/i;
const CORRUPT_TEXTS = [
  /not a valid DuckDB database file/i,
  /\bcorrupt/i,
  /checksum/i,
  /could not read (?:enough|all) bytes/i,
  /^Serialization Error: (?!.*(?:newer|version))/i,
];

/** Tells failures apart by the text that DuckDB starts them with. */
export function failureKind(error: unknown): FailureKind {
  const text = error instanceof Error ? error.message : String(error);
  if (/^INTERRUPT Error/i.test(text)) return "interrupted";
  if (/^Out of Memory Error/i.test(text)) return "memory";
  if (CORRUPT_TEXTS.some((pattern) => pattern.test(text))) return "corrupt";
  return DATA_KINDS.test(text) ? "data" : "other";
}

/** One connection to an instance. */
export class Duck {
  /** The handle that the raw functions take. */
  readonly handle: Connection;
  /** The same connection as the driver has it. */
  readonly connection: DuckDBConnection;

  private constructor(handle: Connection) {
    this.handle = handle;
    this.connection = new DuckDBConnection(handle);
  }

  /** A connection of its own to the instance. */
  static async connect(database: Database): Promise<Duck> {
    return new Duck(await duckdb.connect(database));
  }

  /** Runs statements that give no rows, or whose rows do not matter. */
  async run(sql: string, values?: DuckDBValue[] | Record<string, DuckDBValue>): Promise<void> {
    await this.connection.run(sql, values);
  }

  /** Runs a statement that changes rows; how many it changed. */
  async change(
    sql: string,
    values?: DuckDBValue[] | Record<string, DuckDBValue>,
  ): Promise<number> {
    return (await this.connection.run(sql, values)).rowsChanged;
  }

  /** All rows of a query; for small results. */
  async rows(sql: string, values?: DuckDBValue[]): Promise<DuckDBValue[][]> {
    const reader = await this.connection.runAndReadAll(sql, values);
    return reader.getRows();
  }

  /** Ends what runs on this connection with an error; harmless when nothing does. */
  interrupt(): void {
    this.connection.interrupt();
  }

  /**
   * Runs `work` and interrupts what runs on this connection after `ms` milliseconds; should it go on then
   * for `QUERY_GRACE_MS`, `onStuck` is called.
   *
   * @throws {QueryError} When it took longer.
   */
  async within<T>(
    work: (isLate: () => boolean) => Promise<T>,
    { ms, onStuck }: { readonly ms: number; readonly onStuck: () => void },
  ): Promise<T> {
    let isLate = false;
    let timer = setTimeout(() => {
      isLate = true;
      this.interrupt();
      timer = setTimeout(onStuck, QUERY_GRACE_MS);
    }, ms);
    try {
      return await work(() => isLate);
    } catch (cause) {
      if (!isLate && failureKind(cause) !== "interrupted") throw cause;
      throw new QueryError(`Cannot run the statement: expected at most ${ms} ms, it took longer`, {
        cause,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Runs `work` in a transaction; what it throws undoes all of it. */
  async transaction<T>(work: () => Promise<T>, begin = "BEGIN"): Promise<T> {
    await this.run(begin);
    try {
      const result = await work();
      await this.run("COMMIT");
      return result;
    } catch (error) {
      try {
        await this.run("ROLLBACK");
      } catch (rollbackError) {
        // A failed COMMIT has ended the transaction already; the first error is the one to tell.
        if (!(rollbackError instanceof Error)) throw rollbackError;
      }
      throw error;
    }
  }

  /** Ends the connection. */
  close(): void {
    this.connection.closeSync();
  }
}

/** Opens an instance in memory; the store is attached to it. */
export function openInstance(settings: Readonly<Record<string, string>>): Promise<Database> {
  const config = duckdb.create_config();
  for (const [name, value] of Object.entries(settings)) duckdb.set_config(config, name, value);
  return duckdb.open(":memory:", config);
}

/** Closes an instance after its connections: the store is checkpointed and its lock given back. */
export function closeInstance(database: Database): void {
  duckdb.close_sync(database);
}
