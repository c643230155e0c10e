import { DatabaseSync, type StatementSync } from "node:sqlite";
import { errorText } from "../util/error_text.ts";
import type { StateFault } from "./errors.ts";

/** What a cell holds, and what is bound to one. */
export type Cell = null | number | string | Uint8Array;
/** A row of a result: its cells in the order of the columns. */
export type Row = readonly Cell[];

/** A statement that can be run again and again. */
export interface Statement {
  /** Runs it for its effect. */
  run(...values: Cell[]): void;
  /** Runs it for its rows. */
  all(...values: Cell[]): Row[];
}

/** The part of SQLite that the state uses, so that tests can make it fail. Everything throws what SQLite reports. */
export interface Database {
  /** Whether a transaction is open: some failures end it, others do not. */
  readonly isTransaction: boolean;
  /** Runs statements without values and results. */
  exec(sql: string): void;
  /** Prepares one statement. */
  prepare(sql: string): Statement;
  /** Closes the file. */
  close(): void;
}

/** What the types of Deno do not list yet. */
interface ArrayRows {
  setReturnArrays(enabled: boolean): void;
}

/** Opens a file with SQLite. It is made when missing, and read at the first use only. */
export function openDatabase(path: string): Database {
  const database = new DatabaseSync(path);
  return {
    get isTransaction(): boolean {
      return database.isTransaction;
    },
    exec: (sql) => database.exec(sql),
    prepare(sql: string): Statement {
      const statement = database.prepare(sql) as StatementSync & ArrayRows;
      // Objects take four times as long, which counts at the start of a large broker.
      statement.setReturnArrays(true);
      return {
        run: (...values) => void statement.run(...values),
        all: (...values) => statement.all(...values) as unknown as Row[],
      };
    },
    close: () => database.close(),
  };
}

/** The first cell of the first row; for settings of SQLite. */
export function readOne(database: Database, sql: string): Cell {
  return database.prepare(sql).all()[0]?.[0] ?? null;
}

/**
 * Runs `work` in a transaction that is durable afterwards; what it throws undoes all of it. Deno tells the code of a
 * failure only of prepared statements: with `exec`, a disk that is full could not be told from another failure.
 */
export function transaction(database: Database, work: () => void): void {
  database.prepare("BEGIN IMMEDIATE").run();
  try {
    work();
    database.prepare("COMMIT").run();
  } catch (error) {
    if (database.isTransaction) rollBack(database);
    throw error;
  }
}

function rollBack(database: Database): void {
  try {
    database.exec("ROLLBACK");
  } catch (error) {
    // The failure that led here is the one to tell. A transaction that is left open fails the next one, too.
    if (!(error instanceof Error)) throw error;
  }
}

interface Meaning {
  readonly fault: StateFault;
  /** What a peer is told. */
  readonly reason: string;
}

/** Primary result code of SQLite -> what it means. */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [3, { fault: "io", reason: "the disk may not be written" }],
  [5, { fault: "locked", reason: "another process has it open" }],
  [6, { fault: "locked", reason: "another process has it open" }],
  [8, { fault: "io", reason: "the disk may not be written" }],
  [10, { fault: "io", reason: "the disk failed" }],
  [11, { fault: "damaged", reason: "the stored state is damaged" }],
  [13, { fault: "io", reason: "the disk is full" }],
  [14, { fault: "io", reason: "the file cannot be opened" }],
  [26, { fault: "damaged", reason: "the stored state is damaged" }],
]);
const UNKNOWN: Meaning = { fault: "io", reason: "the storage failed" };

/** What a failure of SQLite means. */
export function meaningOf(error: unknown): Meaning {
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) : 0;
  // The low byte is the primary code.
  return MEANINGS.get(code & 0xff) ?? UNKNOWN;
}

/** A failure of SQLite for the operator: its text, and its code when it has one. */
export function detailOf(error: unknown): string {
  const code = error instanceof Error && "errcode" in error ? ` (SQLite ${error.errcode})` : "";
  return `${errorText(error)}${code}`;
}
