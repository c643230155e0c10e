import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Table as ApacheTable,
  tableFromArrays as apacheFromArrays,
  tableFromIPC as apacheFromIPC,
  tableToIPC as apacheToIPC,
  Utf8,
  Utf8View,
  vectorFromArray,
} from "npm:apache-arrow@21";
import { tableFromArrays, tableFromIPC, tableToIPC } from "npm:@uwdata/flechette@2.6.0";
import { DataFrame } from "../../../src/frame/data_frame.ts";
import { FrameError } from "../../../src/frame/frame_error.ts";
import { isForeignTable } from "../../../src/frame/foreign_table.ts";
import { frameVectors, vector } from "../../helpers/frame_vectors.ts";

const VECTORS = await frameVectors();

const READ = [
  "polars, all kinds, newest layout",
  "polars, all kinds, oldest layout",
  "pyarrow, three batches",
  "pyarrow, dictionary that grows",
  "pyarrow, dictionary that is replaced",
  "pandas, with an index",
];

for (const name of READ) {
  const bytes = vector(VECTORS, name);
  const { rows } = { rows: new DataFrame(bytes).rows() };

  Deno.test(`DataFrame.fromArrow() takes the table of flechette of ${name}`, () => {
    assertEquals(DataFrame.fromArrow(tableFromIPC(bytes.slice())).rows(), rows);
    const dated = tableFromIPC(bytes.slice(), { useDate: true, useProxy: true });
    assertEquals(DataFrame.fromArrow(dated).rows(), rows);
  });

  Deno.test(`DataFrame.fromArrow() takes the table of apache-arrow of ${name}`, () => {
    const table = apacheFromIPC(bytes);
    assertEquals(DataFrame.fromArrow(table).rows(), rows);
  });

  Deno.test(`DataFrame.fromArrow() takes parts of the table of apache-arrow of ${name}`, () => {
    const table = apacheFromIPC(bytes);
    for (let from = 0; from < rows.length; from++) {
      for (let to = from + 1; to <= rows.length; to++) {
        const frame = DataFrame.fromArrow(table.slice(from, to));
        assertEquals(frame.rows(), rows.slice(from, to), `${from} to ${to}`);
      }
    }
  });
}

Deno.test("DataFrame.fromArrow() sends nothing of what a part of a table does not show", () => {
  const secret = "a secret that stands beside what is shown";
  const table = new ApacheTable({ x: vectorFromArray(["shown", secret], new Utf8()) });
  const viewed = new ApacheTable({ x: vectorFromArray(["shown", secret], new Utf8View()) });
  for (const whole of [table, viewed]) {
    const { bytes } = DataFrame.fromArrow(whole.slice(0, 1));
    assert(!new TextDecoder().decode(bytes).includes("secret"));
  }
});

Deno.test("DataFrame.fromArrow() takes tables that were made in the program", () => {
  const rows = [{ a: 1, b: "x" }, { a: 2.5, b: null }];
  assertEquals(DataFrame.fromArrow(tableFromArrays({ a: [1, 2.5], b: ["x", null] })).rows(), rows);
  assertEquals(DataFrame.fromArrow(apacheFromArrays({ a: [1, 2.5], b: ["x", null] })).rows(), rows);
});

Deno.test("DataFrame.fromArrow() takes the bytes that the libraries write", () => {
  const table = tableFromArrays({ a: [1, 2] });
  for (const format of ["stream", "file"] as const) {
    const bytes = tableToIPC(table, { format }) ?? new Uint8Array();
    assertEquals(DataFrame.fromArrow(bytes).rows(), [{ a: 1 }, { a: 2 }]);
    assertEquals(DataFrame.fromArrow(bytes.slice().buffer).rows(), [{ a: 1 }, { a: 2 }]);
    const apache = apacheToIPC(apacheFromArrays({ a: [1, 2] }), format);
    assertEquals(DataFrame.fromArrow(apache).rows(), [{ a: 1 }, { a: 2 }]);
  }
});

Deno.test("DataFrame.fromArrow() refuses a file that is cut off", () => {
  const bytes = vector(VECTORS, "pyarrow, file");
  for (const length of [8, 20, bytes.length - 1, bytes.length - 6]) {
    assertThrows(() => DataFrame.fromArrow(bytes.subarray(0, length)), FrameError, "cut off");
  }
  const damaged = bytes.slice();
  new DataView(damaged.buffer).setInt32(bytes.length - 10, 2 ** 30, true);
  assertThrows(() => DataFrame.fromArrow(damaged), FrameError, "its footer lies outside of it");
});

Deno.test("DataFrame.fromArrow() takes a table that writes itself, as those of arquero do", () => {
  const { bytes } = DataFrame.fromColumns({ a: [1] });
  class ColumnTable {
    toArrowIPC({ format }: { format: string }): Uint8Array {
      return format === "stream" ? bytes : new Uint8Array();
    }
  }
  class PolarsFrame {
    writeIPCStream(): Uint8Array {
      return bytes;
    }
  }
  assertEquals(DataFrame.fromArrow(new ColumnTable()).rows(), [{ a: 1 }]);
  assertEquals(DataFrame.fromArrow(new PolarsFrame()).rows(), [{ a: 1 }]);
});

Deno.test("DataFrame.fromArrow() refuses what is no table", () => {
  class Empty {}
  for (const value of [new Empty(), {}, [], new Map(), new Date(), { schema: { fields: [] } }]) {
    assert(!isForeignTable(value));
    assertThrows(() => DataFrame.fromArrow(value), TypeError, "expected Arrow bytes or a table");
  }
});

Deno.test("DataFrame.fromArrow() refuses columns that peers cannot read", () => {
  const table = tableFromIPC(vector(VECTORS, "refused: pyarrow, unions").slice());
  assertThrows(() => DataFrame.fromArrow(table), TypeError, "Arrow type 14");
});
