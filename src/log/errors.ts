/** Why the log could not do what it was asked for. */
export type LogFault =
  /** Another process has the log open (D24). */
  | "locked"
  /** The files were written by a newer version (D24). */
  | "version"
  /** The files are no message log, or belong to different ones. */
  | "foreign"
  /** The disk failed while the record waited for it: it is not stored and will not appear (D4). */
  | "refused"
  /** The disk failed while reading. */
  | "io"
  /** The answer would be larger than its limit. */
  | "limit"
  /** The log is closed. */
  | "closed";

/** An operating error of the message log, meant to be caught. */
export class LogError extends Error {
  /** Name of the class. */
  override readonly name = "LogError";
  /** Why, for whoever decides what to do. */
  readonly fault: LogFault;
  /** Makes the error. */
  constructor(fault: LogFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** What was thrown, as one line. */
export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll(/\s+/g, " ").trim();
}
