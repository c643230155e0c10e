import { benchPublish } from "../../src/cli/bench.ts";
import { connect } from "../../src/node/component.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import { publishFor } from "./acknowledged.ts";
import { type BrokerProcess, startBroker } from "./broker_process.ts";
import type { StorageRun } from "./storage_bench.ts";
import { memoryRows, temporaryDirectory } from "./storage_report.ts";

const SIZE_BYTES = 64;
const WARM_UP_MESSAGES = 20_000;
/** As many publishers, and publications of each under way, as load a broker fully. */
const PUBLISHERS = 4;
const IN_FLIGHT = 64;
/** A QoS 1 delivery is so much dearer that fewer of them tell as much. */
const QOS1_SHARE = 5;

/** The same load on a broker that keeps nothing and on one with a log. */
interface Comparison {
  readonly title: string;
  readonly measure: (broker: BrokerProcess) => Promise<Measured>;
}

interface Measured {
  readonly perSecond: number;
  /** Microseconds, where single messages were timed. */
  readonly p50?: number;
  readonly p99?: number;
  readonly lost: number;
}

/** QoS 0 and 1 with a log against `--memory`, in turn. */
export async function compareWithMemory(run: StorageRun): Promise<readonly string[]> {
  const { amounts: { rounds }, profile, print } = run;
  await using directory = await temporaryDirectory();
  await using memory = await startBroker({ profile });
  await using log = await startBroker({ dir: directory.path, profile });
  for (const broker of [memory, log]) await delivered(broker, WARM_UP_MESSAGES, 0);
  const problems: string[] = [];
  for (const { title, measure } of comparisons(run)) {
    const pairs: (readonly [memory: Measured, log: Measured])[] = [];
    for (let round = 0; round < rounds; round++) {
      const pair = [await measure(memory), await measure(log)] as const;
      pairs.push(pair);
      for (const { lost } of pair) {
        if (lost > 0) problems.push(`${title}: ${lost} deliveries were lost`);
      }
    }
    const middle = (of: (pair: readonly [Measured, Measured]) => number): number =>
      median(pairs.map(of));
    const latency = (at: 0 | 1): string =>
      pairs[0]?.[at].p50 === undefined
        ? ""
        : `, p50 ${middle((pair) => pair[at].p50 ?? 0)} us, p99 ${
          middle((pair) => pair[at].p99 ?? 0)
        } us`;
    print(title, [
      ["--memory", `${middle(([one]) => one.perSecond)} /s${latency(0)}`],
      ["with a log", `${middle(([, one]) => one.perSecond)} /s${latency(1)}`],
      [
        "log : memory",
        middle(([one, other]) => other.perSecond / one.perSecond).toFixed(2) +
        (pairs[0]?.[0].p50 === undefined
          ? ""
          : `, p50 ${middle(([one, other]) => (other.p50 ?? 0) / (one.p50 ?? 1)).toFixed(2)}`),
      ],
    ]);
  }
  print("memory of the brokers after all of these", [
    ...await memoryRows(memory, "--memory"),
    ...await memoryRows(log, "with a log"),
  ]);
  if (profile !== undefined) { for (const broker of [memory, log]) await broker.stop(); }
  return problems;
}

function comparisons({ amounts }: StorageRun): readonly Comparison[] {
  const { acknowledgeMs, deliveries } = amounts;
  return [
    {
      title: `QoS 0, 1:1, ${SIZE_BYTES} bytes, delivered`,
      measure: (broker) => delivered(broker, deliveries, 0),
    },
    {
      title: `QoS 1, 1:1, ${SIZE_BYTES} bytes, delivered`,
      measure: (broker) => delivered(broker, Math.ceil(deliveries / QOS1_SHARE), 1),
    },
    {
      title:
        `QoS 1, ${PUBLISHERS} publishers with ${IN_FLIGHT} under way, ${SIZE_BYTES} bytes, acknowledged`,
      measure: (broker) =>
        acknowledged(broker, { publishers: PUBLISHERS, inFlight: IN_FLIGHT, ms: acknowledgeMs }),
    },
    {
      title: `QoS 1, one at a time, ${SIZE_BYTES} bytes, acknowledged`,
      measure: (broker) => acknowledged(broker, { publishers: 1, inFlight: 1, ms: acknowledgeMs }),
    },
  ];
}

async function delivered(broker: BrokerProcess, messages: number, qos: QoS): Promise<Measured> {
  const { deliveredPerSecond, lost } = await benchPublish({
    messages,
    size: SIZE_BYTES,
    publishers: 1,
    subscribers: 1,
    qos,
    calls: 0,
    connect: () => connect(broker.url),
    signal: new AbortController().signal,
  });
  return { perSecond: deliveredPerSecond, lost };
}

async function acknowledged(
  broker: BrokerProcess,
  load: { readonly publishers: number; readonly inFlight: number; readonly ms: number },
): Promise<Measured> {
  const text = "x".repeat(SIZE_BYTES);
  const { perSecond, p50, p99 } = await publishFor({
    ...load,
    connect: () => connect(broker.url),
    qos: 1,
    message: () => ["bench/acknowledged", text],
  });
  return { perSecond, p50, p99, lost: 0 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
