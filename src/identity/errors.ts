import { RembusError, Status } from "../protocol/errors.ts";

/**
 * A key or a shared secret that cannot be read, used, kept or made. The text may go to a peer: it never holds any
 * part of a key, nor a path.
 */
export class KeyError extends RembusError {
  /** Name of the class. */
  override readonly name = "KeyError";
  /** Makes an error with status 10. */
  constructor(message: string, options?: ErrorOptions) {
    super(Status.ERROR, message, options);
  }
}
