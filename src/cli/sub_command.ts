import { type From, LAST_RECEIVED, type Message, NOW } from "../peer/api.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { brokerAddress, CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { parseDurationMs } from "./duration.ts";
import { EXIT, UsageError } from "./exit.ts";
import { numberOption, type ParsedOptions, topicOperand } from "./options.ts";
import { jsonLine, readable } from "./values.ts";

const NS_PER_MS = 1_000_000;
const MS_PER_SECOND = 1_000;
const OFFSET = /^offset:(\d+)$/;
/** Dates, and times with or without a zone; a time without one is that of this machine. */
const TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;
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
      value: "PLACE",
      doc: "also stored messages: 90s, 5m, 1h, 2d, last, first, values, offset:N or a time [none]",
    },
    JSON_OPTION,
  ],
  settings: [...CONNECTION_SETTINGS, "startAnyway"],
  details: [
    "In a pattern, * stands for one level and ** for any number of levels. Prints the topic and\n" +
    "the arguments; with --json an object of topic, args, slot, qos, from and offset. Reconnects\n" +
    "when the broker was away. Needs --allow-net.",
    "With --from it begins in the past and goes on with what comes: with the messages of the last\n" +
    "90s, 5m, 1h or 2d; with those that a component of this --name has not received (last); with\n" +
    "all (first); with the last one of each topic (values); with the one at an offset of the log\n" +
    "(offset:N); with those received since a time (2026-03-01, 2026-03-01T08:30:00Z).",
  ],
  examples: [
    "rembus sub '*/telemetry'",
    "rembus sub '**' --json --count 10 | jq .topic",
    "rembus sub '**' --from 1h",
  ],
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

function fromOption(options: ParsedOptions): From {
  const text = options.text("from");
  if (text === undefined) return NOW;
  const from = placeOf(text);
  if (from !== null) return from;
  throw new UsageError(
    'Cannot use option "--from": expected last, first, values, offset:N, a time such as ' +
      `2026-03-01T08:30:00Z, or an age such as 90s or 1h, got "${text}"`,
  );
}

/** The place that a text names; `null` when it names none. */
export function placeOf(text: string): From | null {
  switch (text) {
    // The name of this option since before a place had others: what was not received.
    case "last":
      return LAST_RECEIVED;
    case "values":
      return "last";
    case "first":
      return "first";
    default:
  }
  const [, digits] = OFFSET.exec(text) ?? [];
  if (digits !== undefined) {
    const offset = Number(digits);
    return Number.isSafeInteger(offset) ? { offset } : null;
  }
  const ms = parseDurationMs(text.replace(/^-/, ""));
  if (ms !== null) return ms * NS_PER_MS;
  const time = TIME.test(text) ? Date.parse(text) : NaN;
  return time >= 0 ? new Date(time) : null;
}

function textOf({ topic, args }: Message): string {
  return [topic, ...args.map(readable)].join(" ");
}

function jsonOf({ topic, args, slot, qos, from, offset }: Message): string {
  return jsonLine({ topic, args, slot, qos, from, offset });
}
