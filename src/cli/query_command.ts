import { checkTopic } from "../protocol/topic.ts";
import { errorText } from "../util/error_text.ts";
import { type Command, type CommandContext, JSON_OPTION } from "./command.ts";
import { brokerAddress, CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { csvLine } from "./csv.ts";
import { CommandError, EXIT, UsageError } from "./exit.ts";
import { type FrameRows, frameRows } from "./frame_rows.ts";
import type { CliIo } from "./io.ts";
import type { ParsedOptions } from "./options.ts";
import { queryTable } from "./query_answer.ts";
import { QUERY_OPTIONS, queryArgument } from "./query_request.ts";
import { tableText } from "./table_text.ts";
import { jsonLine } from "./values.ts";

/** How long an answer may take, in milliseconds: the broker's limit of 30 s, and time to wait for a turn. */
const WAIT_MS = 60_000;
/** Rows of one piece of output. */
const ROWS_PER_PIECE = 1_000;

/** `rembus query` */
export const queryCommand: Command = {
  name: "query",
  summary: "print rows of a table of the broker",
  operands: "<table>",
  operandCount: [1, 1],
  options: [
    ...CONNECTION_OPTIONS,
    ...QUERY_OPTIONS,
    { name: "csv", doc: "print CSV (RFC 4180)" },
    { name: "arrow", value: "FILE", doc: "write the rows to an Arrow IPC stream file" },
    { ...JSON_OPTION, doc: "print one JSON object per row" },
  ],
  settings: CONNECTION_SETTINGS,
  details: [
    "Sees every message that the broker acknowledged before. Prints a table; on a terminal, columns\n" +
    "are cut to its width. JSON and CSV lose nothing: integers have all their digits, decimals are\n" +
    "texts, times are ISO texts in UTC, bytes are base64.",
    "A --param that is JSON is passed as that value, any other one as text. A query may take 30 s\n" +
    "and 56 MiB, and is waited for 60 s unless --request-timeout says otherwise: page through more\n" +
    "with --order, --limit and --offset. --when needs DuckLake.\n" +
    "Needs --allow-net; --allow-write for --arrow.",
  ],
  examples: [
    "rembus query telemetry --order 'recv_ts desc' --limit 10",
    "rembus query telemetry --where 'dn = ? and temperature > ?' --param plant.a --param 21.5",
    "rembus query telemetry --cols 'dn, avg(temperature) as mean' --csv > mean.csv",
    "rembus query sensor --when 1h --json | jq .dn",
  ],
  untilInterrupted: false,
  async run(context) {
    const { io, options, logger, signal } = context;
    const table = tableOperand(options);
    const write = writerOf(context);
    const argument = queryArgument(options, { nowMs: Date.now() });
    const broker = await brokerAddress(context);
    await using node = await broker.connect();
    logger.debug("querying", { table });
    const patient = options.text("request-timeout") === undefined ? { timeoutMs: WAIT_MS } : {};
    const bytes = await queryTable(node.with({ signal, ...patient }), table, argument);
    const path = options.text("arrow");
    if (path === undefined) await write(rowsOf(table, bytes));
    else await saveFrame(io, path, bytes);
    return EXIT.OK;
  },
};

function tableOperand({ operands: [table = ""] }: ParsedOptions): string {
  const problem = table === "" ? 'Cannot query "": expected the name of a table' : null;
  const reason = problem ?? checkTopic(`query_${table}`);
  if (reason !== null) throw new UsageError(reason);
  return table;
}

type Write = (frame: FrameRows) => Promise<void>;

/** How rows are printed. Throws `UsageError` for more than one way. */
function writerOf({ io, json, options, style }: CommandContext): Write {
  const ways = ["json", "csv", "arrow"].filter((name) =>
    name === "arrow" ? options.text(name) !== undefined : options.flag(name)
  );
  if (ways.length > 1) {
    throw new UsageError(
      `Cannot use option "--${ways[0]}" with "--${ways[1]}": expected one of them`,
    );
  }
  if (json) {
    return (frame) => writeLines(frame, io, (row) => jsonLine(memberOf(frame.columns, row)));
  }
  if (options.flag("csv")) {
    return async (frame) => {
      await io.line(`${csvLine(frame.columns)}\r`);
      await writeLines(frame, io, (row) => `${csvLine(row)}\r`);
    };
  }
  return async ({ columns, rows }) => {
    const text = tableText({ columns, rows: rows(), width: io.width, head: style.bold });
    for (const piece of text) await io.line(piece);
  };
}

async function writeLines(
  frame: FrameRows,
  io: CliIo,
  lineOf: (row: readonly unknown[]) => string,
): Promise<void> {
  let lines: string[] = [];
  for (const row of frame.rows()) {
    lines.push(lineOf(row));
    if (lines.length < ROWS_PER_PIECE) continue;
    await io.line(lines.join("\n"));
    lines = [];
  }
  if (lines.length > 0) await io.line(lines.join("\n"));
}

function memberOf(columns: readonly string[], row: readonly unknown[]): Record<string, unknown> {
  return Object.fromEntries(columns.map((name, at) => [name, row[at]]));
}

function rowsOf(table: string, bytes: Uint8Array): FrameRows {
  try {
    return frameRows(bytes);
  } catch (error) {
    throw new CommandError(`Cannot read the answer for "${table}": ${errorText(error)}`, {
      cause: error,
    });
  }
}

async function saveFrame(io: CliIo, path: string, bytes: Uint8Array): Promise<void> {
  try {
    await io.save(path, bytes);
  } catch (error) {
    throw new CommandError(`Cannot write "${path}": ${errorText(error)}`, { cause: error });
  }
}
