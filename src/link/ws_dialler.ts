import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import { tlsProblem } from "./tls_errors.ts";
import { TlsStream } from "./tls_stream.ts";
import { MESSAGE_BYTES_MAX, UPGRADE_BYTES_MAX } from "./limits.ts";
import type { Link } from "./link.ts";
import { LinkError } from "./link_error.ts";
import { WriteBuffers } from "./ws_buffers.ts";
import {
  looksLikeAnswer,
  newRequestKey,
  readAnswer,
  requestUpgrade,
  type UpgradeTarget,
} from "./ws_client_upgrade.ts";
import { readHead } from "./ws_head.ts";
import { WsLink } from "./ws_link.ts";
import { acceptKey } from "./ws_upgrade.ts";
import { errorText } from "../util/error_text.ts";

/** How to dial. */
export interface TcpDialOptions {
  /** Stops the attempt: the promise rejects with its reason. An open link does not listen to it. */
  readonly signal: AbortSignal;
  /** What time limits are measured with. @default {the clock of the machine} */
  readonly clock?: Clock;
  /** Where problems of the link are reported. @default {drops everything} */
  readonly logger?: Logger;
  /** The largest message in bytes; exceeded: close 1009. @default {62_914_560} */
  readonly messageBytesMax?: number;
  /**
   * Authorities that are trusted for `wss:` besides those that the runtime knows, in PEM; asked for with each
   * attempt, so that a renewed file is seen. @default {none}
   */
  readonly caCerts?: () => Promise<readonly string[]>;
}

/** Where a URL points to. */
interface Address extends UpgradeTarget {
  readonly isSecure: boolean;
  readonly hostname: string;
  readonly port: number;
}

const PORT_DEFAULT = 80;
const PORT_SECURE_DEFAULT = 443;

/** Shared by all links that are dialled, so that what a burst took serves the next one of any of them. */
const BUFFERS = new WriteBuffers();

/**
 * Opens a link to a `ws:` or `wss:` URL over `Deno.connect`, with framing of our own (ADR 0010). Needs `--allow-net` for
 * the host and port of the URL, and connects to nothing else: proxies that the environment names are ignored,
 * redirects are not followed. Small messages leave at once (`TCP_NODELAY`), `pause` slows the peer down,
 * `terminate` cuts. Pings are answered, none are sent. The certificate of a `wss:` listener has to be
 * of a trusted authority, and for the host name or address of the URL.
 *
 * Rejects with `TypeError` for a URL that cannot be dialled, with {@link LinkError} when no WebSocket listener
 * is reached, with `Deno.errors.NotCapable` without the permission, and with the reason of the signal, which
 * alone limits the time.
 */
export async function dialTcpWebSocket(url: string, options: TcpDialOptions): Promise<Link> {
  const { signal, clock = SYSTEM_CLOCK, logger = SILENT, caCerts } = options;
  signal.throwIfAborted();
  const address = readAddress(url);
  const trusted = address.isSecure ? await readTrusted(url, caCerts) : [];
  const conn = await connect(url, address, signal);
  let stream: ByteStream = conn;
  const cut = (): void => closeQuietly(stream);
  signal.addEventListener("abort", cut, { once: true });
  try {
    // It may have been while the connection was made.
    signal.throwIfAborted();
    conn.setNoDelay(true);
    conn.setKeepAlive(true);
    if (address.isSecure) {
      const tls = new TlsStream(conn, {
        hostname: address.hostname.replace(/^\[(.*)\]$/, "$1"),
        caCerts: trusted,
      });
      stream = tls;
      await tls.handshake();
    }
    const rest = await upgrade(stream, url, address);
    signal.throwIfAborted();
    return new WsLink({
      role: "client",
      stream,
      rest,
      remote: url,
      buffers: BUFFERS,
      clock,
      logger,
      // A component finds out by calls whether its broker lives.
      pingIntervalMs: 0,
      messageBytesMax: options.messageBytesMax ?? MESSAGE_BYTES_MAX,
    });
  } catch (error) {
    cut();
    throw signal.aborted ? signal.reason : asLinkError(url, error);
  } finally {
    signal.removeEventListener("abort", cut);
  }
}

function readAddress(url: string): Address {
  const parsed = URL.parse(url);
  // A fragment means nothing to a listener (RFC 6455 3).
  const isSecure = parsed?.protocol === "wss:";
  if (parsed === null || !(isSecure || parsed.protocol === "ws:") || url.includes("#")) {
    throw new TypeError(`Cannot connect to "${url}": expected a ws:// or wss:// URL, got another`);
  }
  const { hostname, host, port, pathname, search, username, password } = parsed;
  if (username !== "" || password !== "") {
    throw new TypeError(`Cannot connect to "${host}": expected a URL without user and password`);
  }
  return {
    isSecure,
    hostname,
    port: port === "" ? (isSecure ? PORT_SECURE_DEFAULT : PORT_DEFAULT) : Number(port),
    host,
    path: `${pathname}${search}`,
  };
}

async function readTrusted(
  url: string,
  caCerts: TcpDialOptions["caCerts"],
): Promise<readonly string[]> {
  try {
    return await caCerts?.() ?? [];
  } catch (error) {
    throw new LinkError(`Cannot connect to "${url}": ${errorText(error)}`, { cause: error });
  }
}

async function connect(
  url: string,
  { hostname, port }: Address,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  try {
    return await Deno.connect({ hostname, port, signal });
  } catch (error) {
    // Not a matter of the network: whoever started this process has to permit it.
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw signal.aborted ? signal.reason : asLinkError(url, error);
  }
}

/** Makes the connection a WebSocket; gives what came behind the answer. */
async function upgrade(
  stream: ByteStream,
  url: string,
  target: UpgradeTarget,
): Promise<Uint8Array> {
  const key = newRequestKey();
  await writeAll(stream, requestUpgrade(target, key));
  const answer = await readHead(stream, looksLikeAnswer);
  switch (answer.kind) {
    case "whole": {
      const read = readAnswer(answer.head, await acceptKey(key));
      if (read.kind === "upgraded") return answer.rest;
      const { status, problem } = read;
      throw new LinkError(`Cannot connect to "${url}": ${problem}`, { status });
    }
    case "foreign":
      throw noListener(url, "other bytes than an HTTP answer");
    case "too large":
      throw noListener(url, `an answer of more than ${UPGRADE_BYTES_MAX} bytes`);
    case "lost":
      throw noListener(url, "the end of the connection");
    default:
      return answer satisfies never;
  }
}

function asLinkError(url: string, error: unknown): LinkError {
  if (error instanceof LinkError) return error;
  return noListener(url, tlsProblem(error) ?? errorText(error), error);
}

function noListener(url: string, got: string, cause?: unknown): LinkError {
  return new LinkError(
    `Cannot connect to "${url}": expected a WebSocket listener, got ${got}`,
    cause === undefined ? {} : { cause },
  );
}
