import { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { type ByteStream, closeQuietly, writeAll } from "./byte_stream.ts";
import { connectTls, type TlsTarget } from "./tls_client.ts";

/** Who a listener is: what its keystore holds. */
export interface TlsPair {
  /** The certificate, and those between it and its authority, in PEM. */
  readonly certificate: string;
  /** The private key of the certificate in PEM, not encrypted. */
  readonly key: string;
}

/** A {@link TlsPair} that handshakes are made with. */
export type TlsContext = SecureContext;

/** Makes a pair usable. It must have been checked before: what is wrong shows only in handshakes. */
export function tlsContext({ certificate, key }: TlsPair): TlsContext {
  return createSecureContext({ cert: certificate, key, minVersion: "TLSv1.2" });
}

/** Bytes that are read from a quiet connection at once, so that an idle one holds little memory. */
const READ_BYTES_MIN: number = 2 * 1024;
/** Bytes that are read at once from a connection on which much comes. */
const READ_BYTES_MAX: number = 64 * 1024;
/** Bytes that are encrypted at once, so that what has left can be told from what has not. */
const WRITE_BYTES_MAX: number = 256 * 1024;

/**
 * One end of a TLS connection, over a connection that was accepted or made.
 *
 * Not a `Deno.TlsConn`, whose `close` does not close: while its handshake is not done, or its peer takes nothing,
 * the socket stays until the peer goes, so that no time limit frees anything; nor can one that was accepted send
 * small messages at once. Here the connection is in our hands.
 */
export class TlsStream implements ByteStream {
  /** Of a server, which is the one that ends (RFC 6455 7.1.1): its end has to be told (RFC 8446 6.1). */
  readonly isSecure: boolean;
  readonly #conn: ByteStream;
  readonly #socket: TLSSocket;
  /** Resolved when the peer is known to be the right one, or when there is nothing to wait for any more. */
  readonly #handshake: PromiseWithResolvers<void> = Promise.withResolvers();
  /** What was decrypted and not read. */
  #chunk: Uint8Array | null = null;
  #state: "handshake" | "open" | "ended" | "closed" = "handshake";
  #error: Error | null = null;
  /** Wakes the reader. */
  #wake: (() => void) | null = null;
  /** Reject what is being written, should the TLS layer forget it when the connection is cut. */
  readonly #failures = new Set<(error: Error) => void>();

  /**
   * Begins a handshake: as the server with a context, as the client with a target. That of a server goes on while
   * it is read, that of a client by itself.
   */
  constructor(conn: ByteStream, end: TlsContext | TlsTarget) {
    this.#conn = conn;
    const isClient = "hostname" in end;
    this.isSecure = !isClient;
    this.#socket = isClient
      ? connectTls(duplexOf(conn), end)
      : new TLSSocket(duplexOf(conn), { isServer: true, secureContext: end });
    this.#socket.on(isClient ? "secureConnect" : "secure", () => {
      if (this.#state !== "handshake") return;
      if (isClient && !this.#socket.authorized) {
        this.#socket.destroy(new Error("The certificate was not verified"));
        return;
      }
      this.#state = "open";
      this.#handshake.resolve();
    });
    this.#socket.on("readable", () => this.#wake?.());
    this.#socket.on("end", () => this.#ended("ended"));
    this.#socket.on("error", (error: Error) => this.#failed(error));
    this.#socket.on("close", () => this.#failed(new Error("The connection is closed")));
  }

  /** Resolves when the handshake is done, and the peer of a client is the one that was wanted; else rejects. */
  async handshake(): Promise<void> {
    await this.#handshake.promise;
    if (this.#error !== null) throw this.#error;
    if (this.#isEnded) throw new Error("The connection ended in the TLS handshake");
  }

  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      this.#chunk ??= this.#socket.read() as Uint8Array | null;
      const chunk = this.#chunk;
      if (chunk !== null) {
        const count = Math.min(chunk.length, into.length);
        into.set(chunk.subarray(0, count));
        this.#chunk = count === chunk.length ? null : chunk.subarray(count);
        return count;
      }
      if (this.#isEnded) return null;
      if (this.#error !== null) throw this.#error;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
  }

  /** Rejects before the handshake is done, as a peer that is slow with it would have to be waited for. */
  async write(bytes: Uint8Array): Promise<number> {
    if (this.#error !== null) throw this.#error;
    if (this.#state === "handshake") throw new Error("The TLS handshake is not done");
    const piece = bytes.subarray(0, WRITE_BYTES_MAX);
    await this.#wait((done) => this.#socket.write(piece, done));
    return piece.length;
  }

  async closeWrite(): Promise<void> {
    if (this.#error !== null) throw this.#error;
    await this.#wait((done) => this.#socket.end(done));
  }

  close(): void {
    // First, so that nothing that the TLS layer still wants to say can keep it open.
    closeQuietly(this.#conn);
    this.#socket.destroy();
    this.#failed(new Error("The connection is closed"));
  }

  /** A getter, so that the compiler does not think that nothing changes meanwhile. */
  get #isEnded(): boolean {
    return this.#state === "ended";
  }

  #wait(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#failures.add(reject);
    start((error) => error === undefined || error === null ? resolve() : reject(error));
    return promise.finally(() => this.#failures.delete(reject));
  }

  #ended(state: "ended" | "closed"): void {
    if (this.#state === "closed" || this.#state === "ended") return;
    this.#state = state;
    this.#handshake.resolve();
    this.#wake?.();
  }

  #failed(error: Error): void {
    this.#error ??= error;
    this.#ended("closed");
    this.#wake?.();
    for (const reject of this.#failures) reject(this.#error);
  }
}

/** A connection as the TLS layer wants it. */
function duplexOf(conn: ByteStream): Duplex {
  let size = READ_BYTES_MIN;
  const next = async (duplex: Duplex): Promise<void> => {
    try {
      const buffer = new Uint8Array(size);
      const count = await conn.read(buffer);
      if (count !== null) size = count === size ? READ_BYTES_MAX : READ_BYTES_MIN;
      duplex.push(count === null ? null : buffer.subarray(0, count));
    } catch (error) {
      duplex.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  };
  return new Duplex({
    read(): void {
      void next(this);
    },
    write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
      writeAll(conn, chunk).then(() => done(), done);
    },
    final(done: (error?: Error | null) => void): void {
      conn.closeWrite().then(() => done(), done);
    },
    destroy(error: Error | null, done: (error: Error | null) => void): void {
      closeQuietly(conn);
      done(error);
    },
  });
}
