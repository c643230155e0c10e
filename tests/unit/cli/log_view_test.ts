import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogView, LOOK_MS } from "../../../src/cli/log_view.ts";
import { LogError } from "../../../src/log/errors.ts";
import type { MessageLog } from "../../../src/log/message_log.ts";
import { LOG_START, type LogPosition } from "../../../src/log/reading.ts";
import type { LogRecord } from "../../../src/log/record.ts";
import { type Clock, SYSTEM_CLOCK, type Timer } from "../../../src/util/clock.ts";
import { append, entry, recordingLogger, store, textOf } from "../../helpers/log_entries.ts";
import { SEGMENT_BYTES, setUpLog } from "../../helpers/log_set_up.ts";
import { SimDisk, WRITING_METHODS } from "../../helpers/log_sim_files.ts";
import { ManualClock, settle } from "../../helpers/manual_clock.ts";

const FILL = "x".repeat(1_000);
const FIRST = "0000000000000001.seg";

/** A clock whose timers do not wait. */
const HASTY: Clock = {
  ...SYSTEM_CLOCK,
  setTimer(callback: () => void): Timer {
    queueMicrotask(callback);
    return { cancel: () => {} };
  },
};

/** What is read to the end of the log, without following. */
async function textsOf(
  disk: SimDisk,
  query: {
    readonly from?: LogPosition | "end";
    readonly topics?: (topic: string) => boolean;
  } = {},
): Promise<string[]> {
  const { logger } = recordingLogger();
  await using view = await LogView.open({ files: disk.files(), logger, clock: HASTY });
  const { from = LOG_START, topics = null } = query;
  const { signal } = new AbortController();
  const records = await Array.fromAsync(view.read({ from, topics, follow: false, signal }));
  return records.map(textOf);
}

/** A reader that follows on a clock of its own. */
async function follower(disk: SimDisk, from: LogPosition | "end" = LOG_START) {
  const clock = new ManualClock();
  const { logger, events } = recordingLogger();
  const view = await LogView.open({ files: disk.files(), logger, clock });
  const controller = new AbortController();
  const seen: LogRecord[] = [];
  const { signal } = controller;
  const reading = (async () => {
    for await (const record of view.read({ from, topics: null, follow: true, signal })) {
      seen.push(record);
    }
  })();
  return {
    seen,
    events,
    /** Lets it look once more, and waits until it is done. */
    async look(): Promise<void> {
      await idle(clock);
      await clock.advance(LOOK_MS);
      await idle(clock);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      controller.abort();
      await reading;
      await view[Symbol.asyncDispose]();
    },
  };
}

/** Waits until the reader has nothing to do but to wait for the time of its next look. */
async function idle(clock: ManualClock): Promise<void> {
  for (let turn = 0; turn < 1_000 && clock.pending === 0; turn++) {
    await settle();
    await new Promise((resolve) => void setImmediate(resolve));
  }
  assertEquals(clock.pending, 1);
}

async function fill(log: MessageLog, count: number): Promise<void> {
  for (let i = 1; i <= count; i++) await store(log, entry(`${i} ${FILL}`));
}

/** Where a text is in a file. */
function placeOf(disk: SimDisk, name: string, text: string): number {
  const at = new TextDecoder("latin1").decode(disk.content(name)).indexOf(text);
  assert(at >= 0);
  return at;
}

Deno.test("LogView.open() refuses a directory without a log", async () => {
  const files = new SimDisk().files();
  const error = await assertRejects(
    () => LogView.open({ files, logger: recordingLogger().logger }),
    LogError,
  );
  assertEquals(error.fault, "foreign");
});

Deno.test("LogView reads a log that is open elsewhere, over all its files, and writes nothing", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  await fill(log, 40);
  assert(log.status.segments > 2);
  const writes: string[] = [];
  disk.fault = ({ method, name }) => {
    if (WRITING_METHODS.has(method) || method === "lock") writes.push(`${method} ${name}`);
    return null;
  };
  const texts = await textsOf(disk);
  assertEquals(texts.map((text) => Number(text.split(" ")[0])), range(1, 40));
  assertEquals(writes, []);
});

Deno.test("LogView begins at any offset and time, and finds topics", async () => {
  await using setUp = await setUpLog();
  const { log, disk, clock } = setUp;
  for (let i = 1; i <= 40; i++) {
    await store(log, entry(`${i} ${FILL}`, { topic: i % 2 === 0 ? "even" : "odd" }));
    await clock.advance(1);
  }
  const records = await Array.fromAsync(log.read({ from: LOG_START }));
  const all = records.flatMap((batch) => batch.records);
  for (const { offset, recvNs } of all) {
    const expected = all.filter((record) => record.offset >= offset).map(textOf);
    assertEquals(await textsOf(disk, { from: { offset } }), expected);
    assertEquals(await textsOf(disk, { from: { timeNs: recvNs } }), expected);
  }
  assertEquals(await textsOf(disk, { from: { offset: log.next } }), []);
  assertEquals(await textsOf(disk, { from: { timeNs: (all.at(-1)?.recvNs ?? 0n) + 1n } }), []);
  assertEquals((await textsOf(disk, { topics: (topic) => topic === "even" })).length, 20);
  assertEquals(await textsOf(disk, { from: "end" }), []);
});

Deno.test("LogView follows a log that rolls, fails, is retained and closed, without gap or repeat", async () => {
  await using setUp = await setUpLog({ retentionBytes: 6 * SEGMENT_BYTES });
  const { log, disk, clock } = setUp;
  await store(log, entry("before"));
  await using tail = await follower(disk);
  const stored = [1];
  for (let i = 0; i < 150; i++) {
    if (i % 40 === 39) {
      disk.fault = ({ method }) => {
        if (method !== "write") return null;
        disk.fault = () => null;
        return { kind: "fail", reason: "EIO" };
      };
      await log.committed(append(log, entry("refused"))).catch(() => undefined);
      await clock.advance(60_000);
      for (let j = 0; j < 10; j++) await settle();
    }
    stored.push(await store(log, entry(`${i} ${FILL}`)));
    if (i % 7 === 0) await tail.look();
  }
  await tail.look();
  await log.close();
  await tail.look();
  assertEquals(tail.seen.map(({ offset }) => offset), stored);
});

Deno.test("LogView follows from the end, and over a restart of the writer after a crash", async () => {
  const setUp = await setUpLog();
  const { log, disk } = setUp;
  await fill(log, 3);
  // A crash of the writer must not end the calls of the reader: it gets a disk of its own.
  const view = disk.copy();
  const mirror = (): void => {
    for (const name of disk.names) view.put(name, disk.content(name));
  };
  await using tail = await follower(view, "end");
  await tail.look();
  assertEquals(tail.seen, []);
  await store(log, entry("a"));
  mirror();
  await tail.look();
  assertEquals(tail.seen.map(textOf), ["a"]);
  append(log, entry("torn"));
  await log.flush();
  const end = placeOf(disk, FIRST, "temperaturetorn");
  disk.kill();
  disk.put(FIRST, disk.content(FIRST).subarray(0, end + 2));
  mirror();
  await tail.look();
  await using again = await setUp.reopen();
  await store(again.log, entry("b"));
  mirror();
  await tail.look();
  assertEquals(tail.seen.map(textOf), ["a", "b"]);
  assertEquals(tail.events, []);
});

Deno.test("LogView shows a record that was half written once it is whole", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  for (const text of ["a", "b", "c"]) await store(log, entry(text));
  const whole = disk.content(FIRST).slice();
  const place = placeOf(disk, FIRST, "temperatureb");
  const view = disk.copy();
  for (const cut of [place - 40, place, place + 5]) {
    view.put(FIRST, whole.subarray(0, cut));
    await using tail = await follower(view);
    await tail.look();
    assertEquals(tail.seen.map(textOf), ["a"]);
    view.put(FIRST, whole);
    await tail.look();
    assertEquals(tail.seen.map(textOf), ["a", "b", "c"]);
    assertEquals(tail.events, []);
  }
});

Deno.test("LogView does not pass over a hole in the last commit before a second look", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  await store(log, entry("a"));
  for (const text of ["b", "c"]) append(log, entry(text));
  await log.flush();
  const whole = disk.content(FIRST).slice();
  // What is behind the commit, the proof, is not written yet.
  const unproven = whole.subarray(0, placeOf(disk, FIRST, "temperaturec") + 16);
  const torn = unproven.slice();
  torn.fill(0, placeOf(disk, FIRST, "temperatureb"), placeOf(disk, FIRST, "temperatureb") + 12);
  const view = disk.copy();
  view.put(FIRST, torn);
  await using mended = await follower(view);
  await idleLook(mended, ["a"]);
  view.put(FIRST, unproven);
  await mended.look();
  assertEquals(mended.seen.map(textOf), ["a", "b", "c"]);
  assertEquals(mended.events, []);

  view.put(FIRST, torn);
  await using broken = await follower(view);
  await idleLook(broken, ["a"]);
  await broken.look();
  assertEquals(broken.seen.map(textOf), ["a", "c"]);
  assertEquals(broken.events.map(({ event, fields }) => [event, fields.lost]), [[
    "log damaged",
    1,
  ]]);
  assertEquals(await textsOf(view), ["a", "c"]);
});

Deno.test("LogView passes over damage at once where a later commit proves it", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  for (const text of ["a", "b", "c", "d"]) await store(log, entry(text));
  await settle();
  disk.flip(FIRST, placeOf(disk, FIRST, "temperatureb"));
  disk.flip(FIRST, placeOf(disk, FIRST, "temperaturec"));
  await store(log, entry("e"));
  await using tail = await follower(disk);
  await idleLook(tail, ["a", "d", "e"]);
  await store(log, entry("f"));
  await tail.look();
  assertEquals(tail.seen.map(textOf), ["a", "d", "e", "f"]);
  // The padding between them is whole.
  assertEquals(tail.events.length, 2);
});

Deno.test("LogView.last() gives the last record of each topic, those of the newest file too", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  await store(log, entry("old", { topic: "a" }));
  await fill(log, 40);
  await store(log, entry("new", { topic: "b" }));
  await using view = await LogView.open({ files: disk.files(), logger: recordingLogger().logger });
  const { signal } = new AbortController();
  const found = await Array.fromAsync(view.last(() => true, signal));
  assertEquals(found.map(({ topic }) => topic), ["a", "town/temperature", "b"]);
  assertEquals(found.map((record) => textOf(record).split(" ")[0]), ["old", "40", "new"]);
  const some = await Array.fromAsync(view.last((topic) => topic === "b", signal));
  assertEquals(some.map(textOf), ["new"]);
});

async function idleLook(
  tail: { readonly seen: readonly LogRecord[] },
  texts: readonly string[],
): Promise<void> {
  for (let turn = 0; turn < 1_000 && tail.seen.length < texts.length; turn++) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
  assertEquals(tail.seen.map(textOf), texts);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}
