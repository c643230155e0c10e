import { tableFromIPC } from "npm:@uwdata/flechette@2.6.0";
import { Ingest, type IngestOptions } from "../../src/lake/ingest.ts";
import { type QueryLimits, runQuery } from "../../src/lake/reader.ts";
import { queryStatement } from "../../src/lake/query.ts";
import type { LakeSchema } from "../../src/lake/schema.ts";
import { qualified } from "../../src/lake/store.ts";
import { LakeStore, type StoreOptions } from "../../src/lake/store.ts";
import { tableOf } from "./lake_schema.ts";

/** The log that test stores are filled from. */
export const LOG_ID = "log-1";

/** An opened store with all that works on it. */
export interface TestStore extends AsyncDisposable {
  readonly store: LakeStore;
  readonly ingest: Ingest;
  /** All rows of a table of ours or of the schema, as plain values, in order of all columns. */
  all(table: string): Promise<unknown[][]>;
  /** The rows that `query_<table>` answers. */
  query(table: string, args?: readonly unknown[], limits?: QueryLimits): Promise<unknown[][]>;
  /** The Arrow bytes that `query_<table>` answers. */
  bytes(table: string, args?: readonly unknown[], limits?: QueryLimits): Promise<Uint8Array>;
}

/** Opens a store, in memory unless said otherwise. */
export async function openStore(
  schema: LakeSchema,
  { deleteMs, ...more }: Partial<StoreOptions> & Pick<IngestOptions, "deleteMs"> = {},
): Promise<TestStore> {
  const store = await LakeStore.open({
    schema,
    storage: { kind: "memory" },
    logId: LOG_ID,
    ...more,
  });
  const ingest = new Ingest(store, deleteMs === undefined ? {} : { deleteMs });
  const reader = await store.connect();
  const bytes: TestStore["bytes"] = async (table, args = [], limits = {}) => {
    const statement = await queryStatement(args, {
      duck: reader,
      table: tableOf(schema, table),
      hasHistory: store.storage.kind === "ducklake",
    });
    return (await runQuery(reader, statement, limits)).bytes;
  };
  return {
    store,
    ingest,
    bytes,
    all: (table) => reader.rows(`FROM ${qualified(table)} ORDER BY ALL`),
    async query(table, args, limits): Promise<unknown[][]> {
      const frame = tableFromIPC(await bytes(table, args, limits), { useBigInt: true });
      const columns = frame.names.map((_, i) => [...frame.getChildAt(i)]);
      return Array.from({ length: frame.numRows }, (_, row) => columns.map((cells) => cells[row]));
    },
    [Symbol.asyncDispose](): Promise<void> {
      ingest.close();
      reader.close();
      store.close();
      return Promise.resolve();
    },
  };
}
