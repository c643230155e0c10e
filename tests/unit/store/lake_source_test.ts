import { assertEquals } from "@std/assert";
import type { LogRecord } from "../../../src/log/record.ts";
import { lakeSourceOf } from "../../../src/store/lake_source.ts";

Deno.test("lakeSourceOf() reads no further than it is asked to, and leaves empty batches out", async () => {
  const calls: unknown[] = [];
  const record = { offset: 3 } as LogRecord;
  const source = lakeSourceOf({
    logId: "one",
    advance: (durable) => void calls.push(durable),
    async *read(options) {
      await Promise.resolve();
      calls.push(options);
      yield { records: [], next: 3 };
      yield { records: [record], next: 4 };
    },
  });
  assertEquals(source.logId, "one");
  assertEquals(await Array.fromAsync(source.read(2, 9)), [[record]]);
  assertEquals(calls, [8, { from: { offset: 2 }, to: 9 }]);
});
