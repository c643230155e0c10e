// Goal: whatever a payload holds, a message ends as rows or as a dead letter, nothing is changed on the way,
// and upserts end as a naive model says. Method: fast-check under a seed, against the real store.
import { assert, assertEquals } from "@std/assert";
import { tableFromArrays, tableFromIPC, tableToIPC } from "npm:@uwdata/flechette@2.6.0";
import fc from "fast-check";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { parseColumnType } from "../../src/lake/column_type.ts";
import { RowError } from "../../src/lake/errors.ts";
import { toCell } from "../../src/lake/value.ts";
import { frameValue, oneTable, publication } from "../helpers/lake_schema.ts";
import { openStore } from "../helpers/lake_store.ts";
import { countFromEnv, mutate } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

const SEED = countFromEnv("REMBUS_FUZZ_SEED", 1);
const RUNS = countFromEnv("REMBUS_LAKE_RUNS", 300);

const TYPES = [
  ...[
    "BOOLEAN",
    "TINYINT",
    "INTEGER",
    "BIGINT",
    "HUGEINT",
    "UTINYINT",
    "UBIGINT",
    "FLOAT",
    "DOUBLE",
  ],
  ...[
    "DECIMAL(4,1)",
    "DECIMAL(18,3)",
    "DECIMAL(38,10)",
    "TEXT",
    "BLOB",
    "DATE",
    "TIME",
    "TIMESTAMP",
  ],
  ...["TIMESTAMP_S", "TIMESTAMP_NS", "TIMESTAMPTZ", "UUID", "JSON", "ENUM('a','b')", "INTEGER[]"],
  ...["DOUBLE[2]", "STRUCT(a INTEGER, b TEXT)", "MAP(TEXT, BIGINT)"],
];

const anyValue = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withTypedArray: true,
  withSparseArray: false,
  maxDepth: 2,
});

Deno.test("toCell() gives a cell or a RowError, whatever the value is", () => {
  fc.assert(
    fc.property(fc.constantFrom(...TYPES), anyValue, (type, value) => {
      try {
        toCell(value, parseColumnType(type));
      } catch (error) {
        assert(error instanceof RowError, `${type}: ${error}`);
      }
    }),
    { seed: SEED, numRuns: RUNS * 100 },
  );
});

const EXACT: readonly (readonly [string, fc.Arbitrary<unknown>])[] = [
  ["BOOLEAN", fc.boolean()],
  ["TINYINT", fc.integer({ min: -128, max: 127 })],
  ["INTEGER", fc.integer()],
  ["BIGINT", fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  ["UBIGINT", fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  ["HUGEINT", fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n })],
  ["DOUBLE", fc.double({ noNaN: true })],
  ["FLOAT", fc.float({ noNaN: true })],
  ["TEXT", fc.string({ unit: "binary", maxLength: 60 })],
  ["BLOB", fc.uint8Array({ maxLength: 60 })],
  ["INTEGER[]", fc.array(fc.option(fc.integer()), { maxLength: 8 })],
  ["TEXT[][]", fc.array(fc.array(fc.string(), { maxLength: 4 }), { maxLength: 4 })],
  [
    "STRUCT(a BIGINT, b TEXT)",
    fc.record({ a: fc.bigInt({ min: 0n, max: 2n ** 60n }), b: fc.string() }),
  ],
];

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (Object.is(value, -0)) return "-0";
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return Array.from(value as unknown[], plain);
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return typeof value === "number" && Number.isInteger(value) ? String(value) : value;
}

for (const [type, values] of EXACT) {
  Deno.test(`a ${type} comes out of the tables as it went in`, async () => {
    const schema = oneTable({
      table: "t",
      columns: [{ col: "i", type: "INTEGER" }, { col: "v", type }],
    });
    await using opened = await openStore(schema);
    const given = fc.sample(fc.option(values), { seed: SEED, numRuns: RUNS * 10 });
    await opened.ingest.apply(
      given.map((value, i) => publication(i, "t", [i, value])),
      given.length,
    );
    const bytes = await opened.bytes("t", [{ cols: ["v"], order: "i" }]);
    const frame = tableFromIPC(bytes, { useBigInt: true, useDecimalInt: true });
    const got = Array.from(frame.getChildAt(0), plain);
    const wanted = given.map(plain);
    const at = got.findIndex((value, i) => JSON.stringify(value) !== JSON.stringify(wanted[i]));
    assertEquals(
      at,
      -1,
      `seed ${SEED}: ${JSON.stringify(wanted[at])} became ${JSON.stringify(got[at])}`,
    );
    assertEquals(got.length, wanted.length);
  });
}

const keyedSchema = oneTable({
  table: "t",
  columns: [
    { col: "k", type: "TEXT" },
    { col: "a", type: "INTEGER", default: 7 },
    { col: "b", type: "TEXT" },
  ],
  keys: ["k"],
});
const write = fc.record({
  k: fc.constantFrom("x", "y", "z"),
  a: fc.option(fc.integer({ min: 0, max: 9 })),
  b: fc.option(fc.constantFrom("p", "q")),
}, { requiredKeys: ["k"] });

Deno.test("a keyed table ends as a model says, however the writes are cut into batches", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(write, { maxLength: 6 }), { maxLength: 5 }),
      async (batches) => {
        await using opened = await openStore(keyedSchema, { threads: 1 });
        const model = new Map<string, { a: number | null; b: string | null }>();
        let offset = 0;
        for (const batch of batches) {
          await opened.ingest.apply(
            batch.map((one, i) => publication(offset + i, "t", [one])),
            offset += batch.length,
          );
          for (const { k, ...said } of batch) {
            model.set(k, {
              ...(model.get(k) ?? { a: 7, b: null }),
              ...said,
            });
          }
        }
        const wanted = [...model].map(([k, { a, b }]) => [k, a, b]).sort(([a], [b]) =>
          `${a}` < `${b}` ? -1 : 1
        );
        assertEquals(await opened.all("t"), wanted);
      },
    ),
    { seed: SEED, numRuns: Math.ceil(RUNS / 15) },
  );
});

Deno.test("every damaged message ends as rows or as a dead letter", async () => {
  const random = new SeededRandom(SEED);
  const schema = oneTable({
    table: "t",
    columns: [
      { col: "a", type: "INTEGER" },
      { col: "b", type: "TEXT" },
      { col: "c", type: "DOUBLE[]" },
    ],
  });
  await using opened = await openStore(schema);
  const frame = tableToIPC(
    tableFromArrays({
      a: [1, 2, null],
      b: ["x", "longer than twelve bytes", ""],
      c: [[1], [], null],
    }),
    { format: "stream" },
  );
  const good = [
    encodeCbor([frameValue(frame ?? new Uint8Array())]),
    encodeCbor([{ a: 1, b: "x", c: [1.5] }]),
    encodeCbor([1, "x", []]),
    encodeCbor([[{ a: 1 }, { b: "y" }]]),
  ];
  const records = Array.from({ length: RUNS * 10 }, (_, offset) => ({
    ...publication(offset, "t", []),
    data: mutate(random.pick(good), { random, other: random.pick(good) }),
  }));
  const applied = await opened.ingest.apply(records, records.length);
  assertEquals(applied.nextOffset, records.length);
  const letters = await opened.all("__dead_letter");
  assertEquals(letters.length, applied.deadLetters);
  assertEquals((await opened.all("t")).length, applied.rows);
  assert(letters.length > 0 && applied.rows > 0);
});
