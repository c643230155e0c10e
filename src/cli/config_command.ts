import { type SettingName, SETTINGS, type SettingSource } from "../node/settings.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { EXIT, UsageError } from "./exit.ts";
import { columns } from "./help.ts";
import { jsonLine, readable } from "./values.ts";

const NAMES = Object.keys(SETTINGS) as SettingName[];

/** `rembus config explain` */
export const configCommand: Command = {
  name: "config",
  summary: "show every setting, its value, and where the value comes from",
  operands: "explain",
  operandCount: [0, 1],
  options: [JSON_OPTION],
  // A secret that has no option of its own is not one for a command line.
  settings: NAMES.filter((name) => SETTINGS[name].flag !== null || !SETTINGS[name].secret),
  details: [
    "Takes every option that sets a setting, so that their effect can be seen. The first of these\n" +
    "that says something wins: command line, <dir>/<name>/settings.json, environment, default.\n" +
    "The settings are those of a broker; a component reads the file of its own name (--name).",
  ],
  examples: ["rembus config explain", "rembus config explain --name meter --json"],
  untilInterrupted: false,
  async run({ io, style, json, options, settings }) {
    const topic = options.operands[0] ?? "explain";
    if (topic !== "explain") {
      throw new UsageError(`Cannot run "config ${topic}": expected config explain`);
    }
    const resolved = await settings({ daemon: true });
    const rows = NAMES.map((name) => explain(name, resolved.values[name], resolved.sources[name]));
    if (json) {
      for (const row of rows) await io.line(jsonLine(row));
      return EXIT.OK;
    }
    const table = columns(rows.map(({ setting, value, unit, source }) => [
      `${setting} = ${value === null ? "(none)" : readable(value)}${
        unit === null ? "" : ` ${unit}`
      }`,
      source,
    ]));
    await io.line([style.bold(resolved.path ?? "no settings file"), ...table].join("\n"));
    return EXIT.OK;
  },
};

interface Explained {
  readonly setting: string;
  readonly value: unknown;
  readonly unit: string | null;
  readonly source: string;
  readonly option: string | null;
  readonly environment: string | null;
  /** Field of `settings.json`. */
  readonly field: string | null;
  readonly doc: string;
}

function explain(name: SettingName, value: unknown, source: SettingSource): Explained {
  const { key, unit, flag, env, file, doc, secret } = SETTINGS[name];
  return {
    setting: key,
    // It may hold a password.
    value: secret && !isUnset(value) ? "(set)" : value,
    unit,
    source: sourceText(source),
    option: flag === null ? null : `--${flag}`,
    environment: env,
    field: file ? key : null,
    doc,
  };
}

function isUnset(value: unknown): boolean {
  return value === null || (Array.isArray(value) && value.length === 0);
}

function sourceText(source: SettingSource): string {
  switch (source.kind) {
    case "argument":
      return "command line";
    case "file":
      return `file ${source.path}`;
    case "environment":
      return `environment ${source.variable}`;
    case "default":
      return "default";
    default:
      return source satisfies never;
  }
}
