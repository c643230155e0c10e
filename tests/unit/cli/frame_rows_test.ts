import { assertEquals, assertThrows } from "@std/assert";
import { frameBytesOf, frameRows } from "../../../src/cli/frame_rows.ts";
import { DataFrame } from "../../../src/frame/data_frame.ts";
import { FrameError } from "../../../src/frame/frame_error.ts";
import { Timestamp } from "../../../src/frame/timestamp.ts";
import { Tagged } from "../../../src/protocol/cbor.ts";
import { weatherFrame } from "./frames.ts";

Deno.test("frameBytesOf() gives the bytes of tag 80 and of nothing else", () => {
  const bytes = weatherFrame();
  assertEquals(frameBytesOf(new DataFrame(bytes)), bytes);
  assertEquals(frameBytesOf(new Tagged(80, bytes)), bytes);
  for (const value of [null, bytes, new Tagged(81, bytes), new Tagged(80, "text"), [bytes]]) {
    assertEquals(frameBytesOf(value), null);
  }
});

Deno.test("frameRows() gives columns and rows in order", () => {
  const { columns, count, rows } = frameRows(weatherFrame());
  assertEquals([columns, count], [["dn", "temperature"], 3]);
  assertEquals([...rows()], [["a", 21.5], ["b", -3], ["c", null]]);
  assertEquals([...rows()].length, 3);
});

Deno.test("frameRows() keeps the order of columns whose names are numbers", () => {
  const { columns, rows } = frameRows(DataFrame.fromColumns({ b: [1], 2: [2], 1: [3] }).bytes);
  const [row = []] = [...rows()];
  assertEquals(columns.map((name, at) => [name, row[at]]).toSorted(), [["1", 3], ["2", 2], [
    "b",
    1,
  ]]);
});

Deno.test("frameRows() loses no digit of integers, decimals and times", () => {
  const { rows } = frameRows(
    DataFrame.fromColumns({
      n: new BigUint64Array([18446744073709551615n]),
      day: [new Date("2026-01-31")],
      at: [new Timestamp(1_790_000_000_123_456_789n)],
      list: [["a", null]],
    }, { day: "date" }).bytes,
  );
  assertEquals([...rows()], [[
    18446744073709551615n,
    "2026-01-31",
    "2026-09-21T14:13:20.123456789Z",
    ["a", null],
  ]]);
});

Deno.test("frameRows() refuses bytes that are no data frame", () => {
  assertThrows(() => frameRows(Uint8Array.of(1, 2, 3)), FrameError);
});
