import { closeInstance, Duck, openInstance } from "../../src/lake/duck.ts";
import { literal } from "../../src/lake/identifier.ts";

/** A name that rembus.python gives to a component without one. */
export const ANONYMOUS = "0b5b5f34-9a2e-4f0e-8d2b-6f1f0c0d3a11";

/** The tables of rembus.python (spec 8.2), those of the README's schema (spec 8.3), and some rows. */
export const SOURCE_SQL: readonly string[] = [
  "CREATE TABLE component (broker TEXT NOT NULL, host TEXT NOT NULL, twin TEXT NOT NULL, " +
  "status TEXT, last_changed TIMESTAMP)",
  "CREATE TABLE message (name TEXT NOT NULL, recv UBIGINT, slot UINTEGER, qos UTINYINT, " +
  "uid UBIGINT, topic TEXT NOT NULL, data BLOB)",
  "CREATE TABLE exposer (name TEXT NOT NULL, twin TEXT NOT NULL, topic TEXT NOT NULL)",
  "CREATE TABLE subscriber (name TEXT NOT NULL, twin TEXT NOT NULL, topic TEXT NOT NULL, " +
  "msg_from DOUBLE)",
  "CREATE TABLE mark (name TEXT NOT NULL, twin TEXT NOT NULL, mark UBIGINT)",
  "CREATE TABLE admin (name TEXT NOT NULL, twin TEXT)",
  "CREATE TABLE topic_auth (name TEXT NOT NULL, twin TEXT NOT NULL, topic TEXT NOT NULL)",
  "CREATE TABLE tenant (name TEXT NOT NULL, tenant TEXT NOT NULL, secret TEXT NOT NULL)",
  "CREATE TABLE wait_ack2 (name TEXT NOT NULL, twin TEXT NOT NULL, ts UBIGINT, id UBIGINT)",
  "CREATE TABLE sensor (site TEXT NOT NULL, type TEXT NOT NULL, dn TEXT)",
  "CREATE TABLE telemetry (dn TEXT, temperature DOUBLE, pressure DOUBLE, ts UBIGINT NOT NULL, " +
  "time_bucket UINTEGER)",
  "INSERT INTO subscriber VALUES ('broker', 'panel', 'town/*', 'Infinity'::DOUBLE), " +
  "('broker', 'panel', 'alarm', 900000000), ('other', 'panel', 'not ours', 0), " +
  `('broker', 'repl', 'x', 0), ('broker', '${ANONYMOUS}', 'x', 0)`,
  "INSERT INTO exposer VALUES ('broker', 'adder', 'add')",
  "INSERT INTO mark VALUES ('broker', 'panel', 1790000000000000001), ('broker', 'repl', 5)",
  `INSERT INTO component VALUES ('broker', 'h', 'panel', 'down', now()::TIMESTAMP), ` +
  "('broker', 'h', 'silent', 'up', now()::TIMESTAMP)",
  "INSERT INTO admin VALUES ('broker', 'root')",
  "INSERT INTO topic_auth VALUES ('broker', 'panel', 'secret')",
  "INSERT INTO tenant VALUES ('broker', '.', '1234'), ('other', '.', '9999')",
  String
    .raw`INSERT INTO message SELECT 'broker', range, NULL, 0, NULL, 't', '\x80'::BLOB FROM range(5)`,
  "INSERT INTO sensor VALUES ('s', 'HVAC', 'd1'), ('s', 'HVAC', NULL)",
  "INSERT INTO telemetry SELECT 'd' || range, range / 3, 'Infinity'::DOUBLE, range, range % 7 " +
  "FROM range(10000)",
];

/** Makes a directory as a broker of rembus.python leaves it. */
export async function makeSource(options: {
  readonly directory: string;
  /** What attaches the store under the name `rl`. */
  readonly attach: readonly string[];
  /** Statements after those of {@link SOURCE_SQL}. */
  readonly more?: readonly string[];
}): Promise<void> {
  await runSql([...options.attach, "USE rl", ...SOURCE_SQL, ...options.more ?? []]);
  const broker = `${options.directory}/broker`;
  await Deno.mkdir(`${broker}/keys/plant`, { recursive: true });
  await Deno.writeTextFile(`${broker}/settings.json`, '{"request_timeout": 5}');
  await Deno.writeTextFile(`${broker}/keys/panel.rsa.pem`, "-----BEGIN PUBLIC KEY-----");
  await Deno.writeTextFile(`${broker}/keys/plant/a.b.ecdsa.der`, "der");
  await Deno.writeTextFile(`${broker}/keys/notes.txt`, "no key");
}

/** The statement that attaches a plain file of DuckDB as `rl`. */
export function plainFile(directory: string): string {
  return `ATTACH ${literal(`${directory}/broker.duckdb`)} AS rl`;
}

/** Runs statements in an instance of their own, and gives the rows of the last one. */
export async function runSql(statements: readonly string[]): Promise<unknown[][]> {
  const database = await openInstance({});
  const duck = await Duck.connect(database);
  try {
    let rows: unknown[][] = [];
    for (const statement of statements) rows = await duck.rows(statement);
    return rows;
  } finally {
    duck.close();
    closeInstance(database);
  }
}

/** All files below a directory with their bytes, to see that nothing was touched. */
export async function snapshot(directory: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) {
      for (const [below, hash] of Object.entries(await snapshot(path))) {
        files[`${name}/${below}`] = hash;
      }
    } else {
      const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
      files[name] = new Uint8Array(hash).toHex();
    }
  }
  return files;
}
