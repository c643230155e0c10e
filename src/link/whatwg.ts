import { type Clock, SYSTEM_CLOCK, type Timer } from "../util/clock.ts";
import { Fifo } from "../util/fifo.ts";
import { CloseCode, shortenReason, tooLargeText, toWhatwgCode } from "./close_code.ts";
import {
  BUFFERED_BYTES_HIGH,
  BUFFERED_BYTES_LOW,
  CLOSE_MS_MAX,
  DRAIN_POLL_MS,
  HELD_BYTES_MAX,
} from "./limits.ts";
import type { Link, LinkClose, LinkHandler } from "./link.ts";
import { LinkError } from "./link_error.ts";

/** How to dial. */
export interface DialOptions {
  /** Stops the attempt: the promise rejects with its reason. An open link does not listen to it. */
  readonly signal: AbortSignal;
  /** What time limits are measured with. @default {the clock of the machine} */
  readonly clock?: Clock;
}

/**
 * Opens a link over the global WHATWG `WebSocket`: in Deno, browsers and Node 22 or newer. Rejects with
 * `TypeError` for a URL that cannot be dialled, with {@link LinkError} when no WebSocket listener
 * is reached, and with the reason of the signal.
 *
 * What such a socket cannot do: `pause` does not stop the sender but holds messages here, up to a limit;
 * `terminate` reports 1006 at once, yet the socket itself says goodbye in the background, which its peer sees
 * as a close without a code; codes other than 1000 and 3000 to 4999 leave as 4000 + (code - 1000) (D5).
 */
export function dialWebSocket(
  url: string,
  { signal, clock = SYSTEM_CLOCK }: DialOptions,
): Promise<Link> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const socket = openSocket(url);
  if (socket instanceof Error) return Promise.reject(socket);
  const { promise, resolve, reject } = Promise.withResolvers<Link>();
  const attempt = new AbortController();
  const settled = { signal: attempt.signal };
  let problem = "";
  signal.addEventListener("abort", () => {
    attempt.abort();
    // A socket that still connects is given up by this.
    socket.close();
    reject(signal.reason);
  }, settled);
  socket.addEventListener("open", () => {
    attempt.abort();
    // Listens from now on: messages may come before the owner starts.
    resolve(new WhatwgLink(socket, url, clock));
  }, settled);
  socket.addEventListener("error", (event) => problem = problemOf(event), settled);
  socket.addEventListener("close", ({ code }) => {
    attempt.abort();
    const got = problem === "" ? `close code ${code}` : problem;
    reject(new LinkError(`Cannot connect to "${url}": expected a WebSocket listener, got ${got}`));
  }, settled);
  return promise;
}

function openSocket(url: string): WebSocket | Error {
  try {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch (error) {
    if (error instanceof DOMException && error.name === "SyntaxError") {
      return new TypeError(
        `Cannot connect to "${url}": expected a ws:// or wss:// URL, got another`,
        { cause: error },
      );
    }
    // A missing permission, for example.
    return error instanceof Error ? error : new LinkError(String(error));
  }
}

/** What an error event says. Browsers say nothing, on purpose. */
function problemOf(event: Event): string {
  return "message" in event && typeof event.message === "string" ? event.message : "";
}

const HELD_TOO_MUCH = "held more than the limit";

type Held = Uint8Array | string | LinkClose;

/** `closing`: we closed with `close`, and wait for the socket to be. */
type WhatwgState =
  | { readonly kind: "idle" }
  | { readonly kind: "open"; readonly handler: LinkHandler }
  | {
    readonly kind: "closing";
    readonly handler: LinkHandler;
    readonly close: LinkClose;
    readonly limit: Timer;
  }
  | { readonly kind: "closed" };

class WhatwgLink implements Link {
  readonly remote: string;
  readonly #socket: WebSocket;
  readonly #clock: Clock;
  readonly #listening = new AbortController();
  #state: WhatwgState = { kind: "idle" };
  /** What came while paused or not started, its close included. */
  readonly #held = new Fifo<Held>();
  #heldBytes = 0;
  #bytesMax = Infinity;
  #isPaused = false;
  #isScheduled = false;
  /** Runs while the buffer of the socket is above its high mark. */
  #poll: Timer | null = null;

  constructor(socket: WebSocket, url: string, clock: Clock) {
    this.remote = url;
    this.#socket = socket;
    this.#clock = clock;
    const { signal } = this.#listening;
    socket.addEventListener("message", ({ data }) => this.#receive(data), { signal });
    socket.addEventListener("close", ({ code, reason }) => this.#closed({ code, reason }), {
      signal,
    });
  }

  get bufferedBytes(): number {
    return this.#state.kind === "closed" ? 0 : this.#socket.bufferedAmount;
  }

  start(handler: LinkHandler): void {
    if (this.#state.kind !== "idle") return;
    this.#state = { kind: "open", handler };
    this.#schedule();
  }

  send(head: Uint8Array | string, tail: Uint8Array | null = null): void {
    if (this.#state.kind !== "open") return;
    this.#socket.send(typeof head === "string" ? head : toSendable(head, tail));
    if (this.#poll === null && this.#socket.bufferedAmount > BUFFERED_BYTES_HIGH) this.#watch();
  }

  /** The message has been put together by then: such a socket has no limit of its own. */
  limitMessages(bytesMax: number): void {
    this.#bytesMax = bytesMax;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  close(code: number, reason: string): void {
    const state = this.#state;
    if (state.kind !== "open") return;
    this.#poll?.cancel();
    const late: LinkClose = { code: CloseCode.ABNORMAL, reason: "no end within the time limit" };
    const limit = this.#clock.setTimer(() => this.#end(state.handler, late), CLOSE_MS_MAX);
    const close: LinkClose = { code: toWhatwgCode(code), reason: shortenReason(reason) };
    this.#state = { kind: "closing", handler: state.handler, close, limit };
    this.#socket.close(close.code, close.reason);
    // The socket may have closed before, while the link was paused.
    this.#schedule();
  }

  terminate(): void {
    const state = this.#state;
    if (state.kind !== "open" && state.kind !== "closing") return;
    this.#leave();
    this.#socket.close();
    const close: LinkClose = { code: CloseCode.ABNORMAL, reason: "terminated" };
    queueMicrotask(() => state.handler.closed(close));
  }

  #receive(data: unknown): void {
    const message = data instanceof ArrayBuffer ? new Uint8Array(data) : String(data);
    if (this.#state.kind === "closing") return;
    if (this.#state.kind === "open" && !this.#isPaused && this.#held.length === 0) {
      this.#tell(this.#state.handler, message);
      return;
    }
    this.#heldBytes += message.length;
    this.#held.push(message);
    if (this.#heldBytes > HELD_BYTES_MAX) this.#overflow();
  }

  #tell(handler: LinkHandler, message: Uint8Array | string): void {
    // UTF-16 units stand in for the bytes of a text, as in `#heldBytes`.
    if (message.length <= this.#bytesMax) handler.message(message);
    else this.close(CloseCode.TOO_LARGE, tooLargeText(this.#bytesMax, message.length));
  }

  #overflow(): void {
    this.#held.drain();
    this.#heldBytes = 0;
    if (this.#state.kind === "open") this.close(CloseCode.OVERLOADED, HELD_TOO_MUCH);
    else this.#socket.close(toWhatwgCode(CloseCode.OVERLOADED), HELD_TOO_MUCH);
  }

  #closed({ code, reason }: LinkClose): void {
    // Deno says 0 where the standard says 1006.
    const close: LinkClose = { code: code === 0 ? CloseCode.ABNORMAL : code, reason };
    const state = this.#state;
    if (state.kind === "closing") {
      // Who closed first gave the code. Deno loses it once the peer has sent a ping.
      this.#end(state.handler, close.code === CloseCode.ABNORMAL ? close : state.close);
    } else if (state.kind === "open" && this.#held.length === 0 && !this.#isPaused) {
      this.#end(state.handler, close);
    } else {
      this.#held.push(close);
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#held.length === 0) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#deliver());
  }

  /** Delivers what was held. */
  #deliver(): void {
    this.#isScheduled = false;
    try {
      while (this.#held.length > 0) {
        const state = this.#state;
        if (state.kind === "idle" || state.kind === "closed") return;
        if (state.kind === "open" && this.#isPaused) return;
        const item = this.#held.shift();
        if (item === undefined) return;
        if (typeof item === "object" && "code" in item) {
          this.#end(state.handler, item);
        } else if (state.kind === "open") {
          this.#heldBytes -= item.length;
          this.#tell(state.handler, item);
        }
      }
    } finally {
      if (this.#state.kind === "open" && !this.#isPaused) this.#schedule();
    }
  }

  #end(handler: LinkHandler, close: LinkClose): void {
    this.#leave();
    handler.closed(close);
  }

  /** Hears nothing more of the socket. */
  #leave(): void {
    if (this.#state.kind === "closing") this.#state.limit.cancel();
    this.#state = { kind: "closed" };
    this.#poll?.cancel();
    this.#poll = null;
    this.#held.drain();
    this.#listening.abort();
  }

  /** The socket has no event for this. */
  #watch(): void {
    this.#poll = this.#clock.setTimer(() => {
      this.#poll = null;
      const state = this.#state;
      if (state.kind !== "open") return;
      if (this.#socket.bufferedAmount >= BUFFERED_BYTES_LOW) this.#watch();
      else state.handler.drained();
    }, DRAIN_POLL_MS);
  }
}

/** A message in one piece, over memory that a socket accepts. */
function toSendable(head: Uint8Array, tail: Uint8Array | null): Uint8Array<ArrayBuffer> {
  if (tail === null && head.buffer instanceof ArrayBuffer) {
    return new Uint8Array(head.buffer, head.byteOffset, head.byteLength);
  }
  const bytes = new Uint8Array(head.byteLength + (tail?.byteLength ?? 0));
  bytes.set(head);
  if (tail !== null) bytes.set(tail, head.byteLength);
  return bytes;
}
