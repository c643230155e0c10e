import { CallError, Status } from "../protocol/errors.ts";
import { meaningOf } from "./call_failure.ts";
import { hint } from "./closest.ts";
import { CommandError } from "./exit.ts";
import { frameBytesOf } from "./frame_rows.ts";
import { type Caller, fetchTables } from "./table_list.ts";

/**
 * The Arrow bytes of the rows that were asked for. Throws {@link CommandError} with the broker's own words when it
 * refuses, and with the tables that there are when it has no such table.
 */
export async function queryTable(
  node: Caller,
  table: string,
  argument: Readonly<Record<string, unknown>>,
): Promise<Uint8Array> {
  try {
    const bytes = frameBytesOf(await node.rpc(`query_${table}`, argument));
    if (bytes !== null) return bytes;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    const reason = error.status === Status.METHOD_NOT_FOUND
      ? await unknownTable(node, table)
      : refusal(error);
    throw new CommandError(`Cannot query "${table}": ${reason}`, { cause: error });
  }
  throw new CommandError(`Cannot query "${table}": expected a data frame as the answer`);
}

/** The broker's own words, where there are any: they say what was wrong with the query. */
function refusal(error: CallError): string {
  const { status, data } = error;
  return status === Status.METHOD_EXCEPTION && typeof data === "string" && data !== ""
    ? data
    : meaningOf(error);
}

async function unknownTable(node: Caller, table: string): Promise<string> {
  const info = await fetchTables(node);
  if (info === null) return "the broker has no tables, or does not show them";
  const names = info.tables.map((known) => known.table);
  if (names.length === 0) return "the broker has no tables";
  return `the broker has no such table${hint(table, names)} (it has ${names.join(", ")})`;
}
