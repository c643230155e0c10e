import type { Command } from "./command.ts";
import { EXIT_DOC } from "./exit.ts";
import { COMMON_OPTIONS, type OptionSpec, settingOptions } from "./options.ts";
import type { Style } from "./style.ts";

const INDENT = "  ";

/** Options of a command, those from the table of settings included. */
export function optionsOf(command: Command): readonly OptionSpec[] {
  return [...command.options, ...settingOptions(command.settings), ...COMMON_OPTIONS];
}

/** Two columns, the first as wide as its widest cell. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${INDENT}${left.padEnd(width)}${INDENT}${right}`.trimEnd());
}

/** What `rembus help` says. */
export function helpText(commands: readonly Command[], style: Style): string {
  return [
    "rembus: Pub/Sub and RPC over WebSocket",
    "",
    style.bold("Usage: rembus <command> [options]"),
    "",
    style.bold("Commands:"),
    ...columns(commands.map((command) => [command.name, command.summary])),
    "",
    style.bold("Exit codes:"),
    ...columns(EXIT_DOC.map(([code, doc]) => [String(code), doc])),
    "",
    "Settings come from the command line, then <dir>/<name>/settings.json, then the environment,",
    'then the defaults: "rembus config explain" shows each with its source.',
    'More on one command: "rembus help <command>".',
  ].join("\n");
}

/** What `rembus <command> --help` says. */
export function commandHelp(command: Command, style: Style): string {
  const operands = command.operands === "" ? "" : ` ${command.operands}`;
  return [
    `rembus ${command.name}: ${command.summary}`,
    "",
    style.bold(`Usage: rembus ${command.name}${operands} [options]`),
    ...command.details.flatMap((paragraph) => ["", paragraph]),
    "",
    style.bold("Options:"),
    ...columns(optionsOf(command).map((option) => [optionHead(option), option.doc])),
    ...(command.examples.length === 0 ? [] : ["", style.bold("Examples:")]),
    ...command.examples.map((example) => `${INDENT}${example}`),
  ].join("\n");
}

function optionHead({ name, letter, value, many, negatable }: OptionSpec): string {
  const short = letter === undefined ? "    " : `-${letter}, `;
  const long = negatable ? `--[no-]${name}` : `--${name}`;
  return `${short}${long}${value === undefined ? "" : ` ${value}`}${many ? " ..." : ""}`;
}
