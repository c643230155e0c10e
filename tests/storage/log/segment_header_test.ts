import { assertEquals, assertThrows } from "@std/assert";
import { crc32c } from "../../../src/log/crc32c.ts";
import { LogError } from "../../../src/log/errors.ts";
import {
  baseOfName,
  FORMAT_VERSION,
  indexName,
  readSegmentHeader,
  RECORDS_AT,
  type SegmentHeader,
  segmentName,
  writeSegmentHeader,
} from "../../../src/log/segment_header.ts";
import { uuidBytes, uuidText } from "../../../src/log/identity.ts";
import { Span } from "../../../src/log/span.ts";

const HEADER: SegmentHeader = {
  logId: "01234567-89ab-4def-8123-456789abcdef",
  marker: 0xfedc_ba98,
  base: 2 ** 40 + 1,
  startNs: 1_790_000_000_000_000_001n,
  createdMs: 1_790_000_000_000,
};

Deno.test("readSegmentHeader() reads what writeSegmentHeader() wrote", () => {
  const span = writeSegmentHeader(HEADER);
  assertEquals(span.length, RECORDS_AT);
  assertEquals(readSegmentHeader(span, "x"), { header: HEADER, damaged: 0 });
});

Deno.test("readSegmentHeader() takes the other copy when one is damaged", () => {
  for (const at of [3, 1_000, 4_095, 4_096 + 40]) {
    const span = writeSegmentHeader(HEADER);
    span.bytes[at] = (span.bytes[at] ?? 0) ^ 1;
    assertEquals(readSegmentHeader(span, "x"), { header: HEADER, damaged: 1 });
  }
});

Deno.test("readSegmentHeader() finds nothing in a file that is no segment, or too short", () => {
  assertEquals(readSegmentHeader(Span.ofSize(RECORDS_AT), "x"), { header: null, damaged: 2 });
  assertEquals(readSegmentHeader(Span.ofSize(60), "x"), { header: null, damaged: 2 });
});

Deno.test("readSegmentHeader() refuses a newer format and names the file", () => {
  const span = writeSegmentHeader(HEADER);
  span.view.setUint16(8, FORMAT_VERSION + 1, true);
  span.view.setInt32(4_092, crc32c(span.view, 0, 4_092), true);
  const error = assertThrows(() => readSegmentHeader(span, "a.seg"), LogError, '"a.seg"');
  assertEquals(error.fault, "version");
});

Deno.test("segment names sort as offsets do, and give them back", () => {
  const names = [1, 9, 10, 2 ** 53 - 1].map(segmentName);
  assertEquals(names.toSorted(), names);
  assertEquals(names.map(baseOfName), [1, 9, 10, 2 ** 53 - 1]);
  assertEquals(baseOfName(indexName(1)), null);
  assertEquals(baseOfName("0000000000000001.seg.tmp"), null);
  assertEquals(baseOfName("1.seg"), null);
});

Deno.test("uuidText() writes what uuidBytes() read", () => {
  assertEquals(uuidText(uuidBytes(HEADER.logId)), HEADER.logId);
});
