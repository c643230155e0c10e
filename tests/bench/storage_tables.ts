import { DataFrame } from "../../src/frame/data_frame.ts";
import { component } from "../../src/node/component.ts";
import type { Component } from "../../src/peer/api.ts";
import { Tagged } from "../../src/protocol/cbor_types.ts";
import type { TablesInfo } from "../../src/store/tables_answer.ts";
import { publishFor } from "./acknowledged.ts";
import { type BrokerProcess, startBroker } from "./broker_process.ts";
import type { StorageRun } from "./storage_bench.ts";
import { memoryRows, temporaryDirectory, timed } from "./storage_report.ts";

/** The schema of the README. */
export const SCHEMA_FILE: string = new URL("../../examples/schema.json", import.meta.url).pathname;

const DEVICES = 100;
const PUBLISHERS = 4;
const IN_FLIGHT = 64;
const MS_PER_SECOND = 1_000;
/** A frame of a million rows takes its time on a machine that others use, too. */
const REQUEST_MS = 120_000;
/** How often it is asked how far the tables are, in milliseconds, and how long at most until they are there. */
const LOOK_MS = 100;
const CAUGHT_UP_MS_MAX = 120_000;
/** Samples of the lag that are printed. */
const SAMPLES_MAX = 8;

/** How far the tables were at a time. */
interface Sample {
  /** Since the start of the measurement. */
  readonly ms: number;
  /** Offsets that are durable and not in the tables; `null` while that is not known. */
  readonly behind: number | null;
  readonly rows: number;
}

/** Looks at the tables from now on. */
export class LagWatch {
  readonly samples: Sample[] = [];
  readonly #node: Component;
  readonly #fromMs = performance.now();

  constructor(node: Component) {
    this.#node = node;
  }

  /** Looks until something is over, or until the tables have everything. Gives the last sample. */
  async until(isOver: (sample: Sample) => boolean, msMax: number): Promise<Sample> {
    for (;;) {
      const { behind, rows } = await this.#node.rpc("query___tables") as TablesInfo;
      const sample = { ms: performance.now() - this.#fromMs, behind, rows };
      this.samples.push(sample);
      if (isOver(sample)) return sample;
      if (sample.ms > msMax) throw new Error(`The tables are still ${behind} messages behind`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** The lag over time, in few words. */
  toString(): string {
    const step = Math.max(1, Math.ceil(this.samples.length / SAMPLES_MAX));
    return this.samples.filter((_, i) => i % step === 0 || i === this.samples.length - 1)
      .map(({ ms, behind }) => `${(ms / MS_PER_SECOND).toFixed(1)} s ${behind ?? "?"}`).join(", ");
  }
}

/** Rows that a table gets from messages of QoS 1, as fast as they are acknowledged, and how far it is behind. */
export async function measureIngest(run: StorageRun): Promise<readonly string[]> {
  const { amounts: { ingestMs }, profile, print } = run;
  await using directory = await temporaryDirectory();
  await using broker = await startBroker({ dir: directory.path, schema: SCHEMA_FILE, profile });
  await using asking = await openAsking(broker);
  const watch = new LagWatch(asking);
  let isOver = false;
  const watching = watch.until(({ behind }) => isOver && behind === 0, CAUGHT_UP_MS_MAX);
  const load = await publishFor({
    connect: () => component(broker.url),
    publishers: PUBLISHERS,
    inFlight: IN_FLIGHT,
    qos: 1,
    ms: ingestMs,
    message: (n) => [`d${n % DEVICES}/telemetry`, { temperature: n, pressure: -n }],
  });
  const loadedMs = watch.samples.at(-1)?.ms ?? 0;
  isOver = true;
  const last = await watching;
  const rows = await rowCount(asking);
  const largest = Math.max(...watch.samples.map(({ behind }) => behind ?? 0));
  print(`rows from messages: QoS 1, ${PUBLISHERS} publishers with ${IN_FLIGHT} under way`, [
    ["acknowledged", `${load.acknowledged} (${load.perSecond} /s)`],
    ["latency", `p50 ${load.p50} us, p99 ${load.p99} us`],
    [
      "rows",
      `${rows} (${Math.round(rows * MS_PER_SECOND / last.ms)} /s, until the last was stored)`,
    ],
    ["messages behind", watch.toString()],
    ["the most of them", String(largest)],
    ["caught up after the load", `${Math.max(0, last.ms - loadedMs).toFixed(0)} ms`],
    ...await memoryRows(broker),
  ]);
  if (profile !== undefined) await broker.stop();
  return rows === load.acknowledged
    ? []
    : [`rows from messages: ${load.acknowledged} were acknowledged, ${rows} are in the table`];
}

/** One large data frame: published, stored, queried. */
export async function measureFrame(run: StorageRun): Promise<readonly string[]> {
  const { amounts: { frameRows }, print } = run;
  await using directory = await temporaryDirectory();
  await using broker = await startBroker({ dir: directory.path, schema: SCHEMA_FILE });
  await using node = await openAsking(broker);
  const made = await timed(() => Promise.resolve(madeFrame(frameRows)));
  const frame = made.value;
  const published = await timed(() =>
    node.with({ qos: 1, timeoutMs: REQUEST_MS }).publish("telemetry", frame)
  );
  const stored = await timed(() => rowCount(node));
  const queried = await timed(async () => frameOf(await node.rpc("query_telemetry")));
  const read = await timed(() => Promise.resolve(queried.value.columns()["temperature"]?.length));
  const megabytes = (bytes: Uint8Array): string => `${(bytes.byteLength / 1e6).toFixed(0)} MB`;
  const took = ({ ms }: { readonly ms: number }): string => `${ms.toFixed(0)} ms`;
  print(`a data frame of ${frameRows} rows`, [
    ["made", `${took(made)}, ${megabytes(frame.bytes)}`],
    ["published and acknowledged", took(published)],
    ["stored, after that", took(stored)],
    ["queried", `${took(queried)}, ${megabytes(queried.value.bytes)}`],
    ["read as columns", took(read)],
    ...await memoryRows(broker),
  ]);
  const counts = [stored.value, queried.value.numRows, read.value];
  return counts.every((count) => count === frameRows)
    ? []
    : [`data frame: expected ${frameRows} rows, got ${counts.join(", ")}`];
}

/** A component that may wait for long. */
function openAsking(broker: BrokerProcess): Promise<Component> {
  return component(broker.url, { requestTimeoutMs: REQUEST_MS });
}

async function rowCount(node: Component): Promise<number> {
  const answer = frameOf(await node.rpc("query_telemetry", { cols: "count(*) AS rows" }));
  return Number(answer.rows()[0]?.["rows"]);
}

function madeFrame(rows: number): DataFrame {
  return DataFrame.fromColumns({
    dn: Array.from({ length: rows }, (_, i) => `device${i % DEVICES}`),
    temperature: Float64Array.from({ length: rows }, (_, i) => i),
    pressure: Float64Array.from({ length: rows }, (_, i) => -i),
  });
}

function frameOf(value: unknown): DataFrame {
  if (value instanceof DataFrame) return value;
  if (value instanceof Tagged && value.value instanceof Uint8Array) {
    return new DataFrame(value.value);
  }
  throw new Error("Cannot read the answer: expected a data frame");
}
