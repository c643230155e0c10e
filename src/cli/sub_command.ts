import { LAST_RECEIVED, type Message, NOW } from "../peer/api.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { brokerAddress, CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { parseDurationMs } from "./duration.ts";
import { EXIT, UsageError } from "./exit.ts";
import { numberOption, type ParsedOptions, topicOperand } from "./options.ts";
import { jsonLine, readable } from "./values.ts";

const NS_PER_MS = 1_000_000;
const MS_PER_SECOND = 1_000;
/** A day: whoever wants to listen longer leaves the option out. */
const TIMEOUT_SECONDS_MAX = 86_400;

/** `rembus sub` */
export const subCommand: Command = {
  name: "sub",
  summary: "print the messages of a topic or space until Ctrl-C",
  operands: "<pattern>",
  operandCount: [1, 1],
  options: [
    ...CONNECTION_OPTIONS,
    { name: "count", letter: "c", value: "N", doc: "end after so many messages" },
    {
      name: "timeout",
      value: "SECONDS",
      doc: "end after so long; exit code 1 when --count was not reached",
    },
    {
      name: "from",
      value: "AGE|last",
      doc: "also stored messages: of the last 90s, 5m, 1h, 2d, or those not received [none]",
    },
    JSON_OPTION,
  ],
  settings: [...CONNECTION_SETTINGS, "startAnyway"],
  details: [
    "In a pattern, * stands for one level and ** for any number of levels. Prints the topic and\n" +
    "the arguments; with --json an object of topic, args, slot, qos and from. Reconnects when the\n" +
    "broker was away. Needs --allow-net.",
  ],
  examples: ["rembus sub '*/telemetry'", "rembus sub '**' --json --count 10 | jq .topic"],
  untilInterrupted: true,
  async run(context) {
    const { io, json, options, logger, signal } = context;
    const pattern = topicOperand(options);
    const count = numberOption(options, "count", {
      least: 1,
      most: Number.MAX_SAFE_INTEGER,
      whole: true,
    }) ?? Infinity;
    const seconds = numberOption(options, "timeout", {
      least: 0,
      most: TIMEOUT_SECONDS_MAX,
      whole: false,
    });
    const from = fromOption(options);
    const broker = await brokerAddress(context);
    await using node = await broker.stay();
    await using stream = node.messages(pattern, { from });
    using end = endOf(stream, { signal, seconds });
    // Also asks a broker of another make for what it has stored. A failure shows in the loop.
    if (node.isOpen) {
      node.reactive().then(() => logger.info("subscribed", { pattern })).catch(() => undefined);
    }
    let received = 0;
    for await (const message of stream) {
      await io.line(json ? jsonOf(message) : textOf(message));
      if (++received >= count) break;
    }
    if (stream.dropped > 0) logger.warn("messages dropped", { pattern, count: stream.dropped });
    return end.timedOut && received < count && count !== Infinity ? EXIT.FAILED : EXIT.OK;
  },
};

interface End extends Disposable {
  readonly timedOut: boolean;
}

/** Ends the stream, and with it the loop over it, at Ctrl-C or when the time is over. */
function endOf(
  stream: AsyncDisposable,
  { signal, seconds }: { readonly signal: AbortSignal; readonly seconds: number | undefined },
): End {
  const timeout = new AbortController();
  const timer = seconds === undefined
    ? undefined
    : setTimeout(() => timeout.abort(), seconds * MS_PER_SECOND);
  const either = AbortSignal.any([signal, timeout.signal]);
  const listener = (): void => {
    // Its failure shows in the loop, which is the one that waits for the stream.
    Promise.resolve(stream[Symbol.asyncDispose]()).catch(() => undefined);
  };
  if (either.aborted) listener();
  either.addEventListener("abort", listener, { once: true });
  return {
    get timedOut(): boolean {
      return timeout.signal.aborted;
    },
    [Symbol.dispose](): void {
      clearTimeout(timer);
      either.removeEventListener("abort", listener);
    },
  };
}

function fromOption(options: ParsedOptions): number {
  const text = options.text("from");
  if (text === undefined) return NOW;
  if (text === "last") return LAST_RECEIVED;
  const ms = parseDurationMs(text);
  if (ms !== null) return ms * NS_PER_MS;
  throw new UsageError(
    `Cannot use option "--from": expected last or an age such as 90s or 1h, got "${text}"`,
  );
}

function textOf({ topic, args }: Message): string {
  return [topic, ...args.map(readable)].join(" ");
}

function jsonOf({ topic, args, slot, qos, from }: Message): string {
  return jsonLine({ topic, args, slot, qos, from });
}
