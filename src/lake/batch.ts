import { KeyedRows } from "./keyed.ts";
import type { MaybeCell, RowSet } from "./rows.ts";
import type { TableSchema } from "./schema.ts";
import type { LakeRecord } from "./source.ts";

/** How a command ended. */
export interface CommandOutcome {
  /** Its offset in the log. */
  readonly offset: number;
  /** `null` when it was carried out, else the text of the answer (status 40). */
  readonly error: string | null;
}

/** What was done so far. */
export interface Done {
  rows: number;
  deadLetters: number;
  readonly outcomes: CommandOutcome[];
}

/** The beginning of a count. */
export function nothingDone(): Done {
  return { rows: 0, deadLetters: 0, outcomes: [] };
}

/** Adds what else was done. */
export function addTo(done: Done, more: Done): void {
  done.rows += more.rows;
  done.deadLetters += more.deadLetters;
  for (const outcome of more.outcomes) done.outcomes.push(outcome);
}

/** A message that no table can take, with the reason. */
export interface DeadLetter {
  readonly record: LakeRecord;
  readonly table: string;
  readonly reason: string;
}

/** Rows for one table, column by column. */
export interface Growing {
  readonly table: TableSchema;
  readonly columns: MaybeCell[][];
  count: number;
}

/** All that one transaction will write. */
export class Batch {
  readonly growing = new Map<string, Growing>();
  readonly keyed = new Map<string, { readonly table: TableSchema; readonly rows: KeyedRows }>();
  readonly deadLetters: DeadLetter[] = [];
  readonly outcomes: CommandOutcome[] = [];
  rows = 0;

  get done(): Done {
    const { rows, deadLetters, outcomes } = this;
    return { rows, deadLetters: deadLetters.length, outcomes };
  }

  add(rows: RowSet): void {
    const { table, count, columns } = rows;
    if (count === 0) return;
    this.rows += count;
    if (table.keys.length > 0) {
      const known = this.keyed.get(table.name) ?? { table, rows: new KeyedRows(table) };
      this.keyed.set(table.name, known);
      known.rows.add(rows);
      return;
    }
    let known = this.growing.get(table.name);
    if (known === undefined) {
      known = { table, columns: table.columns.map(() => []), count: 0 };
      this.growing.set(table.name, known);
    }
    for (const [i, { defaultCell = null }] of table.columns.entries()) {
      const to = known.columns[i];
      const from = columns[i] ?? [];
      for (let row = 0; row < count; row++) {
        const cell = from[row];
        to?.push(cell === undefined ? defaultCell : cell);
      }
    }
    known.count += count;
  }
}

/** Makes a dead letter of a message, and the outcome of a command that failed. */
export function giveUp(
  record: LakeRecord,
  to: { readonly batch: Batch; readonly table: string; readonly reason: string },
): void {
  const { batch, table, reason } = to;
  if (record.kind === "command") failCommand(record, to);
  else batch.deadLetters.push({ record, table, reason });
}

/** Notes that a command failed. */
export function failCommand(
  record: LakeRecord,
  { batch, table, reason }: { batch: Batch; table: string; reason: string },
): void {
  // Kept as well, so that the outcome can be told after a crash between commit and answer.
  batch.deadLetters.push({ record, table, reason });
  batch.outcomes.push({ offset: record.offset, error: reason });
}
