import { assertEquals, assertRejects } from "@std/assert";
import { type Entry, Ledger } from "../../../src/broker/ledger.ts";
import { SERVED_COVER_MS, SERVED_STORE_MS } from "../../../src/broker/limits.ts";
import type { StateChange, StateStore } from "../../../src/broker/state_store.ts";
import { ManualClock, settle } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

function setUp() {
  const clock = new ManualClock();
  const log = new NotingLogger();
  const changes: StateChange[] = [];
  const disk: { failure: Error | null } = { failure: null };
  const state: StateStore = {
    remembered: { components: [], privateTopics: [] },
    put: (change) => void changes.push(change),
    committed: () => disk.failure === null ? Promise.resolve() : Promise.reject(disk.failure),
  };
  const served = { mark: 0 };
  const entry: Entry = {
    name: "one",
    topic: "t",
    served: () => ({ mark: served.mark, seen: null, until: null }),
  };
  const ledger = new Ledger({ state, clock, log });
  const marks = (): number[] =>
    changes.splice(0).map((change) => change.kind === "served" ? change.mark : -1);
  return { clock, log, disk, ledger, entry, served, marks };
}

Deno.test("changed() is written once a second, however often it is said", async () => {
  const { clock, ledger, entry, served, marks } = setUp();
  for (served.mark = 1; served.mark < 5; served.mark++) ledger.changed(entry);
  await clock.advance(SERVED_STORE_MS - 1);
  assertEquals(marks(), []);
  await clock.advance(1);
  assertEquals(marks(), [5]);
  await clock.advance(10 * SERVED_STORE_MS);
  assertEquals(marks(), []);
});

Deno.test("covered() runs what waits when the mark has passed it, soon", async () => {
  const { clock, ledger, entry, served } = setUp();
  const ran: number[] = [];
  served.mark = 7;
  ledger.covered(entry, 7, () => void ran.push(7));
  ledger.covered(entry, 9, () => void ran.push(9));
  await clock.advance(SERVED_COVER_MS);
  assertEquals(ran, [7]);
  served.mark = 9;
  await clock.advance(SERVED_STORE_MS);
  assertEquals(ran, [7, 9]);
  assertEquals(clock.pending, 0);
});

Deno.test("covered() never runs what was not written, and nothing throws", async () => {
  const { clock, disk, ledger, entry, log, served } = setUp();
  const ran: number[] = [];
  disk.failure = new Error("disk full");
  served.mark = 7;
  ledger.covered(entry, 7, () => void ran.push(7));
  await clock.advance(SERVED_COVER_MS);
  assertEquals([ran, log.events], [[], ["warn positions not stored"]]);
});

Deno.test("store() rejects when it cannot be written", async () => {
  const { disk, ledger, entry, marks } = setUp();
  await ledger.store([entry]);
  assertEquals(marks(), [0]);
  disk.failure = new Error("disk full");
  await assertRejects(() => ledger.store([entry]), Error, "disk full");
});

Deno.test("close() writes a last position, and forget() none", async () => {
  const { clock, ledger, entry, marks } = setUp();
  ledger.changed(entry);
  ledger.close(entry, { mark: 3, seen: 3, until: 3 });
  assertEquals(marks(), [3]);
  ledger.changed(entry);
  ledger.forget(entry);
  await clock.advance(SERVED_STORE_MS);
  await settle();
  assertEquals(marks(), []);
});
