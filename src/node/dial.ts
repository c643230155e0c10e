import type { Link } from "../link/link.ts";
import { dialWebSocket } from "../link/whatwg.ts";
import { dialTcpWebSocket } from "../link/ws_dialler.ts";
import { type Logger, SILENT } from "../util/log.ts";

/**
 * How components dial in Deno: `ws:` with our own dialler, `wss:` over the WHATWG `WebSocket` as long as there is
 * no TLS of our own (ADR 0010). The links report their problems to the logger.
 */
export function denoDial(
  logger: Logger = SILENT,
): (url: string, signal: AbortSignal) => Promise<Link> {
  return (url, signal) =>
    url.startsWith("wss:")
      ? dialWebSocket(url, { signal })
      : dialTcpWebSocket(url, { signal, logger });
}
