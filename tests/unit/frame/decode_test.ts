// Goal: what is wrong with a frame is found before anything is made from it.
// Method: our own encoder, which checks nothing, writes frames that contradict themselves.

import { assert, assertEquals, assertThrows } from "@std/assert";
import { fieldOf } from "../../../src/frame/column_type.ts";
import { decodeFrame } from "../../../src/frame/decode.ts";
import { encodeFrame } from "../../../src/frame/encode.ts";
import { field, FlatBuffer, type Offset } from "../../../src/frame/flat_buffer.ts";
import { type FrameBatch, type FrameData, frameData } from "../../../src/frame/frame_data.ts";
import { FrameError } from "../../../src/frame/frame_error.ts";
import type { FrameType } from "../../../src/frame/frame_type.ts";
import { DataFrame } from "../../../src/frame/data_frame.ts";
import { ValueReader } from "../../../src/frame/read_values.ts";
import { writeSchema } from "../../../src/frame/write_schema.ts";
import { frameVectors, vector } from "../../helpers/frame_vectors.ts";

const VECTORS = await frameVectors();
const INT: FrameType = { kind: "int", bits: 32, isSigned: true };
const TEXT: FrameType = { kind: "text", layout: "small" };
const LARGE_TEXT: FrameType = { kind: "text", layout: "large" };
const VIEW: FrameType = { kind: "text", layout: "view" };
const NULL: FrameType = { kind: "null" };
const LIST: FrameType = { kind: "list", isLarge: false, item: fieldOf("item", NULL) };
const CATEGORY = { kind: "dictionary", id: 0n, key: INT, value: TEXT, isOrdered: false } as const;

function ints(...values: number[]): Uint8Array {
  return new Uint8Array(new Int32Array(values).buffer);
}

function frameOf(...columns: FrameData[]): Uint8Array {
  return framesOf({ length: columns[0]?.length ?? 0, columns });
}

function framesOf(...batches: FrameBatch[]): Uint8Array {
  const fields = (batches[0]?.columns ?? []).map(({ type }, i) => fieldOf(`c${i}`, type));
  return encodeFrame({ fields, batches, rowCount: 0 });
}

function reason(bytes: Uint8Array): string {
  return assertThrows(() => decodeFrame(bytes), FrameError).reason;
}

const texts = (offsets: Uint8Array, type: FrameType = TEXT): FrameData =>
  frameData({ type, length: 2, offsets, values: new Uint8Array(4) });
const words = texts(ints(0, 1, 2));

const DAMAGED: readonly (readonly [string, Uint8Array, string])[] = [
  [
    "a column that is shorter than its rows",
    frameOf(frameData({ type: INT, length: 2, values: ints(1) })),
    "a buffer is too short",
  ],
  [
    "bits that are too few",
    frameOf(frameData({ type: { kind: "bool" }, length: 9, values: new Uint8Array(1) })),
    "a buffer is too short",
  ],
  [
    "a bitmap that is too short",
    frameOf(
      frameData({ type: INT, length: 9, values: new Uint8Array(36), validity: new Uint8Array(1) }),
    ),
    "a buffer is too short",
  ],
  [
    "columns of different lengths",
    framesOf({ length: 2, columns: [words, frameData({ type: INT, length: 1, values: ints(1) })] }),
    "its columns differ in length",
  ],
  ["offsets that fall", frameOf(texts(ints(0, 3, 2))), "its offsets do not grow"],
  ["offsets below zero", frameOf(texts(ints(-1, 0, 1))), "an offset is negative"],
  ["offsets that lead out of the texts", frameOf(texts(ints(0, 1, 9))), "a buffer is too short"],
  ["offsets that are missing", frameOf(texts(ints(0, 1))), "a buffer is too short"],
  [
    "offsets of 64 bits that are huge",
    frameOf(texts(new Uint8Array(new BigInt64Array([0n, 1n, 2n ** 62n]).buffer), LARGE_TEXT)),
    "a buffer is too short",
  ],
  [
    "lists that lead out of their items",
    frameOf(
      frameData({
        type: LIST,
        length: 1,
        offsets: ints(0, 9),
        children: [frameData({ type: NULL, length: 8 })],
      }),
    ),
    "a buffer is too short",
  ],
  [
    "members that are fewer than their objects",
    frameOf(
      frameData({
        type: { kind: "struct", fields: [fieldOf("a", NULL)] },
        length: 2,
        children: [frameData({ type: NULL, length: 1 })],
      }),
    ),
    "a buffer is too short",
  ],
  [
    "items that are fewer than their arrays hold",
    frameOf(
      frameData({
        type: { kind: "array", size: 3, item: fieldOf("item", NULL) },
        length: 2,
        children: [frameData({ type: NULL, length: 5 })],
      }),
    ),
    "a buffer is too short",
  ],
  [
    "a key beyond its dictionary",
    frameOf(
      frameData({
        type: CATEGORY,
        length: 1,
        values: ints(2),
        dictionary: { parts: [words], length: 2 },
      }),
    ),
    "a key is not in its dictionary",
  ],
  [
    "a key below zero",
    frameOf(
      frameData({
        type: CATEGORY,
        length: 1,
        values: ints(-1),
        dictionary: { parts: [words], length: 2 },
      }),
    ),
    "a key is not in its dictionary",
  ],
  [
    "keys without a dictionary",
    frameOf(frameData({ type: CATEGORY, length: 1, values: ints(0) })),
    "a key is not in its dictionary",
  ],
  [
    "a dictionary whose offsets lead out of it",
    frameOf(
      frameData({
        type: CATEGORY,
        length: 1,
        values: ints(0),
        dictionary: { parts: [texts(ints(0, 1, 9))], length: 2 },
      }),
    ),
    "a buffer is too short",
  ],
  [
    "a dictionary of more values than bytes",
    frameOf(
      frameData({
        type: { ...CATEGORY, value: NULL },
        length: 1,
        values: ints(0),
        dictionary: { parts: [frameData({ type: NULL, length: 1_000 })], length: 1_000 },
      }),
    ),
    "a dictionary is too long",
  ],
  [
    "a view into a buffer that there is not",
    frameOf(
      frameData({ type: VIEW, length: 1, values: ints(20, 0, 1, 0), views: [new Uint8Array(20)] }),
    ),
    "a buffer is too short",
  ],
  [
    "a view beyond its buffer",
    frameOf(
      frameData({ type: VIEW, length: 1, values: ints(20, 0, 0, 1), views: [new Uint8Array(20)] }),
    ),
    "a buffer is too short",
  ],
  [
    "a view of less than no bytes",
    frameOf(frameData({ type: VIEW, length: 1, values: ints(-20, 0, 0, 0) })),
    "a text has less than no bytes",
  ],
  [
    "more nulls than a column of nothing but null may have",
    frameOf(frameData({ type: NULL, length: 1_100_000 })),
    "1100000 rows do not fit into it",
  ],
  [
    "more nulls in a list than a frame of its size may have",
    frameOf(
      frameData({
        type: LIST,
        length: 1,
        offsets: ints(0, 1),
        children: [frameData({ type: NULL, length: 1_100_000 })],
      }),
    ),
    "1100000 values in 8 bytes",
  ],
  [
    "rows that many batches claim without bytes",
    framesOf(
      ...Array.from(
        { length: 20 },
        () => ({ length: 900_000, columns: [frameData({ type: NULL, length: 900_000 })] }),
      ),
    ),
    "rows do not fit into it",
  ],
  ["types that are nested too deep", frameOf(nested(40)), "32 levels"],
  [
    "more fields than a schema may have",
    frameOf(...Array.from({ length: 10_001 }, () => frameData({ type: NULL, length: 0 }))),
    "at most 10000 fields",
  ],
  ["no schema", new Uint8Array(0), "got no schema"],
  ["an end without a schema", new Uint8Array([255, 255, 255, 255, 0, 0, 0, 0]), "got no schema"],
  ["a file", vector(VECTORS, "pyarrow, file"), "got the file format"],
  ["other bytes", new TextEncoder().encode("no arrow at all"), "got other bytes"],
  ["unions", vector(VECTORS, "refused: pyarrow, unions"), "unions are not read"],
  ["compressed bodies", vector(VECTORS, "refused: pyarrow, compressed"), "without compression"],
];

function nested(levels: number): FrameData {
  let data = frameData({ type: NULL, length: 0 });
  for (let i = 0; i < levels; i++) {
    const type: FrameType = { kind: "list", isLarge: false, item: fieldOf("item", data.type) };
    data = frameData({ type, length: 0, children: [data] });
  }
  return data;
}

for (const [what, bytes, text] of DAMAGED) {
  Deno.test(`decodeFrame() refuses ${what}`, () => {
    assert(reason(bytes).includes(text), reason(bytes));
  });
}

/** A message of that metadata, without a body. */
function message(buffer: FlatBuffer, header: Offset, kind: number): Uint8Array {
  const root = buffer.table([
    field.short(0, 4),
    field.byte(1, kind),
    field.offset(2, header),
    field.long(3, 0),
  ]);
  const metadata = buffer.finish(root);
  const bytes = new Uint8Array(8 + metadata.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xffff_ffff, true);
  view.setInt32(4, metadata.length, true);
  bytes.set(metadata, 8);
  return bytes;
}

/** A schema message whose fields all share one long name. */
function sharedNames(fields: number, chars: number): Uint8Array {
  const buffer = new FlatBuffer();
  const name = buffer.text("x".repeat(chars));
  const type = buffer.table([]);
  const one = buffer.table([field.offset(0, name), field.byte(2, 1), field.offset(3, type)]);
  const header = buffer.table([field.offset(1, buffer.offsets(new Array(fields).fill(one)))]);
  return message(buffer, header, 1);
}

Deno.test("decodeFrame() refuses a schema that is read many times longer than it is", () => {
  assertEquals(decodeFrame(sharedNames(100, 10)).fields.length, 100);
  assertEquals(
    reason(sharedNames(5_000, 100_000)),
    "it is damaged: too many texts in its metadata",
  );
});

Deno.test("decodeFrame() refuses a second schema, and a batch before the first", () => {
  const schema = sharedNames(1, 1);
  assertEquals(reason(new Uint8Array([...schema, ...schema])), "it is damaged: it has two schemas");
  const buffer = new FlatBuffer();
  const batch = message(buffer, buffer.table([]), 3);
  assertEquals(reason(batch), "it is damaged: it does not begin with its schema");
});

Deno.test("decodeFrame() refuses numbers in big-endian order, and messages of other kinds", () => {
  const big = new FlatBuffer();
  assert(reason(message(big, big.table([field.short(0, 1)]), 1)).includes("got big-endian"));
  const tensor = new FlatBuffer();
  const schema = sharedNames(1, 1);
  const other = message(tensor, tensor.table([]), 4);
  assertEquals(reason(new Uint8Array([...schema, ...other])), "it is damaged: a message of kind 4");
});

Deno.test("decodeFrame() refuses dictionaries without end", () => {
  const columns = Array.from({ length: 4_100 }, () => ({
    length: 1,
    columns: [
      frameData({
        type: CATEGORY,
        length: 1,
        values: ints(0),
        dictionary: { parts: [{ ...words }], length: 2 },
      }),
    ],
  }));
  assert(reason(framesOf(...columns)).includes("at most 4096 dictionaries"));
});

Deno.test("decodeFrame() refuses buffers that lie on each other", () => {
  const bytes = frameOf(
    frameData({ type: INT, length: 2, values: ints(1, 2) }),
    frameData({ type: INT, length: 2, values: ints(3, 4) }),
  );
  assertEquals(new ValueReader().values(decodeFrame(bytes).batches[0]?.columns.slice(1) ?? []), [
    3,
    4,
  ]);
  // The second column's place in the body: offset 8, length 8.
  const place = new Uint8Array(new BigInt64Array([8n, 8n]).buffer);
  const at = bytes.findLastIndex((_, i) => place.every((byte, j) => bytes[i + j] === byte));
  assert(at > 0);
  bytes.set(new Uint8Array(new BigInt64Array([0n, 16n]).buffer), at);
  assert(reason(bytes).includes("or on another"));
});

Deno.test("decodeFrame() refuses every frame that was cut off, except at the end of a message", () => {
  const bytes = vector(VECTORS, "pyarrow, three batches");
  const whole = decodeFrame(bytes).rowCount;
  let read = 0;
  for (let length = 1; length < bytes.length; length++) {
    try {
      const { rowCount } = decodeFrame(bytes.subarray(0, length));
      assert(rowCount < whole || length >= bytes.length - 8);
      read++;
    } catch (error) {
      assert(error instanceof FrameError, String(error));
    }
  }
  assert(read < 12, `${read} of them were read`);
});

Deno.test("ValueReader.values() gives no more values than it was told to", () => {
  const list = frameData({
    type: LIST,
    length: 2,
    offsets: ints(0, 50, 100),
    children: [frameData({ type: NULL, length: 100 })],
  });
  assertEquals(new ValueReader(102).values([list]).length, 2);
  assertThrows(() => new ValueReader(101).values([list]), FrameError, "at most 101 values");
});

Deno.test("ValueReader.values() refuses texts that are not UTF-8", () => {
  const bad = frameData({
    type: TEXT,
    length: 1,
    offsets: ints(0, 1),
    values: new Uint8Array([0xff]),
  });
  const frame = new DataFrame(frameOf(bad));
  assertThrows(() => frame.rows(), FrameError, "a text is not UTF-8");
});

Deno.test("decodeFrame() refuses one dictionary for columns of different types", () => {
  const type = { ...CATEGORY, value: INT } as const;
  const buffer = new FlatBuffer();
  const list = writeSchema(buffer, [fieldOf("a", CATEGORY), fieldOf("b", type)], () => 7);
  assert(reason(message(buffer, list, 1)).includes("different types share a dictionary"));
  const same = new FlatBuffer();
  const twice = writeSchema(same, [fieldOf("a", CATEGORY), fieldOf("b", CATEGORY)], () => 7);
  assertEquals(decodeFrame(message(same, twice, 1)).fields.length, 2);
});

Deno.test("DataFrame.table() does not grow with every addition to a dictionary", async () => {
  const parts = Array.from({ length: 400 }, () => ({ ...words, values: new Uint8Array([97, 98]) }));
  const batches = parts.map((_, i) => ({
    length: 1,
    columns: [frameData({
      type: CATEGORY,
      length: 1,
      values: ints(2 * i),
      dictionary: { parts: parts.slice(0, i + 1), length: 2 * i + 2 },
    })],
  }));
  const frame = new DataFrame(framesOf(...batches));
  assert(frame.bytes.length < 400_000, `${frame.bytes.length} bytes`);
  assertEquals((await frame.table()).numRows, 400);
  assertEquals(frame.rows().every(({ c0 }) => c0 === "a"), true);
});

Deno.test("DataFrame.table() reads keys that are all null and have no dictionary", async () => {
  const keys = frameData({
    type: CATEGORY,
    length: 1,
    values: ints(0),
    validity: new Uint8Array(1),
  });
  const bytes = frameOf(keys);
  // Our encoder writes an empty dictionary: it is cut out between the schema and the batch.
  const schemaEnd = 8 + new DataView(bytes.buffer).getInt32(4, true);
  const batchAt = bytes.findLastIndex((_, i) =>
    i < bytes.length - 8 && bytes.subarray(i, i + 4).every((byte) => byte === 255)
  );
  const frame = new DataFrame(
    new Uint8Array([...bytes.subarray(0, schemaEnd), ...bytes.subarray(batchAt)]),
  );
  assertEquals(frame.rows(), [{ c0: null }]);
  assertEquals((await frame.table()).toArray(), [{ c0: null }]);
});
