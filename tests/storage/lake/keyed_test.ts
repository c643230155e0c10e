import { assertEquals } from "@std/assert";
import { KeyedRows } from "../../../src/lake/keyed.ts";
import type { MaybeCell } from "../../../src/lake/rows.ts";
import { oneTable, tableOf } from "../../helpers/lake_schema.ts";

const table = tableOf(
  oneTable({
    table: "t",
    columns: [
      { col: "k", type: "TEXT" },
      { col: "l", type: "DOUBLE" },
      { col: "v", type: "INTEGER", default: 7 },
    ],
    keys: ["k", "l"],
  }),
  "t",
);

function fold(...rows: MaybeCell[][]): MaybeCell[][] {
  const keyed = new KeyedRows(table);
  for (const row of rows) keyed.add({ table, count: 1, columns: row.map((cell) => [cell]) });
  const staged = keyed.staged();
  return Array.from({ length: keyed.count }, (_, at) => staged.map((cells) => cells[at]));
}

Deno.test("KeyedRows keeps what a later row does not say", () => {
  assertEquals(fold(["a", 1, 5], ["a", 1, undefined]), [["a", 1, 5, true, true, true]]);
});

Deno.test("KeyedRows takes null as a value", () => {
  assertEquals(fold(["a", 1, 5], ["a", 1, null]), [["a", 1, null, true, true, true]]);
});

Deno.test("KeyedRows stages the default for new rows and says that it was not said", () => {
  assertEquals(fold(["a", 1, undefined]), [["a", 1, 7, true, true, false]]);
});

Deno.test("KeyedRows takes no null key as equal to another", () => {
  assertEquals(fold([null, 1, 5], [null, 1, 6]).length, 2);
});

Deno.test("KeyedRows takes 0 and -0 as one key, and texts with zero characters as different ones", () => {
  assertEquals(fold(["a", 0, 5], ["a", -0, 6]).length, 1);
  assertEquals(fold(["a\x001", 1, 5], ["a", 1, 6]).length, 2);
  assertEquals(fold(["a", NaN, 5], ["a", NaN, 6]).length, 1);
});
