import { configure, getLogfmtFormatter, getLogger, type LogRecord, reset } from "@logtape/logtape";
import type { LogLevel } from "../node/settings.ts";
import type { Logger } from "../util/log.ts";
import type { CliIo } from "./io.ts";

/** Category of everything that the tool and the nodes in it report. */
const CATEGORY = "rembus";

/** The logger of the tool. Silent until {@link startLogging}. */
export function rembusLogger(): Logger {
  return getLogger([CATEGORY]);
}

/** Sends what is at least as bad as `level` to standard error, one logfmt line each. */
export async function startLogging(io: CliIo, level: LogLevel): Promise<void> {
  const format = getLogfmtFormatter();
  const fields = level === "debug" ? (record: LogRecord): LogRecord => record : withShortErrors;
  await configure({
    reset: true,
    sinks: { stderr: (record: LogRecord): void => io.error(format(fields(record)).trimEnd()) },
    loggers: [
      { category: CATEGORY, sinks: ["stderr"], lowestLevel: level === "warn" ? "warning" : level },
      { category: ["logtape", "meta"], sinks: ["stderr"], lowestLevel: "error" },
    ],
  });
}

/** Takes the logging back, so that a second run in this process starts anew. */
export async function stopLogging(): Promise<void> {
  await reset();
}

/** Errors as their text: what they hold besides, stacks included, is for whoever debugs. */
function withShortErrors(record: LogRecord): LogRecord {
  const entries = Object.entries(record.properties).map(([name, value]) =>
    [name, value instanceof Error ? value.message : value] as const
  );
  return { ...record, properties: Object.fromEntries(entries) };
}
