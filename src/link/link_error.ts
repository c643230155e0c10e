/** What else a {@link LinkError} says. */
export interface LinkErrorOptions extends ErrorOptions {
  /** HTTP status of the answer that was no upgrade. @default {null} */
  readonly status?: number | null;
}

/** A link could not be opened: nobody listens there, or who does speaks no WebSocket. */
export class LinkError extends Error {
  override readonly name = "LinkError";
  /** HTTP status of whoever answered, but not with an upgrade; `null` when it is not known. */
  readonly status: number | null;

  /** Makes an error; the text says what was tried, wanted and got. */
  constructor(message: string, { status = null, ...options }: LinkErrorOptions = {}) {
    super(message, options);
    this.status = status;
  }
}
