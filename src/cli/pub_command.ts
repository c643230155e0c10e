import { DataFrame } from "../frame/data_frame.ts";
import { QoS } from "../protocol/packet.ts";
import { errorText } from "../util/error_text.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { brokerAddress, CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { CommandError, EXIT } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { numberOption, type OptionSpec, type ParsedOptions, topicOperand } from "./options.ts";
import { argumentsFrom, jsonLine } from "./values.ts";

const SLOT_MAX = 0xffff_ffff;

/** The option that takes the words of arguments as they are. */
export const TEXT_OPTION: OptionSpec = {
  name: "text",
  doc: "take every argument as text, also where it is JSON",
};
/** The option for the quality of service. */
export const QOS_OPTION: OptionSpec = {
  name: "qos",
  value: "0|1|2",
  doc: "quality of service: at most once, at least once, once [0]",
};

/** Reads {@link QOS_OPTION}. */
export function qosOption(options: ParsedOptions): QoS {
  return (numberOption(options, "qos", { least: 0, most: 2, whole: true }) ?? QoS.ZERO) as QoS;
}

/** `rembus pub` */
export const pubCommand: Command = {
  name: "pub",
  summary: "publish one message",
  operands: "<topic> [args...]",
  operandCount: [1, Infinity],
  options: [
    ...CONNECTION_OPTIONS,
    QOS_OPTION,
    { name: "slot", value: "NUMBER", doc: "unsigned 32-bit number that goes with the message" },
    TEXT_OPTION,
    {
      name: "arrow",
      value: "FILE",
      doc: "publish the data frame in an Arrow IPC file, as last argument",
    },
    { ...JSON_OPTION, doc: "print what was published, as one JSON value" },
  ],
  settings: CONNECTION_SETTINGS,
  details: [
    "Each argument that is JSON is published as that value, any other one as text. With --qos 1\n" +
    "and 2 it ends once the broker acknowledged the message. Needs --allow-net; --allow-read for\n" +
    "--arrow, which takes streams and files of Arrow, also what rembus query --arrow wrote.",
  ],
  examples: [
    'rembus pub alarm "battery low" CRITICAL',
    "rembus pub dn1/telemetry '{\"temperature\": 21.6}' --qos 1",
    "rembus pub telemetry --arrow telemetry.arrow --qos 1",
  ],
  untilInterrupted: false,
  async run(context) {
    const { io, json, options, signal } = context;
    const qos = qosOption(options);
    const slot = numberOption(options, "slot", { least: 0, most: SLOT_MAX, whole: true });
    const topic = topicOperand(options);
    const words = options.operands.slice(1);
    const args = argumentsFrom(words, { asText: options.flag("text") ?? false });
    const path = options.text("arrow");
    if (path !== undefined) args.push(await frameIn(path, io));
    const broker = await brokerAddress(context);
    await using node = await broker.connect();
    await node.with({ qos, signal, ...(slot === undefined ? {} : { slot }) }).publish(
      topic,
      ...args,
    );
    if (json) await io.line(jsonLine({ topic, args, slot: slot ?? null, qos, from: node.rid }));
    return EXIT.OK;
  },
};

async function frameIn(path: string, io: CliIo): Promise<DataFrame> {
  try {
    return DataFrame.fromArrow(await io.load(path));
  } catch (error) {
    throw new CommandError(`Cannot publish "${path}": ${errorText(error)}`, { cause: error });
  }
}
