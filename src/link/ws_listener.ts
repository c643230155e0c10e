import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type ByteStream, closeQuietly } from "./byte_stream.ts";
import { ACCEPT_RETRY_MS, MESSAGE_BYTES_MAX, PING_INTERVAL_MS, UNFINISHED_MAX } from "./limits.ts";
import type { Link, Listener } from "./link.ts";
import { WriteBuffers } from "./ws_buffers.ts";
import { TlsRenewal, type TlsSource } from "./tls_renewal.ts";
import { TlsStream } from "./tls_stream.ts";
import { isLoopback, UpgradeGate } from "./ws_gate.ts";
import { shakeHands } from "./ws_handshake.ts";
import { WsLink } from "./ws_link.ts";
import { readOrigins } from "./ws_origin.ts";
import { errorText } from "../util/error_text.ts";

/** How to listen for WebSocket connections. */
export interface WsListenerOptions {
  /** Address to bind; `0.0.0.0` or `::` for all. */
  readonly hostname: string;
  /** Port; 0 takes any free one. */
  readonly port: number;
  /**
   * Takes each link. It is read from as soon as it is started. While a promise that is given back is not settled, and
   * the link is open, it counts as a login that is pending: of one address only so many are at once (D28).
   */
  readonly onLink: (link: Link) => void | Promise<void>;
  /** Certificate and key of a listener with TLS. @default {no TLS} */
  readonly tls?: TlsSource | null;
  /**
   * Origins whose pages may connect, such as `https://app.example.org`; `*` for any. Pages of this machine may from
   * this machine, and those that come from where they connect to by address or TLS. @default {[]}
   */
  readonly origins?: readonly string[];
  /** Pause between keep-alive pings, in milliseconds; 0 sends none. @default {30_000} */
  readonly pingIntervalMs?: number;
  /** The largest message in bytes; exceeded: close 1009. @default {62_914_560} */
  readonly messageBytesMax?: number;
  /** Where problems of single connections are reported. @default {drops everything} */
  readonly logger?: Logger;
  /** What time limits are measured with. @default {the clock of the machine} */
  readonly clock?: Clock;
}

/** A connection that was accepted. */
export interface Accepted extends ByteStream {
  /** The peer. */
  readonly remoteAddr: { readonly hostname: string; readonly port: number };
  /** Whether small writes leave at once. */
  setNoDelay?(isOn: boolean): void;
  /** Whether the operating system finds out that the peer is gone. */
  setKeepAlive?(isOn: boolean): void;
}

/** What accepts connections, such as `Deno.listen` gives. */
export interface Acceptor {
  /** Where it listens. */
  readonly addr: { readonly port: number };
  /** The next connection; rejects when closed, and when one could not be accepted. */
  accept(): Promise<Accepted>;
  /** Stops listening. */
  close(): void;
}

/**
 * Listens for WebSocket connections (RFC 6455) with code of our own (ADR 0002). Needs `--allow-net`.
 * Throws `RangeError` for a pause between pings that is none, `TypeError` for an origin that is none, and what `Deno.listen` throws, such as
 * `Deno.errors.AddrInUse`.
 */
export function listenWebSocket(options: WsListenerOptions): Listener {
  const { hostname, port, pingIntervalMs = PING_INTERVAL_MS } = options;
  if (!(pingIntervalMs >= 0) || !Number.isFinite(pingIntervalMs)) {
    throw new RangeError(
      `Cannot listen on "${hostname}:${port}": pingIntervalMs must be >= 0, got ${pingIntervalMs}`,
    );
  }
  // Before the port is taken, as it throws.
  readOrigins(options.origins ?? []);
  return acceptWebSocket(Deno.listen({ hostname, port }), options);
}

/** Listens on what is already open. The acceptor is closed with the listener. Throws `TypeError` for a bad origin. */
export function acceptWebSocket(acceptor: Acceptor, options: WsListenerOptions): Listener {
  return new WsListener(acceptor, options);
}

class WsListener implements Listener {
  readonly url: string;
  readonly port: number;
  readonly #acceptor: Acceptor;
  readonly #options: Required<WsListenerOptions>;
  readonly #origins: ReadonlySet<string>;
  /** `null` without TLS. */
  readonly #tls: TlsRenewal | null;
  readonly #buffers = new WriteBuffers();
  readonly #gate = new UpgradeGate<Accepted>();
  /** Connections that are not upgraded yet, waiting ones included. */
  readonly #unfinished = new Set<Accepted>();
  /** Set while the loop waits for a timer or for an unfinished connection to be done. */
  #wake: (() => void) | null = null;
  readonly #accepting: Promise<void>;
  readonly #upgrades = new Set<Promise<void>>();
  #isClosed = false;

  constructor(acceptor: Acceptor, options: WsListenerOptions) {
    this.#acceptor = acceptor;
    this.#options = {
      pingIntervalMs: PING_INTERVAL_MS,
      messageBytesMax: MESSAGE_BYTES_MAX,
      logger: SILENT,
      clock: SYSTEM_CLOCK,
      tls: null,
      origins: [],
      ...options,
    };
    const { tls, origins, clock, logger } = this.#options;
    this.#origins = readOrigins(origins);
    this.#tls = tls === null ? null : new TlsRenewal({ source: tls, clock, logger });
    this.port = acceptor.addr.port;
    this.url = `${tls === null ? "ws" : "wss"}://${hostText(options.hostname)}:${this.port}`;
    this.#accepting = this.#accept();
  }

  async reload(): Promise<void> {
    await this.#tls?.reload();
  }

  async close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true;
      this.#acceptor.close();
      this.#gate.drain();
      for (const conn of this.#unfinished) closeQuietly(conn);
      this.#unfinished.clear();
      this.#wake?.();
    }
    await this.#tls?.stop();
    await this.#accepting;
    await Promise.all(this.#upgrades);
  }

  async #accept(): Promise<void> {
    while (!this.#isClosed) {
      let conn: Accepted;
      try {
        conn = await this.#acceptor.accept();
      } catch (error) {
        if (this.#isClosed) return;
        // Too many open files, or a peer that was gone before it was accepted: others still want in.
        this.#options.logger.warn("accept failed", { url: this.url, reason: errorText(error) });
        await this.#pause(ACCEPT_RETRY_MS);
        continue;
      }
      this.#admit(conn);
      while (this.#unfinished.size >= UNFINISHED_MAX) await this.#pause(null);
    }
  }

  /** Waits until an unfinished connection is done or the listener is closed, at most for so long. */
  async #pause(ms: number | null): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = ms === null ? null : this.#options.clock.setTimer(resolve, ms);
    this.#wake = resolve;
    await promise;
    this.#wake = null;
    timer?.cancel();
  }

  #admit(conn: Accepted): void {
    if (this.#isClosed) return closeQuietly(conn);
    const address = conn.remoteAddr.hostname;
    const answer = this.#gate.enter(address, conn);
    if (answer === "refuse") {
      this.#options.logger.warn("connection refused", { address, reason: "too many unfinished" });
      return closeQuietly(conn);
    }
    this.#unfinished.add(conn);
    if (answer === "begin") this.#begin(conn, address);
  }

  #begin(conn: Accepted, address: string): void {
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      const next = this.#gate.leave(address);
      if (next !== undefined) this.#begin(next, address);
    };
    const upgrade = this.#upgrade(conn, release).finally(() => {
      this.#upgrades.delete(upgrade);
      this.#unfinished.delete(conn);
      this.#wake?.();
    });
    this.#upgrades.add(upgrade);
  }

  /** Never rejects. `release` is called when the place of the connection in the gate is free again. */
  async #upgrade(conn: Accepted, release: () => void): Promise<void> {
    const { clock, logger, pingIntervalMs, messageBytesMax } = this.#options;
    const { hostname, port } = conn.remoteAddr;
    const remote = `${hostText(hostname)}:${port}`;
    const stream = this.#secured(conn);
    const isSecure = stream.isSecure ?? false;
    const origins = { isLocal: isLoopback(hostname), isSecure, allowed: this.#origins };
    const handshake = await shakeHands(stream, { clock, origins });
    if (handshake.kind !== "upgraded") {
      const reason = handshake.kind === "refused" ? handshake.text : "lost";
      logger.debug("upgrade failed", { remote, reason });
      return release();
    }
    if (this.#isClosed) {
      closeQuietly(stream);
      return release();
    }
    const link = new WsLink({
      role: "server",
      stream,
      rest: handshake.rest,
      remote,
      buffers: this.#buffers,
      clock,
      logger,
      pingIntervalMs,
      messageBytesMax,
      onGone: release,
    });
    void this.#handOver(link, release);
  }

  /** The connection as it is read and written; small messages leave at once. */
  #secured(conn: Accepted): ByteStream {
    try {
      conn.setNoDelay?.(true);
      conn.setKeepAlive?.(true);
    } catch {
      // Reset by the peer already, which the handshake finds out.
    }
    return this.#tls === null ? conn : new TlsStream(conn, this.#tls.context);
  }

  /** Gives a link to its owner, and waits until that has admitted it. Never rejects. */
  async #handOver(link: Link, release: () => void): Promise<void> {
    try {
      await this.#options.onLink(link);
    } catch (error) {
      this.#options.logger.error("link not taken", { remote: link.remote, error });
      link.terminate();
    }
    release();
  }
}

/** A host as it stands in a URL. */
function hostText(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
