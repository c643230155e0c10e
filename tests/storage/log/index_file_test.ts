import { assertEquals, assertRejects } from "@std/assert";
import { crc32c } from "../../../src/log/crc32c.ts";
import { LogError } from "../../../src/log/errors.ts";
import { readIndex, readIndexFile, writeIndex } from "../../../src/log/index_file.ts";
import { SegmentIndex } from "../../../src/log/segment_index.ts";
import { SimDisk } from "../../helpers/log_sim_files.ts";

const IDENTITY = { logId: "01234567-89ab-4def-8123-456789abcdef", marker: 77 };

function exampleIndex(): SegmentIndex {
  const index = SegmentIndex.empty(5);
  index.addPadding({ through: 9, end: 8_240, recvNs: 0n });
  const first = { offset: 10, position: 8_240, recvNs: 2n ** 61n };
  index.addRecords(first, { last: 12, lastNs: 2n ** 61n + 2n, end: 9_000, count: 3 });
  index.addTopic("città/°C", { first: 10, last: 12, count: 2 });
  index.addTopic("x", { first: 11, last: 11, count: 1 });
  return index;
}

function contentOf(index: SegmentIndex): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(writeIndex(index, IDENTITY));
}

function shown(index: SegmentIndex | undefined): unknown {
  if (index === undefined) return null;
  const { base, last, end, lastNs, records, seeks, topics } = index;
  return { base, last, end, lastNs, records, seeks, topics };
}

Deno.test("readIndex() reads what writeIndex() wrote", () => {
  const found = readIndex(contentOf(exampleIndex()), "x");
  assertEquals(found?.identity, IDENTITY);
  assertEquals(shown(found?.index), shown(exampleIndex()));
});

Deno.test("readIndex() keeps that there were too many topics", () => {
  const index = new SegmentIndex({
    ...SegmentIndex.empty(1),
    ...{
      base: 1,
      last: 0,
      end: 8_192,
      lastNs: 0n,
      records: 0,
      seeks: [],
      topics: null,
    },
  });
  assertEquals(readIndex(contentOf(index), "x")?.index.topics, null);
});

Deno.test("readIndex() finds nothing when a bit is different or the end is missing", () => {
  const content = contentOf(exampleIndex());
  for (let at = 0; at < content.byteLength; at++) {
    assertEquals(readIndex(content.slice(0, at), "x"), null, `cut at ${at}`);
    const changed = content.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    assertEquals(readIndex(changed, "x"), null, `changed at ${at}`);
  }
});

Deno.test("readIndexFile() refuses a newer format", async () => {
  const content = contentOf(exampleIndex());
  const view = new DataView(content.buffer);
  const end = content.byteLength - 4;
  view.setUint16(8, 2, true);
  view.setInt32(end, crc32c(view, 0, end), true);
  const disk = new SimDisk();
  disk.put("a.idx", content);
  const error = await assertRejects(() => readIndexFile(disk.files(), "a.idx"), LogError);
  assertEquals(error.fault, "version");
});

Deno.test("readIndexFile() finds nothing when there is no file, or when it cannot be read", async () => {
  const disk = new SimDisk();
  assertEquals(await readIndexFile(disk.files(), "a.idx"), null);
  disk.put("a.idx", contentOf(exampleIndex()));
  disk.fault = ({ method }) => method === "read" ? { kind: "fail", reason: "EIO" } : null;
  assertEquals(await readIndexFile(disk.files(), "a.idx"), null);
});
