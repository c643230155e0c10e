import { assert, assertEquals } from "@std/assert";
import { tableText } from "../../../src/cli/table_text.ts";

function lines(
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
  width: number | null = null,
): string[] {
  const pieces = [...tableText({ columns, rows, width, head: (text) => `[${text}]` })];
  return pieces.flatMap((piece) => piece.split("\n"));
}

Deno.test("tableText() aligns texts to the left, and columns of numbers to the right", () => {
  assertEquals(
    lines(["dn", "t", "n"], [["a", 21.5, 18446744073709551615n], ["plant", -3, null]]),
    [
      "[dn        t                     n]",
      "a      21.5  18446744073709551615",
      "plant    -3                  null",
    ],
  );
});

Deno.test("tableText() shows names alone when there are no rows", () => {
  assertEquals(lines(["dn", "t"], []), ["[dn  t]"]);
});

Deno.test("tableText() keeps each row on one line, whatever is in it", () => {
  const rows = [["a\nb\t\x1b[2J", [1, "x"], new Map([["k", null]]), Uint8Array.of(1), true]];
  assertEquals(
    lines(["v", "l", "m", "b", "f"], rows)[1],
    [
      String.raw`a\nb\t\u001b[2J`,
      '[1,"x"]',
      '{"k":null}',
      '"AQ=="',
      "true",
    ].join("  "),
  );
});

Deno.test("tableText() cuts the widest columns to fit the terminal, and the line at last", () => {
  const rows = [["short", "x".repeat(100), "y".repeat(40)]];
  for (const width of [120, 60, 40, 20, 10]) {
    const [head = "", row = ""] = lines(["a", "b", "c"], rows, width);
    assert(row.length <= width && head.length <= width + 2, `${width}: ${row}`);
    assert(row.includes("…"));
  }
  assertEquals(lines(["a", "b", "c"], rows, 40)[1]?.startsWith("short  xxxxxxxx"), true);
  assertEquals(lines(["a", "b", "c"], rows)[1]?.length, 149);
});
