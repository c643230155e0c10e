import { RembusError, Status } from "../protocol/errors.ts";

/** A data frame that cannot be read: its bytes are damaged, beyond a limit, or of a kind that is not read. */
export class FrameError extends RembusError {
  /** Name of the class. */
  override readonly name = "FrameError";
  /** What is wrong, without what was tried: for whoever writes a sentence of his own. */
  readonly reason: string;
  /** Makes the error; `reason` is the end of the sentence. */
  constructor(reason: string, options?: ErrorOptions) {
    super(Status.ERROR, `Cannot read the data frame: ${reason}`, options);
    this.reason = reason;
  }
}
