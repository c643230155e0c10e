/** Wire status of a response (spec 2.5). */
export const Status = {
  OK: 0,
  ERROR: 10,
  CHALLENGE: 11,
  IDENTIFICATION_ERROR: 20,
  METHOD_EXCEPTION: 40,
  METHOD_ARGS_ERROR: 41,
  METHOD_NOT_FOUND: 42,
  METHOD_UNAVAILABLE: 43,
  METHOD_LOOPBACK: 44,
  TARGET_NOT_FOUND: 45,
  TARGET_DOWN: 46,
  UNKNOWN_ADMIN_CMD: 47,
  NAME_ALREADY_TAKEN: 60,
} as const;
/** Name of a wire status. */
export type StatusName = keyof typeof Status;

const NAMES: ReadonlyMap<number, StatusName> = new Map(
  (Object.entries(Status) as [StatusName, number][]).map(([name, code]) => [code, name]),
);

/** The name of a status, or the number as text when it is unknown. */
export function statusName(status: number): string {
  return NAMES.get(status) ?? String(status);
}

/** Our own bug: a state that cannot be. Never caught on purpose. */
export class InvariantError extends Error {
  /** Name of the class. */
  override readonly name = "InvariantError";
}

/** An operating error: something that can happen to a correct program and is meant to be caught. */
export class RembusError extends Error {
  /** Name of the class. */
  override readonly name: string = "RembusError";
  /** The wire status, see {@link Status}; 10 when the error never was on the wire. */
  readonly status: number;
  /** Makes an error with its wire status. */
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** A frame or an element that the protocol does not allow. */
export class ProtocolError extends RembusError {
  /** Name of the class. */
  override readonly name = "ProtocolError";
  /** WebSocket code that the connection is closed with (`docs/PROTOCOL.md`, close codes). */
  readonly closeCode: number;
  /** Makes an error that closes the connection with `closeCode`. */
  constructor(message: string, closeCode = 1002, options?: ErrorOptions) {
    super(Status.ERROR, message, options);
    this.closeCode = closeCode;
  }
}

/** A reply or an acknowledgement did not come in time. */
export class TimeoutError extends RembusError {
  /** Name of the class. */
  override readonly name = "TimeoutError";
  /** Makes the error; the text says what was waited for and how long. */
  constructor(message = "request timeout", options?: ErrorOptions) {
    super(Status.ERROR, message, options);
  }
}

/** The connection is closed, or was lost before the reply came. */
export class ConnectionClosedError extends RembusError {
  /** Name of the class. */
  override readonly name = "ConnectionClosedError";
  /** Makes the error; the text says what was tried. */
  constructor(message = "connection down", options?: ErrorOptions) {
    super(Status.ERROR, message, options);
  }
}

/** A queue or table is full, so that the operation was refused. */
export class LimitError extends RembusError {
  /** Name of the class. */
  override readonly name = "LimitError";
  /** Makes the error; the text names the limit. */
  constructor(message: string, options?: ErrorOptions) {
    super(Status.ERROR, message, options);
  }
}

/** The broker did not let the component in. */
export class LoginError extends RembusError {
  /** Name of the class. */
  override readonly name = "LoginError";
}

/** A call was answered with an error status. */
export class CallError extends RembusError {
  /** Name of the class. */
  override readonly name: string = "CallError";
  /** The service that was called. */
  readonly topic: string;
  /** The data of the response: most often a text. */
  readonly data: unknown;
  /** Makes the error of one answered call. */
  constructor(status: number, topic: string, data: unknown, message: string) {
    super(status, message);
    this.topic = topic;
    this.data = data;
  }
}

/** The service ran and failed (40). */
export class MethodExceptionError extends CallError {
  /** Name of the class. */
  override readonly name = "MethodExceptionError";
}
/** The arguments do not fit the contract of the service (41). */
export class MethodArgsError extends CallError {
  /** Name of the class. */
  override readonly name = "MethodArgsError";
}
/** Nobody ever exposed the service, or the caller may not call it (42). */
export class MethodNotFoundError extends CallError {
  /** Name of the class. */
  override readonly name = "MethodNotFoundError";
}
/** The service is known, but no exposer is connected (43). */
export class MethodUnavailableError extends CallError {
  /** Name of the class. */
  override readonly name = "MethodUnavailableError";
}
/** The caller is the only exposer of the service (44). */
export class MethodLoopbackError extends CallError {
  /** Name of the class. */
  override readonly name = "MethodLoopbackError";
}
/** No component of that name is known (45). */
export class TargetNotFoundError extends CallError {
  /** Name of the class. */
  override readonly name = "TargetNotFoundError";
}
/** The addressed component is known but not connected (46). */
export class TargetDownError extends CallError {
  /** Name of the class. */
  override readonly name = "TargetDownError";
}

const CALL_ERRORS: ReadonlyMap<number, typeof CallError> = new Map<number, typeof CallError>([
  [Status.METHOD_EXCEPTION, MethodExceptionError],
  [Status.METHOD_ARGS_ERROR, MethodArgsError],
  [Status.METHOD_NOT_FOUND, MethodNotFoundError],
  [Status.METHOD_UNAVAILABLE, MethodUnavailableError],
  [Status.METHOD_LOOPBACK, MethodLoopbackError],
  [Status.TARGET_NOT_FOUND, TargetNotFoundError],
  [Status.TARGET_DOWN, TargetDownError],
]);

/** The text of a status and its data as peers print it: `METHOD_NOT_FOUND:add`, or `internal error`. */
export function statusText(status: number, data: unknown): string {
  const name = status === Status.ERROR ? "internal error" : statusName(status);
  return typeof data === "string" && data !== "" ? `${name}:${data}` : name;
}

/** What a broker refused with, behind `Cannot ...: `; a text of status 10 says it all by itself. */
export function refusalText(status: number, data: unknown): string {
  return status === Status.ERROR && typeof data === "string" && data !== ""
    ? data
    : statusText(status, data);
}

/** The typed error of an answered call: one class per status (spec 2.5). */
export function callError(status: number, topic: string, data: unknown): CallError {
  const Class = CALL_ERRORS.get(status) ?? CallError;
  return new Class(status, topic, data, statusText(status, data));
}
