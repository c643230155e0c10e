import { DataFrame, TAG_FRAME } from "../frame/data_frame.ts";
import { Timestamp } from "../frame/timestamp.ts";
import { Tagged } from "../protocol/cbor.ts";

/** The cells of a data frame, in forms that lose nothing: texts, numbers, bigint, lists, maps, `null`. */
export interface FrameRows {
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** How many rows there are. */
  readonly count: number;
  /** The rows, in order; made anew by each call. */
  rows(): Iterable<readonly unknown[]>;
}

/** The Arrow bytes of a data frame; `null` for any other value. */
export function frameBytesOf(value: unknown): Uint8Array | null {
  return value instanceof Tagged && value.tag === TAG_FRAME && value.value instanceof Uint8Array
    ? value.value
    : null;
}

/** Reads a data frame. Throws `FrameError` for bytes that are no Arrow IPC stream. */
export function frameRows(bytes: Uint8Array): FrameRows {
  const frame = new DataFrame(bytes);
  const { names, numRows } = frame;
  const columns = frame.columns();
  const values = names.map((name) => columns[name] ?? []);
  return {
    columns: names,
    count: numRows,
    *rows(): Iterable<readonly unknown[]> {
      for (let row = 0; row < numRows; row++) yield values.map((column) => exact(column[row]));
    },
  };
}

/** Dates as texts: days without a time, and instants with all their digits. */
function exact(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (value instanceof Date) return dateText(value);
  if (Array.isArray(value)) return value.map(exact);
  if (value instanceof Map) {
    return new Map(Array.from(value, ([key, item]) => [exact(key), exact(item)]));
  }
  return new Map(Object.entries(value).map(([name, member]) => [name, exact(member)]));
}

function dateText(date: Date): string {
  // A time may lie beyond the years that dates of JavaScript have.
  if (Number.isNaN(date.getTime())) return date instanceof Timestamp ? `${date.ns} ns` : "invalid";
  const text = date.toISOString();
  return date instanceof Timestamp ? text : text.slice(0, text.indexOf("T"));
}
