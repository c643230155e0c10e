import { setImmediate } from "node:timers";
import type { Clock, Timer } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { type ByteStream, closeQuietly, discard } from "./byte_stream.ts";
import { CloseCode, shortenReason } from "./close_code.ts";
import { CLOSE_MS_MAX, TURN_MESSAGES_MAX } from "./limits.ts";
import type { Link, LinkClose, LinkHandler } from "./link.ts";
import type { WriteBuffers } from "./ws_buffers.ts";
import { FrameError, FrameReader, Opcode, type Role } from "./ws_frames.ts";
import { KeepAlive } from "./ws_keep_alive.ts";
import { MaskingKeys } from "./ws_keys.ts";
import { Outbound } from "./ws_outbound.ts";
import { errorText } from "../util/error_text.ts";

/** What a {@link WsLink} needs. */
export interface WsLinkOptions {
  /** Which end this is: whether frames are masked, and who ends the connection. */
  readonly role: Role;
  /** The connection, behind its upgrade. */
  readonly stream: ByteStream;
  /** What came behind the upgrade request, or behind its answer. */
  readonly rest: Uint8Array;
  /** Address and port of the peer. */
  readonly remote: string;
  /** May be shared with other links. */
  readonly buffers: WriteBuffers;
  /** What time limits are measured with. */
  readonly clock: Clock;
  /** Where problems are reported. */
  readonly logger: Logger;
  /** Pause between pings, in milliseconds; 0 sends none. */
  readonly pingIntervalMs: number;
  /** The largest message in bytes; exceeded: close 1009. */
  readonly messageBytesMax: number;
  /** Called once when the connection is closed, before the owner is told. @default {nothing} */
  readonly onGone?: () => void;
}

/** An end, and who has to be told of it. */
interface Ended {
  readonly handler: LinkHandler;
  readonly close: LinkClose;
}

/** How a connection ends once everything is written: at once, when the peer ends it, or by us, but gently. */
type Leaving = "cut" | "wait" | "linger";

/**
 * Where a link stands.
 *
 *     idle ─▶ open ─▶ closing ─▶ ending ─▶ closed
 *              ├───────────────────▲          ▲
 *              └── terminate, or lost ────────┘
 */
type WsState =
  | { readonly kind: "idle" }
  | { readonly kind: "open"; readonly handler: LinkHandler }
  /** Our close frame is queued; messages of the peer are dropped until its own comes. */
  | { readonly kind: "closing"; readonly handler: LinkHandler; readonly close: LinkClose }
  /** The last bytes are on their way. `untold`: what the owner has yet to be told, when they have arrived. */
  | { readonly kind: "ending"; readonly untold: Ended | null }
  | { readonly kind: "closed" };

const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * One end of a WebSocket (RFC 6455) over a connection that was upgraded.
 *
 * The server ends the connection, as it can bear best what an ended one leaves behind in the operating system
 * (RFC 6455 7.1.1). The owner of a server is told at once that it is over; that of a client when the
 * connection is gone, so that nothing is left of a component that says it is closed.
 */
export class WsLink implements Link {
  readonly remote: string;
  readonly #options: WsLinkOptions;
  readonly #stream: ByteStream;
  readonly #reader: FrameReader;
  readonly #outbound: Outbound;
  readonly #keepAlive: KeepAlive;
  #state: WsState = { kind: "idle" };
  /** Set while the owner does not want to be told anything; resolved when it does again. */
  #pause: PromiseWithResolvers<void> | null = null;
  /** Messages told since the last turn that was waited for, and how many of them are enough. */
  #told = 0;
  readonly #toldMax: number;
  /** Limits how long the end may take. */
  #deadline: Timer | null = null;

  /** Makes a link that reads nothing until it is started. */
  constructor(options: WsLinkOptions) {
    const { role, stream, remote, buffers, clock, pingIntervalMs, messageBytesMax } = options;
    this.remote = remote;
    this.#options = options;
    this.#stream = stream;
    // A broker is done with most messages when the call returns: turns would cost it more than they give.
    this.#toldMax = role === "client" ? TURN_MESSAGES_MAX : Infinity;
    this.#reader = new FrameReader({
      message: (data) => this.#message(data),
      ping: (payload) => this.#outbound.control(Opcode.PONG, payload),
      close: (code, reason) => this.#peerCloses({ code, reason }),
    }, { role, bytesMax: messageBytesMax });
    this.#outbound = new Outbound({
      stream,
      buffers,
      keys: role === "client" ? new MaskingKeys() : null,
      onDrained: () => this.#drained(),
      onFailed: (error) => this.#writeFailed(error),
    });
    this.#keepAlive = new KeepAlive({
      clock,
      intervalMs: pingIntervalMs,
      ping: () => this.#outbound.control(Opcode.PING, EMPTY),
      onSilent: () => this.#lose("no sign of life"),
    });
  }

  get bufferedBytes(): number {
    return this.#outbound.bufferedBytes;
  }

  start(handler: LinkHandler): void {
    if (this.#state.kind !== "idle") return;
    this.#state = { kind: "open", handler };
    this.#keepAlive.start();
    queueMicrotask(() => void this.#run());
  }

  send(head: Uint8Array | string, tail: Uint8Array | null = null): void {
    if (this.#state.kind !== "open") return;
    if (typeof head === "string") this.#outbound.text(head);
    else this.#outbound.binary(head, tail);
  }

  limitMessages(bytesMax: number): void {
    this.#reader.limit(Math.min(bytesMax, this.#options.messageBytesMax));
  }

  /** Not even pings are read: a paused peer is not asked for signs of life. */
  pause(): void {
    if (this.#state.kind !== "open" || this.#pause !== null) return;
    this.#pause = Promise.withResolvers();
    this.#reader.hold();
    this.#keepAlive.stop();
  }

  resume(): void {
    if (this.#pause === null) return;
    if (this.#state.kind === "open") this.#keepAlive.start();
    this.#readOn();
  }

  close(code: number, reason: string): void {
    const state = this.#state;
    if (state.kind !== "open") return;
    const close: LinkClose = { code, reason: shortenReason(reason) };
    this.#state = { kind: "closing", handler: state.handler, close };
    this.#outbound.close(code, reason);
    this.#keepAlive.stop();
    this.#limitEnd();
    // The close frame of the peer is somewhere behind what it sent before.
    this.#readOn();
  }

  terminate(): void {
    const state = this.#state;
    if (state.kind === "closed") return;
    this.#cut();
    if (state.kind === "idle") return;
    const ended = state.kind === "ending"
      ? state.untold
      : { handler: state.handler, close: { code: CloseCode.ABNORMAL, reason: "terminated" } };
    if (ended !== null) queueMicrotask(() => this.#tell(ended));
  }

  /** Reads until the connection ends. Never rejects. */
  async #run(): Promise<void> {
    try {
      this.#reader.feed(this.#options.rest);
      while (this.#isReading) {
        if (this.#pause !== null) await this.#pause.promise;
        if (this.#told >= this.#toldMax) {
          await this.#nextTurn();
          continue;
        }
        this.#reader.parse();
        if (!this.#isReading) break;
        if (this.#pause !== null || this.#told >= this.#toldMax) continue;
        const count = await this.#stream.read(this.#reader.target());
        if (count === null) return this.#lose("ended by the peer without a close handshake");
        this.#keepAlive.heard();
        this.#reader.advance(count);
      }
    } catch (error) {
      if (error instanceof FrameError) this.#refuse(error);
      else this.#lose(errorText(error));
    }
  }

  get #isReading(): boolean {
    return this.#state.kind === "open" || this.#state.kind === "closing";
  }

  /** Lets everything else have its turn. */
  async #nextTurn(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#told = 0;
    if (this.#isReading && this.#pause === null) this.#reader.release();
  }

  /** Ends a pause, for whatever reason. */
  #readOn(): void {
    if (this.#pause === null) return;
    this.#reader.release();
    this.#pause.resolve();
    this.#pause = null;
  }

  #message(data: Uint8Array | string): void {
    const state = this.#state;
    if (state.kind !== "open") return;
    if (++this.#told >= this.#toldMax) this.#reader.hold();
    try {
      state.handler.message(data);
    } catch (error) {
      this.#handlerFailed(error);
    }
  }

  #drained(): void {
    const state = this.#state;
    if (state.kind !== "open") return;
    try {
      state.handler.drained();
    } catch (error) {
      this.#handlerFailed(error);
    }
  }

  #tell({ handler, close }: Ended): void {
    try {
      handler.closed(close);
    } catch (error) {
      this.#options.logger.error("link handler failed", { remote: this.remote, error });
    }
  }

  #handlerFailed(error: unknown): void {
    this.#options.logger.error("link handler failed", { remote: this.remote, error });
    this.close(CloseCode.INTERNAL_ERROR, "internal error");
  }

  /** The peer sent a close frame: answered unless it is itself the answer, then the server ends TCP. */
  #peerCloses(close: LinkClose): void {
    const state = this.#state;
    if (state.kind !== "open" && state.kind !== "closing") return;
    const { handler } = state;
    if (state.kind === "open") this.#outbound.close(close.code, close.reason);
    this.#end(
      { handler, close: state.kind === "open" ? close : state.close },
      this.#options.role === "server" ? "cut" : "wait",
    );
  }

  /** The peer broke the rules: it is told, and what it still sends is not read. */
  #refuse({ closeCode, message }: FrameError): void {
    const state = this.#state;
    if (state.kind !== "open" && state.kind !== "closing") return;
    this.#options.logger.warn("frame refused", { remote: this.remote, reason: message });
    const reason = shortenReason(message);
    if (state.kind === "open") this.#outbound.close(closeCode, reason);
    this.#end({ handler: state.handler, close: { code: closeCode, reason } }, "linger");
  }

  #end(ended: Ended, leaving: Leaving): void {
    const isTold = this.#options.role === "server";
    this.#state = { kind: "ending", untold: isTold ? null : ended };
    this.#keepAlive.stop();
    this.#readOn();
    this.#limitEnd();
    void this.#leave(leaving);
    if (isTold) this.#tell(ended);
  }

  /** Ends without a reset, unless that is what is left, so that the peer can read why. Never rejects. */
  async #leave(leaving: Leaving): Promise<void> {
    await this.#outbound.finished();
    if (this.#state.kind !== "ending") return;
    try {
      const isToldEnd = leaving === "linger" || this.#stream.isSecure === true;
      if (isToldEnd) await this.#stream.closeWrite();
      if (leaving !== "cut") await discard(this.#stream);
    } catch (error) {
      this.#options.logger.debug("link lost", { remote: this.remote, reason: errorText(error) });
    }
    this.#gone();
  }

  /** The last bytes are written, or never will be. */
  #gone(): void {
    const state = this.#state;
    this.#cut();
    if (state.kind === "ending" && state.untold !== null) this.#tell(state.untold);
  }

  /** A socket that takes nothing may still hold what the peer said last, and why it went. */
  #writeFailed(error: unknown): void {
    this.#options.logger.debug("write failed", { remote: this.remote, reason: errorText(error) });
    if (this.#state.kind === "ending") this.#gone();
    if (!this.#isReading) return;
    this.#limitEnd();
    this.#readOn();
  }

  /** The connection is gone. */
  #lose(reason: string): void {
    const state = this.#state;
    if (state.kind !== "open" && state.kind !== "closing") return this.#gone();
    this.#cut();
    this.#options.logger.debug("link lost", { remote: this.remote, reason });
    this.#tell({ handler: state.handler, close: { code: CloseCode.ABNORMAL, reason } });
  }

  #limitEnd(): void {
    this.#deadline ??= this.#options.clock.setTimer(
      () => this.#lose("no end within the time limit"),
      CLOSE_MS_MAX,
    );
  }

  /** Closes the connection and drops what is queued. */
  #cut(): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed" };
    this.#keepAlive.stop();
    this.#deadline?.cancel();
    this.#deadline = null;
    this.#outbound.kill();
    this.#reader.hold();
    this.#pause?.resolve();
    this.#pause = null;
    closeQuietly(this.#stream);
    this.#options.onGone?.();
  }
}
