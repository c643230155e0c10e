import { assertEquals, assertThrows } from "@std/assert";
import { type Database, openDatabase, readOne } from "../../../src/state/database.ts";
import { StateError } from "../../../src/state/errors.ts";
import { APPLICATION_ID, migrate, MIGRATIONS } from "../../../src/state/schema.ts";
import { temporaryDirectory } from "../../helpers/lake_directory.ts";

const LADDER = [
  "CREATE TABLE a (x TEXT); INSERT INTO a VALUES ('one')",
  "ALTER TABLE a ADD COLUMN y TEXT DEFAULT 'two'",
  "INSERT INTO a VALUES ('three', 'four')",
];

async function withDatabase(run: (database: Database) => void): Promise<void> {
  await using directory = await temporaryDirectory();
  const database = openDatabase(`${directory.path}/state.db`);
  try {
    run(database);
  } finally {
    database.close();
  }
}

function rows(database: Database): string[] {
  return database.prepare("SELECT x || y AS text FROM a ORDER BY rowid").all()
    .map(([text]) => String(text));
}

for (let from = 0; from <= LADDER.length; from++) {
  Deno.test(`migrate() brings format ${from} to the newest and keeps what is there`, () =>
    withDatabase((database) => {
      if (from > 0) migrate(database, "p", LADDER.slice(0, from));
      assertEquals(migrate(database, "p", LADDER), from);
      assertEquals(rows(database), ["onetwo", "threefour"]);
      assertEquals(readOne(database, "PRAGMA user_version"), LADDER.length);
      assertEquals(readOne(database, "PRAGMA application_id"), APPLICATION_ID);
      assertEquals(migrate(database, "p", LADDER), LADDER.length);
    }));
}

Deno.test("migrate() leaves the old format when a step fails", () =>
  withDatabase((database) => {
    migrate(database, "p", LADDER.slice(0, 1));
    assertThrows(() => migrate(database, "p", [...LADDER.slice(0, 2), "nonsense"]));
    assertEquals(readOne(database, "PRAGMA user_version"), 1);
    assertThrows(() => database.prepare("SELECT y FROM a"));
    assertEquals(database.isTransaction, false);
    assertEquals(migrate(database, "p", LADDER), 1);
  }));

Deno.test("migrate() refuses a newer format with both versions and the path", () =>
  withDatabase((database) => {
    migrate(database, "p", LADDER);
    const error = assertThrows(
      () => migrate(database, "/d/state.db", LADDER.slice(0, 2)),
      StateError,
    );
    assertEquals(
      error.message,
      'Cannot open the state "/d/state.db": expected format 2 or older, got 3. ' +
        "Use the version of Rembus that wrote it, or a newer one",
    );
    assertEquals(error.fault, "version");
  }));

Deno.test("the list of formats makes the tables", () =>
  withDatabase((database) => {
    migrate(database, "p");
    const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    assertEquals(tables.map(([name]) => name).toSorted(), [
      "admin",
      "component",
      "origin",
      "private_topic",
      "service",
      "subscription",
      "tenant",
    ]);
    assertEquals(MIGRATIONS.length, 1);
  }));
