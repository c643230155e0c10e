/**
 * A value as a column stores it, without anything of DuckDB, so that rows can be checked, compared and
 * tested without native code. What stands for what:
 *
 * | column                                | cell                                            |
 * | ------------------------------------- | ----------------------------------------------- |
 * | BOOLEAN                               | boolean                                         |
 * | integers up to 32 bits, FLOAT, DOUBLE | number                                          |
 * | integers of 64 and 128 bits           | bigint                                          |
 * | DECIMAL                               | bigint: the number times 10^scale               |
 * | DATE                                  | number: days since 1970-01-01                   |
 * | TIME                                  | bigint: microseconds since midnight             |
 * | TIMESTAMP and its kinds               | bigint: their unit since the epoch              |
 * | INTERVAL                              | three: months, days (numbers), micros (bigint)  |
 * | UUID                                  | bigint: 128 bits, unsigned                      |
 * | VARCHAR, JSON, ENUM                   | string                                          |
 * | BLOB                                  | Uint8Array                                      |
 * | LIST, ARRAY                           | array of cells                                  |
 * | STRUCT                                | array of cells, one for each member             |
 * | MAP                                   | array of pairs of cells                         |
 */
export type Cell =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Cell[];

/**
 * A text that is equal exactly for cells that SQL compares as equal: the key of a row. Null is equal to
 * nothing: callers look for it first. Only for plain types ({@link isPlain}).
 */
export function cellKey(cell: Cell): string {
  switch (typeof cell) {
    case "number":
      return Object.is(cell, -0) ? "0" : String(cell);
    case "bigint":
    case "boolean":
      return String(cell);
    case "string":
      return cell;
    default:
      return cell instanceof Uint8Array ? String(cell) : "";
  }
}
