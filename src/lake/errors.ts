import { RembusError, Status } from "../protocol/errors.ts";
import { REASON_CHARS_MAX } from "./limits.ts";

/** A schema that cannot be used; the text names table, column and cause. */
export class SchemaError extends RembusError {
  /** Name of the class. */
  override readonly name = "SchemaError";
  /** Makes the error. */
  constructor(message: string, options?: ErrorOptions) {
    super(Status.ERROR, message, options);
  }
}

/** A value, a row or a message that does not fit its table; the text is the reason of a dead letter. */
export class RowError extends RembusError {
  /** Name of the class. */
  override readonly name = "RowError";
  /** Makes the error. */
  constructor(message: string, options?: ErrorOptions) {
    super(Status.METHOD_EXCEPTION, message, options);
  }
}

/** A query or command that is refused or failed; answered with 40 and the text. */
export class QueryError extends RembusError {
  /** Name of the class. */
  override readonly name = "QueryError";
  /** Makes the error. */
  constructor(message: string, options?: ErrorOptions) {
    super(Status.METHOD_EXCEPTION, message, options);
  }
}

/** The causes that a store does not open or does not ingest for. */
export type StoreFault =
  /** The data belong to another log (D19). */
  | "other-log"
  /** The data are ahead of the log (D19). */
  | "beyond-end"
  /** Another storage than the recorded one was asked for. */
  | "other-storage"
  /** The tables differ from the schema in a way that is not migrated. */
  | "schema"
  /** DuckDB reports the file as damaged (D20). */
  | "corrupt"
  /** An extension of DuckDB is missing: a broker does not start without it; later it is tried again (D20). */
  | "extension"
  /** Lock, permission, network, version: worth another try (D20). */
  | "unavailable";

/** A store that cannot be used as it is. */
export class StoreError extends RembusError {
  /** Name of the class. */
  override readonly name = "StoreError";
  /** Why, for whoever decides what to do. */
  readonly fault: StoreFault;
  /** Makes the error. */
  constructor(fault: StoreFault, message: string, options?: ErrorOptions) {
    super(Status.ERROR, message, options);
    this.fault = fault;
  }
}

/** What was thrown, as one line of limited length. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return shorten(text.replaceAll(/\s+/g, " ").trim(), REASON_CHARS_MAX);
}

/** A text for people, cut to `max` characters. */
export function shorten(text: string, max: number): string {
  const whole = text.toWellFormed();
  return whole.length > max ? `${whole.slice(0, max).toWellFormed()}...` : whole;
}
