import type { StorageOptions } from "./storage_options.ts";
import type { StoreFault } from "./errors.ts";

/** Small transactions, each announced, to find the message that a process dies of. */
export interface Careful {
  /** Messages of one transaction. */
  readonly size: number;
  /** Messages until the doubt is over. */
  readonly count: number;
}

/** What the lake process needs to start. Everything in it can be written as CBOR. */
export interface LakeStart {
  /** The schema, as `schema.json` has it. */
  readonly schema: unknown;
  /** Where the tables live. */
  readonly storage: StorageOptions;
  /** What the process opens the log with; only its entry knows the form. */
  readonly source: unknown;
  /** The log may be read up to here, exclusive (D19). */
  readonly durableEnd: number;
  /** How carefully to begin: the process died before without a step forward. */
  readonly careful?: Careful;
  /** Offsets of messages that the process died of; they become dead letters unread. */
  readonly skip?: readonly number[];
  /** Pause between two transactions while nobody waits, in milliseconds. */
  readonly commitMs?: number;
  /** Time that a query may take, in milliseconds. */
  readonly queryMs?: number;
  /** Arrow bytes that a result may have. */
  readonly resultBytesMax?: number;
  /** Soft limit of DuckDB's memory, in bytes. */
  readonly memoryBytes?: number;
  /** Resident memory beyond which the process ends itself, in bytes. */
  readonly residentBytesMax?: number;
  /** Threads of DuckDB. */
  readonly threads?: number;
}

/** From the broker to the lake process. */
export type ToLake =
  | ({ readonly type: "start" } & LakeStart)
  /** The log is on disk up to `end`, exclusive. */
  | { readonly type: "durable"; readonly end: number }
  /** Somebody waits for everything below `end`: no pause before it. */
  | { readonly type: "hurry"; readonly end: number }
  /** `query_<table>` with the CBOR of its arguments; sees everything below `after`. */
  | {
    readonly type: "query";
    readonly id: number;
    readonly table: string;
    readonly args: Uint8Array;
    readonly after: number | null;
  }
  /** How the command at this offset ended; asked after a restart. */
  | { readonly type: "outcome"; readonly id: number; readonly offset: number }
  /** Housekeeping of DuckLake: flush, merge, expire. */
  | { readonly type: "maintain"; readonly id: number; readonly keepDays: number }
  /** Asks for a sign of life. */
  | { readonly type: "ping"; readonly id: number }
  /** Finish the transaction, close the store, exit. */
  | { readonly type: "stop" };

/** From the lake process to the broker. */
export type FromLake =
  | {
    readonly type: "ready";
    readonly nextOffset: number;
    /** `native`, `ducklake` or `memory`. */
    readonly storage: string;
    /** Where a damaged file was moved at this start. */
    readonly setAside: string | null;
  }
  /** The process cannot go on, and exits. */
  | { readonly type: "failed"; readonly fault: StoreFault; readonly message: string }
  /** Ingest stands still, or goes on again (`message` null). */
  | {
    readonly type: "health";
    readonly fault: StoreFault | null;
    readonly message: string | null;
  }
  | {
    readonly type: "progress";
    readonly nextOffset: number;
    readonly rows: number;
    readonly deadLetters: number;
    readonly outcomes: readonly { readonly offset: number; readonly error: string | null }[];
  }
  /** The transaction that begins at this offset is next; sent while it is careful. */
  | { readonly type: "trying"; readonly offset: number }
  | { readonly type: "answer"; readonly id: number; readonly value: unknown }
  /** The request was refused or failed: status 40 with the text. */
  | { readonly type: "refused"; readonly id: number; readonly message: string }
  | {
    readonly type: "log";
    readonly level: "debug" | "info" | "warn" | "error";
    readonly event: string;
    readonly fields: Record<string, unknown>;
  };
