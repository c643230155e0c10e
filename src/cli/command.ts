import type { ResolvedSettings, SettingName } from "../node/settings.ts";
import type { Logger } from "../util/log.ts";
import type { ExitCode } from "./exit.ts";
import type { CliIo } from "./io.ts";
import type { OptionSpec, ParsedOptions } from "./options.ts";
import type { Style } from "./style.ts";

/** What a running command has at hand. */
export interface CommandContext {
  readonly io: CliIo;
  readonly style: Style;
  readonly options: ParsedOptions;
  readonly logger: Logger;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Whether output is one JSON value per line. */
  readonly json: boolean;
  /** Finds the settings, the command line first, and sets the log level that they say. */
  settings(
    node: { readonly daemon: boolean; readonly name?: string | null },
  ): Promise<ResolvedSettings>;
}

/** One command of the tool. */
export interface Command {
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Operands as the help shows them: `<topic> [args...]`. */
  readonly operands: string;
  /** How many operands it takes, at least and at most. */
  readonly operandCount: readonly [least: number, most: number];
  /** Its own options. */
  readonly options: readonly OptionSpec[];
  /** Settings that its command line may say. */
  readonly settings: readonly SettingName[];
  /** What else there is to know, a paragraph each. */
  readonly details: readonly string[];
  /** Command lines to copy. */
  readonly examples: readonly string[];
  /** Whether it runs until Ctrl-C, so that this is its proper end (exit code 0). */
  readonly untilInterrupted: boolean;
  /** Does it. */
  run(context: CommandContext): Promise<ExitCode>;
}

/** The option of commands that can print one JSON value per line. */
export const JSON_OPTION: OptionSpec = { name: "json", doc: "print one JSON value per line" };
