import { parseArgs } from "@std/cli/parse-args";
import {
  type Setting,
  settingFromText,
  type SettingName,
  SETTINGS,
  type Settings,
} from "../node/settings.ts";
import { checkName } from "../protocol/name.ts";
import { checkTopic, isReserved } from "../protocol/topic.ts";
import { UsageError } from "./exit.ts";
import { hint } from "./closest.ts";

/** One option of a command. */
export interface OptionSpec {
  /** Long name without dashes. */
  readonly name: string;
  /** One-letter form. */
  readonly letter?: string;
  /** What stands for its value in the help; absent for a switch. */
  readonly value?: string;
  /** Whether it may be given several times. */
  readonly many?: boolean;
  /** Whether `--no-<name>` turns it off. */
  readonly negatable?: boolean;
  /** What it does, in one line. */
  readonly doc: string;
}

/** A command line, taken apart. */
export interface ParsedOptions {
  /** What is not an option. */
  readonly operands: readonly string[];
  /** Value of an option; `undefined` when it was not given. The last one wins. */
  text(name: string): string | undefined;
  /** Values of an option that may be given several times. */
  texts(name: string): readonly string[];
  /** A switch; `undefined` when it was not given. */
  flag(name: string): boolean | undefined;
}

/** Options of every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: "help", letter: "h", doc: "show this help" },
  { name: "debug", letter: "d", doc: "log everything, and show where errors come from" },
  { name: "info", letter: "i", doc: "log what an operator wants to see" },
];

/**
 * A number below zero and a dash alone, which stands for standard input, are values, not options; std's parser would
 * take them for letters.
 */
const DASHED_VALUE = /^-(?:\.?\d|$)/;
/** Hides the dash of such a value from the parser. It cannot be typed on a command line. */
const GUARD = "\0";
/** Stands for a switch that was not given, which std's parser reports as `false`. */
const UNSET = "unset";

/** Takes a command line apart. Throws `UsageError` for what the command does not know. */
export function parseOptions(args: readonly string[], specs: readonly OptionSpec[]): ParsedOptions {
  const withValue = specs.filter((spec) => spec.value !== undefined);
  const switches = specs.filter((spec) => spec.value === undefined).map((spec) => spec.name);
  const aliases = specs.flatMap(({ name, letter }) => letter === undefined ? [] : [[letter, name]]);
  const known = specs.map((spec) => spec.name);
  const parsed: Record<string, unknown> & { _: (string | number)[] } = parseArgs(
    args.map((arg) => DASHED_VALUE.test(arg) ? GUARD + arg : arg),
    {
      string: ["_", ...withValue.map((spec) => spec.name)],
      boolean: switches,
      negatable: specs.filter((spec) => spec.negatable).map((spec) => spec.name),
      collect: withValue.map((spec) => spec.name),
      alias: Object.fromEntries(aliases),
      default: Object.fromEntries(switches.map((name) => [name, UNSET])),
      unknown: (arg: string, key?: string): boolean => {
        if (key === undefined) return true;
        throw new UsageError(`Cannot use option "${arg}": it is not known${hint(key, known)}`);
      },
    },
  );
  const unguarded = (text: string): string => text.startsWith(GUARD) ? text.slice(1) : text;
  const values = new Map<string, readonly string[]>();
  for (const { name, value, many } of withValue) {
    const given = (parsed[name] as string[]).map(unguarded);
    if (given.includes("")) {
      throw new UsageError(`Cannot use option "--${name}": expected ${value}, got nothing`);
    }
    if (given.length > 1 && !many) {
      throw new UsageError(
        `Cannot use option "--${name}": expected it once, got it ${given.length} times`,
      );
    }
    values.set(name, given);
  }
  return {
    operands: parsed._.map((operand) => unguarded(String(operand))),
    text: (name) => values.get(name)?.at(-1),
    texts: (name) => values.get(name) ?? [],
    flag: (name) => parsed[name] === UNSET ? undefined : parsed[name] as boolean,
  };
}

/** What stands for the value of a setting in the help, where its key or unit would say less. */
const PLACEHOLDERS: Partial<Record<SettingName, string>> = {
  port: "PORT",
  host: "ADDRESS",
  baseUrl: "URL",
  sendRetries: "N",
  admins: "NAME",
  keystore: "DIR",
  origins: "ORIGIN",
  sharedServices: "TOPIC",
  rateMessages: "N",
  rateBytes: "BYTES",
  connectionMode: "MODE",
  caBundle: "FILE",
  encoding: "ENCODING",
  log: "LEVEL",
};

/** The options that set settings, from the table of settings. */
export function settingOptions(names: readonly SettingName[]): readonly OptionSpec[] {
  return names.map((name): OptionSpec => {
    const setting: Setting<never> = SETTINGS[name] as unknown as Setting<never>;
    const { flag, letter, doc, unit } = setting;
    const fallback: unknown = setting.fallback;
    const shown = fallback === null || Array.isArray(fallback) ? "" : ` [${String(fallback)}]`;
    return {
      name: flag ?? name,
      ...(letter === null ? {} : { letter }),
      ...(typeof fallback === "boolean"
        ? { negatable: true }
        : { value: PLACEHOLDERS[name] ?? (unit ?? setting.key).toUpperCase() }),
      ...(Array.isArray(fallback) ? { many: true } : {}),
      doc: `${doc}${shown}`,
    };
  });
}

/** The settings that the command line says. Throws `UsageError` for values they cannot have. */
export function settingArguments(
  options: ParsedOptions,
  names: readonly SettingName[],
): Partial<Settings> {
  const result: Partial<Record<SettingName, unknown>> = {};
  for (const name of names) {
    const setting = SETTINGS[name] as unknown as Setting<unknown>;
    const flag = setting.flag ?? name;
    const value = typeof setting.fallback === "boolean"
      ? options.flag(flag)
      : fromTexts(setting, options.texts(flag));
    if (value !== undefined) result[name] = value;
  }
  if (options.flag("debug")) result.log = "debug";
  else if (options.flag("info")) result.log = "info";
  return result as Partial<Settings>;
}

function fromTexts(setting: Setting<unknown>, texts: readonly string[]): unknown {
  if (texts.length === 0) return undefined;
  try {
    return settingFromText(setting, texts.join(","), `--${setting.flag}`);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** A number from an option. Throws `UsageError` unless it is one from `least` to `most`. */
export function numberOption(
  options: ParsedOptions,
  name: string,
  limits: { readonly least: number; readonly most: number; readonly whole: boolean },
): number | undefined {
  const text = options.text(name);
  if (text === undefined) return undefined;
  const { least, most, whole } = limits;
  const value = Number(text);
  if (
    text.trim() !== "" && value >= least && value <= most && (!whole || Number.isInteger(value))
  ) {
    return value;
  }
  throw new UsageError(
    `Cannot use option "--${name}": expected a ${whole ? "whole " : ""}number from ${least} to ` +
      `${most}, got "${text}"`,
  );
}

/** The first operand as a topic, a pattern or a service. Throws `UsageError` for one that cannot be. */
export function topicOperand({ operands: [topic = ""] }: ParsedOptions): string {
  return checkedTopic(topic);
}

/** The first operand as the name of a component. Throws `UsageError` for one that cannot be. */
export function nameOperand([name = ""]: readonly string[]): string {
  const problem = checkName(name);
  if (problem !== null) throw new UsageError(`Cannot use name "${name}": ${problem}`);
  return name;
}

/** A topic, a pattern or a service. Throws `UsageError` for one that cannot be. */
export function checkedTopic(topic: string): string {
  const problem = checkTopic(topic);
  if (problem !== null) throw new UsageError(problem);
  if (isReserved(topic)) {
    throw new UsageError(`Cannot use topic "${topic}": topics that start with __ are reserved`);
  }
  return topic;
}
