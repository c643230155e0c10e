import { setImmediate } from "node:timers";
import type { Component } from "../peer/api.ts";
import type { QoS } from "../protocol/packet.ts";

/** What to measure. */
export interface BenchPlan {
  /** Publications, by all publishers together. */
  readonly messages: number;
  /** Length of the text that each publication carries. */
  readonly size: number;
  readonly publishers: number;
  readonly subscribers: number;
  readonly qos: QoS;
  /** Calls, one after the other. */
  readonly calls: number;
  /** Opens one more connection to the broker. */
  readonly connect: () => Promise<Component>;
  readonly signal: AbortSignal;
}

/** What publications did. */
export interface PublishResult {
  readonly published: number;
  readonly delivered: number;
  /** Deliveries that should have come and did not. */
  readonly lost: number;
  readonly seconds: number;
  readonly publishedPerSecond: number;
  readonly deliveredPerSecond: number;
}

/** How long calls took, in microseconds. */
export interface CallResult {
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Publications of one publisher that wait for their acknowledgement at once. */
const IN_FLIGHT_MAX = 64;
/** QoS 0 publications between two turns of the event loop, in which the socket is written and read. */
const TURN_MESSAGES = 64;
/** Deliveries that may be under way, so that the rate is the broker's and not that of a growing queue. */
const BACKLOG_MAX = 16_384;
/** Without a delivery for so long, what is missing counts as lost, in milliseconds. */
const QUIET_MS = 2_000;
/** Calls before the measured ones, so that code is compiled and connections are warm. */
const WARM_UP_CALLS = 50;
const MS_PER_SECOND = 1_000;
const US_PER_MS = 1_000;

/** Publishes, counts what arrives, and measures both rates. */
export async function benchPublish(plan: BenchPlan): Promise<PublishResult> {
  await using nodes = new AsyncDisposableStack();
  const topic = `bench/${crypto.randomUUID()}`;
  const expected = plan.messages * plan.subscribers;
  const count = { published: 0, delivered: 0, lastMs: performance.now() };
  for (let index = 0; index < plan.subscribers; index++) {
    const node = nodes.use(await plan.connect());
    await node.subscribe(topic, () => {
      count.delivered++;
      count.lastMs = performance.now();
    });
    await node.reactive();
  }
  const publishers: Component[] = [];
  for (let index = 0; index < plan.publishers; index++) {
    publishers.push(nodes.use(await plan.connect()));
  }
  const text = "x".repeat(plan.size);
  const startMs = performance.now();
  count.lastMs = startMs;
  const waits = (): boolean =>
    count.published * plan.subscribers - count.delivered > BACKLOG_MAX * plan.subscribers &&
    performance.now() - count.lastMs < QUIET_MS;

  async function publishShare(node: Component, share: number): Promise<void> {
    const caller = node.with({ qos: plan.qos });
    const batch = plan.qos === 0 ? TURN_MESSAGES : IN_FLIGHT_MAX;
    for (let sent = 0; sent < share && !plan.signal.aborted;) {
      const size = Math.min(batch, share - sent);
      await Promise.all(Array.from({ length: size }, () => caller.publish(topic, text)));
      sent += size;
      count.published += size;
      do await nextTurn(); while (waits() && !plan.signal.aborted);
    }
  }

  await Promise.all(
    publishers.map((node, index) =>
      publishShare(node, shareOf(plan.messages, { parts: plan.publishers, index }))
    ),
  );
  const publishMs = performance.now() - startMs;
  while (
    count.delivered < expected && performance.now() - count.lastMs < QUIET_MS &&
    !plan.signal.aborted
  ) {
    await nextTurn();
  }
  // Repeated deliveries of QoS 1 are deliveries, too; they are not what was lost.
  const deliverMs = count.lastMs - startMs;
  return {
    published: count.published,
    delivered: count.delivered,
    lost: Math.max(0, expected - count.delivered),
    seconds: deliverMs / MS_PER_SECOND,
    publishedPerSecond: perSecond(count.published, publishMs),
    deliveredPerSecond: perSecond(count.delivered, deliverMs),
  };
}

/** Calls a service over the broker, one call after the other. */
export async function benchCalls(plan: BenchPlan): Promise<CallResult> {
  await using nodes = new AsyncDisposableStack();
  const service = `bench_${crypto.randomUUID().replaceAll("-", "")}`;
  const exposer = nodes.use(await plan.connect());
  const caller = nodes.use(await plan.connect());
  await exposer.expose(service, (value: unknown) => value);
  const text = "x".repeat(plan.size);
  for (let call = 0; call < WARM_UP_CALLS && !plan.signal.aborted; call++) {
    await caller.rpc(service, text);
  }
  const times: number[] = [];
  const startMs = performance.now();
  while (times.length < plan.calls && !plan.signal.aborted) {
    const sentMs = performance.now();
    await caller.rpc(service, text);
    times.push((performance.now() - sentMs) * US_PER_MS);
  }
  const totalMs = performance.now() - startMs;
  times.sort((left, right) => left - right);
  return {
    calls: times.length,
    callsPerSecond: perSecond(times.length, totalMs),
    p50: percentile(times, 0.5),
    p90: percentile(times, 0.9),
    p99: percentile(times, 0.99),
    max: percentile(times, 1),
  };
}

/** The value that the given share of the sorted values does not exceed, rounded; 0 for no values. */
export function percentile(sorted: readonly number[], share: number): number {
  const index = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  return Math.round(sorted[index] ?? 0);
}

/** How many of `total` fall to one of several parts, so that all together make the total. */
export function shareOf(
  total: number,
  { parts, index }: { readonly parts: number; readonly index: number },
): number {
  return Math.floor(total / parts) + (index < total % parts ? 1 : 0);
}

function perSecond(count: number, ms: number): number {
  return ms <= 0 ? 0 : Math.round(count * MS_PER_SECOND / ms);
}

/** Lets sockets be written and read. A timer would take a millisecond or more, and be what is measured. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => resolve()));
}
