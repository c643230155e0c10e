import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { tableFromIPC as apacheTableFromIPC } from "npm:apache-arrow@21";
import { type ColumnType, DataFrame, FrameError, Timestamp } from "../../../client.ts";
import { decodeCbor, encodeCbor, Float, Tagged } from "../../../src/protocol/cbor.ts";
import { fieldOf } from "../../../src/frame/column_type.ts";
import { encodeFrame } from "../../../src/frame/encode.ts";
import { frameData } from "../../../src/frame/frame_data.ts";
import { toJsonValue } from "../../../src/protocol/json_value.ts";

/** What the column of these values is read as, and of which type flechette says that it is. */
function column(values: readonly unknown[], type?: ColumnType): unknown[] {
  const frame = DataFrame.fromColumns({ x: values }, type === undefined ? {} : { x: type });
  return frame.columns()["x"] ?? [];
}

const SAME: readonly (readonly [string, readonly unknown[], ColumnType?])[] = [
  ["booleans", [true, false, null]],
  ["numbers", [1, 2.5, null, -0, NaN, Infinity, 2 ** 53]],
  ["integers beyond 2^53", [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n]],
  ["unsigned integers", [2n ** 64n - 1n, 2n ** 60n]],
  ["texts", ["", "a", null, "ünï", "\u{1F600}", "a text longer than sixteen bytes"]],
  ["bytes", [new Uint8Array([1, 2]), null, new Uint8Array()]],
  ["timestamps of nanoseconds", [new Timestamp(1n), null, new Timestamp(-1n)]],
  ["timestamps of microseconds", [new Timestamp(1_000n), new Timestamp(-1_000n)]],
  ["nothing but null", [null, null]],
  ["no values", []],
  ["lists", [[1, null], [], null]],
  ["lists of lists", [[["a"], []], [null], null]],
  ["objects", [{ x: 1, y: "a" }, null, { x: null, y: null }]],
  ["lists of objects", [[{ a: "b" }, null], []]],
  ["maps", [new Map([["k", 1]]), new Map(), null]],
  ["maps of lists", [new Map([["k", [true]]]), null]],
  ["objects with the member __proto__", [JSON.parse('{"__proto__":1}')]],
  ["int8", [-128, 127, null], "int8"],
  ["int16", [-32_768, 32_767], "int16"],
  ["int32", [-(2 ** 31), 2 ** 31 - 1], "int32"],
  ["int64", [1, 2n ** 62n], "int64"],
  ["uint8", [0, 255], "uint8"],
  ["uint16", [0, 65_535], "uint16"],
  ["uint32", [0, 2 ** 32 - 1], "uint32"],
  ["uint64", [0, 2n ** 64n - 1n], "uint64"],
  ["float32", [1.5, null], "float32"],
  ["decimals", ["1.25", "-0.01", null, "12345678901234567890.12"], "decimal(38,2)"],
  ["whole decimals", [42, 10n ** 30n, null], "decimal(38,0)"],
  ["dates", [new Date("2024-02-29"), null, new Date("0001-01-01")], "date"],
  ["times of the day", ["12:30:00.5", "00:00:00", null, "23:59:59.999999999"], "time"],
  ["durations", [5n, -5n, null], "duration"],
  ["timestamps without zone", [new Timestamp(1_000n), null], "datetime"],
  ["timestamps of nanoseconds without zone", [new Timestamp(1n)], "datetime_ns"],
  ["categories", ["a", "b", null, "a"], "category"],
  ["lists of a type", [[1, 2], [], null], ["int16"]],
  ["objects of types", [{ a: 1, b: "x" }, null], { a: "uint8", b: "category" }],
];

for (const [what, values, type] of SAME) {
  Deno.test(`DataFrame gives ${what} back as they went in`, () => {
    assertEquals(column(values, type), values);
  });
}

const CHANGED: readonly (readonly [string, readonly unknown[], unknown[], ColumnType?])[] = [
  ["undefined as null", [undefined, 1], [null, 1]],
  ["dates as timestamps", [new Date(5)], [new Timestamp(5_000_000n)]],
  ["floats as numbers", [new Float(2)], [2]],
  ["small bigints as numbers", [1n, 2n], [1, 2]],
  ["integers that were read as integers", [1, 2n ** 60n], [1, 2n ** 60n]],
  ["numbers as decimals of that scale", [1.5, 2, "3e-2"], ["1.50", "2.00", "0.03"], "decimal(9,2)"],
  ["texts of days as dates", ["2024-02-29"], [new Date("2024-02-29")], "date"],
  ["members that a row lacks as null", [{ a: 1 }, { b: "x" }], [
    { a: 1, b: null },
    { a: null, b: "x" },
  ]],
  ["typed arrays as lists", [new Float32Array([1, 2])], [[1, 2]]],
];

for (const [what, values, wanted, type] of CHANGED) {
  Deno.test(`DataFrame gives ${what}`, () => {
    assertEquals(column(values, type), wanted);
  });
}

const REFUSED: readonly (readonly [string, readonly unknown[], string, ColumnType?])[] = [
  ["texts beside numbers", [1, "a"], 'of one kind in column "x", got a number and a text'],
  ["bigints beside numbers that are not whole", [1.5, 1n], "got a number and a bigint"],
  ["bigints beyond 64 bits", [2n ** 64n], "got 18446744073709551616"],
  ["negative bigints beside unsigned ones", [-1n, 2n ** 63n], "got 9223372036854775808"],
  ["functions", [() => 1], 'in column "x", got a function'],
  ["invalid dates", [new Date(NaN)], "expected a date at column"],
  ["objects of other classes", [new WeakMap()], "got [object WeakMap]"],
  ["numbers beyond their type", [0, 256], "an integer from 0 to 255", "uint8"],
  ["numbers that are not whole as integers", [1.5], "an integer from", "int32"],
  ["texts as numbers", ["1"], 'a number at column "x", row 1, got text "1"', "float64"],
  ["too many decimals", ["1.255"], "a number of 9 digits", "decimal(9,2)"],
  ["too many digits", ["12345678.00"], "a number of 9 digits", "decimal(9,2)"],
  ["times as dates", [new Date(1)], "a day", "date"],
  ["times that there are not", ["24:00"], "a time of the day", "time"],
  ["digits that the unit has not", [new Timestamp(1n)], "whole multiples of 1000 ns", "timestamp"],
  ["bigints that no float holds", [2n ** 53n + 1n], "a number", "float64"],
  ["a value as a list", [1], "a list", ["int8"]],
  ["a list as an object", [[1]], "an object", { a: "int8" }],
  ["a wrong value in a list", [[1], ["a"]], 'column "x", row 2', ["int8"]],
  ["a wrong value in an object", [{ a: "b" }], 'row 1, "a"', { a: "int8" }],
  ["types that there are not", [1], 'got "int7"', "int7" as ColumnType],
  ["decimals of too many digits", [1], 'got "decimal(39,2)"', "decimal(39,2)"],
];

for (const [what, values, text, type] of REFUSED) {
  Deno.test(`DataFrame.fromColumns() refuses ${what}`, () => {
    const error = assertThrows(() => column(values, type), TypeError);
    assert(error.message.includes(text), error.message);
    assert(error.message.startsWith("Cannot make a data frame: "), error.message);
  });
}

Deno.test("DataFrame.fromColumns() refuses a list that is in itself", () => {
  const list: unknown[] = [];
  list.push(list);
  assertThrows(() => column([list]), TypeError, "at most 32 levels");
});

Deno.test("DataFrame.fromColumns() refuses columns of different lengths, and types of no column", () => {
  assertThrows(
    () => DataFrame.fromColumns({ a: [1], b: [1, 2] }),
    TypeError,
    'expected columns of one length, got 1 values in "a" and 2 in "b"',
  );
  assertThrows(() => DataFrame.fromColumns({ a: [1] }, { b: "int8" }), TypeError, 'column "b"');
});

Deno.test("DataFrame.fromColumns() takes the types of typed arrays", async () => {
  const frame = DataFrame.fromColumns({
    i: new Int16Array([1, -1]),
    u: new BigUint64Array([1n, 2n ** 64n - 1n]),
    f: new Float32Array([1.5, NaN]),
    part: new Uint8Array([0, 1, 2, 3]).subarray(1, 3),
    wide: new Uint8Array([1, 2]),
  }, { wide: "int64" });
  assertEquals(frame.columns(), {
    i: [1, -1],
    u: [1, 2n ** 64n - 1n],
    f: [1.5, NaN],
    part: [1, 2],
    wide: [1, 2],
  });
  const { schema } = await frame.table();
  assertEquals(
    schema.fields.map(({ type }) => ("bitWidth" in type ? type.bitWidth : null)),
    [16, 64, null, 8, 64],
  );
});

Deno.test("DataFrame has the same types whether numbers are whole or not", async () => {
  const whole = await DataFrame.fromColumns({ t: [21] }).table();
  const broken = await DataFrame.fromColumns({ t: [21.5] }).table();
  assertEquals(whole.schema.fields, broken.schema.fields);
});

Deno.test("DataFrame.fromRows() has the columns of all rows, in the order of their appearance", () => {
  const frame = DataFrame.fromRows([{ b: 1 }, { a: "x", b: 2 }, {}]);
  assertEquals(frame.names, ["b", "a"]);
  assertEquals(frame.rows(), [{ b: 1, a: null }, { b: 2, a: "x" }, { b: null, a: null }]);
});

Deno.test("DataFrame.fromRows() has columns without rows when their types are said", () => {
  const frame = DataFrame.fromRows([], { a: "int64", b: "text" });
  assertEquals([frame.numRows, frame.names, frame.rows()], [0, ["a", "b"], []]);
  assertEquals(DataFrame.fromRows([]).names, []);
});

Deno.test("DataFrame.rows() and columns() keep a column __proto__ harmless", () => {
  const frame = DataFrame.fromColumns(JSON.parse('{"__proto__":[1]}'));
  const [row = {}] = frame.rows();
  assertEquals(Object.keys(row), ["__proto__"]);
  assertStrictEquals(Object.getPrototypeOf(row), Object.prototype);
  assertEquals(Object.keys(frame.columns()), ["__proto__"]);
});

Deno.test("DataFrame.table() gives what is exact, and what is asked for", async () => {
  const frame = DataFrame.fromColumns({ d: ["1.25"], t: [new Timestamp(1_001n)], i: [5n] }, {
    d: "decimal(9,2)",
  });
  assertEquals((await frame.table()).toArray(), [{ d: 125n, t: 1_001n, i: 5n }]);
  const rounded = await frame.table({ useDecimalInt: false, useBigInt: false });
  assertEquals(rounded.toArray(), [{ d: 1.25, t: 1_001n, i: 5 }]);
});

Deno.test("DataFrame.table() reads bytes at any place in a larger buffer", async () => {
  const { bytes } = DataFrame.fromColumns({ x: [1.5, 2.5] });
  for (let at = 0; at < 8; at++) {
    const larger = new Uint8Array(bytes.length + 8);
    larger.set(bytes, at);
    const frame = new DataFrame(larger.subarray(at, at + bytes.length));
    assertEquals(frame.rows(), [{ x: 1.5 }, { x: 2.5 }]);
    assertEquals((await frame.table()).toArray(), [{ x: 1.5 }, { x: 2.5 }]);
  }
});

Deno.test("DataFrame looks at its bytes when it is asked, not before", async () => {
  const frame = new DataFrame(new Uint8Array([1, 2, 3]));
  assertEquals(frame.bytes, new Uint8Array([1, 2, 3]));
  const wanted = "Cannot read the data frame: expected an Arrow IPC stream, got other bytes";
  const error = assertThrows(() => frame.rows(), FrameError);
  assertEquals(error.message, wanted);
  assertThrows(() => frame.numRows, FrameError);
  assertThrows(() => frame.columns(), FrameError);
  assertEquals(await frame.table().catch((cause: Error) => cause.message), wanted);
});

Deno.test("DataFrame is tag 80 around its bytes, and leaves as that", () => {
  const frame = DataFrame.fromColumns({ x: [1] });
  assert(frame instanceof Tagged);
  const sent = encodeCbor(frame);
  assertEquals(sent.subarray(0, 2), new Uint8Array([0xd8, 0x50]));
  assertEquals(decodeCbor(sent), new Tagged(80, frame.bytes));
  assertEquals(toJsonValue([frame]), [frame.bytes.toBase64()]);
});

Deno.test("DataFrame.fromArrow() takes the base64 text that a JSON component receives", () => {
  const frame = DataFrame.fromColumns({ x: [1, null] });
  assertEquals(DataFrame.fromArrow(frame.bytes.toBase64()).rows(), frame.rows());
  assertThrows(() => DataFrame.fromArrow("no base64!"), FrameError, "expected base64 text");
  assertThrows(() => DataFrame.fromArrow("AQID"), FrameError, "got other bytes");
});

Deno.test("DataFrame writes what apache-arrow reads", () => {
  const frame = DataFrame.fromColumns({
    t: ["a", null, "ü"],
    n: [1, null, 2.5],
    c: ["x", "y", "x"],
    l: [[1], null, []],
    s: [{ a: 1n }, null, { a: null }],
  }, { c: "category" });
  const table = apacheTableFromIPC(frame.bytes);
  assertEquals(table.numRows, 3);
  assertEquals(
    JSON.parse(
      JSON.stringify(
        table.toArray(),
        (_, value) => typeof value === "bigint" ? Number(value) : value,
      ),
    ),
    [
      { t: "a", n: 1, c: "x", l: [1], s: { a: 1 } },
      { t: null, n: null, c: "y", l: null, s: null },
      { t: "ü", n: 2.5, c: "x", l: [], s: { a: null } },
    ],
  );
});

Deno.test("DataFrame.rows() refuses more rows than memory is meant for, which table() reads", async () => {
  const length = 10_000_001;
  const type = { kind: "bool" } as const;
  const bits = frameData({ type, length, values: new Uint8Array(Math.ceil(length / 8)) });
  const frame = new DataFrame(encodeFrame({
    fields: [fieldOf("x", type)],
    rowCount: length,
    batches: [{ length, columns: [bits] }],
  }));
  assertEquals(frame.numRows, length);
  assertThrows(() => frame.rows(), FrameError, "expected at most 10000000 rows");
  assertThrows(() => frame.columns(), FrameError, "read it as a table");
  assertEquals((await frame.table()).numRows, length);
});

Deno.test("DataFrame.rows() refuses two columns of one name, which table() reads", async () => {
  const type = { kind: "bool" } as const;
  const data = frameData({ type, length: 1, values: new Uint8Array([1]) });
  const frame = new DataFrame(encodeFrame({
    fields: [fieldOf("x", type), fieldOf("x", type)],
    rowCount: 1,
    batches: [{ length: 1, columns: [data, data] }],
  }));
  assertThrows(() => frame.rows(), FrameError, 'two columns are named "x"');
  assertEquals((await frame.table()).numCols, 2);
});

Deno.test("DataFrame.rows() reads decimals in thousands, which the Arrow library does not", async () => {
  const type = { kind: "decimal", bits: 128, precision: 9, scale: -3 } as const;
  const values = new Uint8Array(new BigInt64Array([-21n, -1n]).buffer);
  const frame = new DataFrame(encodeFrame({
    fields: [fieldOf("x", type)],
    rowCount: 1,
    batches: [{ length: 1, columns: [frameData({ type, length: 1, values })] }],
  }));
  assertEquals(frame.rows(), [{ x: -21_000 }]);
  await assertRejects(() => frame.table(), FrameError, "the Arrow library cannot read it");
});
