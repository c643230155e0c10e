import { assertEquals, assertRejects } from "@std/assert";
import { REFUSED_RUNS_MAX } from "../../../src/log/limits.ts";
import { OffsetWaits, RefusedRuns } from "../../../src/log/waits.ts";

Deno.test("wait() settles when the offset is reached, and not before", async () => {
  const waits = new OffsetWaits();
  const settled: number[] = [];
  const all = [3, 1, 2].map((offset) =>
    waits.wait(offset, null).then(() => void settled.push(offset))
  );
  waits.reach(2);
  await Promise.all(all.slice(1));
  assertEquals(settled, [1, 2]);
  waits.reach(3);
  await Promise.all(all);
});

Deno.test("wait() rejects with the reason of its signal, before and meanwhile", async () => {
  const waits = new OffsetWaits();
  const reason = new Error("enough");
  await assertRejects(() => waits.wait(1, AbortSignal.abort(reason)), Error, "enough");
  const controller = new AbortController();
  const waiting = waits.wait(1, controller.signal);
  controller.abort(reason);
  await assertRejects(() => waiting, Error, "enough");
  waits.reach(1);
});

Deno.test("RefusedRuns knows the offsets of its runs, and forgets the oldest run", () => {
  const runs = new RefusedRuns();
  runs.add(5, 7);
  runs.add(9, 8);
  assertEquals([4, 5, 7, 8, 9].map((offset) => runs.has(offset)), [
    false,
    true,
    true,
    false,
    false,
  ]);
  for (let i = 0; i < REFUSED_RUNS_MAX; i++) runs.add(100 + i, 100 + i);
  assertEquals([runs.has(5), runs.has(100)], [false, true]);
});
