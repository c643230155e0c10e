// Goal: what a polars frame holds is in the table and comes back from it unchanged, or is refused with the reason.
// Method: a table for each type; Python publishes and compares, and reads the dead letters in the file afterwards.
import { assertEquals } from "@std/assert";
import { LakeBus } from "../helpers/lake_bus.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { pythonTest } from "../helpers/python.ts";
import { frameOf, PYTHON, type TablePeer, TablePython } from "./python_storage_peer.ts";

/** A column type, a series for it, and what comes back of it unless it is the same. */
interface Value {
  readonly type: string;
  readonly series: string;
  readonly back?: string;
}

/** A value that a column does not take. */
interface Refused {
  readonly type: string;
  readonly series: string;
  /** Where it is, from 1. */
  readonly row: number;
  /** What the reason says that was expected there. */
  readonly expected: string;
}

const DAY = "dt.datetime(2024, 7, 29, 23, 59, 59, 999999)";
const ENUM = "dtype=pl.Enum(['b', 'a'])";
const STRUCT = "pl.Struct({'a': pl.Int64, 'b': pl.Utf8})";

/** What comes back with the same values, types and nulls. */
const SAME: readonly Value[] = [
  { type: "TINYINT", series: "pl.Series([-128, 127, None], dtype=pl.Int8)" },
  { type: "SMALLINT", series: "pl.Series([-2**15, 2**15 - 1, None], dtype=pl.Int16)" },
  { type: "INTEGER", series: "pl.Series([-2**31, 2**31 - 1, None], dtype=pl.Int32)" },
  { type: "BIGINT", series: "pl.Series([-2**63, 2**63 - 1, 2**53 + 1, None], dtype=pl.Int64)" },
  { type: "UTINYINT", series: "pl.Series([0, 255, None], dtype=pl.UInt8)" },
  { type: "USMALLINT", series: "pl.Series([0, 2**16 - 1, None], dtype=pl.UInt16)" },
  { type: "UINTEGER", series: "pl.Series([0, 2**32 - 1, None], dtype=pl.UInt32)" },
  { type: "UBIGINT", series: "pl.Series([0, 2**64 - 1, 2**53 + 1, None], dtype=pl.UInt64)" },
  {
    type: "FLOAT",
    series: "pl.Series([1.5, -3e38, float('inf'), float('nan'), None], dtype=pl.Float32)",
  },
  {
    type: "DOUBLE",
    series: "pl.Series([0.1, -1.7e308, 5e-324, -0.0, float('-inf'), float('nan'), None])",
  },
  { type: "TEXT", series: "pl.Series(['', 'ä☀😀', 'x' * 100, 'nul\\0in', None])" },
  { type: "BOOLEAN", series: "pl.Series([True, False, None])" },
  { type: "BLOB", series: "pl.Series([b'', b'\\x00\\xff' * 50, None])" },
  {
    type: "DATE",
    series: "pl.Series([dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(9999, 12, 31), None])",
  },
  { type: "TIME", series: "pl.Series([dt.time(0), dt.time(23, 59, 59, 999999), None])" },
  {
    type: "TIMESTAMP",
    series: `pl.Series([dt.datetime(1, 1, 1), ${DAY}, None], dtype=pl.Datetime('us'))`,
  },
  {
    type: "TIMESTAMP_MS",
    series: "pl.Series([-1, 1_700_000_000_123, None]).cast(pl.Datetime('ms'))",
  },
  {
    type: "TIMESTAMP_NS",
    series: "pl.Series([-1, 1_700_000_000_123_456_789, None]).cast(pl.Datetime('ns'))",
  },
  { type: "TIMESTAMPTZ", series: `pl.Series([${DAY}, None], dtype=pl.Datetime('us', 'UTC'))` },
  {
    type: "DECIMAL(10, 2)",
    series: "pl.Series([Decimal('12345678.90'), Decimal('-0.01'), None], dtype=pl.Decimal(10, 2))",
  },
  {
    type: "DECIMAL(38, 10)",
    series: "pl.Series([Decimal('1234567890123456789012345678.0123456789'), None], " +
      "dtype=pl.Decimal(38, 10))",
  },
  { type: "INTEGER[]", series: "pl.Series([[1, None], [], None], dtype=pl.List(pl.Int32))" },
  { type: "TEXT[]", series: "pl.Series([['a', None], [], None, ['ä']])" },
  {
    type: "BIGINT[][]",
    series: "pl.Series([[[2**53 + 1], None], [], None, [[]]], dtype=pl.List(pl.List(pl.Int64)))",
  },
  {
    type: "INTEGER[2]",
    series: "pl.Series([[1, 2], None, [3, None]], dtype=pl.Array(pl.Int32, 2))",
  },
  {
    type: "STRUCT(a BIGINT, b TEXT)",
    series:
      `pl.Series([{'a': 2**53 + 1, 'b': 'x'}, {'a': None, 'b': None}, None], dtype=${STRUCT})`,
  },
  {
    type: "STRUCT(a BIGINT, b TEXT)[]",
    series: `pl.Series([[{'a': 1, 'b': 'x'}, None], None, []], dtype=pl.List(${STRUCT}))`,
  },
  { type: "UUID", series: "pl.Series(['6ba7b810-9dad-11d1-80b4-00c04fd430c8', None])" },
];

/** What comes back with the same values in the type of the column, or the nearest that Arrow has. */
const CONVERTED: readonly Value[] = [
  {
    type: "TEXT",
    series: "pl.Series(['a', 'b', 'a', None], dtype=pl.Categorical)",
    back: "pl.Series(['a', 'b', 'a', None])",
  },
  { type: "TEXT", series: `pl.Series(['a', None], ${ENUM})`, back: "pl.Series(['a', None])" },
  {
    type: "ENUM('a', 'b')",
    series: `pl.Series(['a', 'b', None], ${ENUM})`,
    back: "pl.Series(['a', 'b', None])",
  },
  // The moment is the same; DuckDB keeps no zone.
  {
    type: "TIMESTAMPTZ",
    series: `pl.Series([${DAY}, None]).dt.replace_time_zone('Europe/Rome')`,
    back:
      `pl.Series([${DAY}, None]).dt.replace_time_zone('Europe/Rome').dt.convert_time_zone('UTC')`,
  },
  // A time without a zone is UTC.
  {
    type: "TIMESTAMPTZ",
    series: `pl.Series([${DAY}, None])`,
    back: `pl.Series([${DAY}, None]).dt.replace_time_zone('UTC')`,
  },
  {
    type: "TIMESTAMP",
    series: `pl.Series([${DAY}, None]).dt.replace_time_zone('Europe/Rome')`,
    back: "pl.Series([dt.datetime(2024, 7, 29, 21, 59, 59, 999999), None])",
  },
  {
    type: "INTERVAL",
    series: "pl.Series([dt.timedelta(days=1, microseconds=1), dt.timedelta(-1), None])",
    back: "pl.Series(['24:00:00.000001', '-24:00:00', None])",
  },
  {
    type: "INTERVAL",
    series: "pl.Series([1, -86_400_000, None]).cast(pl.Duration('ms'))",
    back: "pl.Series(['00:00:00.001', '-24:00:00', None])",
  },
  {
    type: "INTEGER",
    series: "pl.Series([None, None])",
    back: "pl.Series([None] * 2, dtype=pl.Int32)",
  },
  {
    type: "UBIGINT",
    series: "pl.Series([5, None])",
    back: "pl.Series([5, None], dtype=pl.UInt64)",
  },
  { type: "DOUBLE", series: "pl.Series([2**53, None])", back: "pl.Series([2.0**53, None])" },
  { type: "INTEGER", series: "pl.Series([1.0])", back: "pl.Series([1], dtype=pl.Int32)" },
  {
    type: "INTEGER[]",
    series: "pl.Series([[1, 2], None], dtype=pl.Array(pl.Int32, 2))",
    back: "pl.Series([[1, 2], None], dtype=pl.List(pl.Int32))",
  },
  // What a type means: a float has so many digits, a decimal so many places, a time its unit.
  { type: "FLOAT", series: "pl.Series([0.1])", back: "pl.Series([0.1], dtype=pl.Float32)" },
  {
    type: "DECIMAL(10, 2)",
    series: "pl.Series([Decimal('1.239')], dtype=pl.Decimal(10, 3))",
    back: "pl.Series([Decimal('1.24')], dtype=pl.Decimal(10, 2))",
  },
  {
    type: "TIMESTAMP",
    series: "pl.Series([1_700_000_000_123_456_789]).cast(pl.Datetime('ns'))",
    back: "pl.Series([1_700_000_000_123_456]).cast(pl.Datetime('us'))",
  },
];

/** What is not stored, and what the table of dead letters says. */
const REFUSED: readonly Refused[] = [
  {
    type: "TINYINT",
    series: "pl.Series([127, 128])",
    row: 2,
    expected: "an integer from -128 to 127, got 128",
  },
  {
    type: "UTINYINT",
    series: "pl.Series([-1])",
    row: 1,
    expected: "an integer from 0 to 255, got -1",
  },
  {
    type: "BIGINT",
    series: "pl.Series([2**63], dtype=pl.UInt64)",
    row: 1,
    expected:
      "an integer from -9223372036854775808 to 9223372036854775807, got 9223372036854775808",
  },
  { type: "INTEGER", series: "pl.Series([1.5])", row: 1, expected: "an integer, got 1.5" },
  { type: "INTEGER", series: "pl.Series(['one'])", row: 1, expected: 'an integer, got text "one"' },
  {
    type: "DECIMAL(4, 2)",
    series: "pl.Series([Decimal('123.45')], dtype=pl.Decimal(10, 2))",
    row: 1,
    expected: "at most 2 digits before the point",
  },
  {
    type: "DATE",
    series: "pl.Series(['2024-13-01'])",
    row: 1,
    expected: 'a day of the calendar, got "2024-13-01"',
  },
  { type: "TEXT", series: "pl.Series([b'\\xff'])", row: 1, expected: "a text, got 1 bytes" },
  {
    type: "ENUM('a', 'b')",
    series: "pl.Series(['a', 'c'])",
    row: 2,
    expected: 'a member of the enumeration, got text "c"',
  },
  {
    type: "BIGINT",
    series: "pl.Series([dt.timedelta(1)])",
    row: 1,
    expected: "an integer, got a span of time",
  },
  {
    type: "INTEGER[2]",
    series: "pl.Series([[1, 2, 3]])",
    row: 1,
    expected: "2 elements, got a list of 3",
  },
  { type: "TEXT", series: "pl.Series([[1]])", row: 1, expected: "a text, got a list of 1" },
];

pythonTest(
  PYTHON.found,
  "python client gets back what each polars type holds, and finds out why it does not",
  async (interpreter) => {
    await using directory = await temporaryDirectory();
    await using python = await TablePython.start(interpreter);
    const values = [...SAME, ...CONVERTED];
    const tables = [...values, ...REFUSED].map(({ type }, index) => ({
      table: `t${index}`,
      columns: [{ col: "n", type: "INTEGER" }, { col: "v", type }],
    }));
    const huge = { table: "huge", columns: [{ col: "v", type: "HUGEINT" }] };
    const place = { directory: directory.path, name: "broker", storage: "native" } as const;
    {
      await using bus = await LakeBus.start(
        { directory: directory.path, disk: { kind: "disk", ...place } },
        { schema: { tables: [...tables, huge] } },
      );
      await using meter = await python.connect({ url: `${bus.node.url}/meter` });
      const differences: string[] = [];
      for (const [index, value] of values.entries()) {
        const difference = await differenceOf(meter, index, value);
        if (difference !== null) differences.push(`${value.type}: ${value.series}: ${difference}`);
      }
      assertEquals(differences, []);
      // 0.8.12 cannot send a frame with 128-bit integers; in a map they are numbers like others.
      await meter.publish("huge", [{ v: { $bigint: "-1267650600228229401496703205376" } }]);
      const hundred = "pl.DataFrame({'v': [Decimal(-2**100)]}, schema={'v': pl.Decimal(38, 0)})";
      assertEquals(await meter.differs("query_huge", [], hundred), null);
      for (const [index, { series }] of REFUSED.entries()) {
        const topic = `t${values.length + index}`;
        await meter.publish(topic, [frameOf(`numbered(${series})`)], { qos: 1 });
        const rows = await meter.rpc(`query_${topic}`);
        assertEquals(rows, { $frame: { n: [], v: [] } }, series);
      }
    }
    const dead = await python.readFile(
      `${directory.path}/broker.duckdb`,
      "SELECT table_name, reason FROM __dead_letter ORDER BY log_offset",
    );
    const wanted = REFUSED.map(({ row, expected }, index) => [
      `t${values.length + index}`,
      `row ${row}, column "v": expected ${expected}`,
    ]);
    assertEquals(dead, wanted);
  },
);

/** How what comes back differs from what was published. */
async function differenceOf(
  meter: TablePeer,
  index: number,
  { series, back = series }: Value,
): Promise<string | null> {
  await meter.publish(`t${index}`, [frameOf(`numbered(${series})`)], { qos: 1 });
  return await meter.differs(`query_t${index}`, [{ order: "n" }], `numbered(${back})`);
}
