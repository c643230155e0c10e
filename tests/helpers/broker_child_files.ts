// What is in the files of a broker that has ended, and in its tables while it runs.
import { tableFromIPC } from "npm:@uwdata/flechette@2.6.0";
import { denoLogFiles } from "../../src/log/deno_files.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import type { Component } from "../../src/peer/api.ts";
import { decodeCbor, Tagged } from "../../src/protocol/cbor.ts";
import { note, type Seen } from "./broker_child_load.ts";

const ROWS_PER_PAGE = 200_000;

/** The publications of load in the log of a broker that has ended, and the places that are damaged. */
export async function loggedIn(
  dir: string,
): Promise<{ readonly seen: Seen; readonly damaged: number }> {
  const seen: Seen = new Map();
  await using log = await openMessageLog({ files: denoLogFiles(`${dir}/broker/log`) });
  const topics = (topic: string): boolean => topic.endsWith("/reading");
  for await (const { records } of log.read({ from: { offset: 1 }, topics })) {
    for (const { publisher, data } of records) {
      const [value] = decodeCbor(data) as [{ seq: number }];
      note(seen, publisher, value.seq);
    }
  }
  return { seen, damaged: log.status.damage.places };
}

/** The rows that are in the table of load, by publisher, sorted. */
export async function rowsIn(node: Component): Promise<Seen> {
  const seen: Seen = new Map();
  for (let offset = 0;; offset += ROWS_PER_PAGE) {
    const order = ["dn", "seq"];
    const page = { cols: order, order, offset, limit: ROWS_PER_PAGE };
    const rows = readFrame(await node.rpc("query_reading", page));
    for (const { dn, seq } of rows) note(seen, String(dn), Number(seq));
    if (rows.length < ROWS_PER_PAGE) return seen;
  }
}

/** The rows of a frame. */
export function readFrame(frame: unknown): Record<string, unknown>[] {
  if (!(frame instanceof Tagged) || !(frame.value instanceof Uint8Array)) {
    throw new Error("Cannot read the answer: expected a frame");
  }
  // A copy, because Arrow wants its bytes aligned.
  return tableFromIPC(frame.value.slice(), { useBigInt: true }).toArray();
}

/** Each list sorted, by publisher. */
export function sorted(seen: Seen): Record<string, number[]> {
  return Object.fromEntries(
    [...seen].map(([name, list]) => [name, list.toSorted((a, b) => a - b)] as const).sort(),
  );
}
