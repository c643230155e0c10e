import { ASKED_ACTIONS, type AskedAction } from "../broker/explain.ts";
import { type Verdict, verdictFrom } from "./admin_answers.ts";
import { remoteDoor } from "./open_admin_door.ts";
import { hint } from "./closest.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { EXIT, UsageError } from "./exit.ts";
import { checkedTopic, nameOperand } from "./options.ts";
import type { Style } from "./style.ts";
import { jsonLine } from "./values.ts";
import { visible } from "./visible.ts";

/** Topic of a question that is about none. */
const NO_TOPIC = "__config__";

/** `rembus why` */
export const whyCommand: Command = {
  name: "why",
  summary: "tell whether a component may do something, and which rule decides",
  operands: "<component> <action> [topic]",
  operandCount: [2, 3],
  options: [...CONNECTION_OPTIONS, JSON_OPTION],
  settings: CONNECTION_SETTINGS,
  details: [
    `Actions: ${ASKED_ACTIONS.slice(0, 6).join(", ")},\n${ASKED_ACTIONS.slice(6).join(", ")}. ` +
    "All but admin need a topic, a service, for query,\nupsert and delete a table, and for direct " +
    "the name of the other component. The component\nneeds not be connected.",
    "Exit code 0 when it may, 1 when it may not. Asks as an admin that proves its name with its key\n" +
    "(--url ws://host/name). Needs --allow-net, and --allow-read for the key.",
  ],
  examples: [
    "rembus why meter publish plant/alarm --url wss://plant.example/admin",
    "rembus why pump query telemetry --url ws://127.0.0.1:8338/admin --json",
  ],
  untilInterrupted: false,
  async run(context) {
    const { io, json, options, style } = context;
    const [component = "", word = "", subject] = options.operands;
    const question = {
      cid: nameOperand([component]),
      action: actionOperand(word),
      topic: subjectOperand(word, subject),
    };
    await using door = await remoteDoor(context);
    const verdict = verdictFrom(await door.run({ cmd: "why", args: question }));
    await io.line(json ? jsonLine(verdict) : verdictText(question, verdict, style));
    return verdict.allowed ? EXIT.OK : EXIT.FAILED;
  },
};

/** What is asked. */
export interface WhyQuestion {
  readonly cid: string;
  readonly action: AskedAction;
  readonly topic: string;
}

/** A verdict for people: what, which rule, and who else has to do with it. */
export function verdictText(
  { cid, action, topic }: WhyQuestion,
  { allowed, rule, receivers, exposers, table }: Verdict,
  style: Style,
): string {
  const word = allowed ? style.good("allowed") : style.bad("refused");
  const what = action === "admin" && topic === NO_TOPIC ? action : `${action} ${topic}`;
  const list = (names: readonly string[]): string => names.map(visible).join(", ") || "nobody";
  return [
    `${word}: ${visible(cid)} ${visible(what)}`,
    `rule: ${visible(rule)}`,
    ...(receivers === undefined ? [] : [`would receive it: ${list(receivers)}`]),
    ...(exposers === undefined ? [] : [`could answer it: ${list(exposers)}`]),
    ...(table === undefined ? [] : [`table: ${visible(table)}`]),
  ].join("\n");
}

function actionOperand(word: string): AskedAction {
  const action = ASKED_ACTIONS.find((one) => one === word);
  if (action !== undefined) return action;
  throw new UsageError(
    `Cannot ask about action "${word}": expected one of ${ASKED_ACTIONS.join(", ")}` +
      hint(word, ASKED_ACTIONS),
  );
}

function subjectOperand(action: string, subject: string | undefined): string {
  if (subject !== undefined) {
    return action === "direct" ? nameOperand([subject]) : checkedTopic(subject);
  }
  if (action === "admin") return NO_TOPIC;
  throw new UsageError(`Cannot ask about "${action}": expected a topic, got nothing`);
}
