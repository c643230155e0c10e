import { assertEquals } from "@std/assert";
import { Segment, Segments } from "../../../src/log/segment.ts";

function segmentsAt(...bases: number[]): Segments {
  return new Segments(bases.map((base) => new Segment(base)));
}

Deno.test("find() gives the segment of an offset, and the oldest for an older one", () => {
  const segments = segmentsAt(10, 20, 30);
  const found = [1, 10, 19, 20, 29, 30, 1_000].map((offset) => segments.find(offset)?.base);
  assertEquals(found, [10, 10, 10, 20, 20, 30, 30]);
  assertEquals(new Segments().find(1), undefined);
});

Deno.test("after() gives the next segment, also of one that is not there any more", () => {
  const segments = segmentsAt(10, 20, 30);
  const first = new Segment(10);
  assertEquals(segments.after(first)?.base, 20);
  segments.removeOldest();
  assertEquals(segments.after(first)?.base, 20);
  assertEquals(segments.after(new Segment(30)), undefined);
});

Deno.test("add() replaces a segment of the same base, and does not change arrays it gave", () => {
  const segments = segmentsAt(10, 20);
  const before = segments.all;
  const old = segments.newest;
  const added = new Segment(20);
  assertEquals(segments.add(added) === old, true);
  assertEquals(segments.newest === added, true);
  assertEquals(segments.add(new Segment(30)), null);
  assertEquals([before.length, segments.all.length], [2, 3]);
});

Deno.test("bytes adds up records and indexes", () => {
  const segments = segmentsAt(1, 2);
  for (const segment of segments.all) {
    segment.end = 10_000;
    segment.indexBytes = 50;
  }
  assertEquals(segments.bytes, 20_100);
});
