import type { ResolvedSettings } from "../node/settings.ts";
import { resolveSettings, SETTINGS } from "../node/settings.ts";
import { hint } from "./closest.ts";
import type { Command, CommandContext } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { EXIT, type ExitCode, InterruptedError, OutputClosedError, UsageError } from "./exit.ts";
import { commandHelp, helpText, optionsOf } from "./help.ts";
import type { CliIo } from "./io.ts";
import { systemIo } from "./io.ts";
import { rembusLogger, startLogging, stopLogging } from "./logging.ts";
import { type ParsedOptions, parseOptions, settingArguments } from "./options.ts";
import { styleFor } from "./style.ts";
import { LAKE_COMMAND } from "../store/lake_command.ts";
import { errorText } from "../util/error_text.ts";

/**
 * Runs one command line and gives the exit code. Never throws: what goes wrong is told on standard
 * error in one line, with the stack under `--debug`.
 */
export async function main(
  args: readonly string[],
  io: CliIo = systemIo(rembusLogger()),
): Promise<ExitCode> {
  try {
    return await dispatch(args, io);
  } catch (error) {
    return report(error, { args, io });
  } finally {
    await stopLogging();
  }
}

async function dispatch(args: readonly string[], io: CliIo): Promise<ExitCode> {
  const [first, ...rest] = args;
  const style = styleFor(io);
  if (first === LAKE_COMMAND) {
    return await (await import("../store/lake_process.ts")).runLakeProcess();
  }
  if (first === undefined) throw new UsageError("Cannot run: expected a command, got none");
  if (first === "--version" || first === "-V") return await dispatch(["version"], io);
  if (first === "help" || first === "--help" || first === "-h") {
    const topic = rest.find((arg) => !arg.startsWith("-"));
    const text = topic === undefined
      ? helpText(COMMANDS, style)
      : commandHelp(commandOf(topic), style);
    await io.line(text);
    return EXIT.OK;
  }
  const command = commandOf(first);
  const options = parseOptions(rest, optionsOf(command));
  if (options.flag("help")) {
    await io.line(commandHelp(command, style));
    return EXIT.OK;
  }
  checkOperands(command, options);
  return await runCommand(command, options, io);
}

function commandOf(name: string): Command {
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = [...COMMANDS.map((candidate) => candidate.name), "help"];
  const what = name.startsWith("-") ? "option" : "command";
  throw new UsageError(`Cannot run ${what} "${name}": it is not known${hint(name, names)}`);
}

function checkOperands(command: Command, { operands }: ParsedOptions): void {
  const [least, most] = command.operandCount;
  if (operands.length >= least && operands.length <= most) return;
  const wanted = command.operands === "" ? "no operands" : command.operands;
  throw new UsageError(
    `Cannot run "${command.name}": expected ${wanted}, got ${operands.join(" ") || "nothing"}`,
  );
}

async function runCommand(
  command: Command,
  options: ParsedOptions,
  io: CliIo,
): Promise<ExitCode> {
  const given = settingArguments(options, command.settings);
  const logger = rembusLogger();
  await startLogging(io, given.log ?? SETTINGS.log.fallback);
  using interruption = io.interruption();
  const context: CommandContext = {
    io,
    options,
    logger,
    style: styleFor(io),
    signal: interruption.signal,
    json: options.flag("json") ?? false,
    async settings({ daemon, name }): Promise<ResolvedSettings> {
      const resolved = await resolveSettings({
        host: io.host,
        arguments: typeof name === "string" ? { ...given, name } : given,
        daemon,
        anonymous: name === null,
        logger,
      });
      await startLogging(io, resolved.values.log);
      return resolved;
    },
  };
  if (command.untilInterrupted) return await command.run(context);
  return await orInterrupted(command.run(context), interruption.signal);
}

/** The result, or {@link EXIT.INTERRUPTED} as soon as the signal is aborted. */
async function orInterrupted(
  running: Promise<ExitCode>,
  signal: AbortSignal,
): Promise<ExitCode> {
  const interrupted = Promise.withResolvers<ExitCode>();
  const listener = (): void => interrupted.resolve(EXIT.INTERRUPTED);
  signal.addEventListener("abort", listener, { once: true });
  try {
    return await Promise.race([running, interrupted.promise]);
  } catch (error) {
    // A call that the signal cut short rejects in the same moment.
    if (signal.aborted) return EXIT.INTERRUPTED;
    throw error;
  } finally {
    signal.removeEventListener("abort", listener);
  }
}

function report(
  error: unknown,
  { args, io }: { readonly args: readonly string[]; readonly io: CliIo },
): ExitCode {
  if (error instanceof OutputClosedError) {
    rembusLogger().info("output closed");
    return EXIT.OK;
  }
  if (error instanceof InterruptedError) return EXIT.INTERRUPTED;
  io.error(`rembus: ${oneLine(errorText(error))}`);
  if (error instanceof UsageError) {
    const command = COMMANDS.find((candidate) => candidate.name === args[0]);
    io.error(`Try "rembus ${command === undefined ? "help" : `help ${command.name}`}"`);
    return EXIT.USAGE;
  }
  const wantsStack = args.includes("-d") || args.includes("--debug");
  if (wantsStack && error instanceof Error && error.stack !== undefined) io.error(error.stack);
  return EXIT.FAILED;
}

/** A message of somebody else may have several lines: the rest is shown under `--debug`. */
function oneLine(message: string): string {
  const [first = ""] = message.split("\n", 1);
  return first;
}
