import { percentile } from "../../src/cli/bench.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import type { Component } from "../../src/peer/api.ts";

const US_PER_MS = 1_000;
const MS_PER_SECOND = 1_000;

/** Who publishes, and how. */
export interface LoadPlan {
  /** Opens one more connection to the broker. */
  readonly connect: () => Promise<Component>;
  readonly publishers: number;
  /** Publications of one publisher that wait for their acknowledgement at any time. */
  readonly inFlight: number;
  readonly qos: QoS;
  /** How long, in milliseconds. */
  readonly ms: number;
  /** Topic and argument of the n-th publication, counted over all publishers. */
  readonly message: (n: number) => readonly [topic: string, data: unknown];
}

/** What was acknowledged, and how fast. */
export interface LoadResult {
  readonly acknowledged: number;
  readonly perSecond: number;
  /** Time from publishing to the acknowledgement, in microseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** Publishes for a while, with the same number of publications under way all the time. */
export async function publishFor(plan: LoadPlan): Promise<LoadResult> {
  await using nodes = new AsyncDisposableStack();
  const publishers: Component[] = [];
  for (let i = 0; i < plan.publishers; i++) publishers.push(nodes.use(await plan.connect()));
  const times: number[] = [];
  const fromMs = performance.now();
  const untilMs = fromMs + plan.ms;
  let n = 0;
  async function one(node: Component): Promise<void> {
    const caller = node.with({ qos: plan.qos });
    while (performance.now() < untilMs) {
      const [topic, data] = plan.message(n++);
      const sentMs = performance.now();
      await caller.publish(topic, data);
      times.push((performance.now() - sentMs) * US_PER_MS);
    }
  }
  await Promise.all(
    publishers.flatMap((node) => Array.from({ length: plan.inFlight }, () => one(node))),
  );
  const seconds = (performance.now() - fromMs) / MS_PER_SECOND;
  times.sort((left, right) => left - right);
  return {
    acknowledged: times.length,
    perSecond: Math.round(times.length / seconds),
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  };
}
