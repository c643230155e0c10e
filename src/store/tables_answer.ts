import type { Column, TableSchema } from "../lake/schema.ts";
import { typeText } from "../lake/column_type.ts";
import type { LakeHealth } from "../lake/lake_options.ts";
import { encodeCbor } from "../protocol/cbor.ts";

/** The service that tells which tables there are. No table can have a name with `__` in front. */
export const TABLES_SERVICE = "query___tables";

/** What the answer is made from. */
export interface TablesParts {
  /** The tables. */
  readonly schema: { readonly tables: readonly TableSchema[] };
  /** How the lake is. */
  readonly lake: { readonly health: LakeHealth };
  /** How far the log is. */
  readonly journal: { readonly durable: number };
}

/** One column, as {@link TABLES_SERVICE} tells it. */
export interface ColumnInfo {
  /** Its name. */
  readonly name: string;
  /** Its type, as DuckDB writes it. */
  readonly type: string;
  /** Whether null may be stored. */
  readonly nullable: boolean;
  /** Whether it belongs to the key. */
  readonly key: boolean;
  /** What the broker fills it with: `recv_ts`, `slot`, or null. */
  readonly extra: string | null;
}

/** One table, as {@link TABLES_SERVICE} tells it. */
export interface TableInfo {
  /** Its name. */
  readonly table: string;
  /** The topic, or pattern, that fills it. */
  readonly topic: string;
  /** Its columns. */
  readonly columns: readonly ColumnInfo[];
}

/** The answer of {@link TABLES_SERVICE}. */
export interface TablesInfo {
  /** `native` or `ducklake`; null before the tables were opened. */
  readonly storage: string | null;
  /** `starting`, `ready`, `restarting`, `failed` or `closed`. */
  readonly state: string;
  /** Why rows do not arrive, or null. */
  readonly message: string | null;
  /** Offsets of the log that are durable and not in the tables yet; null while that is not known. */
  readonly behind: number | null;
  /** Rows stored since the broker started. */
  readonly rows: number;
  /** Messages that became dead letters since then. */
  readonly dead_letters: number;
  /** The tables of the schema. */
  readonly tables: readonly TableInfo[];
}

/** The CBOR of a {@link TablesInfo}. */
export function tablesAnswer({ schema, lake: { health }, journal }: TablesParts): Uint8Array {
  const { storage, state, message, nextOffset, rows, deadLetters } = health;
  const info: TablesInfo = {
    storage,
    state,
    message,
    behind: nextOffset === null ? null : Math.max(0, journal.durable + 1 - nextOffset),
    rows,
    dead_letters: deadLetters,
    tables: schema.tables.map(({ name, topic, columns }) => ({
      table: name,
      topic,
      columns: columns.map(columnInfo),
    })),
  };
  return encodeCbor(info);
}

function columnInfo({ name, type, isNullable, isKey, extra }: Column): ColumnInfo {
  return { name, type: typeText(type), nullable: isNullable, key: isKey, extra };
}
