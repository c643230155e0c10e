import { CallError, Status, statusText } from "../protocol/errors.ts";
import { CommandError } from "./exit.ts";

/** What a status means to whoever called, and whether its data says more than the name of what was called. */
const MEANING: ReadonlyMap<number, { readonly text: string; readonly isDetailed: boolean }> =
  new Map([
    [Status.METHOD_EXCEPTION, { text: "it failed", isDetailed: true }],
    [Status.METHOD_ARGS_ERROR, { text: "its arguments are wrong", isDetailed: true }],
    [Status.METHOD_NOT_FOUND, { text: "nobody exposes it, or it is private", isDetailed: false }],
    [Status.METHOD_UNAVAILABLE, {
      text: "nobody who exposes it can answer now",
      isDetailed: false,
    }],
    [Status.TARGET_NOT_FOUND, { text: "no component of that name is known", isDetailed: false }],
    [Status.TARGET_DOWN, { text: "the component of that name is away", isDetailed: false }],
  ]);

/** The answer of a call; rejects with an error that says what its status means. */
export async function explained<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    throw new CommandError(`Cannot call "${error.topic}": ${meaningOf(error)}`, { cause: error });
  }
}

/** What an answer with an error status means, as the end of a sentence. */
export function meaningOf({ status, data }: CallError): string {
  const { text, isDetailed } = MEANING.get(status) ??
    { text: statusText(status, data), isDetailed: false };
  const detail = isDetailed && typeof data === "string" && data !== "" ? `: ${data}` : "";
  return `${text}${detail}`;
}
