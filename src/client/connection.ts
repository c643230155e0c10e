import type { Dialer, Link, LinkClose } from "../link/link.ts";
import { LinkError } from "../link/link_error.ts";
import type { ConnectionEvent } from "../peer/api.ts";
import { backoffMs } from "../peer/backoff.ts";
import { waitUntil } from "../peer/wait.ts";
import { ConnectionClosedError, RembusError, TimeoutError } from "../protocol/errors.ts";
import type { Packet } from "../protocol/packet.ts";
import { errorText } from "../util/error_text.ts";
import type { ResolvedComponentOptions } from "./options.ts";
import { Session } from "./session.ts";

/** What the owner of a {@link Connection} wants to hear and has to do. */
export interface ConnectionHandler {
  /** Logs in and announces everything over a new session. Rejects when that fails. */
  prepare(session: Session): Promise<void>;
  /** The session is ready. */
  ready(session: Session): void;
  /** The session that was ready is gone. */
  lost(): void;
  /** A packet that is no answer to a request of the session. */
  packet(packet: Packet, session: Session): void;
  /** Something that a user may want to know. */
  event(event: ConnectionEvent): void;
  /** There will be no other session, and why. Called once. */
  ended(reason: Error): void;
}

/** What a {@link Connection} needs. */
export interface ConnectionOptions {
  /** The URL, for events. */
  readonly url: string;
  readonly dial: Dialer;
  /** Whether to connect again after a failure. */
  readonly reconnects: boolean;
  readonly component: ResolvedComponentOptions;
  readonly handler: ConnectionHandler;
}

/**
 * Where a connection stands.
 *
 *     idle ─▶ connecting ─▶ ready ─▶ waiting ─▶ connecting ─▶ …
 *                  └──────────────────▲
 *     any ─▶ closed
 */
type ConnectionState =
  | { readonly kind: "idle" }
  /** Dialling, logging in, announcing. There is a session once the link is open. */
  | { readonly kind: "connecting"; readonly session: Session | null }
  | { readonly kind: "ready"; readonly session: Session }
  /** Pausing between two attempts. */
  | { readonly kind: "waiting" }
  | { readonly kind: "closed" };

/** Close code of a component that goes on purpose. */
const GOING_AWAY = 1000;

/** Keeps one session with a broker: dials, prepares, waits until it is lost, pauses, dials again. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #abort = new AbortController();
  #state: ConnectionState = { kind: "idle" };
  #running: Promise<void> = Promise.resolve();

  /** Makes a connection that does nothing yet. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** The session that is ready, or `null`. */
  get session(): Session | null {
    const state = this.#state;
    return state.kind === "ready" && state.session.isOpen ? state.session : null;
  }

  /** The session of now, ready or not. */
  get current(): Session | null {
    const state = this.#state;
    return state.kind === "ready" || state.kind === "connecting" ? state.session : null;
  }

  /** Whether it was closed. */
  get isClosed(): boolean {
    return this.#state.kind === "closed";
  }

  /**
   * Starts. Resolves when the first session is ready. Rejects when the first attempt fails, which ends a
   * connection that does not reconnect; any other goes on trying.
   */
  start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#running = this.#run(resolve, reject);
    return promise;
  }

  /** Ends it. Idempotent. Resolves when the link is gone. */
  async close(reason: Error): Promise<void> {
    const before = this.#state;
    if (before.kind === "closed") return await this.#running;
    const session = this.current;
    this.#become({ kind: "closed" });
    this.#abort.abort(reason);
    session?.close(GOING_AWAY, "");
    if (before.kind === "ready") this.#options.handler.lost();
    this.#options.handler.ended(reason);
    await this.#running;
    await session?.ended;
  }

  async #run(firstReady: () => void, firstFailed: (error: unknown) => void): Promise<void> {
    const { handler, reconnects, url } = this.#options;
    const { clock, reconnectMaxMs } = this.#options.component;
    for (let failures = 0; !this.isClosed;) {
      let reason: Error;
      try {
        const session = await this.#connect();
        const readyAt = clock.now();
        firstReady();
        handler.event({ type: "connected", url });
        const close = await session.ended;
        // A broker that lets us in and then cuts us off again and again must not be hammered.
        if (clock.now() - readyAt >= reconnectMaxMs) failures = 0;
        reason = new ConnectionClosedError(
          `Connection to "${url}" lost: ${close.code} ${close.reason}`,
        );
        if (this.isClosed) return;
        this.#become({ kind: "waiting" });
        handler.lost();
        handler.event({ type: "disconnected", url, code: close.code, reason: close.reason });
      } catch (error) {
        reason = error instanceof Error ? error : new Error(errorText(error));
        firstFailed(reason);
        if (this.isClosed) return;
        this.#become({ kind: "waiting" });
        // A component that does not reconnect ends with its first failure.
      }
      if (!reconnects) {
        this.#become({ kind: "closed" });
        handler.ended(reason);
        return;
      }
      await this.#pause(failures++, reason);
    }
  }

  /** One attempt: gives a session that is ready. */
  async #connect(): Promise<Session> {
    const { component, handler } = this.#options;
    this.#become({ kind: "connecting", session: null });
    const link = await this.#dial();
    if (this.isClosed) {
      discard(link);
      throw new ConnectionClosedError();
    }
    const session = new Session({
      ...component,
      link,
      log: component.logger,
      onPacket: (packet, from) => handler.packet(packet, from),
    });
    this.#become({ kind: "connecting", session });
    try {
      await handler.prepare(session);
      if (!session.isOpen || this.isClosed) throw new ConnectionClosedError();
    } catch (error) {
      const wasLost = !session.isOpen;
      session.close(GOING_AWAY, "");
      const close = await session.ended;
      throw this.#inContext(error, wasLost ? close : null);
    }
    this.#become({ kind: "ready", session });
    handler.ready(session);
    return session;
  }

  /** Says of what happened to a request that it was about connecting, and how the link ended. */
  #inContext(error: unknown, lost: LinkClose | null): unknown {
    const { component: { requestTimeoutMs }, url } = this.#options;
    if (error instanceof TimeoutError) {
      const problem = `${error.message}, nothing came within ${requestTimeoutMs} ms`;
      return new TimeoutError(`Cannot connect to "${url}": ${problem}`, { cause: error });
    }
    if (!(error instanceof ConnectionClosedError) || lost === null || this.isClosed) return error;
    const problem = `${error.message}, close code ${lost.code} ${lost.reason}`.trimEnd();
    return new ConnectionClosedError(`Cannot connect to "${url}": ${problem}`, { cause: error });
  }

  async #dial(): Promise<Link> {
    const { component: { clock, requestTimeoutMs }, dial, url } = this.#options;
    const attempt = new AbortController();
    const { promise: given, reject: giveUp } = Promise.withResolvers<never>();
    const abort = (reason: unknown): void => {
      attempt.abort(reason);
      giveUp(reason);
    };
    const onAbort = (): void => abort(this.#abort.signal.reason);
    this.#abort.signal.addEventListener("abort", onAbort, { once: true });
    const timer = clock.setTimer(() => {
      abort(new TimeoutError(`Cannot connect to "${url}": no link within ${requestTimeoutMs} ms`));
    }, requestTimeoutMs);
    const dialling = (async () => await dial(attempt.signal))();
    try {
      return await Promise.race([dialling, given]);
    } catch (error) {
      // A dialler that does not heed the signal may still bring a link, which nobody wants any more.
      dialling.then(discard, ignore);
      if (attempt.signal.aborted || error instanceof RembusError) throw error;
      // A link error says that already.
      const text = error instanceof LinkError
        ? error.message
        : `Cannot connect to "${url}": ${errorText(error)}`;
      throw new ConnectionClosedError(text, { cause: error });
    } finally {
      timer.cancel();
      this.#abort.signal.removeEventListener("abort", onAbort);
    }
  }

  async #pause(attempt: number, error: Error): Promise<void> {
    const { component, handler, url } = this.#options;
    const { reconnectMinMs: minMs, reconnectMaxMs: maxMs, clock, random } = component;
    const delayMs = backoffMs(attempt, { minMs, maxMs }, () => random.float());
    component.logger.warn("not connected", { url, attempt: attempt + 1, delayMs, error });
    handler.event({ type: "retrying", url, attempt: attempt + 1, delayMs, error });
    await waitUntil(null, clock, { timeoutMs: delayMs, signal: this.#abort.signal });
  }

  #become(state: ConnectionState): void {
    // A closed connection stays closed, whatever an attempt under way still does.
    if (this.#state.kind === "closed") return;
    const { component, url } = this.#options;
    component.logger.debug("connection", { url, from: this.#state.kind, to: state.kind });
    this.#state = state;
  }
}

const ignore = (): void => {};

/** Cuts a link that was not started. */
function discard(link: Link): void {
  link.start({ message: ignore, drained: ignore, closed: ignore });
  link.terminate();
}
