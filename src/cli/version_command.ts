import { VERSION } from "../util/version.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { EXIT } from "./exit.ts";
import { jsonLine } from "./values.ts";

/** `rembus version` */
export const versionCommand: Command = {
  name: "version",
  summary: "print the versions of rembus and of Deno",
  operands: "",
  operandCount: [0, 0],
  options: [JSON_OPTION],
  settings: [],
  details: [],
  examples: [],
  untilInterrupted: false,
  async run({ io, json }) {
    const { os, arch } = Deno.build;
    const version = { rembus: VERSION, deno: Deno.version.deno, os, arch };
    await io.line(
      json
        ? jsonLine(version)
        : `rembus ${version.rembus} (deno ${version.deno}, ${version.os} ${version.arch})`,
    );
    return EXIT.OK;
  },
};
