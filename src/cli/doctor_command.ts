import { type Command, JSON_OPTION } from "./command.ts";
import {
  examineDirectory,
  examineKeystore,
  examinePort,
  examineRuntime,
  examineSecrets,
  examineSettings,
  type Finding,
} from "./doctor.ts";
import { EXIT } from "./exit.ts";
import type { Style } from "./style.ts";
import { jsonLine } from "./values.ts";

/** `rembus doctor` */
export const doctorCommand: Command = {
  name: "doctor",
  summary: "check whether a broker can run here",
  operands: "",
  operandCount: [0, 0],
  options: [JSON_OPTION],
  settings: ["name", "port", "host", "secure", "keystore", "dir", "log"],
  details: [
    "Looks at Deno, its permissions, the settings, the port, the directory, the certificate of the\n" +
    "keystore, and who can read the keys of components. Exit code 1 when something must be mended.",
  ],
  examples: ["rembus doctor", "rembus doctor --ws 9000 --json"],
  untilInterrupted: false,
  async run({ io, json, style, settings }) {
    const examined = await examineSettings(() => settings({ daemon: true }));
    const findings: Finding[] = [...examineRuntime(), ...examined.findings];
    if (examined.settings !== null) {
      findings.push(
        examinePort(examined.settings),
        await examineDirectory(examined.settings),
        ...await examineKeystore(examined.settings, new Date()),
        ...await examineSecrets(examined.settings),
      );
    }
    for (const finding of findings) {
      await io.line(json ? jsonLine(finding) : findingText(finding, style));
    }
    return findings.some(({ state }) => state === "wrong") ? EXIT.FAILED : EXIT.OK;
  },
};

const STATE_WIDTH = 5;

function findingText({ check, state, detail }: Finding, style: Style): string {
  const word = state.padEnd(STATE_WIDTH);
  const shown = state === "ok" ? style.good(word) : state === "wrong" ? style.bad(word) : word;
  return `${shown}  ${check}: ${detail}`;
}
