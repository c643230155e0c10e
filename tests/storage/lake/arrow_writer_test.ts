// Goal: what DuckDB gives is what Arrow readers see, for all types and any shape of chunks.
// Method: a query of each type, read back with flechette and with apache-arrow, compared with DuckDB's own
// text of each value.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { tableFromIPC } from "npm:@uwdata/flechette@2.6.0";
import { tableFromIPC as apacheTableFromIPC } from "npm:apache-arrow@21";
import { closeInstance, Duck, openInstance } from "../../../src/lake/duck.ts";
import { QueryError } from "../../../src/lake/errors.ts";
import { type QueryLimits, type QueryResult, runQuery } from "../../../src/lake/reader.ts";

async function query(sql: string, limits: QueryLimits = {}): Promise<QueryResult> {
  const database = await openInstance({ threads: "2" });
  const duck = await Duck.connect(database);
  try {
    return await runQuery(duck, { sql, values: [] }, limits);
  } finally {
    duck.close();
    closeInstance(database);
  }
}

function plain(value: unknown): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return `${value}n`;
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  if (typeof value !== "object") return value;
  if (Symbol.iterator in value) return Array.from(value as Iterable<unknown>, plain);
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
}

/** Both readers must see these values, every value of a column the same. */
async function columnOf(sql: string): Promise<unknown[]> {
  const { bytes } = await query(sql);
  const frame = tableFromIPC(bytes, {
    useBigInt: true,
    useDate: true,
    useDecimalInt: true,
    useMap: true,
  });
  const apache = apacheTableFromIPC(bytes);
  assertEquals(apache.numRows, frame.numRows);
  assertEquals(apache.schema.fields.map(({ name }) => name), frame.names);
  for (const [i] of frame.names.entries()) {
    const column = apache.getChildAt(i);
    assertEquals(column?.nullCount, frame.getChildAt(i).nullCount);
    for (const row of apache.toArray()) assert(row !== undefined);
  }
  return Array.from(frame.getChildAt(0), plain);
}

const TYPES: readonly (readonly [string, unknown])[] = [
  ["true", true],
  ["-5::TINYINT", -5],
  ["-500::SMALLINT", -500],
  ["-70000::INTEGER", -70_000],
  ["9007199254740993::BIGINT", "9007199254740993n"],
  ["200::UTINYINT", 200],
  ["60000::USMALLINT", 60_000],
  ["4000000000::UINTEGER", 4_000_000_000],
  ["18446744073709551615::UBIGINT", "18446744073709551615n"],
  ["-99999999999999999999999999999999999999::HUGEINT", "-99999999999999999999999999999999999999n"],
  ["340282366920938463463374607431768211455::UHUGEINT", "340282366920938463463374607431768211455"],
  ["1.5::FLOAT", 1.5],
  ["0.1::DOUBLE", 0.1],
  ["-12.3::DECIMAL(4,1)", "-123n"],
  ["1234567.89::DECIMAL(9,2)", "123456789n"],
  ["-123456789012345.678::DECIMAL(18,3)", "-123456789012345678n"],
  ["0.12345::DECIMAL(38,5)", "12345n"],
  ["'short'", "short"],
  ["'exactly 12 b'", "exactly 12 b"],
  ["'longer than twelve bytes é😀'", "longer than twelve bytes é😀"],
  ["''", ""],
  ["'\\x00\\xFF'::BLOB", [0, 255]],
  ["DATE '2026-01-31'", "2026-01-31T00:00:00.000Z"],
  ["TIME '12:30:15.25'", "45015250000n"],
  ["TIMESTAMP '2026-01-31 12:30:15.123'", "2026-01-31T12:30:15.123Z"],
  ["TIMESTAMP_S '2026-01-31 12:30:15'", "2026-01-31T12:30:15.000Z"],
  ["TIMESTAMP_MS '2026-01-31 12:30:15.123'", "2026-01-31T12:30:15.123Z"],
  ["TIMESTAMP_NS '2026-01-31 12:30:15.123'", "2026-01-31T12:30:15.123Z"],
  ["TIMESTAMPTZ '2026-01-31 12:30:15+01'", "2026-01-31T11:30:15.000Z"],
  ["UUID '00112233-4455-6677-8899-aabbccddeeff'", "00112233-4455-6677-8899-aabbccddeeff"],
  ["INTERVAL 2 DAY", "2 days"],
  ["'b'::ENUM('a', 'b')", "b"],
  ["TIMETZ '12:30:15+01'", "12:30:15+01"],
  ["[1, NULL, 3]", [1, null, 3]],
  ["[]::INTEGER[]", []],
  ["[['a', 'longer than twelve bytes'], NULL, []]", [["a", "longer than twelve bytes"], null, []]],
  ["[true, false, NULL, true]", [true, false, null, true]],
  ["[1.5, 2.5]::DOUBLE[2]", [1.5, 2.5]],
  ["{'a': 1, 'b': ['x', NULL]}", { a: 1, b: ["x", null] }],
  ["{'a': NULL::INTEGER, 'b': {'c': 1.25::DECIMAL(5,2)}}", { a: null, b: { c: "125n" } }],
  ["MAP {'k': 1, 'l': NULL}", { k: 1, l: null }],
  ["[UUID '00112233-4455-6677-8899-aabbccddeeff']", ["00112233-4455-6677-8899-aabbccddeeff"]],
  ["{'u': 'b'::ENUM('a', 'b'), 'n': 1}", { u: "b", n: 1 }],
  ["[{'a': [1, 2]}, {'a': NULL}]", [{ a: [1, 2] }, { a: null }]],
  ["MAP {'k': [{'x': 'longer than twelve bytes'}]}", { k: [{ x: "longer than twelve bytes" }] }],
];

for (const [expression, value] of TYPES) {
  Deno.test(`runQuery() gives ${expression} as Arrow`, async () => {
    assertEquals(await columnOf(`SELECT ${expression} AS v`), [value]);
    // Nulls between values, over several chunks and batches, and after a filter that cuts chunks.
    // DuckDB has no CASE over arrays, so that the cast stands outside.
    const [inner, cast] = expression.endsWith("]::DOUBLE[2]")
      ? [expression.slice(0, -11), "::DOUBLE[2]"]
      : [expression, ""];
    const many = await columnOf(
      `SELECT (CASE WHEN i % 3 = 1 THEN NULL ELSE ${inner} END)${cast} AS v FROM range(50000) r(i) WHERE i % 7 <> 2`,
    );
    const expected = Array.from({ length: 50_000 }, (_, i) => i).filter((i) => i % 7 !== 2)
      .map((i) => i % 3 === 1 ? null : value);
    assertEquals(many.length, expected.length);
    assertEquals(
      many.findIndex((one, i) => JSON.stringify(one) !== JSON.stringify(expected[i])),
      -1,
    );
  });
}

Deno.test("runQuery() refuses an integer that Arrow has no decimal for, and not a null in its place", async () => {
  for (
    const wide of [
      "100000000000000000000000000000000000000",
      "-170141183460469231731687303715884105728",
    ]
  ) {
    await assertRejects(() => query(`SELECT '${wide}'::HUGEINT AS v`), QueryError, "38 digits");
  }
  const { rowCount } = await query("SELECT NULL::HUGEINT AS v FROM range(3000)");
  assertEquals(rowCount, 3_000);
});

Deno.test("runQuery() gives texts and lists that differ from row to row", async () => {
  const { bytes } = await query(
    "SELECT i, repeat('é', (i % 40)::INTEGER) AS s, [x FOR x IN range(i % 5)] AS l, " +
      "{'n': i, 't': repeat('y', (i % 30)::INTEGER)} AS st FROM range(70000) r(i)",
  );
  const frame = tableFromIPC(bytes, { useBigInt: true });
  const apache = apacheTableFromIPC(bytes);
  assertEquals(frame.numRows, 70_000);
  for (let i = 0; i < 70_000; i += 97) {
    const row = frame.at(i) as Record<string, unknown>;
    assertEquals(row.s, "é".repeat(i % 40));
    assertEquals(
      [...row.l as Iterable<bigint>],
      Array.from({ length: i % 5 }, (_, x) => BigInt(x)),
    );
    assertEquals(plain(row.st), { n: `${i}n`, t: "y".repeat(i % 30) });
    assertEquals(apache.get(i)?.s, row.s);
  }
});

Deno.test("runQuery() gives an empty result as a schema only", async () => {
  const { bytes, rowCount } = await query("SELECT 1 AS a, 'x' AS b WHERE false");
  assertEquals(rowCount, 0);
  assertEquals(tableFromIPC(bytes).names, ["a", "b"]);
  assertEquals(apacheTableFromIPC(bytes).numRows, 0);
});

Deno.test("runQuery() gives columns of one name different names", async () => {
  const { bytes } = await query("SELECT 1 AS a, 2 AS a, 3 AS b");
  assertEquals(new Set(tableFromIPC(bytes).names).size, 3);
});

Deno.test("runQuery() refuses a result that no frame can carry, and names the way out", async () => {
  const error = await query("SELECT i FROM range(1000000) r(i)", { resultBytesMax: 100_000 })
    .then(() => null, (error) => error);
  assert(error.message.includes('"limit"'), error.message);
});

Deno.test("runQuery() ends a query that takes too long", async () => {
  const from = performance.now();
  const error = await query(
    "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE (a.range * b.range) % 7 = 3",
    { queryMs: 200 },
  ).then(() => null, (error) => error);
  assertEquals(error.message, "Cannot run the statement: expected at most 200 ms, it took longer");
  assert(performance.now() - from < 5_000);
});

Deno.test("runQuery() changes nothing, whatever the statement is", async () => {
  const error = await query("CREATE TABLE x (a INTEGER)").then(() => null, (error) => error);
  assert(error.message.includes("read-only"), error.message);
});
