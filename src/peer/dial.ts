import type { Dialer, Link } from "../link/link.ts";
import { dialWebSocket } from "../link/whatwg.ts";

/** Opens links to the peer behind a WebSocket URL (D33): shared by components and by a broker's own links. */
export function webSocketDialer(url: string): Dialer {
  return (signal: AbortSignal): Promise<Link> => dialWebSocket(url, { signal });
}
