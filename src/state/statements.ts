import type { Cell, Database, Statement } from "./database.ts";

/** Every statement that writes, by name. */
const SQL = {
  addComponent: "INSERT INTO component VALUES (?, ?) ON CONFLICT DO NOTHING",
  see: "INSERT INTO component VALUES (?, ?) " +
    "ON CONFLICT DO UPDATE SET last_seen_ms = excluded.last_seen_ms",
  forgetComponent: "DELETE FROM component WHERE name = ?",
  forgetSubscriptions: "DELETE FROM subscription WHERE name = ?",
  forgetServices: "DELETE FROM service WHERE name = ?",
  subscribe: "INSERT INTO subscription VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET " +
    "msg_from = excluded.msg_from, mark = excluded.mark, seen = excluded.seen, until = excluded.until",
  serve: "UPDATE subscription SET mark = ?, seen = ?, until = ? WHERE name = ? AND topic = ?",
  unsubscribe: "DELETE FROM subscription WHERE name = ? AND topic = ?",
  expose: "INSERT INTO service (name, topic) VALUES (?, ?) ON CONFLICT DO NOTHING",
  unexpose: "DELETE FROM service WHERE name = ? AND topic = ?",
  makePrivate: "INSERT INTO private_topic VALUES (?, ?) " +
    "ON CONFLICT DO UPDATE SET names = excluded.names",
  makePublic: "DELETE FROM private_topic WHERE topic = ?",
  clearOrigin: "DELETE FROM origin",
  addOrigin: "INSERT INTO origin VALUES (?)",
  clearAdmins: "DELETE FROM admin",
  addAdmin: "INSERT INTO admin VALUES (?)",
  clearTenants: "DELETE FROM tenant",
  addTenant: "INSERT INTO tenant VALUES (?, ?)",
} as const;

/** Name of a statement that writes. */
export type StatementName = keyof typeof SQL;

/** One statement with its values. */
export interface Write {
  readonly statement: StatementName;
  readonly values: readonly Cell[];
}

/** The statements of a database, each prepared at its first use. */
export class Statements {
  readonly #database: Database;
  readonly #prepared = new Map<StatementName, Statement>();

  /** Takes the database that they are for. */
  constructor(database: Database) {
    this.#database = database;
  }

  /** Runs one. Throws what SQLite reports. */
  run({ statement, values }: Write): void {
    let prepared = this.#prepared.get(statement);
    if (prepared === undefined) {
      prepared = this.#database.prepare(SQL[statement]);
      this.#prepared.set(statement, prepared);
    }
    prepared.run(...values);
  }
}
