import { assert, assertEquals } from "@std/assert";
import { SEEK_BYTES, TOPIC_INDEX_BYTES_MAX } from "../../../src/log/limits.ts";
import { SegmentIndex } from "../../../src/log/segment_index.ts";

/** An index with a record of 100 bytes at each hundred. */
function indexOf(count: number, topicOf = (i: number) => `topic/${i % 3}`): SegmentIndex {
  const index = SegmentIndex.empty(1);
  for (let i = 1; i <= count; i++) {
    const position = i * 100;
    const first = { offset: i, position, recvNs: BigInt(i * 10) };
    index.addRecords(first, { last: i, lastNs: first.recvNs, end: position + 100, count: 1 });
    index.addTopic(topicOf(i), { first: i, last: i, count: 1 });
  }
  return index;
}

Deno.test("SegmentIndex knows first, last offset and count of each topic", () => {
  const { topics, records, last, lastNs, end } = indexOf(10);
  assertEquals([...topics ?? []], [
    ["topic/1", { first: 1, last: 10, count: 4 }],
    ["topic/2", { first: 2, last: 8, count: 3 }],
    ["topic/0", { first: 3, last: 9, count: 3 }],
  ]);
  assertEquals({ records, last, lastNs, end }, { records: 10, last: 10, lastNs: 100n, end: 1_100 });
});

Deno.test("seekOffset() and seekTime() give the last point at or before what is wanted", () => {
  const index = indexOf(3_000);
  assert(index.seeks.length >= 4);
  assertEquals(index.seekOffset(0), null);
  assertEquals(index.seekTime(9n), null);
  for (const wanted of [1, 2, 655, 656, 657, 2_999]) {
    const byOffset = index.seekOffset(wanted);
    const byTime = index.seekTime(BigInt(wanted * 10));
    assertEquals(byOffset, byTime);
    const { offset = Infinity, position = 0 } = byOffset ?? {};
    assert(offset <= wanted);
    assert(wanted * 100 - position < SEEK_BYTES + 100);
  }
});

Deno.test("rangeOf() covers the topics that match, and is null when none does", () => {
  const index = indexOf(10);
  assertEquals(index.rangeOf((topic) => topic === "topic/2"), { first: 2, last: 8 });
  assertEquals(index.rangeOf((topic) => topic !== "topic/2"), { first: 1, last: 10 });
  assertEquals(index.rangeOf(() => false), null);
});

Deno.test("SegmentIndex gives up its topics when they are too many", () => {
  const index = indexOf(TOPIC_INDEX_BYTES_MAX / 200, (i) => `${i}`.padStart(100, "x"));
  assertEquals(index.topics, null);
  assertEquals(index.rangeOf(() => false), { first: 1, last: index.last });
});

Deno.test("addPadding() moves the last offset but counts no record", () => {
  const index = indexOf(2);
  index.addPadding({ through: 50, end: 348, recvNs: 0n });
  assertEquals([index.last, index.end, index.records], [50, 348, 2]);
});
