// Goal: what polars, pyarrow and pandas write is read without loss.
// Method: golden frames (tests/vectors/frames.json), and what these libraries said that is in them.

import { assertEquals } from "@std/assert";
import { DataFrame } from "../../../src/frame/data_frame.ts";
import { Timestamp } from "../../../src/frame/timestamp.ts";
import { frameVectors, vector } from "../../helpers/frame_vectors.ts";

const VECTORS = await frameVectors();

function read(name: string): DataFrame {
  return new DataFrame(vector(VECTORS, name));
}

/** Column -> its three values, the second of which is null in most. */
const POLARS: Readonly<Record<string, readonly unknown[]>> = {
  i8: [-128, null, 127],
  u64: [2n ** 64n - 1n, null, 0],
  i64: [2n ** 53n + 1n, null, -(2n ** 63n)],
  u16: [65_535, 0, null],
  f32: [1.5, null, Infinity],
  f64: [0.1, null, -0],
  b: [true, null, false],
  s: ["a", null, "a text longer than twelve bytes: ünï"],
  bin: [new Uint8Array([1]), null, new TextEncoder().encode("long enough to leave its view")],
  date: [new Date("2024-02-29"), null, new Date("0001-01-01")],
  dt_us: [new Timestamp(1_704_164_645_678_901_000n), null, new Timestamp(-1_000n)],
  dt_ns: [new Timestamp(1_234_567_890_123_456_789n), null, new Timestamp(-1n)],
  dur: [1_000n, null, -86_400_000_000_000n],
  time: ["12:30:00.5", null, "00:00:00"],
  dec: ["12345678901234567890.12", null, "-0.01"],
  whole: [42, null, 10n ** 30n],
  cat: ["x", null, "y"],
  enum: ["lo", null, "hi"],
  list: [[1, null], null, []],
  arr: [[1, 2], null, [3, 4]],
  struct: [{ x: 1, y: "q" }, null, { x: null, y: null }],
  nul: [null, null, null],
  deep: [[{ a: ["b"] }], null, [null]],
};

for (const layout of ["newest", "oldest"]) {
  const columns = read(`polars, all kinds, ${layout} layout`).columns();
  for (const [name, values] of Object.entries(POLARS)) {
    Deno.test(`DataFrame reads column ${name} of polars in its ${layout} layout`, () => {
      assertEquals(columns[name], values);
    });
  }
  Deno.test(`DataFrame reads all columns of polars in its ${layout} layout`, () => {
    assertEquals(Object.keys(columns), Object.keys(POLARS));
  });
}

Deno.test("DataFrame reads a frame of polars without rows", () => {
  const frame = read("polars, no rows");
  assertEquals(frame.rows(), []);
  assertEquals(frame.names, Object.keys(POLARS));
});

Deno.test("DataFrame reads several batches of pyarrow", () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  assertEquals(read("pyarrow, three batches").columns(), {
    a: [1, 2, 3, 4, 5],
    s: ["p", null, "q", "r", null],
    d: ["x", "y", "x", null, "y"],
    m: [new Map([["k", 1]]), null, new Map(), new Map([["l", null]]), new Map()],
    h: [1.5, null, 0.25, 65_504, -2],
    fsb: [bytes("ab"), null, bytes("cd"), bytes("ef"), bytes("gh")],
    d64: [new Date("2024-02-29"), null, new Date(0), null, null],
    t32: ["01:02:03", null, null, null, null],
    ts: [1n, null, 2n, 3n, 4n].map((s) => s === null ? null : new Timestamp(s * 1_000_000_000n)),
  });
});

Deno.test("DataFrame reads a schema without batches", () => {
  const frame = read("pyarrow, schema only");
  assertEquals([frame.numRows, frame.names.length], [0, 9]);
});

Deno.test("DataFrame reads dictionaries that grow and that are replaced", async () => {
  const grown = read("pyarrow, dictionary that grows");
  assertEquals(grown.columns(), { d: ["x", "y", "x", "y", "z"] });
  const replaced = read("pyarrow, dictionary that is replaced");
  assertEquals(replaced.columns(), { d: ["x", "y", "v", "w"] });
  assertEquals((await replaced.table()).toArray(), replaced.rows());
});

Deno.test("DataFrame reads the index of pandas as a column", () => {
  const rows = [{ x: 1.5, key: "r1" }, { x: 2.5, key: "r2" }];
  assertEquals(read("pandas, with an index").rows(), rows);
});

Deno.test("DataFrame.fromArrow() reads the file format", () => {
  const frame = DataFrame.fromArrow(vector(VECTORS, "pyarrow, file"));
  assertEquals(frame.columns(), { a: [1, 2, 3, 4, 5], s: ["p", null, "q", "r", null] });
});

Deno.test("DataFrame reads the frames that rembus.python sent", async () => {
  const url = new URL("../../vectors/rembus-python-0.8.12.json", import.meta.url);
  const { arrow } = JSON.parse(await Deno.readTextFile(url)) as {
    arrow: { name: string; base64: string }[];
  };
  const [polars] = arrow.map(({ base64 }) => DataFrame.fromArrow(base64));
  assertEquals(polars?.rows(), [{ a: 1, b: "x" }, { a: 2, b: "y" }]);
});
