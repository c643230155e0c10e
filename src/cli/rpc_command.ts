import { explained } from "./call_failure.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { brokerAddress, CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { EXIT } from "./exit.ts";
import { topicOperand } from "./options.ts";
import { TEXT_OPTION } from "./pub_command.ts";
import { argumentsFrom, jsonLine, readable } from "./values.ts";

/** `rembus rpc` */
export const rpcCommand: Command = {
  name: "rpc",
  summary: "call a service and print its answer",
  operands: "<service> [args...]",
  operandCount: [1, Infinity],
  options: [
    ...CONNECTION_OPTIONS,
    { name: "target", letter: "t", value: "NAME", doc: "component that must answer [any exposer]" },
    TEXT_OPTION,
    JSON_OPTION,
  ],
  settings: CONNECTION_SETTINGS,
  details: [
    "Each argument that is JSON is passed as that value, any other one as text. An answer that is\n" +
    "text is printed as it is, unless --json. Needs --allow-net.",
  ],
  examples: ["rembus rpc add 1 2", "rembus rpc version --target plant --request-timeout 2"],
  untilInterrupted: false,
  async run(context) {
    const { io, json, options, logger, signal } = context;
    const service = topicOperand(options);
    const args = argumentsFrom(options.operands.slice(1), {
      asText: options.flag("text") ?? false,
    });
    const target = options.text("target");
    const broker = await brokerAddress(context);
    await using node = await broker.connect();
    const caller = node.with({ signal });
    logger.debug("calling", { service, target });
    const answer = await explained(
      target === undefined ? caller.rpc(service, ...args) : caller.direct(target, service, ...args),
    );
    await io.line(json ? jsonLine(answer) : readable(answer));
    return EXIT.OK;
  },
};
