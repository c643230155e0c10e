import { assert, assertEquals, assertThrows } from "@std/assert";
import { RECORD_BYTES_MAX } from "../../../src/log/limits.ts";
import {
  type LogEntry,
  Look,
  RECORD_HEADER_BYTES,
  recordBytes,
  RecordKind,
  RecordView,
  writePadding,
  writeRecord,
} from "../../../src/log/record.ts";
import { Span } from "../../../src/log/span.ts";
import { Texts } from "../../../src/log/texts.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";
import { entry } from "../../helpers/log_entries.ts";

const MARKER = 0x1234_5678;
const texts = new Texts();

/** A span with one record at `at`. */
function written(given: LogEntry, at = 0): { span: Span; bytes: number } {
  const publisher = texts.bytesOf(given.publisher);
  const topic = texts.bytesOf(given.topic);
  const bytes = recordBytes(given, publisher, topic);
  const span = Span.ofSize(at + bytes);
  const place = { marker: MARKER, at, bytes, offset: 7, recvNs: 99n, publisher, topic };
  writeRecord(span, given, place);
  return { span, bytes };
}

function look(view: RecordView, span: Span, at = 0, end = span.length): Look {
  return view.look(span, at, { end, marker: MARKER });
}

const ENTRIES: readonly (readonly [string, LogEntry])[] = [
  ["a publication", entry("21.5")],
  ["QoS 0 without id", entry("", { qos: 0, id: null })],
  [
    "QoS 2 with a slot",
    entry("x", { qos: 2, id: 0xffff_ffff_ffff_ffffn as MsgId, slot: 2 ** 32 - 1 }),
  ],
  ["slot 0", entry("x", { qos: 0, id: null, slot: 0 })],
  ["an anonymous publisher", entry("x", { publisher: "", isAnonymous: true })],
  ["a command", entry("rows", { kind: "command", topic: "upsert_sensor" })],
  ["long texts", entry("x", { publisher: "p".repeat(255), topic: "ü".repeat(512) })],
  ["a payload of any length", entry("abcdefgh".repeat(100))],
];

for (const [what, given] of ENTRIES) {
  Deno.test(`RecordView reads back ${what}`, () => {
    const { span, bytes } = written(given, 16);
    const view = new RecordView();
    assertEquals(look(view, span, 16), Look.RECORD);
    assertEquals(view.bytes, bytes);
    assertEquals(bytes % 8, 0);
    const { data, ...rest } = view.toRecord(texts);
    assertEquals({ ...rest, data: new Uint8Array(data) }, { ...given, offset: 7, recvNs: 99n });
    assertEquals(view.topic(texts), given.topic);
  });
}

Deno.test("look() finds no record when any bit of it is different", () => {
  const { span, bytes } = written(entry("21.5", { slot: 3 }));
  const view = new RecordView();
  for (let bit = 0; bit < 8 * bytes; bit++) {
    const at = bit >> 3;
    const mask = 1 << (bit & 7);
    span.bytes[at] = (span.bytes[at] ?? 0) ^ mask;
    assert(look(view, span) !== Look.RECORD, `bit ${bit}`);
    span.bytes[at] = (span.bytes[at] ?? 0) ^ mask;
  }
  assertEquals(look(view, span), Look.RECORD);
});

Deno.test("look() says how much of a record it wants when it is cut", () => {
  const { span, bytes } = written(entry("a payload"));
  const view = new RecordView();
  for (let end = 0; end < bytes; end++) {
    assertEquals(look(view, span, 0, end), Look.CUT, `end ${end}`);
    assertEquals(view.bytes, end < RECORD_HEADER_BYTES ? RECORD_HEADER_BYTES : bytes);
  }
});

Deno.test("look() reads a padding", () => {
  const span = Span.ofSize(RECORD_HEADER_BYTES);
  writePadding(span, 0, { marker: MARKER, offset: 5, through: 9, recvNs: 1n });
  const view = new RecordView();
  assertEquals(look(view, span), Look.RECORD);
  assertEquals([view.kind, view.offset, view.through], [RecordKind.PADDING, 5, 9]);
  writePadding(span, 0, { marker: MARKER, offset: 5, through: 4, recvNs: 1n });
  assertEquals([look(view, span), view.through], [Look.RECORD, 4]);
  writePadding(span, 0, { marker: MARKER, offset: 5, through: 3, recvNs: 1n });
  assertEquals(look(view, span), Look.NONE);
});

Deno.test("look() finds no record of another log", () => {
  const { span } = written(entry("x"));
  const other = { end: span.length, marker: MARKER + 1 };
  assertEquals(new RecordView().look(span, 0, other), Look.NONE);
});

Deno.test("recordBytes() throws when a text or the whole is too long", () => {
  const none = new Uint8Array();
  const measure = (given: Partial<LogEntry>): number => {
    const full = entry("x", given);
    const encoder = new TextEncoder();
    return recordBytes(full, encoder.encode(full.publisher), encoder.encode(full.topic));
  };
  assertThrows(() => measure({ publisher: "p".repeat(256) }), RangeError, "publisher");
  assertThrows(() => measure({ topic: "t".repeat(65_536) }), RangeError, "topic");
  const data = new Uint8Array(RECORD_BYTES_MAX - RECORD_HEADER_BYTES + 1);
  assertThrows(() => recordBytes(entry("", { data }), none, none), RangeError, "at most");
  const fits = entry("", { data: data.subarray(1) });
  assertEquals(recordBytes(fits, none, none), RECORD_BYTES_MAX);
});
