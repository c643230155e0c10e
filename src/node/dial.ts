import type { Link } from "../link/link.ts";
import { dialTcpWebSocket } from "../link/ws_dialler.ts";
import { type Logger, SILENT } from "../util/log.ts";

/** How components dial in Deno. */
export interface DenoDialOptions {
  /**
   * Authorities that are trusted for `wss:` besides those that the runtime knows, in PEM, such as `readCaBundle`
   * finds; asked for with each attempt. @default {none}
   */
  readonly caCerts?: () => Promise<readonly string[]>;
}

/**
 * How components dial in Deno: with our own dialler, over TCP or TLS (ADR 0010). The links report their problems
 * to the logger.
 */
export function denoDial(
  logger: Logger = SILENT,
  options: DenoDialOptions = {},
): (url: string, signal: AbortSignal) => Promise<Link> {
  return (url, signal) => dialTcpWebSocket(url, { ...options, signal, logger });
}
