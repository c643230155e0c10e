/**
 * Throughput, latency and memory of a broker in a process of its own; the load comes from this process.
 *
 *     deno task bench            at full length, some minutes
 *     deno task bench --quick    to see that it works
 *
 * With one publisher and many subscribers this process is busier than the broker: the rate is then its own,
 * and the processor time of the broker per delivery is the number that tells about the broker. Fails when
 * a message was lost, since the load waits for what is under way. What a broker keeps is measured by
 * storage_bench.ts, which is run at the end.
 */
// deno-lint-ignore-file no-console -- a tool prints its results
import { benchCalls, type BenchPlan, benchPublish } from "../../src/cli/bench.ts";
import { columns } from "../../src/cli/help.ts";
import { connect } from "../../src/node/component.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import { type BrokerProcess, type ProcessUse, processUse, startBroker } from "./broker_process.ts";
import { benchStorage, STORAGE_FULL, STORAGE_QUICK } from "./storage_bench.ts";

const SIZE_BYTES = 64;
const US_PER_SECOND = 1_000_000;
const KIB = 1_024;
/** Messages before the measured ones, so that the code of both processes is compiled. */
const WARM_UP_MESSAGES = 20_000;
/** Connections that are opened at the same time. */
const OPENING_MAX = 50;
/** A broker at rest for so long has given back what it will, in milliseconds. */
const REST_MS = 2_000;

/** How much of everything. */
interface Amounts {
  /** Deliveries of each publish test. */
  readonly deliveries: number;
  readonly calls: number;
  readonly connections: number;
}
const FULL: Amounts = { deliveries: 1_000_000, calls: 20_000, connections: 2_000 };
const QUICK: Amounts = { deliveries: 20_000, calls: 500, connections: 100 };

/** One way to publish. */
interface Case {
  readonly subscribers: number;
  readonly qos: QoS;
}
const CASES: readonly Case[] = [
  { subscribers: 1, qos: 0 },
  { subscribers: 10, qos: 0 },
  { subscribers: 100, qos: 0 },
  { subscribers: 1, qos: 1 },
  { subscribers: 10, qos: 1 },
  { subscribers: 1, qos: 2 },
];

function planFor(broker: BrokerProcess, parts: Partial<BenchPlan>): BenchPlan {
  return {
    messages: 0,
    size: SIZE_BYTES,
    publishers: 1,
    subscribers: 1,
    qos: 0,
    calls: 0,
    connect: () => connect(broker.url),
    signal: new AbortController().signal,
    ...parts,
  };
}

/** Microseconds of processor time per piece, as text. */
function cpuEach(before: ProcessUse | null, after: ProcessUse | null, pieces: number): string {
  if (before === null || after === null) return "unknown";
  const us = (after.cpuSeconds - before.cpuSeconds) * US_PER_SECOND / pieces;
  return `${us.toFixed(2)} us`;
}

/** Prints one publish test; gives the number of lost deliveries. */
async function publish(
  broker: BrokerProcess,
  { subscribers, qos }: Case,
  amounts: Amounts,
): Promise<number> {
  const messages = Math.ceil(amounts.deliveries / subscribers / (qos === 0 ? 1 : 5));
  const before = [await broker.use(), await processUse(Deno.pid)] as const;
  const result = await benchPublish(planFor(broker, { messages, subscribers, qos }));
  const after = [await broker.use(), await processUse(Deno.pid)] as const;
  const { delivered } = result;
  console.log([
    `publish 1:${subscribers}, QoS ${qos}, ${SIZE_BYTES} bytes`,
    ...columns([
      ["published", `${result.published} (${result.publishedPerSecond} /s)`],
      ["delivered", `${delivered} (${result.deliveredPerSecond} /s)`],
      ["lost", String(result.lost)],
      ["broker CPU per delivery", cpuEach(before[0], after[0], delivered)],
      ["load CPU per delivery", cpuEach(before[1], after[1], delivered)],
    ]),
  ].join("\n"));
  return result.lost;
}

async function call(broker: BrokerProcess, { calls }: Amounts): Promise<void> {
  const before = await broker.use();
  const result = await benchCalls(planFor(broker, { calls }));
  console.log([
    `call through the broker, one after the other, ${SIZE_BYTES} bytes`,
    ...columns([
      ["rate", `${result.callsPerSecond} /s`],
      ["p50", `${result.p50} us`],
      ["p90", `${result.p90} us`],
      ["p99", `${result.p99} us`],
      ["max", `${result.max} us`],
      ["broker CPU per call", cpuEach(before, await broker.use(), result.calls)],
    ]),
  ].join("\n"));
}

/** Opens connections that say nothing. */
async function openSockets(url: string, count: number): Promise<readonly WebSocket[]> {
  const sockets: WebSocket[] = [];
  while (sockets.length < count) {
    const size = Math.min(OPENING_MAX, count - sockets.length);
    sockets.push(...await Promise.all(Array.from({ length: size }, () => openSocket(url))));
  }
  return sockets;
}

function openSocket(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.onopen = () => resolve(socket);
    socket.onerror = () => reject(new Error(`Cannot connect to "${url}"`));
  });
}

function closeSocket(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    socket.onclose = () => resolve();
    socket.close();
  });
}

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REST_MS));

/** A broker of its own: memory that traffic left behind is not that of connections. */
async function connectionsAtRest({ connections }: Amounts): Promise<void> {
  await using broker = await startBroker();
  // The first ones are dearer: they compile the code that takes a connection.
  await Promise.all((await openSockets(broker.url, OPENING_MAX)).map(closeSocket));
  await rest();
  const before = await broker.use();
  const sockets = await openSockets(broker.url, connections);
  await rest();
  const loaded = await broker.use();
  await rest();
  const after = await broker.use();
  const kibEach = before === null || loaded === null
    ? "unknown"
    : `${((loaded.residentBytes - before.residentBytes) / KIB / connections).toFixed(1)} KiB`;
  const cpu = loaded === null || after === null
    ? "unknown"
    : `${
      ((after.cpuSeconds - loaded.cpuSeconds) * 100_000 / REST_MS).toFixed(1)
    } % of one processor`;
  console.log([
    `${connections} connections at rest`,
    ...columns([["memory per connection", kibEach], ["broker CPU meanwhile", cpu]]),
  ].join("\n"));
  await Promise.all(sockets.map(closeSocket));
}

const isQuick = Deno.args.includes("--quick");
const amounts = isQuick ? QUICK : FULL;
let lost = 0;
{
  await using broker = await startBroker();
  await benchPublish(planFor(broker, { messages: WARM_UP_MESSAGES }));
  for (const one of CASES) lost += await publish(broker, one, amounts);
  await call(broker, amounts);
}
await connectionsAtRest(amounts);
const problems = await benchStorage(isQuick ? STORAGE_QUICK : STORAGE_FULL);
for (const problem of problems) console.log(problem);
console.log(lost === 0 ? "nothing was lost" : `${lost} deliveries were lost`);
Deno.exit(lost === 0 && problems.length === 0 ? 0 : 1);
