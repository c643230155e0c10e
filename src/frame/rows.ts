/** A row of a data frame: column -> value. */
export type Row = Record<string, unknown>;

/** Sets a member; `__proto__` becomes one that changes nothing. */
export function setMember(object: Row, name: string, value: unknown): void {
  if (name !== "__proto__") object[name] = value;
  else {
    Object.defineProperty(object, name, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
}

/** Rows made of columns of `count` values each. */
export function rowsOf(
  columns: readonly (readonly [name: string, values: readonly unknown[]])[],
  count: number,
): Row[] {
  // Copies of one object have one shape, which is several times faster than objects that grow.
  const shape: Row = {};
  for (const [name] of columns) setMember(shape, name, null);
  const isPlain = columns.every(([name]) => name !== "__proto__");
  const rows = new Array<Row>(count);
  for (let at = 0; at < count; at++) {
    const row: Row = isPlain ? { ...shape } : {};
    for (const [name, values] of columns) {
      if (isPlain) row[name] = values[at];
      else setMember(row, name, values[at]);
    }
    rows[at] = row;
  }
  return rows;
}

/** Columns made of rows: of every member that a row has, in the order of their first appearance. */
export function columnsOf(rows: readonly Readonly<Row>[]): Map<string, unknown[]> {
  const columns = new Map<string, unknown[]>();
  for (const [at, row] of rows.entries()) {
    for (const name of Object.keys(row)) {
      let values = columns.get(name);
      if (values === undefined) {
        columns.set(name, values = new Array<unknown>(rows.length).fill(null));
      }
      values[at] = row[name];
    }
  }
  return columns;
}
