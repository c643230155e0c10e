import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { tableFromArrays } from "npm:@uwdata/flechette@2.6.0";
import {
  incomingArgs,
  incomingValue,
  outgoingArgs,
  outgoingValue,
} from "../../../src/frame/arguments.ts";
import { DataFrame } from "../../../src/frame/data_frame.ts";
import { FrameError } from "../../../src/frame/frame_error.ts";
import { Tagged } from "../../../src/protocol/cbor.ts";

const frame = DataFrame.fromColumns({ a: [1, 2], b: ["x", null] });
const rows = [{ a: 1, b: "x" }, { a: 2, b: null }];
const tagged = new Tagged(80, frame.bytes);

Deno.test("outgoingArgs() does not copy arguments without tables", () => {
  const args = [
    1,
    "a",
    null,
    undefined,
    { x: 1 },
    [tagged],
    new Map(),
    new Uint8Array(2),
    new Date(),
  ];
  assertStrictEquals(outgoingArgs(args), args);
  assertStrictEquals(outgoingArgs(args, "json"), args);
  assertStrictEquals(outgoingArgs([frame])[0], frame);
});

Deno.test("outgoingArgs() makes frames of tables, and leaves what stands beside them", () => {
  const [text, made, number] = outgoingArgs(["t", tableFromArrays({ x: [1] }), 5]);
  assertEquals([text, number], ["t", 5]);
  assertEquals((made as DataFrame).rows(), [{ x: 1 }]);
});

Deno.test("outgoingArgs() makes rows of frames for JSON, whatever the frame is", () => {
  assertEquals(outgoingArgs([1, frame, tagged], "json"), [1, rows, rows]);
  assertEquals(outgoingArgs([tableFromArrays({ x: [1] })], "json"), [[{ x: 1 }]]);
});

Deno.test("outgoingArgs() refuses a frame for JSON that cannot be read", () => {
  const damaged = new DataFrame(new Uint8Array([1, 2, 3]));
  assertStrictEquals(outgoingArgs([damaged])[0], damaged);
  assertThrows(() => outgoingArgs([damaged], "json"), FrameError);
});

Deno.test("outgoingValue() looks at a result and at the elements of a list", () => {
  assertEquals(outgoingValue(frame, "json"), rows);
  assertEquals(outgoingValue([frame, 1], "json"), [rows, 1]);
  assertEquals(outgoingValue({ frame }, "json"), { frame });
  assertEquals(outgoingValue(null), null);
});

Deno.test("incomingArgs() makes frames of tag 80 around bytes, and of nothing else", () => {
  const [made] = incomingArgs([tagged]);
  assertEquals((made as DataFrame).rows(), rows);
  assertStrictEquals((made as DataFrame).bytes, frame.bytes);
  const others = [new Tagged(80, "text"), new Tagged(81, frame.bytes), { tagged }, [tagged], frame];
  assertStrictEquals(incomingArgs(others), others);
});

Deno.test("incomingValue() looks at a result and at the elements of a list", () => {
  assertEquals((incomingValue(new Tagged(80n, frame.bytes)) as DataFrame).rows(), rows);
  const [made, text] = incomingValue([tagged, "x"]) as [DataFrame, string];
  assertEquals([made.rows(), text], [rows, "x"]);
  assertEquals(incomingValue(undefined), undefined);
});
