import { type Database, readOne, transaction } from "./database.ts";
import { StateError } from "./errors.ts";

/** `PRAGMA application_id` of our files: "RmbS". */
export const APPLICATION_ID = 0x526d6253;

/**
 * Statement lists: the one at index n makes format n + 1 out of format n. A list is never changed once it was
 * released; a new format is a new list.
 *
 * `msg_from` is null for NaN, which SQLite does not have.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE component (
    name TEXT NOT NULL PRIMARY KEY,
    last_seen_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE subscription (
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    msg_from REAL,
    mark INTEGER NOT NULL,
    seen INTEGER,
    until INTEGER,
    PRIMARY KEY (name, topic)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE service (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    topic TEXT NOT NULL,
    UNIQUE (name, topic)
  ) STRICT;
  CREATE TABLE private_topic (
    topic TEXT NOT NULL PRIMARY KEY,
    names TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE admin (
    name TEXT NOT NULL PRIMARY KEY
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE origin (
    log_id TEXT NOT NULL
  ) STRICT;
  CREATE TABLE tenant (
    tenant TEXT NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];

/** The format that this version writes. */
export const FORMAT: number = MIGRATIONS.length;

/**
 * Brings a file to the newest format, in one transaction. Returns the format that it had; 0 for a new file.
 *
 * @throws {StateError} `version` when it is newer, `foreign` when it is no state; nothing was changed then.
 */
export function migrate(
  database: Database,
  path: string,
  migrations: readonly string[] = MIGRATIONS,
): number {
  const format = Number(readOne(database, "PRAGMA user_version"));
  checkOurs(database, path, format);
  if (format > migrations.length) {
    throw new StateError(
      "version",
      `Cannot open the state "${path}": expected format ${migrations.length} or older, ` +
        `got ${format}. Use the version of Rembus that wrote it, or a newer one`,
    );
  }
  if (format === migrations.length) return format;
  transaction(database, () => {
    for (const statements of migrations.slice(format)) database.exec(statements);
    database.exec(
      `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`,
    );
  });
  return format;
}

function checkOurs(database: Database, path: string, format: number): void {
  const id = Number(readOne(database, "PRAGMA application_id"));
  const isNew = format === 0 && id === 0 &&
    readOne(database, "SELECT 1 FROM sqlite_schema") === null;
  if (isNew || id === APPLICATION_ID) return;
  throw new StateError(
    "foreign",
    `Cannot open the state "${path}": expected a file that a broker wrote, got another database`,
  );
}
