import type { Caller, HandlerContext } from "../peer/api.ts";
import { addBuiltins } from "../peer/builtins.ts";
import { Handlers } from "../peer/handlers.ts";
import { ConnectionClosedError } from "../protocol/errors.ts";
import type { ComponentUrl } from "../protocol/url.ts";
import { EventHub } from "./events.ts";
import type { ResolvedComponentOptions } from "./options.ts";
import { Pool } from "./pool.ts";
import { Registrations } from "./registrations.ts";
import { Uplink } from "./uplink.ts";

/** What a pool is called: it has a name of its own at each broker (spec 6.9). */
const POOL_NAME = { rid: "repl", uid: "repl://:0/repl" } as const;

/** What a {@link Core} needs. */
export interface CoreParts {
  /** Where to connect; more than one only for a pool. */
  readonly urls: readonly [ComponentUrl, ...ComponentUrl[]];
  readonly isPool: boolean;
  readonly reconnects: boolean;
  readonly options: ResolvedComponentOptions;
  /** What handlers may use for what came through one uplink. */
  readonly caller: (core: Core, uplink: Uplink) => Caller;
}

/** Everything that a component consists of. Its handles are views of this. */
export class Core {
  /** Name of the component. */
  readonly rid: string;
  /** Name and address. */
  readonly uid: string;
  readonly options: ResolvedComponentOptions;
  readonly handlers: Handlers;
  readonly registrations: Registrations;
  readonly events = new EventHub();
  readonly pool: Pool<Uplink>;
  /** Resolves when the component has ended, for whatever reason. */
  readonly closed: Promise<void>;
  readonly #reconnects: boolean;
  readonly #resolveClosed: () => void;
  readonly #onAbort = (): void => void this.close();
  #state: "open" | "closing" | "closed" = "open";
  /** Uplinks that have not ended. */
  #living: number;

  /** Makes a component that does nothing yet. */
  constructor({ urls, isPool, reconnects, options, caller }: CoreParts) {
    this.options = options;
    this.#reconnects = reconnects;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
    this.handlers = new Handlers({ contract: options.contract, log: options.logger });
    const connect = (url: ComponentUrl): Uplink =>
      new Uplink({
        url,
        options,
        reconnects,
        handlers: this.handlers,
        caller: (uplink) => caller(this, uplink),
        onEvent: (event) => this.events.emit(event),
        onEnded: (reason) => this.#ended(reason),
      });
    const [first, ...others] = urls;
    this.pool = new Pool([connect(first), ...others.map(connect)], options.policy);
    this.#living = urls.length;
    this.registrations = new Registrations({
      handlers: this.handlers,
      uplinks: this.pool.all,
      log: options.logger,
    });
    const { rid, uid } = isPool ? POOL_NAME : this.pool.all[0];
    this.rid = rid;
    this.uid = uid;
    addBuiltins(this.handlers, { rid, clock: options.clock });
    if (isPool) addPoolRid(this.handlers);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Whether it was closed, or has lost its only connection for good. */
  get isClosed(): boolean {
    return this.#state !== "open";
  }

  /**
   * Connects. Resolves when each uplink has tried once and one of them is ready. Rejects when none is,
   * which ends the component, unless it was told to start anyway.
   */
  async start(): Promise<void> {
    const { startAnyway, signal } = this.options;
    const attempts = await Promise.allSettled(this.pool.all.map((uplink) => uplink.start()));
    const failed = attempts.find((attempt) => attempt.status === "rejected");
    const isStarted = attempts.some(({ status }) => status === "fulfilled") ||
      (startAnyway && this.#reconnects);
    if (isStarted && signal?.aborted !== true) return;
    await this.close();
    signal?.throwIfAborted();
    throw failed?.reason;
  }

  /** Throws when the component was closed. */
  assertOpen(): void {
    if (this.isClosed) throw new ConnectionClosedError();
  }

  /** Ends it; everything that waits fails. Idempotent. Resolves when all links are gone. */
  async close(): Promise<void> {
    if (this.#state === "open") this.#state = "closing";
    await Promise.all(this.pool.all.map((uplink) => uplink.close()));
  }

  /** An uplink has ended; the component ends with the last one. */
  #ended(reason: Error): void {
    if (--this.#living > 0) return;
    const isWanted = this.#state === "closing";
    this.#state = "closed";
    this.options.signal?.removeEventListener("abort", this.#onAbort);
    this.registrations.endStreams(isWanted ? null : reason);
    this.events.emit({ type: "closed" });
    this.#resolveClosed();
  }
}

/** Each broker asks for the name that it knows, so that the answer depends on where the call came from. */
function addPoolRid(handlers: Handlers): void {
  const rid = (...args: readonly unknown[]): string => (args.at(-1) as HandlerContext).node.rid;
  handlers.setBuiltin("rid", rid, { context: true });
}
