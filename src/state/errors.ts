/** Why the state could not do what it was asked for. */
export type StateFault =
  /** Another process, or another broker in this one, has it open (D24). */
  | "locked"
  /** It was written by a newer version (D24). */
  | "version"
  /** The file is no state of a broker. */
  | "foreign"
  /** The file is damaged. */
  | "damaged"
  /** The disk failed, is full, or may not be written. */
  | "io"
  /** The state is closed. */
  | "closed";

/** An operating error of the state, meant to be caught. */
export class StateError extends Error {
  /** Name of the class. */
  override readonly name = "StateError";
  /** Why, for whoever decides what to do. */
  readonly fault: StateFault;
  /** Makes the error. */
  constructor(fault: StateFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}
