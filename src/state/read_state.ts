import type {
  RememberedComponent,
  RememberedState,
  RememberedSubscription,
} from "../broker/state_store.ts";
import type { Cell, Database, Row } from "./database.ts";
import { READ_ROWS } from "./limits.ts";

/** Everything in a state. */
export interface StoredState {
  /** Admins in the order of their names, tenants in that of their domains. */
  readonly remembered: Required<RememberedState>;
  /** The log that positions belong to; `null` when none was noted. */
  readonly logId: string | null;
}

/** A topic may begin with the character that marks the order of bytes. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads all of it. */
export function readState(database: Database): StoredState {
  const all = (sql: string): Row[] => database.prepare(sql).all();
  return {
    remembered: {
      components: readComponents(database),
      privateTopics: all(`SELECT ${text("topic")}, names FROM private_topic ORDER BY topic`)
        .map(([topic, names]) => ({
          topic: textOf(topic),
          names: JSON.parse(String(names)) as string[],
        })),
      admins: all(`SELECT ${text("name")} FROM admin ORDER BY name`).map(([name]) => textOf(name)),
      tenants: all(`SELECT ${text("tenant")}, ${text("secret")} FROM tenant ORDER BY tenant`)
        .map(([tenant, secret]) => ({ tenant: textOf(tenant), secret: textOf(secret) })),
    },
    logId: all("SELECT log_id FROM origin").map(([logId]) => textOf(logId)).at(-1) ?? null,
  };
}

interface Component extends RememberedComponent {
  readonly subscriptions: RememberedSubscription[];
  readonly services: string[];
}

function readComponents(database: Database): RememberedComponent[] {
  const components = database
    .prepare("SELECT name, last_seen_ms FROM component ORDER BY last_seen_ms, name").all()
    .map(([name, lastSeenMs]): Component => ({
      name: textOf(name),
      lastSeenMs: Number(lastSeenMs),
      subscriptions: [],
      services: [],
    }));
  const byName = new Map(components.map((one) => [one.name, one]));
  for (const row of subscriptionRows(database)) {
    byName.get(textOf(row[0]))?.subscriptions.push(subscriptionOf(row));
  }
  const services = `SELECT name, ${text("topic")} FROM service ORDER BY position`;
  for (const [name, topic] of database.prepare(services).all()) {
    byName.get(textOf(name))?.services.push(textOf(topic));
  }
  return components;
}

/** In pages, as there may be a million of them. */
function* subscriptionRows(database: Database): Generator<Row> {
  const page = database.prepare(
    `SELECT name, ${text("topic")}, msg_from, mark, seen, until FROM subscription ` +
      "WHERE (name, topic) > (?, ?) ORDER BY name, topic LIMIT ?",
  );
  let after: readonly [string, string] = ["", ""];
  for (;;) {
    const rows = page.all(...after, READ_ROWS);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < READ_ROWS) return;
    after = [textOf(last[0]), textOf(last[1])];
  }
}

function subscriptionOf([, topic, msgFrom, mark, seen, until]: Row): RememberedSubscription {
  return {
    topic: textOf(topic),
    // SQLite has no NaN: it is stored as null.
    msgFrom: msgFrom === null ? NaN : Number(msgFrom),
    mark: Number(mark),
    seen: numberOf(seen),
    until: numberOf(until),
  };
}

/** A column with texts; its bytes where there is a zero character, as the driver would end the text there. */
function text(column: string): string {
  return `iif(instr(${column}, char(0)), CAST(${column} AS BLOB), ${column})`;
}

function textOf(cell: Cell | undefined): string {
  return cell instanceof Uint8Array ? decoder.decode(cell) : String(cell);
}

function numberOf(cell: Cell | undefined): number | null {
  return cell === null || cell === undefined ? null : Number(cell);
}
