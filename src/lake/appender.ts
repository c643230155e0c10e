import type { Appender, DataChunk, LogicalType } from "npm:@duckdb/node-bindings@1.5.5-r.5";
import type { ColumnType } from "./column_type.ts";
import { type Duck, duckdb } from "./duck.ts";
import type { MaybeCell } from "./rows.ts";
import { CHUNK_ROWS, writeVector } from "./vector_writer.ts";

/** Chunks after which the event loop gets its turn: writing them is synchronous. */
const CHUNKS_PER_TURN = 8;

/** Where rows are appended. */
export interface AppendTarget {
  /** Catalog, such as `rl` or `temp`. */
  readonly catalog: string;
  /** Name of the table. */
  readonly table: string;
  /** Types of its columns, in the order of the table. */
  readonly types: readonly ColumnType[];
}

/**
 * Appends columns of cells to a table by whole chunks: the fastest way in. Lives across transactions; after
 * an error, or a change of the table, it must be dropped and made again.
 */
export class ColumnAppender {
  readonly #appender: Appender;
  readonly #chunk: DataChunk;
  readonly #types: readonly ColumnType[];

  /** Throws when the table is not there. */
  constructor(duck: Duck, { catalog, table, types }: AppendTarget) {
    this.#appender = duckdb.appender_create_ext(duck.handle, catalog, "main", table);
    this.#types = types;
    const logical: LogicalType[] = types.map((_, i) =>
      duckdb.appender_column_type(this.#appender, i)
    );
    this.#chunk = duckdb.create_data_chunk(logical);
  }

  /** Appends `count` rows: one list of cells for each column. They are in the table after `flush`. */
  async append(columns: readonly (readonly MaybeCell[])[], count: number): Promise<void> {
    for (let from = 0, chunks = 1; from < count; from += CHUNK_ROWS, chunks++) {
      const size = Math.min(CHUNK_ROWS, count - from);
      duckdb.data_chunk_reset(this.#chunk);
      for (const [i, type] of this.#types.entries()) {
        const cells = columns[i] ?? [];
        const part = size === cells.length ? cells : cells.slice(from, from + size);
        writeVector(duckdb.data_chunk_get_vector(this.#chunk, i), type, part);
      }
      duckdb.data_chunk_set_size(this.#chunk, size);
      duckdb.append_data_chunk(this.#appender, this.#chunk);
      if (chunks % CHUNKS_PER_TURN === 0) await turn();
    }
  }

  /** Hands what was appended to the transaction. */
  flush(): void {
    duckdb.appender_flush_sync(this.#appender);
  }

  /** Gives the appender up, with what was not flushed. */
  drop(): void {
    duckdb.appender_clear(this.#appender);
    duckdb.appender_close_sync(this.#appender);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
