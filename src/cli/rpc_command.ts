import { CallError, Status, statusText } from "../protocol/errors.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { brokerAddress, CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { CommandError, EXIT } from "./exit.ts";
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

/** What a status means to whoever called, and whether its data says more than the name of what was called. */
const MEANING: ReadonlyMap<number, { readonly text: string; readonly isDetailed: boolean }> =
  new Map([
    [Status.METHOD_EXCEPTION, { text: "it failed", isDetailed: true }],
    [Status.METHOD_ARGS_ERROR, { text: "its arguments are wrong", isDetailed: true }],
    [Status.METHOD_NOT_FOUND, { text: "nobody exposes it, or it is private", isDetailed: false }],
    [Status.METHOD_UNAVAILABLE, {
      text: "nobody who exposes it can answer now",
      isDetailed: false,
    }],
    [Status.TARGET_NOT_FOUND, { text: "no component of that name is known", isDetailed: false }],
    [Status.TARGET_DOWN, { text: "the component of that name is away", isDetailed: false }],
  ]);

/** The answer, or an error that says what its status means. */
async function explained(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    const { topic, status, data } = error;
    const { text, isDetailed } = MEANING.get(status) ??
      { text: statusText(status, data), isDetailed: false };
    const detail = isDetailed && typeof data === "string" && data !== "" ? `: ${data}` : "";
    throw new CommandError(`Cannot call "${topic}": ${text}${detail}`, { cause: error });
  }
}
