// Goal: after hours under load, with crashes, every promise was kept and no process grew.
// Method: a broker in a process of its own with log and tables; publishers of each QoS, subscribers that are
// steady, slow or often away, queries that must see what was acknowledged, upserts, data frames. The process of
// the tables is killed again and again, the broker once, at half time. At the end all is counted.
// REMBUS_SOAK_SECONDS is how long; without it nothing is run. REMBUS_SOAK_SEED says when processes are killed.
import { assertEquals } from "@std/assert";
import { DataFrame } from "../../src/frame/data_frame.ts";
import { component } from "../../src/node/component.ts";
import { type Component, LAST_RECEIVED } from "../../src/peer/api.ts";
import { Tagged } from "../../src/protocol/cbor_types.ts";
import type { TablesInfo } from "../../src/store/tables_answer.ts";
import { type BrokerProcess, startBroker } from "../bench/broker_process.ts";
import { eventually } from "../helpers/eventually.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";
import { temporaryDirectory } from "../helpers/store.ts";
import { Keyed, MemoryWatch, pause, Received, Stream } from "./soak_parts.ts";

const SECONDS = countFromEnv("REMBUS_SOAK_SECONDS", 0);
const SEED = countFromEnv("REMBUS_SOAK_SEED", 1);
const SCHEMA_FILE = new URL("../../examples/schema.json", import.meta.url).pathname;
const MIB = 2 ** 20;

/** Publications of each stream in a second. */
const PER_SECOND = 150;
const IN_FLIGHT = 16;
/** The slow subscriber needs so long for a message in the first half of each period, in milliseconds. */
const SLOW_MS = 300;
const SLOW_PERIOD_MS = 20_000;
/** The one that is often away is there, and is not, for so long, in milliseconds. */
const THERE_MS = 4_000;
const AWAY_MS = 2_000;
/** Pauses between kills of the tables, queries, upserts and frames, in milliseconds. */
const KILL_MS = { least: 6_000, spread: 12_000 };
const QUERY_MS = 300;
const UPSERT_MS = 100;
const FRAME_MS = 2_000;
const FRAME_ROWS = 1_000;
const KEYS = 20;
/** How long queries, and publications under way, may take when processes were killed. */
const REQUEST_MS = 60_000;
/** How long everybody has at the end to catch up. */
const CATCH_UP_MS = 60_000 + SECONDS * 500;
/** Far above what was ever seen, far below what a leak makes of it. */
const BROKER_BYTES_MAX = 700 * MIB;
const TABLES_BYTES_MAX = 1_500 * MIB;
/** How much more memory the last quarter may take than the second one. */
const GROWTH_BYTES_MAX = 200 * MIB;

Deno.test({
  name: `every promise is kept for ${SECONDS} s of load and crashes, seed ${SEED}` +
    (SECONDS > 0 ? "" : " (not run: set REMBUS_SOAK_SECONDS)"),
  ignore: SECONDS <= 0,
  fn: soak,
});

/** What all parts of the test work on. */
interface Soak {
  readonly isOver: () => boolean;
  readonly broker: () => BrokerProcess;
  readonly open: (name: string) => Promise<Component>;
  readonly streams: readonly Stream[];
  readonly keyed: Keyed;
  readonly frames: Stream;
  /** Promises that were broken, in words. */
  readonly broken: string[];
  readonly tally: { queries: number; queriesFailed: number; kills: number };
}

async function soak(): Promise<void> {
  await using directory = await temporaryDirectory();
  let broker = await startBroker({ dir: directory.path, schema: SCHEMA_FILE });
  const { port, url } = broker;
  try {
    let isOver = false;
    const untilMs = performance.now() + SECONDS * 1_000;
    const shared: Soak = {
      isOver: () => isOver || performance.now() >= untilMs,
      broker: () => broker,
      open: (name) =>
        component(`${url}/${name}`, { requestTimeoutMs: REQUEST_MS, reconnectMaxMs: 1_000 }),
      streams: ([0, 1, 1, 2, 2] as const).map((qos, i) => new Stream(`q${qos}s${i}`, qos)),
      keyed: new Keyed(),
      frames: new Stream("frame", 2),
      broken: [],
      tally: { queries: 0, queriesFailed: 0, kills: 0 },
    };
    const restart = async (): Promise<void> => {
      await pause(SECONDS * 500);
      await broker.kill();
      broker = await startBroker({ dir: directory.path, schema: SCHEMA_FILE, port });
    };
    const memory = new MemoryWatch();
    try {
      await run(shared, [restart(), killTables(shared), watchMemory(shared, memory)]);
    } finally {
      isOver = true;
    }
    shared.broken.push(...memoryProblems(memory));
    report(shared, memory);
    assertEquals(shared.broken, [], `seed ${SEED}`);
    await broker.stop();
  } finally {
    await broker[Symbol.asyncDispose]();
  }
}

/** Load until the time is over, then the count. */
async function run(shared: Soak, chaos: readonly Promise<void>[]): Promise<void> {
  const { streams, isOver, open } = shared;
  await using nodes = new AsyncDisposableStack();
  const received = (name: string): Received =>
    new Received(name, streams, { isSteady: name !== "away" });
  const [steady, slow, away] = [received("steady"), received("slow"), received("away")] as const;
  await follow(nodes.use(await open("steady")), steady);
  await follow(nodes.use(await open("slow")), slow, async () => {
    const isSlow = !isOver() && performance.now() % SLOW_PERIOD_MS < SLOW_PERIOD_MS / 2;
    if (isSlow) await pause(SLOW_MS);
  });
  const asking = nodes.use(await open("asking"));
  const writing = nodes.use(await open("writing"));
  const publishing = streams.map(async (stream) => {
    const node = nodes.use(await open(`from-${stream.name}`));
    await stream.run(node, { isOver, perSecond: PER_SECOND, inFlight: IN_FLIGHT });
  });
  await Promise.all([
    ...chaos,
    ...publishing,
    comeAndGo(shared, away),
    askQueries(shared, asking),
    writeKeys(shared, writing),
    publishFrames(shared, writing),
  ]);
  await follow(nodes.use(await open("away")), away);
  const all = [steady, slow, away];
  await eventually(
    () =>
      assertEquals(
        all.map(({ name, missing }) => [name, missing]),
        all.map(({ name }) => [name, 0]),
      ),
    CATCH_UP_MS,
  );
  for (const one of all) shared.broken.push(...one.broken());
  await checkTables(shared, asking);
}

async function follow(
  node: Component,
  received: Received,
  work: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await node.subscribe("*/telemetry", (topic: string, { temperature }: { temperature: number }) => {
    received.take(topic, temperature);
    return work();
  }, { from: LAST_RECEIVED });
}

/** Another component of the same name each time, as after a restart of its program. */
async function comeAndGo({ isOver, open }: Soak, received: Received): Promise<void> {
  while (!isOver()) {
    {
      await using node = await opened(open, "away", isOver);
      if (node === null) return;
      await follow(node, received).catch(() => undefined);
      await pause(THERE_MS);
    }
    await pause(AWAY_MS);
  }
}

/** A component, as soon as the broker is there. */
async function opened(
  open: Soak["open"],
  name: string,
  isOver: () => boolean,
): Promise<Component | null> {
  while (!isOver()) {
    try {
      return await open(name);
    } catch {
      // The broker is being started.
      await pause(100);
    }
  }
  return null;
}

/** Read-your-write: what was acknowledged before a query is in its answer. */
async function askQueries(shared: Soak, node: Component): Promise<void> {
  const reliable = shared.streams.filter(({ qos }) => qos > 0);
  for (let i = 0; !shared.isOver(); i++) {
    await pause(QUERY_MS);
    const stream = reliable[i % reliable.length];
    if (stream?.last === null || stream === undefined) continue;
    const { name, last } = stream;
    try {
      const [row] = await rowsOf(node, "telemetry", {
        cols: "count(*) AS n",
        where: "dn = ? AND temperature = ?",
        params: [name, last],
      });
      shared.tally.queries++;
      const n = Number(row?.["n"]);
      const isRight = stream.qos === 2 ? n === 1 : n >= 1;
      if (!isRight) shared.broken.push(`a query saw message ${last} of ${name} ${n} times`);
    } catch {
      // Killed together with the process that worked at it, twice, or with the broker.
      shared.tally.queriesFailed++;
    }
  }
}

async function writeKeys({ isOver, keyed }: Soak, node: Component): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const dn = `key${i % KEYS}`;
    const site = `v${i}`;
    await keyed.write(dn, site, () => node.rpc("upsert_sensor", { site, type: "soak", dn }));
    await pause(UPSERT_MS);
  }
}

async function publishFrames({ isOver, frames }: Soak, node: Component): Promise<void> {
  while (!isOver()) {
    const n = frames.sent++;
    const column = new Float64Array(FRAME_ROWS);
    const frame = DataFrame.fromColumns({
      dn: new Array<string>(FRAME_ROWS).fill("frame"),
      temperature: column.fill(n),
      pressure: column,
    });
    try {
      await node.with({ qos: 2 }).publish("telemetry", frame);
      frames.acknowledged.add(n);
    } catch {
      frames.unknown.add(n);
    }
    await pause(FRAME_MS);
  }
}

async function killTables({ isOver, broker, tally }: Soak): Promise<void> {
  const random = new SeededRandom(SEED);
  while (!isOver()) {
    await pause(KILL_MS.least + random.below(KILL_MS.spread));
    const pid = await broker().lakePid();
    if (pid === null || isOver()) continue;
    try {
      Deno.kill(pid, "SIGKILL");
      tally.kills++;
    } catch (error) {
      // It ended by itself, or with the broker, a moment ago.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

async function watchMemory({ isOver, broker }: Soak, memory: MemoryWatch): Promise<void> {
  while (!isOver()) {
    await memory.look(broker());
    await pause(500);
  }
}

/** Every table row exactly once, but of QoS 1 what was sent again to another broker. */
async function checkTables(shared: Soak, node: Component): Promise<void> {
  const { broken, frames, keyed, streams } = shared;
  for (const stream of [...streams, frames]) {
    const rows = await rowsOf(node, "telemetry", {
      cols: "temperature",
      where: "dn = ?",
      params: [stream.name],
    });
    const counts = new Map<number, number>();
    for (const { temperature } of rows) {
      counts.set(Number(temperature), (counts.get(Number(temperature)) ?? 0) + 1);
    }
    broken.push(...tableProblems(stream, counts, stream === frames ? FRAME_ROWS : 1));
  }
  const sensors = await rowsOf(node, "sensor", {});
  const sites = new Map(sensors.map(({ dn, site }) => [String(dn), String(site)]));
  for (const key of keyed.keys) broken.push(...keyed.broken(key, sites.get(key) ?? null));
  const info = await node.rpc("query___tables") as TablesInfo;
  assertEquals([info.state, info.behind, info.dead_letters], ["ready", 0, 0]);
}

/** What is wrong with the rows of a stream, of which each message has so many. */
function tableProblems(
  { name, qos, sent, acknowledged }: Stream,
  counts: ReadonlyMap<number, number>,
  each: number,
): string[] {
  let missing = 0;
  let repeated = 0;
  for (let n = 0; n < sent; n++) {
    const count = counts.get(n) ?? 0;
    if (qos > 0 && acknowledged.of(n) > 0 && count < each) missing++;
    if (qos !== 1 && count > each) repeated++;
  }
  return [
    ...missing > 0 ? [`the table misses ${missing} acknowledged messages of ${name}`] : [],
    ...repeated > 0 ? [`the table has ${repeated} messages of ${name} more than once`] : [],
  ];
}

function memoryProblems(memory: MemoryWatch): string[] {
  const limits = { broker: BROKER_BYTES_MAX, tables: TABLES_BYTES_MAX };
  return (["broker", "tables"] as const).flatMap((of) => {
    const growth = memory.most(of, 0.75, 1) - memory.most(of, 0.25, 0.5);
    return [
      ...memory.most(of) > limits[of] ? [`${of}: ${mib(memory.most(of))} of memory`] : [],
      ...growth > GROWTH_BYTES_MAX ? [`${of}: memory has grown by ${mib(growth)}`] : [],
    ];
  });
}

function report({ frames, streams, tally }: Soak, memory: MemoryWatch): void {
  const sum = (of: (stream: Stream) => number): number =>
    streams.reduce((total, stream) => total + of(stream), 0);
  const line = `seed ${SEED}: ${sum(({ sent }) => sent)} messages, ` +
    `${sum(({ unknown }) => unknown.size)} without an answer, ${frames.sent} frames, ` +
    `${tally.queries} queries, ${tally.queriesFailed} failed, tables killed ${tally.kills} times, ` +
    `broker once; at most ${mib(memory.most("broker"))} broker, ${
      mib(memory.most("tables"))
    } tables`;
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

async function rowsOf(
  node: Component,
  table: string,
  options: Record<string, unknown>,
): Promise<Record<string, unknown>[]> {
  const answer = await node.rpc(`query_${table}`, options);
  if (answer instanceof DataFrame) return answer.rows();
  if (answer instanceof Tagged && answer.value instanceof Uint8Array) {
    return new DataFrame(answer.value).rows();
  }
  throw new Error("Cannot read the answer: expected a data frame");
}
