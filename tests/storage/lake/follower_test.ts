import { assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../../src/lake/errors.ts";
import { Follower, type FollowerOptions } from "../../../src/lake/follower.ts";
import type { Applied, Ingest } from "../../../src/lake/ingest.ts";
import type { LakeStore } from "../../../src/lake/store.ts";
import { eventually } from "../../helpers/eventually.ts";
import { publication } from "../../helpers/lake_schema.ts";
import { MemorySource } from "../../helpers/lake_source.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

interface Harness extends AsyncDisposable {
  readonly follower: Follower;
  readonly source: MemorySource;
  readonly clock: ManualClock;
  readonly applied: number[][];
  readonly health: (string | null)[];
  /** Faults that the next calls of `apply` end with. */
  readonly faults: StoreError[];
  readonly loop: Promise<void>;
}

function harness(commitMs = 0): Harness {
  const source = new MemorySource();
  for (let offset = 0; offset < 10; offset++) source.records.push(publication(offset, "t", []));
  const clock = new ManualClock();
  const applied: number[][] = [];
  const health: (string | null)[] = [];
  const faults: StoreError[] = [];
  const store = { nextOffset: 0 };
  const ingest = {
    apply(records: readonly { offset: number }[], nextOffset: number): Promise<Applied> {
      const fault = faults.shift();
      if (fault !== undefined) return Promise.reject(fault);
      applied.push(records.map(({ offset }) => offset));
      store.nextOffset = nextOffset;
      return Promise.resolve({ nextOffset, rows: records.length, deadLetters: 0, outcomes: [] });
    },
  };
  const options: FollowerOptions = {
    store: store as unknown as LakeStore,
    ingest: ingest as unknown as Ingest,
    source,
    clock,
    commitMs,
    onApplied: () => {},
    onHealth: (error) => health.push(error?.message ?? null),
  };
  const follower = new Follower(options);
  const loop = follower.run();
  return {
    ...{ follower, source, clock, applied, health, faults, loop },
    async [Symbol.asyncDispose](): Promise<void> {
      follower.stop();
      await loop.catch(() => {});
    },
  };
}

Deno.test("Follower reads no further than the durable end", async () => {
  await using h = harness();
  h.follower.durable(4);
  await eventually(() => assertEquals(h.applied, [[0, 1, 2, 3]]));
  h.follower.durable(3);
  h.follower.durable(6);
  await eventually(() => assertEquals(h.applied, [[0, 1, 2, 3], [4, 5]]));
});

Deno.test("Follower.waitFor() resolves once the offset is in the tables", async () => {
  await using h = harness();
  const wait = h.follower.waitFor(5, 1_000);
  h.follower.durable(5);
  assertEquals(await wait, true);
  assertEquals(await h.follower.waitFor(5, 1_000), true);
  assertEquals(h.clock.pending, 0);
});

Deno.test("Follower.waitFor() gives up after its time, and at the end", async () => {
  await using h = harness();
  const late = h.follower.waitFor(5, 1_000);
  await h.clock.advance(1_000);
  assertEquals(await late, false);
  const never = h.follower.waitFor(5, 1_000);
  h.follower.stop();
  assertEquals(await never, false);
  assertEquals(await h.follower.waitFor(5, 1_000), false);
});

Deno.test("Follower pauses between transactions unless somebody waits", async () => {
  await using h = harness(1_000);
  h.follower.durable(1);
  await eventually(() => assertEquals(h.applied.length, 1));
  await eventually(() => assertEquals(h.clock.pending, 1));
  h.follower.durable(2);
  h.follower.durable(3);
  assertEquals(h.applied.length, 1);
  assertEquals(await h.follower.waitFor(3, 10_000), true);
  assertEquals(h.applied, [[0], [1, 2]]);
});

Deno.test("Follower tries again with growing pauses while the storage fails, and says so", async () => {
  await using h = harness();
  h.faults.push(new StoreError("unavailable", "full"), new StoreError("unavailable", "still full"));
  h.follower.durable(2);
  await eventually(() => assertEquals(h.health, ["full"]));
  await h.clock.advance(250);
  await eventually(() => assertEquals(h.health, ["full", "still full"]));
  await h.clock.advance(499);
  assertEquals(h.applied, []);
  await h.clock.advance(1);
  await eventually(() => assertEquals(h.applied, [[0, 1]]));
  await eventually(() => assertEquals(h.health, ["full", "still full", null]));
});

Deno.test("Follower ends with the error when the file is damaged", async () => {
  await using h = harness();
  h.faults.push(new StoreError("corrupt", "damaged"));
  h.follower.durable(2);
  await assertRejects(() => h.loop, StoreError, "damaged");
});
