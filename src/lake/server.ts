import { decodeCbor } from "../protocol/cbor.ts";
import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { QueryError, reasonOf, StoreError, type StoreFault } from "./errors.ts";
import { Follower } from "./follower.ts";
import { Ingest } from "./ingest.ts";
import { WAIT_MS } from "./limits.ts";
import { maintain } from "./maintenance.ts";
import type { FromLake, LakeStart, ToLake } from "./message.ts";
import { queryStatement } from "./query.ts";
import { runQuery } from "./reader.ts";
import { Readers } from "./readers.ts";
import { checkSchema } from "./schema.ts";
import type { LakeSource } from "./source.ts";
import { DEAD_LETTER_TABLE, LakeStore, qualified, setFileAside } from "./store.ts";

/** Pause between two transactions by default, in milliseconds: each one of DuckLake is a snapshot. */
const COMMIT_MS: Readonly<Record<string, number>> = { native: 20, ducklake: 1_000, memory: 0 };

/** What the lake process is made of. */
export interface ServerOptions {
  /** Sends a message to the broker. */
  readonly send: (message: FromLake) => Promise<void>;
  /** Opens the log with what the broker said about it. */
  readonly openSource: (info: unknown) => LakeSource | Promise<LakeSource>;
  /** Called when a query does not end although it was interrupted: the process must end. */
  readonly onStuck?: () => void;
  /** Time. @default the clock of the machine */
  readonly clock?: Clock;
}

/** Everything of a start that lives as long as the process. */
interface Running {
  readonly start: LakeStart;
  readonly store: LakeStore;
  readonly ingest: Ingest;
  readonly follower: Follower;
  readonly readers: Readers;
  readonly loop: Promise<void>;
}

/** The lake process without its pipes: takes messages of the broker and sends others back. */
export class LakeServer {
  readonly #options: ServerOptions;
  readonly #logger: Logger;
  #running: Running | null = null;
  readonly #failed = Promise.withResolvers<StoreFault>();

  /** Does nothing before a `start` message. */
  constructor(options: ServerOptions) {
    this.#options = options;
    this.#logger = forwardingLogger((message) => this.#send(message));
  }

  /** Resolves when the server cannot go on; the broker was told why. */
  get failed(): Promise<StoreFault> {
    return this.#failed.promise;
  }

  /** Takes one message. Never rejects: what goes wrong is sent to the broker. */
  async take(message: ToLake): Promise<void> {
    switch (message.type) {
      case "start":
        return await this.#start(message);
      case "durable":
        this.#running?.follower.durable(message.end);
        return;
      case "hurry":
        // Who waits is told by the progress; this only ends the pause.
        await this.#running?.follower.waitFor(message.end, WAIT_MS);
        return;
      case "query":
        return await this.#answer(message.id, () => this.#query(message));
      case "outcome":
        return await this.#answer(message.id, () => this.#outcome(message.offset));
      case "maintain":
        return await this.#answer(message.id, () => {
          const { store, follower } = this.#required();
          return maintain(store, message.keepDays, (work) => follower.alone(work));
        });
      case "ping":
        return await this.#answer(message.id, () => Promise.resolve(null));
      case "stop":
        return await this.close();
      default:
        return message satisfies never;
    }
  }

  /** Finishes the transaction that runs, and closes the store. */
  async close(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (running === null) return;
    running.follower.stop();
    await running.loop;
    closeAll(running);
  }

  async #start(start: LakeStart): Promise<void> {
    try {
      this.#running = await this.#open(start);
    } catch (error) {
      this.#fail(error);
    }
  }

  async #open(start: LakeStart): Promise<Running> {
    const { send, openSource, clock = SYSTEM_CLOCK } = this.#options;
    const schema = checkSchema(start.schema);
    const source = await openSource(start.source);
    if (schema.ignored.length > 0) {
      this.#logger.warn("lakeSchemaIgnored", { members: schema.ignored });
    }
    const store = await LakeStore.open({
      schema,
      storage: start.storage,
      logId: source.logId,
      logger: this.#logger,
      ...(start.memoryBytes === undefined ? {} : { memoryBytes: start.memoryBytes }),
      ...(start.threads === undefined ? {} : { threads: start.threads }),
    });
    const ingest = new Ingest(store, {
      skip: new Set(start.skip ?? []),
      ...(start.queryMs === undefined ? {} : { deleteMs: start.queryMs }),
      ...(this.#options.onStuck === undefined ? {} : { onStuck: this.#options.onStuck }),
    });
    const follower = new Follower({
      store,
      ingest,
      source,
      clock,
      commitMs: start.commitMs ?? COMMIT_MS[store.storage.kind] ?? 0,
      ...(start.careful === undefined ? {} : {
        careful: start.careful,
        onTrying: (offset: number) => send({ type: "trying", offset }),
      }),
      onApplied: (applied) => this.#send({ type: "progress", ...applied }),
      onHealth: (error) =>
        this.#send({
          type: "health",
          fault: error?.fault ?? null,
          message: error?.message ?? null,
        }),
    });
    const { nextOffset, setAside } = store;
    this.#send({ type: "ready", nextOffset, storage: store.storage.kind, setAside });
    const loop = this.#follow(follower, { nextOffset, durableEnd: start.durableEnd });
    return { start, store, ingest, follower, readers: new Readers(store), loop };
  }

  /** Tables that are ahead of the log mean another or a damaged log: nothing is ingested (D19). */
  async #follow(
    follower: Follower,
    { nextOffset, durableEnd }: { nextOffset: number; durableEnd: number },
  ): Promise<void> {
    if (nextOffset > durableEnd) {
      const message =
        `Cannot fill the tables: they are at offset ${nextOffset}, and the log ends ` +
        `at ${durableEnd}. Put the log back that belongs to them, or use another name for new tables`;
      this.#send({ type: "health", fault: "beyond-end", message });
      follower.stop();
      return;
    }
    follower.durable(durableEnd);
    try {
      await follower.run();
    } catch (error) {
      if (error instanceof StoreError && error.fault === "corrupt") await this.#setAside();
      this.#fail(error);
    }
  }

  /** Damage that shows only in use: the next start makes a new file and fills it from the log (D20). */
  async #setAside(): Promise<void> {
    const running = this.#running;
    this.#running = null;
    if (running === null) return;
    closeAll(running);
    const { storage } = running.store;
    if (storage.kind !== "native") return;
    const moved = await setFileAside(storage.file, (this.#options.clock ?? SYSTEM_CLOCK).wallMs());
    this.#logger.error("lakeFileSetAside", { file: storage.file, moved });
  }

  async #query(message: ToLake & { type: "query" }): Promise<Uint8Array> {
    const { start, store, follower, readers } = this.#required();
    const table = store.schema.tables.find(({ name }) => name === message.table);
    if (table === undefined) throw new QueryError(`there is no table "${message.table}"`);
    const value = decodeCbor(message.args);
    const args = Array.isArray(value) ? value : [value];
    if (message.after !== null && !await follower.waitFor(message.after, WAIT_MS)) {
      throw new QueryError("Cannot answer the query: the tables are behind the log");
    }
    return await readers.use(async (duck) => {
      const hasHistory = store.storage.kind === "ducklake";
      const statement = await queryStatement(args, { duck, table, hasHistory });
      const { bytes } = await runQuery(duck, statement, {
        ...(start.queryMs === undefined ? {} : { queryMs: start.queryMs }),
        onStuck: this.#options.onStuck ?? (() => {}),
        ...(start.resultBytesMax === undefined ? {} : { resultBytesMax: start.resultBytesMax }),
      });
      return bytes;
    });
  }

  /** A command that failed left a dead letter; the others were carried out. */
  async #outcome(offset: number): Promise<string | null> {
    const { store, readers } = this.#required();
    const rows = await readers.use((duck) =>
      duck.rows(
        `SELECT reason FROM ${qualified(DEAD_LETTER_TABLE)} WHERE log_id = ? AND log_offset = ?`,
        [store.logId, BigInt(offset)],
      )
    );
    const [row] = rows;
    return row === undefined ? null : String(row[0]);
  }

  /** Nobody is left to be told when it fails; the end of stdin follows. */
  #send(message: FromLake): void {
    this.#options.send(message).catch(() => this.#failed.resolve("unavailable"));
  }

  #required(): Running {
    if (this.#running === null) throw new QueryError("Cannot answer: the tables are not open");
    return this.#running;
  }

  async #answer(id: number, work: () => Promise<unknown>): Promise<void> {
    try {
      this.#send({ type: "answer", id, value: await work() });
    } catch (error) {
      this.#send({ type: "refused", id, message: reasonOf(error) });
    }
  }

  #fail(error: unknown): void {
    const fault = error instanceof StoreError ? error.fault : faultOf(error);
    this.#send({ type: "failed", fault, message: reasonOf(error) });
    this.#failed.resolve(fault);
  }
}

function closeAll({ readers, ingest, store }: Running): void {
  readers.close();
  ingest.close();
  store.close();
}

function faultOf(error: unknown): StoreFault {
  return error instanceof Error && error.name === "SchemaError" ? "schema" : "unavailable";
}

function forwardingLogger(send: (message: FromLake) => void): Logger {
  const at =
    (level: "debug" | "info" | "warn" | "error") =>
    (event: string, fields: Record<string, unknown> = {}) =>
      send({ type: "log", level, event, fields });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
