import { assertEquals, assertStringIncludes } from "@std/assert";
import { recordJson, recordText } from "../../../src/cli/log_line.ts";
import type { LogRecord } from "../../../src/log/record.ts";
import { encodeCbor, Tagged } from "../../../src/protocol/cbor.ts";
import { entry } from "../../helpers/log_entries.ts";
import { weatherFrame } from "./frames.ts";

function record(args: unknown, given: Partial<LogRecord> = {}): LogRecord {
  return {
    ...entry(""),
    offset: 42,
    recvNs: 1_790_000_000_123_456_789n,
    ...given,
    data: args instanceof Uint8Array ? args.slice() : encodeCbor(args).slice(),
  };
}

Deno.test("recordText() tells a record on one line", () => {
  assertEquals(
    recordText(record([{ n: 18446744073709551615n }, "warm room"], { slot: 5, qos: 2 })),
    "42 2026-09-21T14:13:20.123456789Z sensor town/temperature qos2 slot=5 " +
      '{"n":18446744073709551615} "warm room"',
  );
});

Deno.test("recordText() tells commands, and messages without a payload", () => {
  assertEquals(
    recordText(record(new Uint8Array(), { kind: "command", topic: "delete_sensor", qos: 1 })),
    "42 2026-09-21T14:13:20.123456789Z sensor delete_sensor qos1 command",
  );
});

Deno.test("recordText() leaves nothing in a text that moves a terminal", () => {
  const line = recordText(record(["a\nb\x9b"], { topic: "x\x1b[2J\u202e" }));
  assertStringIncludes(line, String.raw`x\u001b[2J\u202e qos1 "a\nb\u009b"`);
});

Deno.test("recordText() shows bytes that cannot be decoded, cut short", () => {
  const line = recordText(record(new Uint8Array(100).fill(0xff)));
  assertStringIncludes(line, `<cannot be decoded, 100 bytes: ${"ff".repeat(32)}...>`);
  const json = JSON.parse(recordJson(record(Uint8Array.of(0xff))));
  assertEquals([json.args, json.hex, json.bytes], [null, "ff", 1]);
});

Deno.test("recordText() and recordJson() describe a data frame", () => {
  const bytes = weatherFrame();
  const frame = record([new Tagged(80, bytes), 1]);
  assertStringIncludes(
    recordText(frame),
    `<data frame, ${bytes.length} bytes: 3 rows of dn, temperature> 1`,
  );
  const { args } = JSON.parse(recordJson(frame));
  const wanted = { rows: 3, columns: ["dn", "temperature"], bytes: bytes.length };
  assertEquals(args, [{ frame: wanted }, 1]);
});

Deno.test("recordText() says that a data frame is damaged", () => {
  const line = recordText(record(new Tagged(80, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9))));
  assertStringIncludes(line, "<data frame, 9 bytes: ");
  assertStringIncludes(line, "Arrow IPC stream");
});

Deno.test("recordJson() tells everything of a record", () => {
  assertEquals(JSON.parse(recordJson(record(["x"], { isAnonymous: true }))), {
    offset: 42,
    time: "2026-09-21T14:13:20.123456789Z",
    publisher: "sensor",
    anonymous: true,
    topic: "town/temperature",
    kind: "publication",
    qos: 1,
    slot: null,
    args: ["x"],
  });
});
