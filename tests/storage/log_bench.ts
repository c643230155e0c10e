/**
 * What the message log does on a real disk: `deno run -A tests/storage/log_bench.ts [part]...`
 *
 * Parts: crc, append, commit, replay, open; all without one. `REMBUS_BENCH_RECORDS` sets how many records the
 * parts replay and open use (1,000,000 by default; 10,000,000 for the promise on start times), and
 * `REMBUS_BENCH_DIR` where they are.
 */
// deno-lint-ignore-file no-console -- a tool prints its results
import { cpuUsage } from "node:process";
import { crc32c } from "../../src/log/crc32c.ts";
import { denoLogFiles } from "../../src/log/deno_files.ts";
import { openLogReader } from "../../src/log/log_reader.ts";
import type { MessageLog } from "../../src/log/message_log.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import type { LogBatch } from "../../src/log/reading.ts";
import type { LogEntry } from "../../src/log/record.ts";
import type { MsgId, QoS } from "../../src/protocol/packet.ts";
import { setUpLog } from "../helpers/log_set_up.ts";

const RECORDS = Number(Deno.env.get("REMBUS_BENCH_RECORDS") ?? 1_000_000);
const PAYLOAD = new Uint8Array(64).fill(0x61);
const TOPICS = Array.from({ length: 100 }, (_, i) => `site/sensor${i}/telemetry`);
const COMMIT_SECONDS = 3;
const MIB = 1024 * 1024;

function message(i: number, qos: QoS): LogEntry {
  return {
    kind: "publication",
    id: BigInt(i + 1) as MsgId,
    slot: null,
    qos,
    publisher: "sensor",
    isAnonymous: false,
    topic: TOPICS[i % TOPICS.length] ?? "",
    data: PAYLOAD,
  };
}

/** User time of this process, in milliseconds: other load on the machine does not count. */
function cpuMs(): number {
  return cpuUsage().user / 1_000;
}

function measureCrc(): void {
  const view = new DataView(new ArrayBuffer(MIB));
  for (const bytes of [128, 4_096, MIB]) {
    let best = 0;
    for (let round = 0; round < 30; round++) {
      const start = performance.now();
      for (let at = 0; at + bytes <= MIB; at += bytes) crc32c(view, at, at + bytes);
      best = Math.max(best, MIB / (performance.now() - start) / 1e6);
    }
    console.log(`CRC32C of ${bytes} bytes: ${best.toFixed(2)} GB/s`);
  }
}

/** The part of an append that the event loop pays: no disk, nothing waits. */
async function measureAppend(): Promise<void> {
  const count = 200_000;
  for (let round = 0; round < 3; round++) {
    await using setUp = await setUpLog({ segmentBytes: 64 * MIB });
    const start = cpuMs();
    for (let i = 0; i < count; i++) setUp.log.append(message(i, 0));
    const ms = cpuMs() - start;
    if (round === 2) {
      console.log(`append of 64 bytes: ${(ms / count * 1_000).toFixed(2)} µs of CPU`);
    }
  }
}

async function withLog(
  measure: (log: MessageLog, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir(
    Deno.env.has("REMBUS_BENCH_DIR") ? { dir: Deno.env.get("REMBUS_BENCH_DIR") ?? "." } : {},
  );
  try {
    await using log = await openMessageLog({ files: denoLogFiles(directory) });
    await measure(log, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Messages acknowledged in some seconds by publishers that each have one in flight. */
async function acknowledged(log: MessageLog, publishers: number): Promise<number> {
  const until = performance.now() + COMMIT_SECONDS * 1_000;
  let count = 0;
  const publish = async (): Promise<void> => {
    while (performance.now() < until) {
      const result = log.append(message(count, 1));
      if (result.kind !== "logged") throw new Error(result.kind);
      await log.committed(result.offset);
      count++;
    }
  };
  await Promise.all(Array.from({ length: publishers }, publish));
  return count / COMMIT_SECONDS;
}

async function measureCommit(): Promise<void> {
  await withLog(async (log) => {
    const single = await acknowledged(log, 1);
    console.log(`one sync for each message: ${single.toFixed(0)} acknowledged/s`);
    for (const publishers of [100, 1_000, 10_000]) {
      const commitsBefore = log.status.commits;
      const rate = await acknowledged(log, publishers);
      const commits = (log.status.commits - commitsBefore) / COMMIT_SECONDS;
      console.log(
        `group commit, ${publishers} in flight: ${rate.toFixed(0)} acknowledged/s, ` +
          `${commits.toFixed(0)} syncs/s, ${(rate / single).toFixed(0)} times as many`,
      );
    }
  });
}

async function fill(log: MessageLog): Promise<void> {
  const start = performance.now();
  for (let i = 0; i < RECORDS; i++) {
    while (log.append(message(i, 1)).kind === "busy") await log.writable();
    if (i % 10_000 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  await log.flush();
  const seconds = (performance.now() - start) / 1_000;
  const { bytes } = log.status;
  console.log(
    `${RECORDS} records: ${(RECORDS / seconds).toFixed(0)} stored/s, ` +
      `${(bytes / seconds / 1e6).toFixed(0)} MB/s`,
  );
}

async function count(what: string, batches: AsyncIterable<LogBatch>, bytes: number): Promise<void> {
  const start = performance.now();
  const cpuStart = cpuMs();
  let records = 0;
  for await (const batch of batches) records += batch.records.length;
  const ms = performance.now() - start;
  console.log(
    `${what}: ${records} records in ${ms.toFixed(0)} ms (${(cpuMs() - cpuStart).toFixed(0)} ms ` +
      `of CPU), ${(bytes / ms / 1_000).toFixed(0)} MB/s, ${(records / ms).toFixed(0)}k/s`,
  );
}

async function measureReplay(): Promise<void> {
  await withLog(async (log, directory) => {
    await fill(log);
    const { bytes } = log.status;
    await count("replay of all", log.read({ from: { offset: 1 } }), bytes);
    const topics = (topic: string): boolean => topic === TOPICS[7];
    await count("replay of one topic of 100", log.read({ from: { offset: 1 }, topics }), bytes);
    await count("last value of each topic", log.last({ topics: () => true }), 0);
    await using reader = await openLogReader({ files: denoLogFiles(directory) });
    reader.advance(log.durable);
    await count("the same by another reader", reader.read({ from: { offset: 1 } }), bytes);
  });
}

async function measureOpen(): Promise<void> {
  await withLog(async (log, directory) => {
    await fill(log);
    await log.close();
    const files = denoLogFiles(directory);
    const open = async (what: string): Promise<void> => {
      const start = performance.now();
      await using again = await openMessageLog({ files });
      const ms = performance.now() - start;
      const { scannedBytes, segments } = again.opened;
      console.log(
        `open ${what}: ${ms.toFixed(0)} ms, ${segments} segments, ` +
          `${(scannedBytes / MIB).toFixed(0)} MiB scanned`,
      );
    };
    await open("after a proper end");
    // Without the index of its newest segment a log looks as if it had been killed.
    const newest = (await files.list()).filter((name) => name.endsWith(".idx")).sort().at(-1);
    await files.remove(newest ?? "");
    await open("after a kill");
  });
}

const PARTS: Readonly<Record<string, () => void | Promise<void>>> = {
  crc: measureCrc,
  append: measureAppend,
  commit: measureCommit,
  replay: measureReplay,
  open: measureOpen,
};

if (import.meta.main) {
  const wanted = Deno.args.length === 0 ? Object.keys(PARTS) : Deno.args;
  for (const part of wanted) await PARTS[part]?.();
}
