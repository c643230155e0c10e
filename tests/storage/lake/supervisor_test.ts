import { assert, assertEquals, assertRejects } from "@std/assert";
import { QueryError } from "../../../src/lake/errors.ts";
import { Lake } from "../../../src/lake/supervisor.ts";
import type { LakeOptions } from "../../../src/lake/lake_options.ts";
import { eventually } from "../../helpers/eventually.ts";
import { FakeProcess } from "../../helpers/lake_fake_process.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

interface Harness extends AsyncDisposable {
  readonly lake: Lake;
  readonly clock: ManualClock;
  readonly processes: FakeProcess[];
  /** The process that runs now. */
  now(): FakeProcess;
}

function harness(more: Partial<LakeOptions> = {}): Harness {
  const clock = new ManualClock();
  const processes: FakeProcess[] = [];
  const lake = Lake.start({
    schema: { tables: [] },
    storage: { kind: "memory" },
    source: { path: "x" },
    durableEnd: 7,
    maintainMs: 0,
    clock,
    random: { float: () => 0, u64: () => 1n },
    spawn: () => {
      const process = new FakeProcess();
      processes.push(process);
      return process;
    },
    ...more,
  });
  return {
    lake,
    clock,
    processes,
    now: () => processes.at(-1) ?? new FakeProcess(),
    [Symbol.asyncDispose]: () => lake.close(),
  };
}

const state = (h: Harness, wanted: string) =>
  eventually(() => assertEquals(h.lake.health.state, wanted));
const args = new Uint8Array([0x80]);

Deno.test("Lake.start() tells the process schema, storage, source and durable end", async () => {
  await using h = harness({ queryMs: 5 });
  await eventually(() => assertEquals(h.now().told.length, 1));
  assertEquals(h.now().told[0], {
    type: "start",
    schema: { tables: [] },
    storage: { kind: "memory" },
    source: { path: "x" },
    durableEnd: 7,
    queryMs: 5,
  });
  assertEquals(h.lake.heldOffset, null);
});

Deno.test("Lake tells the newest durable end once the process is ready, and then each", async () => {
  await using h = harness();
  h.lake.durable(9);
  h.now().ready(3);
  await state(h, "ready");
  h.lake.durable(8);
  h.lake.durable(11);
  await eventually(() => assertEquals(h.now().toldOf("durable").map(({ end }) => end), [9, 11]));
  assertEquals(h.lake.heldOffset, 3);
});

Deno.test("Lake.query() waits until the process is ready and gives its bytes", async () => {
  await using h = harness();
  const answer = h.lake.query("t", args, { after: 5 });
  h.now().ready();
  await eventually(() => assertEquals(h.now().toldOf("query").length, 1));
  const [query] = h.now().toldOf("query");
  assertEquals([query?.table, query?.args, query?.after], ["t", args, 5]);
  h.now().say({ type: "answer", id: query?.id ?? 0, value: new Uint8Array([1, 2]) });
  assertEquals(await answer, new Uint8Array([1, 2]));
});

Deno.test("Lake.query() rejects with the text when the process refuses", async () => {
  await using h = harness();
  const answer = assertRejects(() => h.lake.query("t", args), QueryError, "no such column");
  h.now().ready();
  await eventually(() => assertEquals(h.now().toldOf("query").length, 1));
  h.now().say({
    type: "refused",
    id: h.now().toldOf("query")[0]?.id ?? 0,
    message: "no such column",
  });
  await answer;
});

Deno.test("Lake.query() rejects when its time is over", async () => {
  await using h = harness();
  const answer = assertRejects(
    () => h.lake.query("t", args, { timeoutMs: 50 }),
    Error,
    "no answer in 50 ms",
  );
  await h.clock.advance(50);
  await answer;
});

Deno.test("Lake starts the process again, with pauses that grow up to a limit", async () => {
  await using h = harness();
  const pauses: (number | null)[] = [];
  for (let i = 0; i < 12; i++) {
    h.now().end();
    await state(h, "restarting");
    const next = h.clock.nextMs;
    pauses.push(next === null ? null : next - h.clock.now());
    const count = h.processes.length;
    while (h.processes.length === count) {
      await h.clock.advance((h.clock.nextMs ?? 0) - h.clock.now());
    }
    await state(h, "starting");
  }
  assertEquals(pauses.slice(0, 4), [50, 100, 200, 400]);
  assertEquals(h.lake.health.restarts, 12);
});

Deno.test("Lake asks a query again when the process ends, and gives it up when that ends it twice", async () => {
  await using h = harness();
  h.now().ready();
  await state(h, "ready");
  const deadly = assertRejects(() => h.lake.query("deadly", args), QueryError, "SIGSEGV");
  const innocent = h.lake.query("innocent", args);
  const tables = () => h.now().toldOf("query").map(({ table }) => table);
  const restart = async (processes: number) => {
    await state(h, "restarting");
    await h.clock.advance(1_000);
    await eventually(() => assertEquals(h.processes.length, processes));
    h.now().ready();
    await state(h, "ready");
  };
  await eventually(() => assertEquals(tables(), ["deadly", "innocent"]));
  h.now().end("SIGSEGV");
  await restart(2);
  await eventually(() => assertEquals(tables(), ["deadly"]));
  h.now().end("SIGSEGV");
  await deadly;
  await restart(3);
  await eventually(() => assertEquals(tables(), ["innocent"]));
  h.now().say({ type: "answer", id: h.now().toldOf("query")[0]?.id ?? 0, value: args });
  assertEquals(await innocent, args);
});

const progress = (nextOffset: number, ...outcomes: { offset: number; error: string | null }[]) =>
  ({ type: "progress", nextOffset, rows: 1, deadLetters: 0, outcomes }) as const;

Deno.test("Lake.outcome() says that somebody waits, so that no pause comes before it", async () => {
  await using h = harness();
  h.now().ready(3);
  await state(h, "ready");
  const outcome = h.lake.outcome(7).catch((error) => error);
  await eventually(() => assertEquals(h.now().toldOf("hurry").map(({ end }) => end), [8]));
  await h.lake.close();
  await outcome;
});

Deno.test("Lake.outcome() resolves when the command was carried out, and rejects when it was refused", async () => {
  await using h = harness();
  h.now().ready();
  const good = h.lake.outcome(7);
  const bad = assertRejects(() => h.lake.outcome(8), QueryError, "no key");
  h.now().say(progress(9, { offset: 7, error: null }, { offset: 8, error: "no key" }));
  await good;
  await bad;
  assertEquals(h.lake.heldOffset, 9);
});

Deno.test("Lake.outcome() may be asked after the outcome came", async () => {
  await using h = harness();
  h.now().ready();
  h.now().say(progress(9, { offset: 8, error: "no key" }));
  await eventually(() => assertEquals(h.lake.heldOffset, 9));
  await assertRejects(() => h.lake.outcome(8), QueryError, "no key");
});

Deno.test("Lake.outcome() asks the tables when the process ended between commit and answer", async () => {
  await using h = harness();
  h.now().ready();
  await state(h, "ready");
  const answer = assertRejects(() => h.lake.outcome(8), QueryError, "from the tables");
  h.now().end();
  await state(h, "restarting");
  await h.clock.advance(100);
  await eventually(() => assertEquals(h.processes.length, 2));
  h.now().ready(9);
  await eventually(() => assertEquals(h.now().toldOf("outcome").map(({ offset }) => offset), [8]));
  h.now().say({
    type: "answer",
    id: h.now().toldOf("outcome")[0]?.id ?? 0,
    value: "from the tables",
  });
  await answer;
});

for (const fault of ["other-log", "other-storage", "schema"] as const) {
  Deno.test(`Lake does not start again after ${fault}, and says why`, async () => {
    await using h = harness();
    h.now().say({ type: "failed", fault, message: "why" });
    h.now().end("code 3");
    await state(h, "failed");
    assertEquals([h.lake.health.fault, h.lake.health.message], [fault, "why"]);
    await assertRejects(() => h.lake.query("t", args), QueryError, "why");
    assertEquals(h.processes.length, 1);
  });
}

Deno.test("Lake starts again after a fault that may pass, and is well again when it does", async () => {
  await using h = harness();
  h.now().say({ type: "failed", fault: "unavailable", message: "locked" });
  h.now().end("code 3");
  await state(h, "restarting");
  assertEquals(h.lake.health.message, "locked");
  await h.clock.advance(100);
  await eventually(() => assertEquals(h.processes.length, 2));
  h.now().ready();
  await state(h, "ready");
  assertEquals(h.lake.health.fault, null);
});

Deno.test("Lake kills a process that is silent although it was asked", async () => {
  await using h = harness();
  const { processes } = h;
  h.now().ready();
  await state(h, "ready");
  await h.clock.advance(10_000);
  await eventually(() => assertEquals(h.now().toldOf("ping").length, 1));
  await h.clock.advance(60_000);
  await eventually(() => assert(processes[0]?.wasKilled));
});

Deno.test("Lake kills a process whose messages cannot be read", async () => {
  await using h = harness();
  const { processes } = h;
  h.now().sayBytes(new Uint8Array(8).fill(0xff));
  await eventually(() => assert(processes[0]?.wasKilled));
});

Deno.test("Lake.close() lets the process stop, and kills it when it does not", async () => {
  await using h = harness();
  h.now().ready();
  await state(h, "ready");
  await h.lake.close();
  assertEquals(h.now().toldOf("stop").length, 1);
  assertEquals(h.now().wasKilled, false);
  assertEquals(h.lake.health.state, "closed");
  await h.lake.close();
  await assertRejects(() => h.lake.query("t", args), QueryError);
  assertEquals(h.clock.pending, 0);
});

Deno.test("Lake forwards what the process logs, and reports progress and health", async () => {
  const events: string[] = [];
  const offsets: number[] = [];
  const log = (event: string) => void events.push(event);
  await using h = harness({
    logger: { debug: log, info: log, warn: log, error: log },
    onProgress: (offset) => offsets.push(offset),
  });
  h.now().ready(2);
  h.now().say({ type: "log", level: "warn", event: "hello", fields: {} });
  h.now().say(progress(5));
  h.now().say({ type: "health", fault: "unavailable", message: "full" });
  await eventually(() => assertEquals(h.lake.health.fault, "unavailable"));
  assertEquals(offsets, [2, 5]);
  assertEquals(events.includes("hello"), true);
  h.now().say({ type: "health", fault: null, message: null });
  await eventually(() => assertEquals(h.lake.health.fault, null));
});
