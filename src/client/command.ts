import type { CallOptions } from "../peer/api.ts";
import { RembusError, Status, statusText } from "../protocol/errors.ts";
import type { Session } from "./session.ts";

/** A command to a broker (spec 7). */
export interface Command {
  /** What is tried, for the error: `make "t" private`. */
  readonly action: string;
  readonly topic: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Runs a command. Returns why the broker refused, or `null`. Rejects when it did not answer. */
export async function runCommand(
  session: Session,
  { action, topic, data }: Command,
  options: CallOptions,
): Promise<RembusError | null> {
  const { status, data: answer } = await session.command(topic, data, options);
  if (status === Status.OK) return null;
  return new RembusError(status, `Cannot ${action}: ${statusText(status, answer.value)}`);
}
