import { denoLogFiles } from "../log/deno_files.ts";
import { LogError } from "../log/errors.ts";
import type { LogPosition } from "../log/reading.ts";
import { LOG_START } from "../log/reading.ts";
import type { LogRecord } from "../log/record.ts";
import { SpaceTrie } from "../protocol/space_trie.ts";
import { checkTopic } from "../protocol/topic.ts";
import { type Command, type CommandContext, JSON_OPTION } from "./command.ts";
import { parseDurationMs } from "./duration.ts";
import { CommandError, EXIT, type ExitCode, UsageError } from "./exit.ts";
import { checkLog, isDamaged, type LogCheck } from "./log_check.ts";
import { recordJson, recordText } from "./log_line.ts";
import { LogView, LOOK_MS } from "./log_view.ts";
import { numberOption, type ParsedOptions } from "./options.ts";
import { jsonLine } from "./values.ts";
import { cutTo } from "./visible.ts";

const NS_PER_MS = 1_000_000n;
const MS_PER_SECOND = 1_000;
const OFFSET = /^\d+$/;
const SWITCHES: ReadonlySet<string> = new Set(["last", "follow"]);
/** Date, and perhaps time and zone; `Date.parse` takes much else. */
const ISO_TIME =
  /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?(?:Z|[+-]\d{2}:?\d{2})?$/;

/** `rembus log` */
export const logCommand: Command = {
  name: "log",
  summary: "print the message log of a broker, from its files",
  operands: "",
  operandCount: [0, 0],
  options: [
    {
      name: "from",
      value: "WHERE",
      doc: "first, an offset, an age such as 90s or 1h, or a time [first; with --follow, now]",
    },
    { name: "topic", letter: "t", value: "PATTERN", doc: "only topics that match [all]" },
    { name: "count", letter: "c", value: "N", doc: "end after so many messages" },
    { name: "follow", letter: "f", doc: "go on with what is logged later, until Ctrl-C" },
    { name: "last", doc: "only the last message of each topic" },
    { name: "check", doc: "print nothing of it, but verify every checksum; exit code 1 on damage" },
    JSON_OPTION,
  ],
  settings: ["name", "dir", "log"],
  details: [
    "Reads <dir>/<name>/log and takes no lock, so that it may be used while the broker runs, or when\n" +
    "it cannot. Prints offset, receive time, publisher, topic, quality of service, slot and payload;\n" +
    "on a terminal, lines are cut to its width. Times without a zone are local.\n" +
    "What was written last may not be durable yet, and never have been acknowledged.",
    `--follow looks at the files ${
      MS_PER_SECOND / LOOK_MS
    } times a second. --check tells records, ` +
    "damage, missing offsets, and\nthe torn end that a crash leaves, which is no damage: nobody was told " +
    "that it is stored.\nNeeds --allow-read; --allow-env for REMBUS_DIR and HOME.",
  ],
  examples: [
    "rembus log --name plant --from 1h --topic '*/telemetry'",
    "rembus log --follow --json | jq .args",
    "rembus log --dir /var/lib/rembus --check",
  ],
  untilInterrupted: true,
  async run(context) {
    const request = requestOf(context.options);
    const directory = await directoryOf(context);
    try {
      return await (request.check ? check : print)(context, { ...request, directory });
    } catch (error) {
      if (context.signal.aborted) return EXIT.INTERRUPTED;
      throw explained(error, directory);
    }
  },
};

interface Request {
  readonly from: LogPosition | "end";
  readonly topics: ((topic: string) => boolean) | null;
  readonly count: number;
  readonly follow: boolean;
  readonly last: boolean;
  readonly check: boolean;
}
type DirectoryRequest = Request & { readonly directory: string };

function requestOf(options: ParsedOptions): Request {
  const request = {
    from: fromOption(options),
    topics: topicOption(options),
    count: numberOption(options, "count", {
      least: 1,
      most: Number.MAX_SAFE_INTEGER,
      whole: true,
    }) ?? Infinity,
    follow: options.flag("follow") ?? false,
    last: options.flag("last") ?? false,
    check: options.flag("check") ?? false,
  };
  for (const { name, others } of CLASHES) {
    const other = options.flag(name) ? others.find((one) => isGiven(options, one)) : undefined;
    if (other === undefined) continue;
    throw new UsageError(`Cannot use option "--${name}" with "--${other}": expected one of them`);
  }
  return request;
}

/** Switches, and the options that mean nothing beside them. */
const CLASHES = [
  { name: "check", others: ["last", "follow", "from", "topic", "count"] },
  { name: "last", others: ["follow", "from"] },
] as const;

function isGiven(options: ParsedOptions, name: string): boolean {
  return (SWITCHES.has(name) ? options.flag(name) : options.text(name)) !== undefined;
}

function fromOption(options: ParsedOptions): LogPosition | "end" {
  const text = options.text("from");
  if (text === undefined) return options.flag("follow") ? "end" : LOG_START;
  if (text === "first") return LOG_START;
  if (OFFSET.test(text) && Number.isSafeInteger(Number(text))) return { offset: Number(text) };
  const ageMs = parseDurationMs(text.replace(/^-/, ""));
  if (ageMs !== null) return { timeNs: toNs(Date.now() - ageMs) };
  const timeMs = ISO_TIME.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(timeMs)) return { timeNs: toNs(timeMs) };
  throw new UsageError(
    'Cannot use option "--from": expected first, an offset, an age such as 90s or 1h, or a time ' +
      `such as 2026-01-31T12:30Z, got "${text}"`,
  );
}

function toNs(ms: number): bigint {
  return BigInt(Math.max(0, Math.trunc(ms))) * NS_PER_MS;
}

function topicOption(options: ParsedOptions): ((topic: string) => boolean) | null {
  const pattern = options.text("topic");
  if (pattern === undefined) return null;
  const problem = checkTopic(pattern);
  if (problem !== null) throw new UsageError(problem);
  const trie = new SpaceTrie<true>();
  trie.add(pattern, true);
  return (topic) => trie.match(topic).length > 0;
}

async function directoryOf({ settings }: CommandContext): Promise<string> {
  const { values: { dir, name } } = await settings({ daemon: true });
  if (dir !== null) return `${dir}/${name}/log`;
  throw new CommandError(
    "Cannot find the log: expected the directory of the broker; say --dir or set REMBUS_DIR",
  );
}

async function print(context: CommandContext, request: DirectoryRequest): Promise<ExitCode> {
  const { io, json, signal, logger } = context;
  await using log = await LogView.open({ files: denoLogFiles(request.directory), logger });
  const lineOf = json ? recordJson : recordText;
  let left = request.count;
  for await (const record of records(log, request, signal)) {
    const line = lineOf(record);
    await io.line(json || io.width === null ? line : cutTo(line, io.width));
    if (--left <= 0) return EXIT.OK;
  }
  return signal.aborted && !request.follow ? EXIT.INTERRUPTED : EXIT.OK;
}

function records(log: LogView, request: Request, signal: AbortSignal): AsyncIterable<LogRecord> {
  const { from, topics, follow, last } = request;
  return last
    ? log.last(topics ?? (() => true), signal)
    : log.read({ from, topics, follow, signal });
}

async function check(context: CommandContext, request: DirectoryRequest): Promise<ExitCode> {
  const { io, json, signal, logger, style } = context;
  const found = await checkLog({ files: denoLogFiles(request.directory), logger, signal });
  const isBad = isDamaged(found);
  if (json) await io.line(jsonLine({ ...found, ok: !isBad }));
  else {
    const verdict = isBad ? style.bad("damaged") : style.good("ok");
    await io.line([`${verdict}  ${request.directory}`, ...checkLines(found)].join("\n"));
  }
  return isBad ? EXIT.FAILED : EXIT.OK;
}

function checkLines(found: LogCheck): string[] {
  const { files, bytes, records, first, last, damaged, gaps, lost } = found;
  const lines = [
    `${records} records with offsets ${first} to ${last}, ${bytes} bytes in ${files} files`,
  ];
  if (damaged + gaps > 0) {
    lines.push(`${damaged} damaged places, ${gaps} gaps: ${lost} records are lost`);
  }
  if (found.indexes > 0) {
    lines.push(`${found.indexes} indexes are damaged: nothing is lost, the broker makes them anew`);
  }
  if (found.setAside > 0) lines.push(`${found.setAside} files were set aside (*.damaged)`);
  if (found.tornBytes > 0) {
    lines.push(`${found.tornBytes} bytes at the end are torn: of a commit that nobody was told of`);
  }
  return lines.map((line) => `  ${line}`);
}

/** What happened, with the directory in it. */
function explained(error: unknown, directory: string): unknown {
  if (error instanceof LogError && error.fault === "foreign") {
    return new CommandError(
      `Cannot read the log in "${directory}": expected the log of a broker, got none; say which ` +
        "broker with --dir and --name (one that runs with --memory has no log)",
      { cause: error },
    );
  }
  if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied) {
    return new CommandError(`Cannot read the log in "${directory}": ${error.message}`, {
      cause: error,
    });
  }
  return error;
}
