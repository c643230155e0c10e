import { type Database, openDatabase, type Statement } from "../../src/state/database.ts";

/** How SQLite fails. */
export interface DatabaseFault {
  /** Result code of SQLite. */
  readonly errcode: number;
  /** The statement it fails at: the one that begins like this. @default COMMIT */
  readonly at?: string;
}

/** A real database whose commits fail on demand. */
export class FaultyDatabase implements Database {
  /** How it fails from now on; `null` when it does not. */
  failing: DatabaseFault | null = null;
  /** Statements run by `exec` and `run`, in order. */
  readonly log: string[] = [];
  readonly #database: Database;

  constructor(path: string) {
    this.#database = openDatabase(path);
  }

  /** Transactions that were tried. */
  get attempts(): number {
    return this.log.filter((sql) => sql.startsWith("BEGIN")).length;
  }

  get isTransaction(): boolean {
    return this.#database.isTransaction;
  }

  exec(sql: string): void {
    this.#note(sql);
    this.#database.exec(sql);
  }

  prepare(sql: string): Statement {
    const statement = this.#database.prepare(sql);
    return {
      run: (...values) => {
        this.#note(sql);
        statement.run(...values);
      },
      all: (...values) => {
        this.#fail(sql);
        return statement.all(...values);
      },
    };
  }

  close(): void {
    this.#database.close();
  }

  #note(sql: string): void {
    this.log.push(sql);
    this.#fail(sql);
  }

  #fail(sql: string): void {
    const { failing } = this;
    if (failing === null || !sql.startsWith(failing.at ?? "COMMIT")) return;
    throw Object.assign(new Error("as the test wants it"), { errcode: failing.errcode });
  }
}
