import { assert, assertEquals, assertRejects } from "@std/assert";
import { Chunks } from "../../../src/log/chunks.ts";
import { type Damage, SegmentCursor, SegmentGone } from "../../../src/log/cursor.ts";
import { FilePool } from "../../../src/log/file_pool.ts";
import { CHUNK_BYTES } from "../../../src/log/limits.ts";
import { recordBytes, writePadding, writeRecord } from "../../../src/log/record.ts";
import { Span } from "../../../src/log/span.ts";
import { Texts } from "../../../src/log/texts.ts";
import { entry } from "../../helpers/log_entries.ts";
import { SimDisk } from "../../helpers/log_sim_files.ts";

const MARKER = 99;
const texts = new Texts();

/** The bytes of records with these offsets and payload lengths. */
function fileOf(records: readonly (readonly [offset: number, length: number])[]): Uint8Array {
  const spans = records.map(([offset, length]) => {
    const given = entry("", { data: new Uint8Array(length).fill(offset) });
    const publisher = texts.bytesOf(given.publisher);
    const topic = texts.bytesOf(given.topic);
    const bytes = recordBytes(given, publisher, topic);
    const span = Span.ofSize(bytes);
    const place = { marker: MARKER, at: 0, bytes, offset, recvNs: BigInt(offset) };
    writeRecord(span, given, { ...place, publisher, topic });
    return span.bytes;
  });
  return join(spans);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

interface Seen {
  readonly offsets: number[];
  readonly damages: Pick<Damage, "from" | "to" | "position">[];
  readonly cursor: SegmentCursor;
}

async function readAll(
  content: Uint8Array,
  given: { stop?: number; end?: number } = {},
): Promise<Seen> {
  const disk = new SimDisk();
  disk.put("a", content);
  const offsets: number[] = [];
  const damages: Seen["damages"] = [];
  const cursor = new SegmentCursor(new Chunks(new FilePool(disk.files())), {
    name: "a",
    position: 0,
    expected: 1,
    end: content.byteLength,
    stop: Infinity,
    marker: MARKER,
    onDamage: ({ from, to, position }) => damages.push({ from, to, position }),
    ...given,
  });
  await cursor.run((view) => offsets.push(view.offset));
  return { offsets, damages, cursor };
}

Deno.test("run() shows all records, also those that lie across chunks", async () => {
  const records = Array.from({ length: 300 }, (_, i) => [i + 1, i * 31 % 5_000] as const);
  const content = fileOf(records);
  assert(content.byteLength > 2 * CHUNK_BYTES);
  const { offsets, damages } = await readAll(content);
  assertEquals([offsets.length, damages.length], [300, 0]);
});

Deno.test("run() shows records whatever part of a header is behind the end of a chunk", async () => {
  for (let rest = 0; rest <= 128; rest += 8) {
    const first = fileOf([[1, 0]]).byteLength;
    const fill = CHUNK_BYTES - first - rest;
    const content = fileOf([[1, fill], [2, 20], [3, 20]]);
    assertEquals((await readAll(content)).offsets, [1, 2, 3], `${rest}`);
  }
});

Deno.test("run() ends before `stop`, and does not look at what is behind", async () => {
  const content = fileOf([[1, 5], [2, 5], [3, 5]]);
  const { offsets, cursor } = await readAll(content, { stop: 2 });
  assertEquals([offsets, cursor.expected], [[1], 2]);
});

Deno.test("run() goes on behind bytes that are no record, and tells which offsets are missing", async () => {
  const noise = new Uint8Array(1_000).map((_, i) => i * 7);
  const content = join([fileOf([[1, 5]]), noise, fileOf([[4, 5]])]);
  const { offsets, damages } = await readAll(content);
  assertEquals(offsets, [1, 4]);
  assertEquals(damages, [{ from: 2, to: 4, position: fileOf([[1, 5]]).byteLength }]);
});

Deno.test("run() passes over damage that is longer than a chunk", async () => {
  const noise = new Uint8Array(2 * CHUNK_BYTES + 8);
  const { offsets } = await readAll(join([fileOf([[1, 5]]), noise, fileOf([[2, 5]])]));
  assertEquals(offsets, [1, 2]);
});

Deno.test("run() passes over records that are older than expected: they are remnants", async () => {
  const { offsets } = await readAll(fileOf([[1, 5], [2, 5], [1, 5], [3, 5]]));
  assertEquals(offsets, [1, 2, 3]);
});

Deno.test("run() tells when a record is missing without a trace", async () => {
  const { offsets, damages } = await readAll(fileOf([[1, 5], [5, 5]]));
  assertEquals(offsets, [1, 5]);
  assertEquals(damages.map(({ from, to }) => [from, to]), [[2, 5]]);
});

Deno.test("run() tells what is missing at the end when it knows where the end is", async () => {
  const whole = fileOf([[1, 5], [2, 5], [3, 5]]);
  const cut = whole.subarray(0, whole.byteLength - 3);
  const { offsets, damages } = await readAll(cut, { stop: 4, end: whole.byteLength });
  assertEquals([offsets, damages.map(({ from, to }) => [from, to])], [[1, 2], [[3, 4]]]);
  const unknown = await readAll(cut, { end: whole.byteLength });
  assertEquals([unknown.damages, unknown.cursor.holeAt !== null], [[], true]);
});

Deno.test("run() counts what a padding covers, and not more", async () => {
  const padding = Span.ofSize(48);
  writePadding(padding, 0, { marker: MARKER, offset: 2, through: 9, recvNs: 1n });
  const { offsets, damages } = await readAll(
    join([fileOf([[1, 5]]), padding.bytes, fileOf([[10, 5]])]),
  );
  assertEquals([offsets, damages], [[1, 2, 10], []]);
});

Deno.test("run() is not misled by a payload that looks like records of another log", async () => {
  const other = fileOf([[2, 5], [3, 5]]);
  new DataView(other.buffer).setUint32(0, MARKER + 1, true);
  const first = fileOf([[1, 5]]);
  const { offsets } = await readAll(join([first, other.subarray(0, 96), fileOf([[4, 5]])]));
  assertEquals(offsets, [1, 4]);
});

Deno.test("step() rejects when the file is gone", async () => {
  const cursor = new SegmentCursor(new Chunks(new FilePool(new SimDisk().files())), {
    name: "a",
    position: 0,
    expected: 1,
    end: 100,
    stop: 5,
    marker: MARKER,
    onDamage: () => {},
  });
  await assertRejects(() => cursor.step(() => {}), SegmentGone);
});
