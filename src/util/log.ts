/**
 * Where a node reports what happens to it: an event name and fields, never payloads or keys.
 * A LogTape `Logger` fits as it is. Libraries are silent until one is given.
 */
export interface Logger {
  /** Details that help to follow one message or one connection. */
  debug(event: string, fields?: Record<string, unknown>): void;
  /** What an operator wants to see of a healthy node. */
  info(event: string, fields?: Record<string, unknown>): void;
  /** Something was refused, dropped or retried. */
  warn(event: string, fields?: Record<string, unknown>): void;
  /** Something failed that should not. */
  error(event: string, fields?: Record<string, unknown>): void;
}

const ignore = (): void => {};

/** The logger that drops everything: the default. */
export const SILENT: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
