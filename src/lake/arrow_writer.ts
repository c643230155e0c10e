import type { DataChunk } from "npm:@duckdb/node-bindings@1.5.5-r.5";
import { encodeSchema } from "../frame/encode.ts";
import { ArrowStream, newBuffers } from "../frame/stream.ts";
import { ArrowColumn } from "./arrow_column.ts";
import { type ArrowField, frameFieldOf } from "./arrow_type.ts";
import { duckdb } from "./duck.ts";

/**
 * Writes an Arrow IPC stream from chunks of DuckDB: the schema, a record batch for each `batch`, the end.
 * The driver exports no Arrow; this is several times faster than building it from values.
 */
export class ArrowWriter {
  readonly #fields: readonly ArrowField[];
  readonly #stream = new ArrowStream();

  /** Begins a stream with these columns. */
  constructor(fields: readonly ArrowField[]) {
    this.#fields = fields;
    this.#stream.push(encodeSchema(fields.map(frameFieldOf)));
  }

  /** Bytes written so far. */
  get byteLength(): number {
    return this.#stream.byteLength;
  }

  /** Writes the rows of these chunks as one record batch. */
  batch(chunks: readonly DataChunk[]): void {
    const columns = this.#fields.map(({ type }) => new ArrowColumn(type));
    let length = 0;
    for (const chunk of chunks) {
      const size = duckdb.data_chunk_get_size(chunk);
      length += size;
      for (const [i, column] of columns.entries()) {
        column.append(duckdb.data_chunk_get_vector(chunk, i), [[0, size]]);
      }
    }
    const buffers = newBuffers();
    for (const column of columns) column.collect(buffers);
    this.#stream.batch(length, buffers);
  }

  /** Ends the stream; the whole of it. */
  finish(): Uint8Array {
    return this.#stream.finish();
  }
}
