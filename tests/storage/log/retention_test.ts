import { assert, assertEquals } from "@std/assert";
import { RETENTION_CHECK_MS } from "../../../src/log/limits.ts";
import { append, collect, entry, readTexts, store, textOf } from "../../helpers/log_entries.ts";
import { type LogSetUp, SEGMENT_BYTES, setUpLog } from "../../helpers/log_set_up.ts";
import { settle } from "../../helpers/manual_clock.ts";

const FILL = "x".repeat(1_000);
const LIMITS = { retentionBytes: 4 * SEGMENT_BYTES, retentionMs: 10_000_000 };

async function fill({ log }: LogSetUp, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await store(log, entry(FILL));
  await log.retain();
}

Deno.test("retention drops the oldest segments when there are too many bytes", async () => {
  await using setUp = await setUpLog(LIMITS);
  const { log, disk } = setUp;
  await fill(setUp, 200);
  const { bytes, first, dropped, segments } = log.status;
  assert(bytes <= LIMITS.retentionBytes + SEGMENT_BYTES, `${bytes} bytes`);
  assert(first > 100 && dropped > 5);
  assertEquals(disk.names.filter((name) => name.endsWith(".seg")).length, segments);
  assert(disk.names.filter((name) => name.endsWith(".idx")).length <= segments);
  const records = await collect(log.read({ from: { offset: 1 } }));
  assertEquals([records[0]?.offset, records.at(-1)?.offset], [first, 200]);
  assertEquals(log.status.damage.places, 0);
});

Deno.test("retention drops segments whose newest record is too old, and an idle log gets empty", async () => {
  await using setUp = await setUpLog({ ...LIMITS, segmentMs: 1_000_000 });
  const { log, clock } = setUp;
  await fill(setUp, 30);
  await clock.advance(2_000_000);
  await fill(setUp, 1);
  await clock.advance(8_000_000 + RETENTION_CHECK_MS);
  for (let i = 0; i < 20; i++) await settle();
  assertEquals(await readTexts(log).then((texts) => texts.length), 1);
  await clock.advance(2_000_000 + RETENTION_CHECK_MS);
  for (let i = 0; i < 20; i++) await settle();
  assertEquals(await readTexts(log), []);
  assertEquals([log.next, log.status.segments], [32, 1]);
  await log.close();
  await using again = await setUp.reopen();
  assertEquals(await store(again.log, entry("more")), 32);
});

Deno.test("retention keeps what is held, and says so above twice the limit", async () => {
  await using setUp = await setUpLog({ ...LIMITS, isTabled: (topic) => topic === "table" });
  const { log } = setUp;
  log.hold(5);
  await fill(setUp, 40);
  assertEquals([log.first, log.health.kind], [1, "green"]);
  await fill(setUp, 80);
  assertEquals(log.first, 1);
  assertEquals(log.health, { kind: "red", reason: "the tables are too far behind the log" });
  const passed = log.append(entry("x", { qos: 0 }));
  assertEquals(passed.kind === "notLogged" && passed.cause, "held");
  assertEquals(log.append(entry("x", { topic: "table" })).kind, "refused");
  assertEquals(log.append(entry("x", { kind: "command" })).kind, "refused");
  assertEquals(log.append(entry("x", { topic: "free" })).kind, "logged");
  log.hold(log.next);
  await log.retain();
  assertEquals(log.health.kind, "green");
  assert(log.first > 50);
  assertEquals(log.append(entry("x", { topic: "table" })).kind, "logged");
});

Deno.test("retention keeps held segments up to the limit only when the disk is nearly full", async () => {
  await using setUp = await setUpLog({ ...LIMITS, freeBytesMin: 1_000 });
  const { log, disk } = setUp;
  log.hold(1);
  await fill(setUp, 40);
  assertEquals(log.health.kind, "green");
  disk.free = 999;
  await log.retain();
  assertEquals(log.health.kind, "red");
  disk.free = 1_000;
  await log.retain();
  assertEquals(log.health.kind, "green");
});

Deno.test("a reader whose segments are dropped goes on with the oldest that exists", async () => {
  await using setUp = await setUpLog(LIMITS);
  const { log } = setUp;
  await fill(setUp, 20);
  const batches = log.read({ from: { offset: 1 } });
  const first = await batches.next();
  assert(first.done !== true && first.value.records[0]?.offset === 1);
  await fill(setUp, 200);
  const rest: number[] = [];
  for await (const { records } of batches) rest.push(...records.map(({ offset }) => offset));
  assertEquals(rest.filter((offset) => offset > 20), []);
  const all = await collect(log.read({ from: { offset: 1 } }));
  assertEquals([all[0]?.offset, all.at(-1)?.offset], [log.first, 220]);
});

Deno.test("a follower that retention overtakes sees no record twice and none wrong", async () => {
  await using setUp = await setUpLog(LIMITS);
  const { log } = setUp;
  const seen: number[] = [];
  const controller = new AbortController();
  const following = (async () => {
    for await (const batch of log.follow({ from: { offset: 1 }, signal: controller.signal })) {
      seen.push(...batch.records.map(({ offset }) => offset));
    }
  })();
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 30; j++) append(log, entry(FILL));
    await log.flush();
    await log.retain();
  }
  for (let i = 0; i < 50; i++) await settle();
  controller.abort();
  await following.catch(() => {});
  assertEquals(seen, [...new Set(seen)].sort((a, b) => a - b));
  assertEquals(seen.at(-1), 300);
  assertEquals(log.status.damage.places, 0);
});

Deno.test("retention tries again when a segment could not be removed", async () => {
  await using setUp = await setUpLog(LIMITS);
  const { log, disk, events } = setUp;
  disk.fault = ({ method }) => method === "remove" ? { kind: "fail", reason: "EBUSY" } : null;
  await fill(setUp, 100);
  assertEquals([log.first, log.health.kind], [1, "green"]);
  assert(events.some(({ event }) => event === "log segment not dropped"));
  disk.fault = () => null;
  await log.retain();
  assert(log.first > 1);
  assertEquals((await collect(log.read({ from: { offset: 1 } }))).map(textOf)[0], FILL);
});

Deno.test("retention never drops the newest segment", async () => {
  await using setUp = await setUpLog({ ...LIMITS, retentionBytes: SEGMENT_BYTES });
  const { log } = setUp;
  await store(log, entry("x".repeat(100_000)));
  await log.retain();
  assertEquals((await readTexts(log)).length, 1);
});

Deno.test("retention drops nothing before its owner can say what is held", async () => {
  const setUp = await setUpLog({ ...LIMITS, retentionBytes: 100 * SEGMENT_BYTES });
  await fill(setUp, 100);
  await setUp.log.close();
  await using again = await setUp.reopen(LIMITS);
  again.log.hold(1);
  await fill(again, 20);
  assertEquals(again.log.first, 1);
});
