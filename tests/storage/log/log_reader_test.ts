import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../../src/log/errors.ts";
import { openLogReader } from "../../../src/log/log_reader.ts";
import { append, collect, entry, store, textOf } from "../../helpers/log_entries.ts";
import { SEGMENT_BYTES, setUpLog } from "../../helpers/log_set_up.ts";
import { SimDisk, WRITING_METHODS } from "../../helpers/log_sim_files.ts";
import { settle } from "../../helpers/manual_clock.ts";

const FILL = "x".repeat(1_000);

Deno.test("LogReader reads no further than it is told", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  for (const text of ["a", "b", "c"]) await store(log, entry(text));
  await using reader = await openLogReader({ files: disk.files() });
  assertEquals(reader.logId, log.logId);
  assertEquals(await collect(reader.read({ from: { offset: 1 } })), []);
  reader.advance(2);
  assertEquals((await collect(reader.read({ from: { offset: 1 } }))).map(textOf), ["a", "b"]);
  reader.advance(1);
  assertEquals(reader.durable, 2);
  reader.advance(3);
  assertEquals((await collect(reader.read({ from: { offset: 3 } }))).map(textOf), ["c"]);
});

Deno.test("LogReader writes nothing and takes no lock", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  for (let i = 0; i < 40; i++) await store(log, entry(FILL));
  await settle();
  const calls: string[] = [];
  disk.fault = ({ method, name }) => {
    if (WRITING_METHODS.has(method) || method === "lock") calls.push(`${method} ${name}`);
    return null;
  };
  {
    await using reader = await openLogReader({ files: disk.files() });
    reader.advance(log.durable);
    const topics = (topic: string): boolean => topic === "town/temperature";
    assertEquals((await collect(reader.read({ from: { offset: 3 }, topics }))).length, 38);
  }
  assertEquals(calls, []);
});

Deno.test("LogReader follows a log that grows, rolls, fails, is retained and closed, as the writer sees it", async () => {
  await using setUp = await setUpLog({ retentionBytes: 6 * SEGMENT_BYTES });
  const { log, disk, clock } = setUp;
  await using reader = await openLogReader({ files: disk.files() });
  const seen: number[] = [];
  let next = 1;
  const readOn = async (): Promise<void> => {
    reader.advance(log.durable);
    for await (const batch of reader.read({ from: { offset: next } })) {
      seen.push(...batch.records.map(({ offset }) => offset));
      next = batch.next;
    }
  };
  const stored: number[] = [];
  for (let i = 0; i < 150; i++) {
    if (i % 20 === 19) {
      disk.fault = ({ method }) => {
        if (method !== "sync") return null;
        disk.fault = () => null;
        return { kind: "fail", reason: "EIO" };
      };
      await log.committed(append(log, entry("refused"))).catch(() => {});
      await clock.advance(60_000);
      for (let j = 0; j < 10; j++) await settle();
    }
    stored.push(await store(log, entry(`${i} ${FILL}`)));
    if (i % 7 === 0) await readOn();
  }
  await readOn();
  assertEquals(seen, stored);
  assertEquals(next, log.next);
  await log.close();
  await readOn();
  assertEquals(seen, stored);
});

Deno.test("LogReader reads on without starting anew, however long the newest segment is", async () => {
  await using setUp = await setUpLog({ segmentBytes: 8 * 1024 * 1024 });
  const { log, disk } = setUp;
  for (let i = 0; i < 2_000; i++) append(log, entry(FILL));
  await log.flush();
  await using reader = await openLogReader({ files: disk.files() });
  reader.advance(log.durable);
  await collect(reader.read({ from: { offset: 1 } }));
  await store(log, entry("one more"));
  let reads = 0;
  disk.fault = ({ method, name }) => {
    if (method === "read" && name.endsWith(".seg")) reads++;
    return null;
  };
  reader.advance(log.durable);
  const records = await collect(reader.read({ from: { offset: 2_001 } }));
  assertEquals(records.map(textOf), ["one more"]);
  assertEquals(reads, 1);
});

Deno.test("LogReader finds offsets by time", async () => {
  await using setUp = await setUpLog();
  const { log, disk, clock } = setUp;
  for (let i = 0; i < 40; i++) {
    await clock.advance(10);
    await store(log, entry(FILL));
  }
  await using reader = await openLogReader({ files: disk.files() });
  reader.advance(30);
  const all = await collect(log.read({ from: { offset: 1 } }));
  for (const { offset, recvNs } of all.slice(0, 30)) {
    assertEquals(await reader.offsetAt(recvNs), offset);
  }
  assertEquals(await reader.offsetAt(all[35]?.recvNs ?? 0n), 31);
  const since = all[25]?.recvNs ?? 0n;
  assertEquals((await collect(reader.read({ from: { timeNs: since } }))).length, 5);
});

Deno.test("findEnd() tells what the files hold, whoever asks, also while they grow", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  await using reader = await openLogReader({ files: disk.files() });
  assertEquals(await reader.findEnd(), 0);
  for (let i = 1; i <= 40; i++) {
    await store(log, entry(FILL));
    assertEquals(await reader.findEnd(), i);
  }
  reader.advance(await reader.findEnd());
  assertEquals((await collect(reader.read({ from: { offset: 1 } }))).length, 40);
});

Deno.test("openLogReader() rejects where no log is", async () => {
  const files = new SimDisk().files();
  const error = await assertRejects(() => openLogReader({ files }), LogError);
  assertEquals(error.fault, "foreign");
});

Deno.test("a LogReader that is closed reads no more", async () => {
  await using setUp = await setUpLog();
  await store(setUp.log, entry("a"));
  const reader = await openLogReader({ files: setUp.disk.files() });
  reader.advance(1);
  await reader.close();
  await reader.close();
  await assertRejects(() => collect(reader.read({ from: { offset: 1 } })), LogError, "closed");
  assert(setUp.log.health.kind === "green");
});
