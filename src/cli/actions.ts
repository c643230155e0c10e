import type { AdminDoor } from "./admin_door.ts";
import { ADMIN_DETAILS, ADMIN_OPTIONS, ADMIN_SETTINGS, openAdminDoor } from "./open_admin_door.ts";
import { hint } from "./closest.ts";
import { type Command, type CommandContext, JSON_OPTION } from "./command.ts";
import { EXIT, type ExitCode, UsageError } from "./exit.ts";
import { nameOperand, type OptionSpec } from "./options.ts";
import { jsonLine } from "./values.ts";

/** One of the things that a command does: `add <name>`. */
export interface Action {
  /** Its word on the command line. */
  readonly word: string;
  /** What follows, as the help shows it. */
  readonly operands: string;
  /** How many operands follow, at least and at most. */
  readonly count: readonly [least: number, most: number];
  /** Options that only this one takes. */
  readonly options?: readonly string[];
}

/** An {@link Action} of an admin. */
export interface AdminAction extends Action {
  /** Throws `UsageError` for operands that make no sense. */
  check?(operands: readonly string[]): void;
  /** What it needs besides the door, found before that is opened, so that questions come first. */
  prepare?(context: CommandContext): Promise<Readonly<Record<string, unknown>>>;
  /** Does it. */
  run(door: AdminDoor, request: ActionRequest & PreparedParts): Promise<void>;
}

/** What an action works on. */
export interface ActionRequest {
  /** The operands behind the word. */
  readonly operands: readonly string[];
  readonly context: CommandContext;
}

/** What `prepare` found. */
export interface PreparedParts {
  readonly prepared: Readonly<Record<string, unknown>>;
}

/** A command of an admin, in parts. */
export interface AdminCommandParts {
  readonly name: string;
  readonly summary: string;
  readonly actions: readonly AdminAction[];
  /** Options besides those of every command for admins. */
  readonly options?: readonly OptionSpec[];
  readonly details: readonly string[];
  readonly examples: readonly string[];
}

/** What an admin does to one name: a command about it, and what is told once it is done. */
export function nameAction(
  { word, cmd, told }: {
    readonly word: string;
    readonly cmd: string;
    readonly told: (name: string) => string;
  },
): AdminAction {
  return {
    word,
    operands: "<name>",
    count: [1, 1],
    check: nameOperand,
    async run(door, { operands, context }): Promise<void> {
      const name = nameOperand(operands);
      await door.run({ cmd, args: { cid: name } });
      await tellDone(context, { text: told(name), fields: { cmd, name } });
    },
  };
}

/** Operands as the help shows them: `list | add <name>`. */
export function actionOperands(actions: readonly Action[]): string {
  return actions.map(({ word, operands }) => `${word} ${operands}`.trim()).join(" | ");
}

/** The action that a command line means, and its operands. Throws `UsageError` when it makes no sense. */
export function chosenAction<A extends Action>(
  command: string,
  actions: readonly A[],
  { options }: CommandContext,
): { readonly action: A; readonly operands: readonly string[] } {
  const [word = "", ...operands] = options.operands;
  const action = actions.find((one) => one.word === word);
  if (action === undefined) {
    const words = actions.map((one) => one.word);
    throw new UsageError(`Cannot run "${command} ${word}": it is not known${hint(word, words)}`);
  }
  const [least, most] = action.count;
  if (operands.length < least || operands.length > most) {
    throw new UsageError(
      `Cannot run "${command} ${word}": expected ${action.operands || "no operands"}, ` +
        `got ${operands.join(" ") || "nothing"}`,
    );
  }
  for (const name of actions.flatMap((one) => one.options ?? [])) {
    const isGiven = options.texts(name).length > 0 || options.flag(name) === true;
    if (!isGiven || action.options?.includes(name)) continue;
    throw new UsageError(`Cannot use option "--${name}": "${command} ${word}" does not take it`);
  }
  return { action, operands };
}

/** Makes a command of its actions. */
export function adminCommand(parts: AdminCommandParts): Command {
  const { name, actions } = parts;
  return {
    name,
    summary: parts.summary,
    operands: actionOperands(actions),
    operandCount: [1, Infinity],
    options: [...ADMIN_OPTIONS, ...parts.options ?? [], JSON_OPTION],
    settings: ADMIN_SETTINGS,
    details: [...parts.details, ADMIN_DETAILS],
    examples: parts.examples,
    untilInterrupted: false,
    async run(context): Promise<ExitCode> {
      const { action, operands } = chosenAction(name, actions, context);
      action.check?.(operands);
      const prepared = await action.prepare?.(context) ?? {};
      await using door = await openAdminDoor(context);
      await action.run(door, { operands, context, prepared });
      return EXIT.OK;
    },
  };
}

/** Tells that something was done: as a sentence, or with `--json` as an object. */
export async function tellDone(
  { io, json }: CommandContext,
  { text, fields }: { readonly text: string; readonly fields: Readonly<Record<string, unknown>> },
): Promise<void> {
  await io.line(json ? jsonLine(fields) : text);
}

/** Prints a list of names, one a line, or with `--json` one text each. */
export async function printNames(
  { io, json }: CommandContext,
  { names, nothing }: { readonly names: readonly string[]; readonly nothing: string },
): Promise<void> {
  if (names.length === 0 && !json) await io.line(nothing);
  for (const name of names) await io.line(json ? jsonLine(name) : name);
}
