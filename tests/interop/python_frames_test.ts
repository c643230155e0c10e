// Goal: polars, which rembus.python hands frames to, reads every frame of ours and writes it back unchanged.
// Method: a Python process that reads a frame from its input and writes it to its output, in both layouts.

import { assertEquals } from "@std/assert";
import { DataFrame } from "../../src/frame/data_frame.ts";
import { Timestamp } from "../../src/frame/timestamp.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";

const python = await pythonForTests();

const ECHO = `
import io, sys
import polars
frame = polars.read_ipc_stream(io.BytesIO(sys.stdin.buffer.read()))
out = io.BytesIO()
level = polars.CompatLevel.newest() if sys.argv[1] == "newest" else polars.CompatLevel.oldest()
frame.write_ipc_stream(out, compat_level=level)
sys.stdout.buffer.write(out.getvalue())
sys.stderr.write(" ".join(str(dtype) for dtype in frame.dtypes))
`;

async function throughPolars(
  program: string,
  frame: DataFrame,
  layout: string,
): Promise<{ readonly frame: DataFrame; readonly types: string }> {
  const process = new Deno.Command(program, {
    args: ["-c", ECHO, layout],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(frame.bytes);
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  const text = new TextDecoder().decode(stderr);
  if (!success) throw new Error(`Cannot read the frame in polars: ${text}`);
  return { frame: DataFrame.fromArrow(stdout), types: text };
}

const FRAME = DataFrame.fromColumns({
  b: [true, null, false],
  f: [0.1, null, -Infinity],
  i: [2n ** 63n - 1n, null, -1n],
  u: [2n ** 64n - 1n, null, 0n],
  t: ["a", null, "ünï \u{1F600}"],
  d: [new Date(5), null, new Date(-5)],
  ts: [new Timestamp(1_234_567_890_123_456_789n), null, new Timestamp(-1n)],
  bin: [new Uint8Array([1, 2]), null, new Uint8Array()],
  l: [[1, null], null, []],
  s: [{ x: 1, y: "q" }, null, { x: null, y: null }],
  ll: [[["a"], []], null, [null]],
  n: [null, null, null],
  i8: [-128, null, 127],
  dec: ["12345678901234567890.12", null, "-0.01"],
  date: [new Date("2024-02-29"), null, new Date("0001-01-01")],
  tm: ["23:59:59.999999999", null, "00:00:00"],
  dur: [5n, null, -5n],
  cat: ["p", null, "q"],
  dt: [new Timestamp(1_000n), null, new Timestamp(-1_000n)],
}, {
  i8: "int8",
  dec: "decimal(38,2)",
  date: "date",
  tm: "time",
  dur: "duration",
  cat: "category",
  dt: "datetime",
});

for (const layout of ["newest", "oldest"]) {
  pythonTest(
    python,
    `polars gives a frame of ours back unchanged in its ${layout} layout`,
    async (program) => {
      const { frame, types } = await throughPolars(program, FRAME, layout);
      assertEquals(frame.rows(), FRAME.rows());
      assertEquals(
        types.split(" ").slice(0, 5),
        ["Boolean", "Float64", "Int64", "UInt64", "String"],
      );
    },
  );
}

pythonTest(python, "polars reads a frame of ours without rows", async (program) => {
  const empty = DataFrame.fromRows([], { a: "int64", b: "text", c: "category" });
  const { frame } = await throughPolars(program, empty, "oldest");
  assertEquals([frame.names, frame.rows()], [["a", "b", "c"], []]);
});
