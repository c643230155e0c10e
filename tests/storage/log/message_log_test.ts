import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LogError } from "../../../src/log/errors.ts";
import { QUEUE_RECORDS_MAX, SYNC_DELAY_MS } from "../../../src/log/limits.ts";
import { openMessageLog } from "../../../src/log/open_message_log.ts";
import { append, collect, entry, readTexts, store } from "../../helpers/log_entries.ts";
import { setUpLog } from "../../helpers/log_set_up.ts";
import type { SimDisk } from "../../helpers/log_sim_files.ts";
import { settle } from "../../helpers/manual_clock.ts";

/** Counts the syncs of segments from now on. */
function countSyncs(disk: SimDisk): { count: number } {
  const syncs = { count: 0 };
  disk.fault = ({ method }) => {
    if (method === "sync") syncs.count++;
    return null;
  };
  return syncs;
}

/** Makes the syncs wait until the test lets them go. */
function holdSyncs(disk: SimDisk): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.fault = ({ method }) => method === "sync" ? { kind: "wait", until: promise } : null;
  return resolve;
}

Deno.test("append() gives offsets from 1 on, and receive times that grow under a clock that stands", async () => {
  await using setUp = await setUpLog();
  const { log, clock } = setUp;
  const results = [log.append(entry("a")), log.append(entry("b"))];
  const startNs = BigInt(clock.wallMs()) * 1_000_000n;
  assertEquals(results, [
    { kind: "logged", offset: 1, recvNs: startNs },
    { kind: "logged", offset: 2, recvNs: startNs + 1n },
  ]);
});

Deno.test("append() copies the payload", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  const given = entry("before");
  append(log, given);
  given.data.fill(120);
  await log.flush();
  assertEquals(await readTexts(log), ["before"]);
});

Deno.test("committed() settles after one sync for everything that waits", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  const syncs = countSyncs(disk);
  const offsets = ["a", "b", "c"].map((text) => append(log, entry(text)));
  await Promise.all(offsets.map((offset) => log.committed(offset)));
  assertEquals(syncs.count, 1);
  assertEquals(log.durable, 3);
});

Deno.test("committed() does not settle before the sync, and what comes meanwhile waits for the next", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  const release = holdSyncs(disk);
  let settled = 0;
  const first = log.committed(append(log, entry("a"))).then(() => settled++);
  await settle();
  const rest = ["b", "c"].map((text) => log.committed(append(log, entry(text))));
  await settle();
  assertEquals([settled, log.durable], [0, 0]);
  assertEquals(await readTexts(log), []);
  const syncs = countSyncs(disk);
  release();
  await Promise.all([first, ...rest]);
  assertEquals([syncs.count, log.durable, log.status.commits], [1, 3, 2]);
});

Deno.test("onDurable is told each growth of what is durable, before committed() settles", async () => {
  const told: number[] = [];
  await using setUp = await setUpLog({ onDurable: (durable) => void told.push(durable) });
  const { log } = setUp;
  await log.committed(append(log, entry("a")));
  assertEquals(told, [1]);
  append(log, entry("b"));
  await log.committed(append(log, entry("c")));
  assertEquals(told, [1, 3]);
});

Deno.test("committed() is the same promise for all records of one commit", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  const [a, b] = [append(log, entry("a")), append(log, entry("b"))];
  assert(log.committed(a) === log.committed(b));
  await log.flush();
});

Deno.test("committed() rejects for an offset that was not given yet", async () => {
  await using setUp = await setUpLog();
  await assertRejects(() => setUp.log.committed(1), RangeError, "the last one is 0");
});

Deno.test("append() of QoS 0 asks for no sync until a second has passed", async () => {
  await using setUp = await setUpLog();
  const { log, disk, clock } = setUp;
  const syncs = countSyncs(disk);
  append(log, entry("a", { qos: 0 }));
  await clock.advance(SYNC_DELAY_MS - 1);
  append(log, entry("b", { qos: 0 }));
  assertEquals([syncs.count, log.durable], [0, 0]);
  await clock.advance(1);
  await settle();
  assertEquals([syncs.count, log.durable], [1, 2]);
});

Deno.test("append() of QoS 1 takes waiting QoS 0 with it", async () => {
  await using setUp = await setUpLog();
  const { log, clock } = setUp;
  append(log, entry("a", { qos: 0 }));
  await store(log, entry("b"));
  await settle();
  assertEquals(log.durable, 2);
  assertEquals(clock.pending, 1, "only retention waits");
});

Deno.test("committed() asks for a sync of QoS 0, too", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  await store(log, entry("a", { qos: 0, id: null }));
  assertEquals(await readTexts(log), ["a"]);
});

Deno.test("append() syncs a command whatever its QoS says", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  append(log, entry("rows", { kind: "command", qos: 0, topic: "upsert_sensor" }));
  await settle();
  assertEquals(log.durable, 1);
});

Deno.test("append() says busy for QoS 1 and drops QoS 0 when too much waits", async () => {
  await using setUp = await setUpLog({ queueBytesMax: 1_000 });
  const { log, disk } = setUp;
  const release = holdSyncs(disk);
  const first = append(log, entry("x".repeat(2_000)));
  assertEquals(log.append(entry("y")), { kind: "busy" });
  const dropped = log.append(entry("y", { qos: 0 }));
  assertEquals([dropped.kind, log.status.notLogged.full], ["notLogged", 1]);
  const writable = log.writable();
  release();
  await log.committed(first);
  await writable;
  assertEquals(log.append(entry("y")).kind, "logged");
});

Deno.test("writable() rejects with the reason of its signal", async () => {
  await using setUp = await setUpLog({ queueBytesMax: 1_000 });
  const { log, disk } = setUp;
  const release = holdSyncs(disk);
  append(log, entry("x".repeat(2_000)));
  const controller = new AbortController();
  const writable = log.writable(controller.signal);
  controller.abort(new Error("enough"));
  await assertRejects(() => writable, Error, "enough");
  release();
});

Deno.test("append() passes over topics that are not logged, for any QoS", async () => {
  await using setUp = await setUpLog({ isLogged: (topic) => topic !== "secret" });
  const { log } = setUp;
  const result = log.append(entry("x", { topic: "secret" }));
  assertEquals([result.kind, log.status.notLogged.rule, log.next], ["notLogged", 1, 1]);
  assertEquals(log.append(entry("x", { topic: "secret", kind: "command" })).kind, "logged");
});

Deno.test("append() throws for what no record can hold, and goes on", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  assertThrows(() => log.append(entry("x", { publisher: "p".repeat(256) })), RangeError);
  assertEquals(append(log, entry("x")), 1);
});

Deno.test("read() gives back everything of a record", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  const given = entry("21.5", { qos: 2, slot: 900, isAnonymous: true });
  await store(log, given);
  const [record] = await collect(log.read({ from: { offset: 1 } }));
  const { offset, recvNs: _, data, ...rest } = record ?? { offset: 0, recvNs: 0n, data: null };
  assertEquals({ ...rest, data: new Uint8Array(data ?? []) }, given);
  assertEquals(offset, 1);
});

Deno.test("close() writes what waits; opening again goes on without scanning or skipping", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  const { logId } = log;
  append(log, entry("a", { qos: 0 }));
  append(log, entry("b"));
  await log.close();
  await using again = await setUp.reopen();
  assertEquals(again.log.logId, logId);
  assertEquals([again.log.opened.isClean, again.log.opened.scannedBytes], [true, 0]);
  assertEquals(await readTexts(again.log), ["a", "b"]);
  assertEquals(await store(again.log, entry("c")), 3);
  assertEquals(await readTexts(again.log), ["a", "b", "c"]);
});

Deno.test("receive times go on growing after a restart under a clock that went back", async () => {
  await using setUp = await setUpLog();
  await setUp.clock.advance(5_000);
  const before = setUp.log.append(entry("a"));
  await setUp.log.close();
  const early = { now: () => 0, wallMs: () => 1_000, setTimer: () => ({ cancel: () => {} }) };
  await using again = await setUp.reopen({ clock: early });
  const after = again.log.append(entry("b"));
  assert(
    before.kind === "logged" && after.kind === "logged" && after.recvNs === before.recvNs + 1n,
  );
});

Deno.test("close() is idempotent, refuses later entries, and ends followers", async () => {
  await using setUp = await setUpLog();
  const { log, clock } = setUp;
  const following = collect(log.follow({ from: { offset: 1 } }));
  await store(log, entry("a"));
  await settle();
  await Promise.all([log.close(), log.close()]);
  assertEquals(log.append(entry("b")), { kind: "refused", reason: "the log is closed" });
  const passed = log.append(entry("b", { qos: 0 }));
  assertEquals(passed.kind === "notLogged" && passed.cause, "closed");
  assertEquals((await following).length, 1);
  assertEquals(clock.pending, 0);
  assertEquals(log.health, { kind: "red", reason: "the log is closed" });
  await assertRejects(() => collect(log.read({ from: { offset: 1 } })), LogError, "closed");
});

Deno.test("openMessageLog() refuses a directory that is locked", async () => {
  await using setUp = await setUpLog();
  const error = await assertRejects(() => openMessageLog({ files: setUp.disk.files() }), LogError);
  assertEquals(error.fault, "locked");
  await setUp.log.close();
  await (await setUp.reopen()).log.close();
});

Deno.test("a process that ends without close() keeps what was committed, and its offsets are not given again", async () => {
  const setUp = await setUpLog();
  const { disk, log } = setUp;
  await store(log, entry("a"));
  const release = holdSyncs(disk);
  append(log, entry("lost"));
  disk.kill();
  release();
  disk.fault = () => null;
  await using again = await setUp.reopen();
  assertEquals(await readTexts(again.log), ["a"]);
  assertEquals(again.log.opened.isClean, false);
  assertEquals(await store(again.log, entry("b")), 2 + QUEUE_RECORDS_MAX);
  assertEquals(await readTexts(again.log), ["a", "b"]);
  assertEquals(again.log.status.damage.places, 0);
});

Deno.test("a new segment is begun when one is full, and offsets go on", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  const texts = Array.from({ length: 40 }, (_, i) => `${i} ${"x".repeat(1_000)}`);
  for (const text of texts) await store(log, entry(text));
  assert(log.status.segments > 2);
  assertEquals(await readTexts(log), texts);
  await log.close();
  await using again = await setUp.reopen();
  assertEquals(await readTexts(again.log), texts);
  assertEquals(again.log.next, 41);
});

Deno.test("append() takes a record that is larger than a segment", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  const large = "x".repeat(1_000_000);
  for (const text of ["a", large, "b"]) await store(log, entry(text));
  assertEquals((await readTexts(log)).map((text) => text.length), [1, 1_000_000, 1]);
});
