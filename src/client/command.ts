import type { CallOptions } from "../peer/api.ts";
import { refusalText, RembusError, Status } from "../protocol/errors.ts";
import type { Response } from "../protocol/packet.ts";
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
  const response = await session.command(topic, data, options);
  return response.status === Status.OK ? null : refusalOf(response, action);
}

/** Runs a command and gives the data of its answer. Rejects with `RembusError` when the broker refuses. */
export async function valueOfCommand(
  session: Session,
  { action, topic, data }: Command,
  options: CallOptions,
): Promise<unknown> {
  const response = await session.command(topic, data, options);
  if (response.status !== Status.OK) throw refusalOf(response, action);
  return response.data.value;
}

/** The error of a request that was refused. `action` says what was tried. */
export function refusalOf({ status, data }: Response, action: string): RembusError {
  return new RembusError(status, `Cannot ${action}: ${refusalText(status, data.value)}`);
}
