import { writeAll } from "../../src/link/byte_stream.ts";
import { joined, type ReadFrame, readFrames, utf8 } from "./ws_frame.ts";

/** How long a socket may wait for anything, in milliseconds. */
const WAIT_MS = 15_000;

/** The headers of an upgrade request that every listener takes. */
export const UPGRADE_HEADERS: readonly string[] = [
  "Host: localhost",
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/** The bytes of an upgrade request with more headers. */
export function upgradeRequest(more: readonly string[] = []): Uint8Array<ArrayBuffer> {
  return utf8(["GET / HTTP/1.1", ...UPGRADE_HEADERS, ...more, "", ""].join("\r\n"));
}

/** A TCP connection that sends the bytes that a test gives it, and reads frames as they come. */
export class RawSocket implements Disposable {
  readonly #conn: Deno.TcpConn;
  #bytes = new Uint8Array(0);
  #frames: ReadFrame[] = [];
  #isEnded = false;
  #isClosed = false;

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    conn.setNoDelay(true);
  }

  /** Connects, and says nothing. */
  static async connect(port: number): Promise<RawSocket> {
    return new RawSocket(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Connects and upgrades. */
  static async upgrade(port: number): Promise<RawSocket> {
    const socket = await RawSocket.connect(port);
    await socket.send(upgradeRequest());
    const head = await socket.head();
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`expected 101, got ${head}`);
    return socket;
  }

  /** Port of this end. */
  get port(): number {
    return this.#conn.localAddr.port;
  }

  /** Sends bytes, in one piece or in pieces of so many. A peer that is gone is no error. */
  async send(bytes: Uint8Array, chop = Infinity): Promise<void> {
    for (let at = 0; at < bytes.length; at += chop) {
      try {
        await writeAll(this.#conn, bytes.subarray(at, at + chop));
      } catch {
        // A peer that refuses what it got does not wait for the rest.
        return;
      }
    }
  }

  /** Sends nothing more. */
  async end(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** What comes up to an empty line. */
  async head(): Promise<string> {
    for (;;) {
      const text = new TextDecoder("latin1").decode(this.#bytes);
      const at = text.indexOf("\r\n\r\n");
      if (at !== -1) {
        this.#bytes = this.#bytes.slice(at + 4);
        return text.slice(0, at + 4);
      }
      if (!await this.#read()) return text;
    }
  }

  /** Everything up to the end of the connection, as text. */
  async text(): Promise<string> {
    while (await this.#read());
    return new TextDecoder().decode(this.#bytes);
  }

  /** The next frame; `null` when the connection ended before it. */
  async next(): Promise<ReadFrame | null> {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      const { frames, rest } = readFrames(this.#bytes);
      if (frames.length > 0) {
        this.#frames = frames;
        this.#bytes = this.#bytes.slice(this.#bytes.length - rest);
      } else if (!await this.#read()) {
        return null;
      }
    }
  }

  /** Every frame up to the end of the connection. */
  async rest(): Promise<ReadFrame[]> {
    const frames: ReadFrame[] = [];
    for (let one = await this.next(); one !== null; one = await this.next()) frames.push(one);
    return frames;
  }

  /** Cuts the connection. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Reads on; `false` at the end. Rejects when nothing comes for too long. */
  async #read(): Promise<boolean> {
    if (this.#isEnded) return false;
    const chunk = new Uint8Array(256 * 1024);
    const timer = setTimeout(() => this.close(), WAIT_MS);
    let count: number | null = null;
    try {
      count = await this.#conn.read(chunk);
    } catch (error) {
      if (this.#isClosed) throw new Error(`nothing came within ${WAIT_MS} ms`, { cause: error });
      // A reset is an end too.
    } finally {
      clearTimeout(timer);
    }
    if (count === null) {
      this.#isEnded = true;
      return false;
    }
    this.#bytes = joined([this.#bytes, chunk.subarray(0, count)]);
    return true;
  }
}
