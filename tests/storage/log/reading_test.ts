import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../../src/log/errors.ts";
import { CHUNK_BYTES, SYNC_DELAY_MS } from "../../../src/log/limits.ts";
import type { LogBatch } from "../../../src/log/reading.ts";
import { append, collect, entry, store, textOf } from "../../helpers/log_entries.ts";
import { type LogSetUp, setUpLog } from "../../helpers/log_set_up.ts";
import { settle } from "../../helpers/manual_clock.ts";

const FILL = "x".repeat(1_000);

/** A log of `count` records over several segments, a millisecond apart; topic `t0` to `t4` in turn. */
async function filledLog(count = 60): Promise<LogSetUp> {
  const setUp = await setUpLog();
  for (let i = 1; i <= count; i++) {
    await setUp.clock.advance(1);
    await store(setUp.log, entry(`${i} ${FILL}`, { topic: `t${i % 5}` }));
  }
  return setUp;
}

function offsets(batches: readonly LogBatch[]): number[] {
  return batches.flatMap(({ records }) => records.map(({ offset }) => offset));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

Deno.test("read() gives the offsets from `from` to before `to`, wherever they begin and end", async () => {
  await using setUp = await filledLog();
  const { log } = setUp;
  for (const [from, to] of [[1, 61], [1, 2], [30, 31], [7, 50], [60, 61], [0, 5]] as const) {
    const batches = await Array.fromAsync(log.read({ from: { offset: from }, to }));
    assertEquals(offsets(batches), range(Math.max(1, from), to));
    assertEquals(batches.at(-1)?.next, to);
  }
});

Deno.test("read() ends at what was durable when it began, and tells where to go on", async () => {
  await using setUp = await filledLog(3);
  const { log } = setUp;
  append(log, entry("later", { qos: 0 }));
  const batches = await Array.fromAsync(log.read({ from: { offset: 1 }, to: 100 }));
  assertEquals(offsets(batches), [1, 2, 3]);
  assertEquals(batches.at(-1)?.next, 4);
  for (const offset of [4, 400]) {
    const none = await Array.fromAsync(log.read({ from: { offset } }));
    assertEquals(none, [{ records: [], next: offset }]);
  }
});

Deno.test("read() gives only wanted topics, and tells how far it came", async () => {
  await using setUp = await filledLog();
  const topics = (topic: string): boolean => topic === "t3";
  const batches = await Array.fromAsync(setUp.log.read({ from: { offset: 1 }, topics }));
  assertEquals(offsets(batches), range(0, 12).map((i) => 3 + 5 * i));
  assertEquals(batches.at(-1)?.next, 61);
});

Deno.test("read() does not open segments without a wanted topic", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  await store(log, entry("first", { topic: "rare" }));
  for (let i = 0; i < 60; i++) await store(log, entry(FILL, { topic: "often" }));
  await store(log, entry("last", { topic: "rare" }));
  await settle();
  await log.close();
  await using again = await setUp.reopen();
  const read = new Set<string>();
  disk.fault = ({ method, name }) => {
    if (method === "read" && name.endsWith(".seg")) read.add(name);
    return null;
  };
  const topics = (topic: string): boolean => topic === "rare";
  const records = await collect(again.log.read({ from: { offset: 1 }, topics }));
  assertEquals(records.map(textOf), ["first", "last"]);
  assert(again.log.status.segments > 4);
  assertEquals(read.size, 2);
});

Deno.test("read() begins at a time: the first record received then or later", async () => {
  await using setUp = await filledLog();
  const { log } = setUp;
  const all = await collect(log.read({ from: { offset: 1 } }));
  for (const { offset, recvNs } of all) {
    assertEquals(await log.offsetAt(recvNs), offset);
    assertEquals(await log.offsetAt(recvNs - 1n), offset);
    assertEquals(await log.offsetAt(recvNs + 1n), offset + 1);
  }
  const since = all[41]?.recvNs ?? 0n;
  const records = await collect(log.read({ from: { timeNs: since } }));
  assertEquals(records.map(({ offset }) => offset), range(42, 61));
  assertEquals(await log.offsetAt(0n), 1);
});

Deno.test("offsetAt() finds its way when headers are damaged", async () => {
  const setUp = await filledLog();
  const all = await collect(setUp.log.read({ from: { offset: 1 } }));
  await setUp.log.close();
  const segments = setUp.disk.names.filter((name) => name.endsWith(".seg"));
  for (const name of segments.slice(0, -1)) {
    for (const at of [50, 4_096 + 50]) setUp.disk.flip(name, at);
  }
  await using again = await setUp.reopen();
  for (const { offset, recvNs } of all) assertEquals(await again.log.offsetAt(recvNs), offset);
});

Deno.test("read() gives records that lie across chunks, and larger than a chunk", async () => {
  await using setUp = await setUpLog({ segmentBytes: 8 * CHUNK_BYTES });
  const { log } = setUp;
  const lengths = range(0, 60).map((i) => i * 997 % 40_000).concat(2 * CHUNK_BYTES + 1, 5);
  for (const length of lengths) await store(log, entry("y".repeat(length)));
  const records = await collect(log.read({ from: { offset: 1 } }));
  assertEquals(records.map(({ data }) => data.byteLength), lengths);
  assert(records.every(({ data }) => data.every((byte) => byte === 121)));
});

Deno.test("read() reads nothing before its consumer asks, and nothing after it stopped", async () => {
  await using setUp = await filledLog();
  await setUp.log.close();
  await using again = await setUp.reopen();
  let reads = 0;
  setUp.disk.fault = ({ method }) => {
    if (method === "read") reads++;
    return null;
  };
  const batches = again.log.read({ from: { offset: 1 } });
  await settle();
  assertEquals(reads, 0);
  await batches.next();
  assertEquals(reads, 1);
  await batches.return();
  await settle();
  assertEquals(reads, 1);
});

Deno.test("readers that are close to each other read a chunk once", async () => {
  await using setUp = await filledLog();
  await setUp.log.close();
  await using again = await setUp.reopen();
  let reads = 0;
  setUp.disk.fault = ({ method }) => {
    if (method === "read") reads++;
    return null;
  };
  await Promise.all(range(0, 10).map(() => collect(again.log.read({ from: { offset: 1 } }))));
  assertEquals(reads, again.log.status.segments);
});

Deno.test("read() rejects with the reason of its signal", async () => {
  await using setUp = await filledLog();
  const controller = new AbortController();
  const { signal } = controller;
  const batches = setUp.log.read({ from: { offset: 1 }, signal });
  await batches.next();
  controller.abort(new Error("enough"));
  await assertRejects(() => batches.next(), Error, "enough");
});

Deno.test("read() rejects when the disk cannot be read, and works again afterwards", async () => {
  await using setUp = await filledLog();
  await setUp.log.close();
  await using again = await setUp.reopen();
  const { log } = again;
  setUp.disk.fault = ({ method }) => method === "read" ? { kind: "fail", reason: "EIO" } : null;
  const error = await assertRejects(() => collect(log.read({ from: { offset: 1 } })), LogError);
  assertEquals(error.fault, "io");
  setUp.disk.fault = () => null;
  assertEquals((await collect(log.read({ from: { offset: 1 } }))).length, 60);
});

Deno.test("follow() reads the past and goes on live, without gap or repeat", async () => {
  await using setUp = await filledLog(20);
  const { log, clock } = setUp;
  const seen: number[] = [];
  const controller = new AbortController();
  const { signal } = controller;
  const following = (async () => {
    for await (const batch of log.follow({ from: { offset: 5 }, signal })) {
      seen.push(...offsets([batch]));
    }
  })();
  for (let i = 0; i < 40; i++) await store(log, entry(FILL));
  append(log, entry("quiet", { qos: 0 }));
  await clock.advance(SYNC_DELAY_MS);
  for (let i = 0; i < 20; i++) await settle();
  assertEquals(seen, range(5, 62));
  controller.abort(new Error("enough"));
  await assertRejects(() => following, Error, "enough");
});

Deno.test("follow() shows nothing that is not durable", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  const seen: string[] = [];
  const following = (async () => {
    for await (const { records } of log.follow({ from: { offset: 1 } })) {
      seen.push(...records.map(textOf));
    }
  })();
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.fault = ({ method }) => method === "sync" ? { kind: "wait", until: promise } : null;
  append(log, entry("a"));
  for (let i = 0; i < 10; i++) await settle();
  assertEquals(seen, []);
  resolve();
  await log.flush();
  for (let i = 0; i < 10; i++) await settle();
  assertEquals(seen, ["a"]);
  await log.close();
  await following;
});

Deno.test("last() gives the newest record of each wanted topic, in log order", async () => {
  await using setUp = await filledLog();
  const { log } = setUp;
  await store(log, entry("alone", { topic: "other" }));
  const all = await collect(log.last({ topics: () => true }));
  assertEquals(all.map(({ topic, offset }) => `${topic} ${offset}`), [
    "t1 56",
    "t2 57",
    "t3 58",
    "t4 59",
    "t0 60",
    "other 61",
  ]);
  const some = await collect(log.last({ topics: (topic) => topic === "t3" }));
  assertEquals(some.map(({ offset }) => offset), [58]);
  assertEquals(await collect(log.last({ topics: () => false })), []);
});

Deno.test("last() gives the one before when the newest is damaged", async () => {
  const setUp = await filledLog();
  await setUp.log.close();
  const name = setUp.disk.names.filter((one) => one.endsWith(".seg")).at(-1) ?? "";
  const content = setUp.disk.content(name);
  const at = new TextDecoder("latin1").decode(content).indexOf("t358 x");
  assert(at > 0);
  setUp.disk.flip(name, at);
  await using again = await setUp.reopen();
  const records = await collect(again.log.last({ topics: () => true }));
  assertEquals(records.map(({ offset }) => offset), [56, 57, 59, 60, 53]);
});
