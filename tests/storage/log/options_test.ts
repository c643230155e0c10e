import { assertEquals, assertThrows } from "@std/assert";
import { type MessageLogOptions, resolveLogOptions } from "../../../src/log/options.ts";
import { SimDisk } from "../../helpers/log_sim_files.ts";

const files = new SimDisk().files();

Deno.test("resolveLogOptions() fills in 64 MiB segments, a day, 4 GiB and 7 days", () => {
  const { segmentBytes, segmentMs, retentionBytes, retentionMs } = resolveLogOptions({ files });
  assertEquals([segmentBytes, segmentMs, retentionBytes, retentionMs], [
    64 * 1024 * 1024,
    75_600_000,
    4 * 1024 ** 3,
    7 * 24 * 3_600_000,
  ]);
});

Deno.test("resolveLogOptions() makes segments smaller where retention is small", () => {
  const small = resolveLogOptions({ files, retentionBytes: 2 ** 20, retentionMs: 80_000 });
  assertEquals([small.segmentBytes, small.segmentMs], [2 ** 17, 10_000]);
});

const BAD: readonly Partial<MessageLogOptions>[] = [
  { segmentBytes: 1_000 },
  { retentionBytes: 1_000 },
  { retentionBytes: 1_000_000, segmentBytes: 2_000_000 },
  { retentionMs: 0 },
  { segmentMs: -1 },
  { queueBytesMax: 0 },
  { freeBytesMin: NaN },
];
for (const given of BAD) {
  Deno.test(`resolveLogOptions() throws for ${JSON.stringify(given)}`, () => {
    assertThrows(() => resolveLogOptions({ files, ...given }), RangeError, "must be at least");
  });
}
