import { decodeCbor } from "../protocol/cbor.ts";
import { ColumnAppender } from "./appender.ts";
import {
  addTo,
  Batch,
  type CommandOutcome,
  type DeadLetter,
  type Done,
  failCommand,
  giveUp,
  type Growing,
  nothingDone,
} from "./batch.ts";
import type { Cell } from "./cell.ts";
import type { ColumnType } from "./column_type.ts";
import { CATALOG, type Duck, failureKind } from "./duck.ts";
import { QueryError, reasonOf, RowError, StoreError } from "./errors.ts";
import { createStage, type KeyedRows, mergeStage, stageTypes } from "./keyed.ts";
import { BATCH_RECORDS_MAX, BATCH_ROWS_MAX, DEAD_LETTER_BYTES_MAX, QUERY_MS } from "./limits.ts";
import { deleteStatement } from "./query.ts";
import { publicationRows, upsertRows } from "./rows.ts";
import type { TableSchema } from "./schema.ts";
import type { LakeRecord } from "./source.ts";
import { DEAD_LETTER_TABLE, type LakeStore, qualified } from "./store.ts";
import { TopicMatcher } from "./topic_match.ts";

/** What one call of {@link Ingest.apply} did. */
export interface Applied {
  /** The first offset that is not in the tables. */
  readonly nextOffset: number;
  /** Rows that were stored, before folding by key. */
  readonly rows: number;
  /** Messages that became dead letters. */
  readonly deadLetters: number;
  /** Outcomes of the commands among the records. */
  readonly outcomes: readonly CommandOutcome[];
}

/** How records are applied. */
export interface IngestOptions {
  /** Offsets of messages that become dead letters unread: the process died of them. @default none */
  readonly skip?: ReadonlySet<number>;
  /** Time that the statement of a `delete_` may take, in milliseconds. @default {QUERY_MS} */
  readonly deleteMs?: number;
  /** Called when one does not end although it was interrupted: the process must end. */
  readonly onStuck?: () => void;
}

const UPSERT = "upsert_";
const DELETE = "delete_";
const DEAD_LETTER_TYPES: readonly ColumnType[] = [
  { kind: "scalar", name: "VARCHAR" },
  { kind: "scalar", name: "UBIGINT" },
  { kind: "scalar", name: "UBIGINT" },
  ...new Array<ColumnType>(5).fill({ kind: "scalar", name: "VARCHAR" }),
  { kind: "scalar", name: "BLOB" },
];

/**
 * Brings records of the log into the tables: rows, dead letters and the offset in one transaction, so that a
 * crash anywhere repeats nothing and loses nothing. A message that fails harms no other.
 */
export class Ingest {
  readonly #store: LakeStore;
  readonly #matcher: TopicMatcher;
  readonly #tables: ReadonlyMap<string, TableSchema>;
  /** Name of the table -> its appender, which lives until something fails. */
  readonly #appenders = new Map<string, ColumnAppender>();

  readonly #options: Required<IngestOptions>;

  /** Ingests into this store; there must be no other. */
  constructor(store: LakeStore, options: IngestOptions = {}) {
    this.#store = store;
    this.#options = { skip: new Set(), deleteMs: QUERY_MS, onStuck: () => {}, ...options };
    this.#matcher = new TopicMatcher(store.schema.tables);
    this.#tables = new Map(store.schema.tables.map((table) => [table.name, table] as const));
  }

  /**
   * Applies records, oldest first, and moves on to `nextOffset`, the first offset behind them. Records
   * that were applied before are skipped.
   *
   * @throws {StoreError} When the storage fails; nothing of the failed transaction is there then, and the
   * same call may be repeated.
   */
  async apply(records: readonly LakeRecord[], nextOffset: number): Promise<Applied> {
    const done = nothingDone();
    const fresh = records.filter(({ offset }) => offset >= this.#store.nextOffset);
    try {
      for (let at = 0; at < fresh.length;) {
        const part = fresh.slice(at, at + this.#batchSize(fresh, at));
        at += part.length;
        const next = fresh[at]?.offset ?? nextOffset;
        const [first] = part;
        addTo(
          done,
          isDelete(first)
            ? await this.#applyDelete(first, next)
            : await this.#applyRows(part, next),
        );
      }
      if (this.#store.nextOffset < nextOffset) await this.#commit(new Batch(), nextOffset);
    } catch (error) {
      await this.#reload();
      throw storageFailure(error);
    }
    return { ...done, nextOffset: this.#store.nextOffset };
  }

  /** A commit that was reported as failed may have been carried out: only the table knows. */
  async #reload(): Promise<void> {
    try {
      await this.#store.reload();
    } catch (error) {
      // The storage is away; the next transaction finds out, since it moves the offset from the old one.
      if (!(error instanceof Error)) throw error;
    }
  }

  /** Gives the appenders up. */
  close(): void {
    this.#dropAppenders();
  }

  /** A `delete_` sees what came before it and not what comes after, so that it is alone. */
  #batchSize(records: readonly LakeRecord[], from: number): number {
    if (isDelete(records[from])) return 1;
    const end = Math.min(records.length, from + BATCH_RECORDS_MAX);
    for (let at = from + 1; at < end; at++) {
      if (isDelete(records[at])) return at - from;
    }
    return end - from;
  }

  async #applyRows(records: readonly LakeRecord[], nextOffset: number): Promise<Done> {
    const done = nothingDone();
    let batch = new Batch();
    let from = 0;
    for (const [i, record] of records.entries()) {
      this.#convert(record, batch);
      const following = records[i + 1];
      if (following !== undefined && batch.rows < BATCH_ROWS_MAX) continue;
      const next = following?.offset ?? nextOffset;
      addTo(done, await this.#commitOrSplit(batch, records.slice(from, i + 1), next));
      from = i + 1;
      batch = new Batch();
    }
    return done;
  }

  /** The rows of one record into the batch, or its dead letter. */
  #convert(record: LakeRecord, batch: Batch): void {
    if (this.#options.skip.has(record.offset)) {
      giveUp(record, {
        batch,
        table: this.#matcher.match(record.topic)?.table.name ?? record.topic,
        reason: "the process that fills the tables died of it",
      });
      return;
    }
    if (record.kind === "command") {
      this.#convertUpsert(record, batch);
      return;
    }
    const match = this.#matcher.match(record.topic);
    if (match === null) return;
    try {
      batch.add(publicationRows(record.data, match, record));
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      batch.deadLetters.push({ record, table: match.table.name, reason: reasonOf(error) });
    }
  }

  #convertUpsert(record: LakeRecord, batch: Batch): void {
    const name = record.topic.slice(UPSERT.length);
    const table = record.topic.startsWith(UPSERT) ? this.#tables.get(name) : undefined;
    try {
      if (table === undefined) throw new RowError(`there is no table for "${record.topic}"`);
      const [value, options, ...others] = argsOf(record);
      if (others.length > 0) throw new RowError("expected one or two arguments, got more");
      const nulls = nullsOf(options);
      batch.add(upsertRows(value, { table, facts: record, nulls }));
      batch.outcomes.push({ offset: record.offset, error: null });
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      failCommand(record, { batch, table: name, reason: reasonOf(error) });
    }
  }

  async #applyDelete(record: LakeRecord, nextOffset: number): Promise<Done> {
    const { skip, deleteMs, onStuck } = this.#options;
    if (skip.has(record.offset)) return await this.#applyRows([record], nextOffset);
    const name = record.topic.slice(DELETE.length);
    const table = this.#tables.get(name);
    const batch = new Batch();
    try {
      if (table === undefined) throw new QueryError(`there is no table for "${record.topic}"`);
      const { statement, mustBeEmpty } = await deleteStatement(argsOf(record), {
        duck: this.#store.writer,
        table,
        hasHistory: this.#store.storage.kind === "ducklake",
      });
      await this.#commit(batch, nextOffset, async (writer) => {
        if (mustBeEmpty) return await requireEmpty(writer, table);
        // The condition is of a stranger: what it costs must not stop the tables.
        const run = () => writer.run(statement.sql, statement.values);
        await writer.within(run, { ms: deleteMs, onStuck });
      });
      batch.outcomes.push({ offset: record.offset, error: null });
    } catch (error) {
      const isRefused = error instanceof QueryError || error instanceof RowError;
      const isItsFault = ["data", "memory"].includes(failureKind(error)) || isBindError(error);
      if (!isRefused && !isItsFault) throw error;
      failCommand(record, { batch, table: name, reason: reasonOf(error) });
      await this.#commit(batch, nextOffset);
    }
    return batch.done;
  }

  /**
   * Commits a batch. When the database refuses a row that looked right, the records are halved until the
   * one is found, which becomes a dead letter.
   */
  async #commitOrSplit(
    batch: Batch,
    records: readonly LakeRecord[],
    nextOffset: number,
  ): Promise<Done> {
    try {
      await this.#commit(batch, nextOffset);
      return batch.done;
    } catch (error) {
      const [first, ...others] = records;
      if (failureKind(error) !== "data" || first === undefined) throw error;
      if (others.length === 0) return await this.#giveUp(first, nextOffset, reasonOf(error));
    }
    const middle = records.length >> 1;
    const next = records[middle]?.offset ?? nextOffset;
    const done = await this.#applyRows(records.slice(0, middle), next);
    addTo(done, await this.#applyRows(records.slice(middle), nextOffset));
    return done;
  }

  async #giveUp(record: LakeRecord, nextOffset: number, reason: string): Promise<Done> {
    const batch = new Batch();
    const table = this.#matcher.match(record.topic)?.table.name ?? record.topic;
    giveUp(record, { batch, table, reason });
    await this.#commit(batch, nextOffset);
    return batch.done;
  }

  /** Rows, dead letters and offset in one transaction. */
  async #commit(
    batch: Batch,
    nextOffset: number,
    more: (writer: Duck) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const { writer } = this.#store;
    try {
      await writer.transaction(async () => {
        await more(writer);
        for (const growing of batch.growing.values()) await this.#append(growing);
        for (const { table, rows } of batch.keyed.values()) await this.#merge(table, rows);
        await this.#appendDeadLetters(batch.deadLetters);
        await this.#store.move(nextOffset);
      });
    } catch (error) {
      // What was not flushed would be there again in the next transaction.
      this.#dropAppenders();
      throw error;
    }
    this.#store.advance(nextOffset);
  }

  async #append({ table, columns, count }: Growing): Promise<void> {
    const order = this.#store.orderOf(table);
    const appender = this.#appender(table.name, order.map((i) => typeAt(table, i)));
    await appender.append(order.map((i) => columns[i] ?? []), count);
    appender.flush();
  }

  async #merge(table: TableSchema, rows: KeyedRows): Promise<void> {
    const { writer } = this.#store;
    const stage = "__stage";
    await writer.run(createStage(table, stage));
    const appender = new ColumnAppender(writer, {
      catalog: "temp",
      table: stage,
      types: stageTypes(table),
    });
    try {
      await appender.append(rows.staged(), rows.count);
      appender.flush();
    } finally {
      appender.drop();
    }
    await writer.run(mergeStage(table, stage, qualified(table.name)));
    await writer.run(`DROP TABLE temp.main.${stage}`);
  }

  async #appendDeadLetters(letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    const rows = letters.map(({ record, table, reason }): Cell[] => [
      this.#store.logId,
      BigInt(record.offset),
      record.recvNs,
      record.kind,
      record.publisher,
      record.topic,
      table,
      reason,
      record.data.subarray(0, DEAD_LETTER_BYTES_MAX),
    ]);
    const appender = this.#appender(DEAD_LETTER_TABLE, DEAD_LETTER_TYPES);
    await appender.append(
      DEAD_LETTER_TYPES.map((_, i) => rows.map((row) => row[i])),
      rows.length,
    );
    appender.flush();
  }

  #appender(table: string, types: readonly ColumnType[]): ColumnAppender {
    let appender = this.#appenders.get(table);
    if (appender === undefined) {
      appender = new ColumnAppender(this.#store.writer, { catalog: CATALOG, table, types });
      this.#appenders.set(table, appender);
    }
    return appender;
  }

  #dropAppenders(): void {
    for (const appender of this.#appenders.values()) appender.drop();
    this.#appenders.clear();
  }
}

function isDelete(record: LakeRecord | undefined): record is LakeRecord {
  return record?.kind === "command" && record.topic.startsWith(DELETE);
}

function argsOf(record: LakeRecord): readonly unknown[] {
  let value: unknown;
  try {
    value = decodeCbor(record.data);
  } catch (cause) {
    throw new RowError(`the arguments cannot be read: ${reasonOf(cause)}`, { cause });
  }
  return Array.isArray(value) ? value : [value];
}

function nullsOf(options: unknown): boolean {
  if (options === undefined || options === null) return false;
  const isMap = typeof options === "object" && Object.getPrototypeOf(options) === Object.prototype;
  const { nulls = false, ...others } = (isMap ? options : {}) as Record<string, unknown>;
  const unknown = Object.keys(others);
  if (!isMap) throw new RowError("expected a map of options");
  if (unknown.length > 0) throw new RowError(`invalid keys: ${unknown.join(", ")}`);
  if (typeof nulls !== "boolean") throw new RowError('expected true or false as "nulls"');
  return nulls;
}

async function requireEmpty(writer: Duck, table: TableSchema): Promise<void> {
  const rows = await writer.rows(`SELECT 1 FROM ${qualified(table.name)} LIMIT 1`);
  if (rows.length > 0) {
    throw new QueryError(
      `Cannot delete all rows of "${table.name}": expected "where", or {all: true} if that is meant`,
    );
  }
}

function typeAt(table: TableSchema, at: number): ColumnType {
  const column = table.columns[at];
  if (column === undefined) throw new RangeError(`Cannot find column ${at} of "${table.name}"`);
  return column.stored;
}

/** A column that is not there, or types that do not fit: found when the statement is bound. */
function isBindError(error: unknown): boolean {
  return error instanceof Error && /^(?:Binder|Catalog|Parser) Error/.test(error.message);
}

function storageFailure(error: unknown): unknown {
  if (error instanceof StoreError || !(error instanceof Error)) return error;
  const fault = failureKind(error) === "corrupt" ? "corrupt" : "unavailable";
  return new StoreError(fault, `Cannot store rows: ${reasonOf(error)}`, { cause: error });
}
