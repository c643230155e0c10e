import { assertEquals, assertThrows } from "@std/assert";
import { RowError } from "../../../src/lake/errors.ts";
import { intervalOfNs, parseInterval } from "../../../src/lake/interval.ts";
import { oneTable, publication } from "../../helpers/lake_schema.ts";
import { openStore } from "../../helpers/lake_store.ts";

const SECOND = 1_000_000n;

const READ: readonly (readonly [string, number, number, bigint])[] = [
  ["1 day", 0, 1, 0n],
  ["2 years 3 months", 27, 0, 0n],
  ["-3 mons", -3, 0, 0n],
  ["1 week 2 d", 0, 9, 0n],
  ["90 s", 0, 0, 90n * SECOND],
  ["1.5 hours", 0, 0, 5_400n * SECOND],
  ["-0.25 seconds", 0, 0, -250_000n],
  ["-1.25 seconds", 0, 0, -1_250_000n],
  ["02:30:00", 0, 0, 9_000n * SECOND],
  ["1 day -00:00:01.5", 0, 1, -1_500_000n],
  ["5 minutes 10us", 0, 0, 300n * SECOND + 10n],
  ["2 decades 1 century 1 quarter", 240 + 1_200 + 3, 0, 0n],
  ["P1Y2M3W4DT5H6M7.5S", 14, 25, 18_367_500_000n],
  ["-PT1M", 0, 0, -60n * SECOND],
];

for (const [text, months, days, micros] of READ) {
  Deno.test(`parseInterval() reads ${text}`, () => {
    assertEquals(parseInterval(text), { months, days, micros });
  });
}

for (
  const text of [
    "",
    " ",
    "day",
    "1",
    "1 parsec",
    "1.5 days",
    "P",
    "PT",
    "1 day x",
    "99999999999 years",
  ]
) {
  Deno.test(`parseInterval() refuses "${text}"`, () => {
    assertThrows(() => parseInterval(text), RowError, "expected an interval");
  });
}

Deno.test("intervalOfNs() cuts what is below a microsecond", () => {
  assertEquals(intervalOfNs(1_999n), { months: 0, days: 0, micros: 1n });
});

Deno.test("an INTERVAL is stored as DuckDB itself reads the text", async () => {
  const schema = oneTable({
    table: "t",
    columns: [{ col: "i", type: "INTEGER" }, { col: "v", type: "INTERVAL", default: "1 day" }],
  });
  await using opened = await openStore(schema, { threads: 1 });
  const texts = READ.map(([text]) => text).filter((text) => !/P|decade|-0\.|-00/.test(text));
  await opened.ingest.apply([
    ...texts.map((text, i) => publication(i, "t", [i, text])),
    publication(texts.length, "t", [{ i: texts.length }]),
    publication(texts.length + 1, "t", [texts.length + 1, 5]),
  ], texts.length + 2);
  const stored = await opened.query("t", [{ cols: ["v"], order: "i" }]);
  const wanted = await opened.store.writer.rows(
    `SELECT CAST(v AS INTERVAL)::VARCHAR FROM (VALUES ${
      [...texts, "1 day"].map((text) => `('${text}')`).join(", ")
    }) AS t(v)`,
  );
  assertEquals(stored, wanted);
  assertEquals((await opened.all("__dead_letter")).map((row) => row[7]), [
    'column "v": expected an interval, got 5',
  ]);
});
