import { component } from "../../src/node/component.ts";
import { type BrokerProcess, startBroker } from "./broker_process.ts";
import { fillLog, REPLAY_TOPICS } from "./filled_log.ts";
import type { StorageRun } from "./storage_bench.ts";
import { memoryRows, temporaryDirectory, timed } from "./storage_report.ts";
import { LagWatch, SCHEMA_FILE } from "./storage_tables.ts";

const STARTS = 3;
const MS_PER_SECOND = 1_000;
/** Without a message for so long, the rest is lost, in milliseconds. */
const QUIET_MS = 10_000;
/** The broker is asked so often whether the tables have everything, at most, in milliseconds. */
const WATCH_MS_MAX = 600_000;

/** Start, history and filling of tables with a log that has been there before. */
export async function measureFilledLog(run: StorageRun): Promise<readonly string[]> {
  const { amounts: { logged, replayed }, print } = run;
  await using directory = await temporaryDirectory();
  const dir = directory.path;
  const { ms } = await timed(() => fillLog({ dir, messages: logged, replayed }));
  print(`a log of ${logged} messages`, [
    ["filled, not over a link", `${Math.round(logged * MS_PER_SECOND / ms)} /s`],
  ]);
  const problems = [...await measureReplay(run, dir), ...await measureCatchUp(run, dir)];
  // Last, since a kill leaves offsets behind that no message has.
  await measureStart(run, dir);
  return problems;
}

async function measureStart(
  { amounts: { logged }, print }: StorageRun,
  dir: string,
): Promise<void> {
  const memory: number[] = [];
  const stopped: number[] = [];
  const killed: number[] = [];
  let rows: readonly (readonly [string, string])[] = [];
  for (let i = 0; i < STARTS; i++) {
    await using without = await startBroker();
    memory.push(without.startMs);
    await using after = await startBroker({ dir });
    stopped.push(after.startMs);
    await after.kill();
    await using again = await startBroker({ dir });
    killed.push(again.startMs);
    rows = await memoryRows(again);
    await again.stop();
  }
  const took = (times: readonly number[]): string =>
    `${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)} ms`;
  print(`start of a broker with ${logged} logged messages, runtime included`, [
    ["--memory", took(memory)],
    ["after a proper end", took(stopped)],
    ["after a kill", took(killed)],
    ["log : memory", (Math.min(...stopped) / Math.min(...memory)).toFixed(2)],
    ...rows,
  ]);
}

async function measureReplay(run: StorageRun, dir: string): Promise<readonly string[]> {
  const { amounts: { replayed }, profile, print } = run;
  await using broker = await startBroker({ dir, profile });
  const problems: string[] = [];
  const rates: [string, string][] = [];
  for (const qos of [0, 1] as const) {
    const before = await broker.use();
    const { ms, value } = await timed(() => replay(broker, REPLAY_TOPICS[qos], replayed));
    const after = await broker.use();
    const cpu = before === null || after === null
      ? "unknown"
      : `${((after.cpuSeconds - before.cpuSeconds) * 1e6 / value).toFixed(1)} us`;
    rates.push([
      `QoS ${qos}`,
      `${Math.round(value * MS_PER_SECOND / ms)} /s, broker CPU ${cpu} each`,
    ]);
    if (value !== replayed) {
      problems.push(`replay of QoS ${qos}: expected ${replayed} messages, got ${value}`);
    }
  }
  print(`history: ${replayed} messages from the first`, [...rates, ...await memoryRows(broker)]);
  await broker.stop();
  return problems;
}

/** Reads a topic from its first message. Gives how many came. */
async function replay(broker: BrokerProcess, topic: string, wanted: number): Promise<number> {
  await using node = await component(broker.url);
  let count = 0;
  const all = Promise.withResolvers<void>();
  let before = -1;
  const timer = setInterval(() => {
    if (count === before) all.resolve();
    before = count;
  }, QUIET_MS);
  try {
    await node.subscribe(topic, () => {
      if (++count === wanted) all.resolve();
    }, { from: "first" });
    await node.reactive();
    await all.promise;
    return count;
  } finally {
    clearInterval(timer);
  }
}

/** A schema for a broker that logged for long without one: its tables are filled from the log. */
async function measureCatchUp(run: StorageRun, dir: string): Promise<readonly string[]> {
  const { amounts: { ingestMs }, profile, print } = run;
  await using broker = await startBroker({ dir, schema: SCHEMA_FILE, profile });
  await using node = await component(broker.url);
  const watch = new LagWatch(node);
  const last = await watch.until(
    ({ behind, ms }) => behind === 0 || ms > ingestMs,
    WATCH_MS_MAX,
  );
  const first = watch.samples.find(({ rows }) => rows > 0);
  const [rows, ms] = [last.rows - (first?.rows ?? 0), last.ms - (first?.ms ?? 0)];
  print("rows from a log that was there before", [
    ["rows", `${last.rows} (${Math.round(rows * MS_PER_SECOND / Math.max(1, ms))} /s)`],
    ["messages behind", watch.toString()],
    ...await memoryRows(broker),
  ]);
  await broker.stop();
  return [];
}
