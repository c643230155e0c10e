import type { Appended, Journal, JournalEntry } from "../broker/journal.ts";
import type { RawCall, RawService } from "../broker/raw_service.ts";
import type { Lake } from "../lake/supervisor.ts";
import { QueryError } from "../lake/errors.ts";
import type { LakeSchema } from "../lake/schema.ts";
import { decodeCbor } from "../protocol/cbor.ts";
import { TimeoutError } from "../protocol/errors.ts";
import type { Clock } from "../util/clock.ts";
import { Deadline } from "./deadline.ts";
import { frameBytes } from "./frame_bytes.ts";
import { TABLES_SERVICE, tablesAnswer } from "./tables_answer.ts";

/** What the services need of the log. */
export type CommandLog = Pick<
  Journal,
  "append" | "committed" | "writable" | "flush" | "durable" | "next"
>;

/** What the services need of the lake. */
export type Tables = Pick<Lake, "query" | "outcome" | "health">;

/** What {@link tableServices} works with. */
export interface TableServicesParts {
  /** The tables that have services. */
  readonly schema: LakeSchema;
  /** Where commands go. */
  readonly journal: CommandLog;
  /** Where they are carried out. */
  readonly lake: Tables;
  /** Time. */
  readonly clock: Clock;
}

/** CBOR null, the answer of `upsert_` and `delete_`. */
const NULL: Uint8Array = Uint8Array.of(0xf6);
/** Arguments larger than this, in bytes, are not looked into for `fresh`: such a query sees everything. */
const ARGUMENTS_SEEN_MAX = 65_536;

/**
 * `query_<table>`, `upsert_<table>` and `delete_<table>` for each table of the schema (spec 8.7), and
 * {@link TABLES_SERVICE}. Payloads go by as bytes: the lake process reads and makes them.
 */
export function tableServices(parts: TableServicesParts): ReadonlyMap<string, RawService> {
  const services = new Map<string, RawService>();
  for (const { name } of parts.schema.tables) {
    services.set(`query_${name}`, (call) => query(parts, name, call));
    services.set(`upsert_${name}`, (call) => command(parts, call));
    services.set(`delete_${name}`, (call) => command(parts, call));
  }
  services.set(TABLES_SERVICE, () => Promise.resolve(tablesAnswer(parts)));
  return services;
}

async function query(
  { journal, lake, clock }: TableServicesParts,
  table: string,
  { topic, args, ttlMs }: RawCall,
): Promise<Uint8Array> {
  const deadline = new Deadline(clock, ttlMs);
  const after = isFresh(args) ? await durableEnd(journal, deadline) : 0;
  try {
    const bytes = await lake.query(table, args, { after, timeoutMs: deadline.leftMs });
    return frameBytes(bytes);
  } catch (error) {
    throw explained(error, lake, `answer "${topic}"`);
  }
}

/**
 * Where a query that arrives now must have read to: it sees what was acknowledged before, and what came with
 * QoS 0 as well, which is made durable for it. While the disk fails nothing more will be.
 */
async function durableEnd(journal: CommandLog, deadline: Deadline): Promise<number> {
  const after = journal.next;
  if (after - 1 <= journal.durable) return after;
  try {
    await deadline.wait(() => journal.flush(), "answer the query");
    return after;
  } catch (error) {
    if (error instanceof TimeoutError) throw error;
    return journal.durable + 1;
  }
}

/** Whether the answer must show what was published just before; `{fresh: false}` says no. */
function isFresh(args: Uint8Array): boolean {
  if (args.byteLength > ARGUMENTS_SEEN_MAX) return true;
  const value = decodeCbor(args);
  const [first]: readonly unknown[] = Array.isArray(value) ? value : [value];
  return !(typeof first === "object" && first !== null && "fresh" in first &&
    first.fresh === false);
}

/** Appends the call to the log, and answers once the tables have carried it out, in its place (D21). */
async function command(
  { journal, lake, clock }: TableServicesParts,
  { topic, args, from, isAnonymous, ttlMs }: RawCall,
): Promise<Uint8Array> {
  const { state, message } = lake.health;
  if (state === "failed" || state === "closed") {
    throw new QueryError(`Cannot run "${topic}": ${message ?? `the tables are ${state}`}`);
  }
  const deadline = new Deadline(clock, ttlMs);
  const offset = await append(journal, deadline, {
    kind: "command",
    id: null,
    slot: null,
    qos: 1,
    publisher: from,
    isAnonymous,
    topic,
    data: args,
  });
  try {
    await deadline.wait(() => journal.committed(offset), `run "${topic}"`);
    await lake.outcome(offset, { timeoutMs: deadline.leftMs });
  } catch (error) {
    throw explained(error, lake, `tell how "${topic}" ends, which is in the log`);
  }
  return NULL;
}

async function append(
  journal: CommandLog,
  deadline: Deadline,
  entry: JournalEntry,
): Promise<number> {
  const what = `run "${entry.topic}"`;
  for (;;) {
    const appended: Appended = journal.append(entry);
    switch (appended.kind) {
      case "logged":
        return appended.offset;
      case "busy":
        await deadline.wait((signal) => journal.writable(signal), what);
        break;
      case "refused":
        throw new QueryError(`Cannot ${what}: ${appended.reason}`);
      case "notLogged":
        throw new QueryError(`Cannot ${what}: the log takes no commands`);
      default:
        appended satisfies never;
    }
    // Room came and went again: others were faster.
    if (deadline.isOver) throw new TimeoutError(`Cannot ${what}: the log is busy`);
  }
}

/** Who waited in vain is told what is wrong with the tables, if anything is. */
function explained(error: unknown, { health }: Tables, what: string): unknown {
  if (!(error instanceof TimeoutError)) return error;
  const { message, state } = health;
  const reason = message ?? (state === "ready" ? "the tables need too long" : `they are ${state}`);
  return new QueryError(`Cannot ${what}: the tables gave no answer in time: ${reason}`, {
    cause: error,
  });
}
