import { benchCalls, type BenchPlan, benchPublish } from "./bench.ts";
import { type Command, type CommandContext, JSON_OPTION } from "./command.ts";
import {
  type BrokerAddress,
  brokerAddress,
  CONNECTION_SETTINGS,
  URL_OPTION,
} from "./connection.ts";
import { EXIT } from "./exit.ts";
import { columns } from "./help.ts";
import { numberOption } from "./options.ts";
import { QOS_OPTION, qosOption } from "./pub_command.ts";
import { jsonLine } from "./values.ts";

const MESSAGES_DEFAULT = 100_000;
const SIZE_DEFAULT = 64;
const CALLS_DEFAULT = 1_000;
/** Bounds of what can be asked for; beyond them, the tool would measure itself. */
const COUNT_MAX = 100_000_000;
const SIZE_MAX = 16 * 1024 * 1024;
const NODES_MAX = 1_000;

/** `rembus bench` */
export const benchCommand: Command = {
  name: "bench",
  summary: "measure publish rate and call latency of a broker",
  operands: "",
  operandCount: [0, 0],
  options: [
    URL_OPTION,
    {
      name: "messages",
      value: "N",
      doc: `publications by all publishers together [${MESSAGES_DEFAULT}]`,
    },
    { name: "size", value: "BYTES", doc: `length of the text in each message [${SIZE_DEFAULT}]` },
    { name: "publishers", value: "N", doc: "publishing components [1]" },
    { name: "subscribers", value: "N", doc: "subscribed components [1]" },
    {
      name: "calls",
      value: "N",
      doc: `calls, one after the other; 0 measures none [${CALLS_DEFAULT}]`,
    },
    QOS_OPTION,
    JSON_OPTION,
  ],
  settings: CONNECTION_SETTINGS,
  details: [
    "Works against any Rembus broker. Publishers, subscribers, caller and exposer are anonymous\n" +
    "components of this one process: the numbers are those of broker and tool together. Exit code\n" +
    "is 0 also when messages were lost; the loss is printed. Needs --allow-net.",
  ],
  examples: ["rembus bench", "rembus bench --messages 20000 --qos 1 --subscribers 4 --json"],
  untilInterrupted: false,
  async run(context) {
    const broker = await brokerAddress(context);
    const plan = planOf(context, broker);
    const published = await benchPublish(plan);
    const called = plan.calls === 0 ? null : await benchCalls(plan);
    const { io, json, style } = context;
    if (json) {
      const { messages, size, publishers, subscribers, qos } = plan;
      await io.line(
        jsonLine({ test: "publish", messages, size, publishers, subscribers, qos, ...published }),
      );
      if (called !== null) await io.line(jsonLine({ test: "call", size, unit: "us", ...called }));
      return EXIT.OK;
    }
    await io.line([
      style.bold(
        `publish: ${plan.publishers} to ${plan.subscribers}, ${plan.size} bytes, QoS ${plan.qos}`,
      ),
      ...columns([
        ["published", `${published.published} (${published.publishedPerSecond} /s)`],
        ["delivered", `${published.delivered} (${published.deliveredPerSecond} /s)`],
        ["lost", String(published.lost)],
      ]),
    ].join("\n"));
    if (called === null) return EXIT.OK;
    await io.line([
      style.bold(`call: ${called.calls} one after the other, ${plan.size} bytes`),
      ...columns([
        ["rate", `${called.callsPerSecond} /s`],
        [
          "latency",
          `p50 ${called.p50} us, p90 ${called.p90}, p99 ${called.p99}, max ${called.max}`,
        ],
      ]),
    ].join("\n"));
    return EXIT.OK;
  },
};

function planOf({ options, signal }: CommandContext, broker: BrokerAddress): BenchPlan {
  const whole = (
    name: string,
    { least, most }: { readonly least: number; readonly most: number },
  ): number | undefined => numberOption(options, name, { least, most, whole: true });
  return {
    messages: whole("messages", { least: 1, most: COUNT_MAX }) ?? MESSAGES_DEFAULT,
    size: whole("size", { least: 0, most: SIZE_MAX }) ?? SIZE_DEFAULT,
    publishers: whole("publishers", { least: 1, most: NODES_MAX }) ?? 1,
    subscribers: whole("subscribers", { least: 1, most: NODES_MAX }) ?? 1,
    calls: whole("calls", { least: 0, most: COUNT_MAX }) ?? CALLS_DEFAULT,
    qos: qosOption(options),
    connect: () => broker.connect(),
    signal,
  };
}
