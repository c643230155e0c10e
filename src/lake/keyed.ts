import { type Cell, cellKey } from "./cell.ts";
import { type ColumnType, typeText } from "./column_type.ts";
import { ident } from "./identifier.ts";
import type { MaybeCell, RowSet } from "./rows.ts";
import type { TableSchema } from "./schema.ts";

/** Between two cells of a key; no text of a number or a time holds it. */
const KEY_SEPARATOR = "\0";

/**
 * Folds the rows of a batch into one for each key, in the order of the log: what a later row says
 * about a column wins, what it does not say stays (spec 8.6). A null key is equal to no other.
 */
export class KeyedRows {
  readonly #table: TableSchema;
  readonly #rows: MaybeCell[][] = [];
  readonly #byKey = new Map<string, MaybeCell[]>();

  /** An empty fold for a table with keys. */
  constructor(table: TableSchema) {
    this.#table = table;
  }

  /** Rows after folding. */
  get count(): number {
    return this.#rows.length;
  }

  /** Adds the rows of one message. */
  add({ columns, count }: RowSet): void {
    for (let row = 0; row < count; row++) {
      const cells = columns.map((column) => column[row]);
      const key = this.#keyOf(cells);
      const known = key === null ? undefined : this.#byKey.get(key);
      if (known === undefined) {
        this.#rows.push(cells);
        if (key !== null) this.#byKey.set(key, cells);
        continue;
      }
      for (const [i, cell] of cells.entries()) {
        if (cell !== undefined) known[i] = cell;
      }
    }
  }

  /**
   * Columns of the staging table: for each column its cell, or what a new row gets, then for each whether
   * anything was said.
   */
  staged(): MaybeCell[][] {
    const cells = this.#table.columns.map(({ defaultCell }, i) =>
      this.#rows.map((row) => row[i] === undefined ? defaultCell ?? null : row[i])
    );
    const said = this.#table.columns.map((_, i) => this.#rows.map((row) => row[i] !== undefined));
    return [...cells, ...said];
  }

  #keyOf(cells: readonly MaybeCell[]): string | null {
    let key = "";
    for (const at of this.#table.keys) {
      const cell: Cell = cells[at] ?? null;
      if (cell === null) return null;
      const text = cellKey(cell);
      // With its length: a text may hold the separator.
      key += `${text.length}${KEY_SEPARATOR}${text}${KEY_SEPARATOR}`;
    }
    return key;
  }
}

const BOOLEAN: ColumnType = { kind: "scalar", name: "BOOLEAN" };

/** Types of the columns of the staging table. */
export function stageTypes(table: TableSchema): ColumnType[] {
  return [...table.columns.map(({ stored }) => stored), ...table.columns.map(() => BOOLEAN)];
}

/** The statement that makes the staging table. */
export function createStage(table: TableSchema, name: string): string {
  const columns = stageTypes(table).map((type, i) => `c${i} ${typeText(type)}`);
  return `CREATE OR REPLACE TEMP TABLE ${ident(name)} (${columns.join(", ")})`;
}

/** The statement that brings the staged rows into the table. */
export function mergeStage(table: TableSchema, stage: string, qualified: string): string {
  const { columns, keys } = table;
  const said = (i: number) => `s.c${columns.length + i}`;
  const on = keys.map((i) => `t.${ident(columns[i]?.name ?? "")} = s.c${i}`).join(" AND ");
  const updates = columns.flatMap(({ name, isKey }, i) =>
    isKey ? [] : [`${ident(name)} = CASE WHEN ${said(i)} THEN s.c${i} ELSE t.${ident(name)} END`]
  );
  const update = updates.length === 0 ? "" : `WHEN MATCHED THEN UPDATE SET ${updates.join(", ")} `;
  const names = columns.map(({ name }) => ident(name)).join(", ");
  const values = columns.map((_, i) => `s.c${i}`).join(", ");
  return `MERGE INTO ${qualified} AS t USING temp.main.${ident(stage)} AS s ON (${on}) ${update}` +
    `WHEN NOT MATCHED THEN INSERT (${names}) VALUES (${values})`;
}
