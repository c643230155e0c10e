import type { DuckDBConnection, DuckDBResult } from "npm:@duckdb/node-api@1.5.5-r.5";
import type { DataChunk } from "npm:@duckdb/node-bindings@1.5.5-r.5";
import { type ArrowField, leavingType } from "./arrow_type.ts";
import { ArrowWriter } from "./arrow_writer.ts";
import type { Duck } from "./duck.ts";
import { QueryError, reasonOf } from "./errors.ts";
import { ident } from "./identifier.ts";
import { CHUNKS_PER_BATCH, QUERY_MS, RESULT_BYTES_MAX } from "./limits.ts";
import type { Statement } from "./query.ts";

/** Limits of one query. */
export interface QueryLimits {
  /** Time until it is interrupted, in milliseconds. @default {QUERY_MS} */
  readonly queryMs?: number;
  /** Arrow bytes of its result. @default {RESULT_BYTES_MAX} */
  readonly resultBytesMax?: number;
  /** Called when it goes on `QUERY_GRACE_MS` after it was interrupted: only the process can end it. */
  readonly onStuck?: () => void;
}

/** The answer of a query. */
export interface QueryResult {
  /** An Arrow IPC stream. */
  readonly bytes: Uint8Array;
  /** Its rows. */
  readonly rowCount: number;
}

/**
 * Runs a statement that passed the gate, on a connection that does nothing else meanwhile, in a read-only
 * transaction, and writes its result as Arrow while it comes.
 *
 * @throws {QueryError} When it fails, takes too long, or makes more bytes than a frame can carry.
 */
export async function runQuery(
  duck: Duck,
  statement: Statement,
  limits: QueryLimits = {},
): Promise<QueryResult> {
  const { queryMs = QUERY_MS, resultBytesMax = RESULT_BYTES_MAX, onStuck = () => {} } = limits;
  try {
    return await duck.within(
      (isLate) =>
        duck.transaction(
          () => stream(duck.connection, statement, { resultBytesMax, isLate }),
          "BEGIN TRANSACTION READ ONLY",
        ),
      { ms: queryMs, onStuck },
    );
  } catch (cause) {
    if (cause instanceof QueryError) throw cause;
    throw new QueryError(reasonOf(cause), { cause });
  }
}

async function stream(
  connection: DuckDBConnection,
  { sql, values }: Statement,
  { resultBytesMax, isLate }: { resultBytesMax: number; isLate: () => boolean },
): Promise<QueryResult> {
  let result = await connection.stream(sql, values);
  const { fields, wrapped } = leave(result, sql);
  if (wrapped !== null) result = await connection.stream(wrapped, values);
  const writer = new ArrowWriter(fields);
  let pending: DataChunk[] = [];
  let rowCount = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    // Between two chunks an interrupt finds nothing that runs.
    if (isLate()) throw new Error("INTERRUPT Error: the time is over");
    if (chunk === null || chunk.rowCount === 0) break;
    rowCount += chunk.rowCount;
    pending.push(chunk.chunk);
    if (pending.length < CHUNKS_PER_BATCH) continue;
    writer.batch(pending);
    pending = [];
    checkSize(writer, resultBytesMax);
  }
  if (pending.length > 0) writer.batch(pending);
  checkSize(writer, resultBytesMax);
  return { bytes: writer.finish(), rowCount };
}

function checkSize(writer: ArrowWriter, max: number): void {
  if (writer.byteLength > max) {
    throw new QueryError(
      `Cannot answer the query: expected a result of at most ${max} bytes. ` +
        'Ask for fewer rows or columns, with "where", "cols", or pages by "order", "limit", "offset"',
    );
  }
}

/** The columns as they leave, and the statement with casts around it when some must leave as text. */
function leave(
  result: DuckDBResult,
  sql: string,
): { fields: ArrowField[]; wrapped: string | null } {
  const fields: ArrowField[] = [];
  const columns: string[] = [];
  let needsCast = false;
  for (const [i, name] of result.deduplicatedColumnNames().entries()) {
    const leaving = leavingType(result.columnLogicalType(i).logical_type);
    fields.push({ name, type: leaving.type });
    const column = `#${i + 1}`;
    if (leaving.sql !== leaving.source) needsCast = true;
    columns.push(
      `${leaving.sql === leaving.source ? column : `CAST(${column} AS ${leaving.sql})`} AS ${
        ident(name)
      }`,
    );
  }
  return { fields, wrapped: needsCast ? `SELECT ${columns.join(", ")} FROM (${sql})` : null };
}
