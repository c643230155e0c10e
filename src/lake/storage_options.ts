/** Where the tables live. */
export type StorageOptions =
  /** In memory: gone with the process. For tests. */
  | { readonly kind: "memory" }
  | DiskStorageOptions;

/** Tables on disk, or wherever a DuckLake catalog points to. */
export interface DiskStorageOptions {
  /** Says that they are kept. */
  readonly kind: "disk";
  /** Directory of the broker's data; made when missing. */
  readonly directory: string;
  /** Name of the broker: the stem of its files (spec 8.1). */
  readonly name: string;
  /**
   * Which storage: `auto` takes what was recorded, else DuckLake when its extension can be loaded, else
   * a native file. @default {"auto"}
   */
  readonly storage?: "auto" | "native" | "ducklake";
  /**
   * `DUCKLAKE_URL` (spec 8.1, spec-jl 8.1): `ducklake:<file>`, `ducklake:duckdb:<file>`,
   * `ducklake:sqlite:<file>`, `ducklake:postgres:<URL or settings>`. Asks for DuckLake.
   */
  readonly duckLakeUrl?: string;
  /** Where DuckLake keeps its Parquet files; a directory or object storage. */
  readonly dataPath?: string;
  /** Leaves the data path to the catalog (`DUCKDB_IGNORE_DATA_PATH`). @default {false} */
  readonly ignoreDataPath?: boolean;
  /** Directory with extensions of exactly this DuckDB version (`REMBUS_EXTENSION_DIR`). */
  readonly extensionDirectory?: string;
  /** Whether a missing extension may be fetched from DuckDB's server. @default {false} */
  readonly download?: boolean;
}
