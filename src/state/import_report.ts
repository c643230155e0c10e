/** Something that was not taken over, and why. */
export interface ImportSkip {
  /** How many. */
  readonly count: number;
  /** Why not, as the end of a sentence: `are of anonymous components`. */
  readonly reason: string;
}

/** What became of all things of one kind. */
export interface ImportItem {
  /** `subscriptions`, `services`, `components`, `private topics`, `admins`, `tenants`, `keys`, `settings`, `table "x"`. */
  readonly kind: string;
  /** How many were taken over; rows of a table. */
  readonly taken: number;
  /** Those that were not. Empty when all were. */
  readonly skipped: readonly ImportSkip[];
}

/** What an import did. */
export interface ImportReport {
  /** Where the store was: a path, or the kind and place of a catalog without user and password. */
  readonly source: string;
  /** What it was. */
  readonly sourceKind: "duckdb" | "ducklake";
  /** What the tables are kept in now; `null` when there were none. */
  readonly storage: "native" | "ducklake" | null;
  /** In the order in which it was done. */
  readonly items: readonly ImportItem[];
}
