import type { CommandContext } from "./command.ts";
import { UsageError } from "./exit.ts";
import type { OptionSpec } from "./options.ts";

/** Path that stands for standard input. */
const STANDARD_INPUT = "-";
const decoder = new TextDecoder("utf-8", { fatal: true });

/** A secret of one line, and where it may come from. None of the ways shows it to other users of the machine. */
export interface SecretRequest {
  /** What it is, for the question and for errors: `PIN`. */
  readonly what: string;
  /** Option with a file; `-` is standard input. */
  readonly option: string;
  /** Environment variable that may hold it; `null` for none. */
  readonly env: string | null;
}

/** The option with the file of a secret. */
export function secretOption(name: string, what: string): OptionSpec {
  return {
    name,
    value: "FILE|-",
    doc: `file whose first line is the ${what}; - is standard input`,
  };
}

/** The PIN of a tenant (spec 4.3). */
export const PIN: SecretRequest = { what: "PIN", option: "pin-file", env: "REMBUS_PIN" };
/** The option of {@link PIN}. */
export const PIN_OPTION: OptionSpec = secretOption("pin-file", "PIN");

/**
 * Finds a secret: from its file, then from the environment, then by asking on the terminal. Rejects with `UsageError`
 * when nobody says it. It is never part of an error.
 */
export async function secretFrom(
  { io, options }: CommandContext,
  { what, option, env }: SecretRequest,
): Promise<string> {
  const path = options.text(option);
  if (path !== undefined) {
    const bytes = path === STANDARD_INPUT ? await io.input() : await io.load(path);
    return checked(firstLine(bytes), { what, from: path });
  }
  const value = env === null ? undefined : io.host.env(env);
  if (value !== undefined) return checked(value, { what, from: String(env) });
  const answer = await io.askSecret(`${what}: `);
  if (answer !== null) return checked(answer, { what, from: "the terminal" });
  const variable = env === null ? "" : `, ${env}`;
  throw new UsageError(
    `Cannot find the ${what}: expected it from --${option} FILE (- is standard input)${variable} ` +
      "or a terminal, got none",
  );
}

/** The first line of a text; `null` for what is no UTF-8. */
function firstLine(bytes: Uint8Array): string | null {
  try {
    const [line = ""] = decoder.decode(bytes).split(/\r?\n/, 1);
    return line;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function checked(
  secret: string | null,
  { what, from }: { readonly what: string; readonly from: string },
): string {
  if (secret !== null && secret !== "") return secret;
  throw new UsageError(`Cannot use the ${what} of ${from}: expected a text of one line, got none`);
}
