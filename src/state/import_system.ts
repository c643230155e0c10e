import { type Duck, type DuckDBValue, SCHEMA } from "../lake/duck.ts";
import type { SourceRows } from "./import_message.ts";

/** Tables that rembus.python makes for itself (spec 8.2). */
export const SYSTEM_TABLES: ReadonlySet<string> = new Set([
  "component",
  "message",
  "exposer",
  "subscriber",
  "mark",
  "admin",
  "topic_auth",
  "tenant",
  "wait_ack2",
]);

/** Rows of one of these tables. Exceeded: the import is refused, as no broker of ours could remember so many. */
const ROWS_MAX = 2_000_000;

interface Selection {
  readonly table: string;
  /** Column with the name of the broker: several brokers can share a store. */
  readonly owner: string;
  readonly columns: readonly string[];
}

/** Reads what the system tables say about one broker. A table that is missing is empty. */
export async function readSourceRows(
  duck: Duck,
  { catalog, broker }: { readonly catalog: string; readonly broker: string },
): Promise<SourceRows> {
  const there = new Set(
    (await duck.rows(
      "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND schema_name = ?",
      [catalog, SCHEMA],
    )).map(([name]) => String(name)),
  );
  const select = async ({ table, owner, columns }: Selection): Promise<DuckDBValue[][]> => {
    if (!there.has(table)) return [];
    const from = `FROM ${catalog}.${SCHEMA}.${table} WHERE ${owner} = ?`;
    const [count] = await duck.rows(`SELECT count(*) ${from}`, [broker]);
    if (Number(count?.[0]) > ROWS_MAX) {
      throw new Error(
        `Cannot import table "${table}": expected at most ${ROWS_MAX} rows, got ${count?.[0]}`,
      );
    }
    const texts = columns.map((column) => `CAST(${column} AS VARCHAR)`).join(", ");
    return await duck.rows(`SELECT ${texts} ${from}`, [broker]);
  };
  const subscribers = await select({
    table: "subscriber",
    owner: "name",
    columns: ["twin", "topic", "msg_from"],
  });
  const exposers = await select({ table: "exposer", owner: "name", columns: ["twin", "topic"] });
  const marks = await select({ table: "mark", owner: "name", columns: ["twin", "mark"] });
  const components = await select({ table: "component", owner: "broker", columns: ["twin"] });
  const admins = await select({ table: "admin", owner: "name", columns: ["twin"] });
  const topicAuth = await select({
    table: "topic_auth",
    owner: "name",
    columns: ["twin", "topic"],
  });
  const tenants = await select({ table: "tenant", owner: "name", columns: ["tenant", "secret"] });
  const messages = there.has("message")
    ? await duck.rows(`SELECT count(*) FROM ${catalog}.${SCHEMA}.message WHERE name = ?`, [broker])
    : [];
  return {
    subscribers: subscribers.map(([twin, topic, msgFrom]) => ({
      twin: text(twin),
      topic: text(topic),
      msgFrom: textOrNull(msgFrom),
    })),
    exposers: exposers.map(([twin, topic]) => ({ twin: text(twin), topic: text(topic) })),
    marks: marks.map(([twin, mark]) => ({ twin: text(twin), mark: textOrNull(mark) })),
    components: components.map(([twin]) => ({ twin: text(twin) })),
    admins: admins.map(([twin]) => ({ twin: textOrNull(twin) })),
    topicAuth: topicAuth.map(([twin, topic]) => ({ twin: text(twin), topic: text(topic) })),
    tenants: tenants.map(([tenant, secret]) => ({ tenant: text(tenant), secret: text(secret) })),
    messages: Number(messages[0]?.[0] ?? 0),
  };
}

function text(value: DuckDBValue | undefined): string {
  return String(value ?? "");
}

function textOrNull(value: DuckDBValue | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
