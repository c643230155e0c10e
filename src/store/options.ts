import type { DiskStorageOptions } from "../lake/storage_options.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { LogRule } from "./log_rules.ts";

export { RETENTION_BYTES, RETENTION_MS } from "../log/limits.ts";

/** How tables are kept. */
export interface TableOptions extends Omit<DiskStorageOptions, "kind" | "directory" | "name"> {
  /** The tables, as `schema.json` has them. */
  readonly schema: unknown;
  /** Pause between two transactions, in milliseconds. @default 20, with DuckLake 1_000 */
  readonly commitMs?: number;
  /** Days that DuckLake keeps snapshots for `when`. @default {7} */
  readonly snapshotDays?: number;
}

/** What a broker keeps, and where. */
export interface StorageOptions {
  /** Directory of all brokers. The files of this one are in `<dir>/<name>`, its tables beside that. */
  readonly dir: string;
  /** Name of the broker. */
  readonly name: string;
  /** Age after which logged messages may be dropped, in milliseconds. @default 7 days */
  readonly retentionMs?: number;
  /** Bytes of the log above which the oldest messages are dropped. @default 4 GiB */
  readonly retentionBytes?: number;
  /** What is not logged (D24). @default everything is */
  readonly rules?: readonly LogRule[];
  /** The tables. @default none */
  readonly tables?: TableOptions;
  /** Time. @default the clock of the machine */
  readonly clock?: Clock;
  /** Where events go. @default silent */
  readonly logger?: Logger;
}
