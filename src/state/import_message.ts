import type { DiskStorageOptions } from "../lake/storage_options.ts";

/** What the process that reads a store of rembus.python is asked for: JSON on its stdin. */
export interface ImportRequest {
  /** Name of the broker. */
  readonly name: string;
  /** The store. */
  readonly source: ImportSource;
  /** Where DuckLake's files were moved with the directory; `null` when the catalog knows. */
  readonly dataPath: string | null;
  /** Directory for copies, made and removed by whoever asks. */
  readonly scratch: string;
  /** Where the tables go. */
  readonly target: DiskStorageOptions;
}

/** Where a store is. */
export type ImportSource =
  /** A file of DuckDB: the catalog of a DuckLake, or the tables themselves. */
  | { readonly kind: "file"; readonly path: string }
  /** Any other catalog of DuckLake: `ducklake:sqlite:...`, `ducklake:postgres:...`. */
  | { readonly kind: "url"; readonly url: string };

/** The rows of the system tables that are of one broker (spec 8.2). */
export interface SourceRows {
  readonly components: readonly { readonly twin: string }[];
  readonly subscribers: readonly {
    readonly twin: string;
    readonly topic: string;
    /** A number as text, since JSON has no Infinity; `null` when there is none. */
    readonly msgFrom: string | null;
  }[];
  readonly exposers: readonly { readonly twin: string; readonly topic: string }[];
  readonly marks: readonly {
    readonly twin: string;
    /** Nanoseconds since the epoch as text; `null` when there is none. */
    readonly mark: string | null;
  }[];
  readonly admins: readonly { readonly twin: string | null }[];
  readonly topicAuth: readonly { readonly twin: string; readonly topic: string }[];
  readonly tenants: readonly { readonly tenant: string; readonly secret: string }[];
  /** How many messages are stored. */
  readonly messages: number;
}

/** A table that a schema made. */
export interface ImportedTable {
  readonly table: string;
  readonly rows: number;
  /** Whether it was copied; tables with `__` in front are not, as such names are ours. */
  readonly isCopied: boolean;
}

/** What the process answers: JSON on its stdout. */
export type ImportAnswer =
  | {
    readonly kind: "done";
    /** Where the store is, without user and password. */
    readonly source: string;
    readonly sourceKind: "duckdb" | "ducklake";
    /** `null` when there was no table. */
    readonly storage: "native" | "ducklake" | null;
    readonly rows: SourceRows;
    readonly tables: readonly ImportedTable[];
  }
  | { readonly kind: "failed"; readonly message: string };
