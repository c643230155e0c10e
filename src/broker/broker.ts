import type { Timer } from "../util/clock.ts";
import type { Link } from "../link/link.ts";
import type { Caller, NodeHandle } from "../peer/api.ts";
import { addBuiltins } from "../peer/builtins.ts";
import { Access } from "./access.ts";
import { AdminCommands } from "./admin.ts";
import { Admins } from "./admins.ts";
import { AuditTrail } from "./audit.ts";
import { peerCaller } from "./callers.ts";
import { Calls } from "./calls.ts";
import { Commits } from "./commits.ts";
import { type Counters, newCounters } from "./counters.ts";
import { Exposers } from "./exposers.ts";
import type { FollowingParts } from "./following.ts";
import { BrokerHandle } from "./handle.ts";
import { type Interceptor, InterceptorChain } from "./interceptors.ts";
import { Ledger } from "./ledger.ts";
import { SWEEP_MS } from "./limits.ts";
import { LocalNode } from "./local.ts";
import { Login } from "./login.ts";
import { OutboundMemory } from "./memory.ts";
import { type BrokerOptions, resolveBrokerOptions } from "./options.ts";
import type { BrokerParts } from "./parts.ts";
import { Publishing } from "./publishing.ts";
import { recall } from "./recall.ts";
import { Registry } from "./registry.ts";
import { RuleCommands } from "./rule_commands.ts";
import { Sequence } from "./sequence.ts";
import { Session } from "./session.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Waits } from "./waits.ts";

/** Half of the memory for queues is for outbound ones (design.md section 7). */
const OUTBOUND_SHARE = 0.5;
/** How often a closing broker looks whether everything under way has ended, in milliseconds. */
const DRAIN_STEP_MS = 10;

/** How a link is taken. */
export interface AcceptOptions {
  /** Whether the link stays inside this process: then it needs no key to be an admin. @default {false} */
  readonly trusted?: boolean;
}

/** A component that is known to a broker. */
export interface KnownComponent {
  readonly name: string;
  readonly connected: boolean;
  readonly subscriptions: readonly string[];
  /** Those of them that get what comes: announced in this session (D14). */
  readonly open: readonly string[];
  readonly services: readonly string[];
}

/**
 * The broker: takes links from outside and moves messages between the components behind them. It opens
 * no port and reads no file, so that the whole of it runs in memory (design.md section 3).
 */
export class Broker implements AsyncDisposable {
  /** The broker as a node: it publishes, subscribes, exposes and calls like a component. */
  readonly handle: NodeHandle;
  readonly #parts: BrokerParts;
  readonly #sessions = new Set<Session>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #endStreams: () => void;
  #sweeper: Timer | null = null;
  #state: "open" | "draining" | "closing" | "closed" = "open";

  /** Makes a broker. Throws `TypeError` or `RangeError` for options that cannot be honoured. */
  constructor(options: BrokerOptions = {}) {
    this.#parts = this.#assemble(options);
    const handle = new BrokerHandle(this.#parts, {
      isOpen: () => this.#state === "open",
      close: () => this.close(),
      closed: this.#closed.promise,
    });
    this.handle = handle;
    this.#endStreams = () => handle.endStreams();
    const { local, options: { name: rid, clock } } = this.#parts;
    addBuiltins(local.handlers, { rid, clock });
    this.#scheduleSweep();
  }

  /**
   * Takes up what is remembered from before: components, private topics, and the QoS 2 ids of the last minutes. Called
   * once, before the first link is accepted, by whoever gave the broker a journal or a state.
   *
   * Rejects when the journal cannot be read.
   */
  recall(): Promise<void> {
    return recall(this.#parts);
  }

  /** Name of the broker. */
  get name(): string {
    return this.#parts.options.name;
  }

  /** What was counted since the start. */
  get counters(): Readonly<Counters> {
    return this.#parts.counters;
  }

  /** Connected sessions, anonymous ones included. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** The component of a name, connected or remembered; `null` when it is unknown. */
  component(name: string): KnownComponent | null {
    const twin = this.#parts.registry.get(name);
    if (twin === undefined) return null;
    return {
      name: twin.name,
      connected: twin.conversation !== null,
      subscriptions: [...twin.subscriptions.keys()],
      open: [...twin.subscriptions.values()].filter(({ open }) => open).map(({ topic }) => topic),
      services: [...twin.services],
    };
  }

  /** Whether the broker itself answers a service, or listens to a topic of that very name. */
  isTaken(kind: "service" | "subscriber", name: string): boolean {
    const { local: { handlers }, options: { services } } = this.#parts;
    return kind === "service"
      ? handlers.hasService(name) || services.has(name)
      : handlers.hasSubscriber(name);
  }

  /** A connected component as something to publish to and to call, whatever it exposes (spec 6.8). */
  peer(name: string): Caller {
    return this.#parts.local.callerOf(name);
  }

  /** Adds an interceptor behind those that are there (spec 10.3). */
  intercept(interceptor: Interceptor): void {
    this.#parts.interceptors.add(interceptor);
  }

  /**
   * Takes a link and talks to the peer behind it. A closing broker sends it away (1001). Resolves when the peer may do
   * something, which with `authenticated` is after its login, or when it is gone. Never rejects.
   */
  accept(link: Link, options: AcceptOptions = {}): Promise<void> {
    const session = new Session(this.#parts, link, {
      trusted: options.trusted ?? false,
      onEnd: (ended) => {
        this.#sessions.delete(ended);
        this.#settleClosed();
      },
    });
    this.#sessions.add(session);
    session.start();
    if (this.#state !== "open") session.close(1001, "broker is closing");
    return session.admitted;
  }

  /**
   * Ends the broker: waits up to `drainMs` for acknowledgements, answers and handlers under way, then closes
   * all links with 1001, after which components reconnect. Idempotent.
   */
  async close(): Promise<void> {
    if (this.#state !== "open") return this.#closed.promise;
    this.#state = "draining";
    await this.#drained();
    this.#state = "closing";
    this.#sweeper?.cancel();
    const { local, login, waits } = this.#parts;
    login.close();
    local.close();
    waits.close();
    this.#endStreams();
    for (const session of this.#sessions) session.close(1001, "broker is closing");
    this.#settleClosed();
    await this.#closed.promise;
    await this.#parts.ledger?.flush();
    this.#parts.ledger?.end();
  }

  /** Closes. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #assemble(given: BrokerOptions): BrokerParts {
    const options = resolveBrokerOptions(given);
    const { clock, logger: log, random, strictReactive } = options;
    const { journal, state, offlineMaxMs } = options;
    const counters = newCounters();
    const exposers = new Exposers(options.policy);
    const trail = new AuditTrail({ audit: options.audit, clock, log });
    const admins = new Admins(options.admins);
    const access = new Access({
      name: options.name,
      spaces: options.spaces,
      tables: options.tables,
      tenants: options.tenants,
      sharedServices: options.sharedServices,
      isRegistered: (name) => options.keys.has(name),
      exposersOf: (topic) => exposers.of(topic),
    });
    const commits = journal === null ? null : new Commits(journal);
    const ledger = state === null ? null : new Ledger({ state, clock, log });
    const following: FollowingParts | null = journal === null || commits === null
      ? null
      : { journal, commits, ledger, access, clock, log, offlineMaxMs };
    const subscriptions = new Subscriptions();
    const memory = new OutboundMemory({
      bytesMax: options.memoryLimitBytes * OUTBOUND_SHARE,
      log,
      holders: () => this.#sessions,
      shed: () => registry.shed(),
    });
    const registry: Registry = new Registry({
      clock,
      log,
      counters,
      memory,
      strictReactive,
      following,
      state,
      subscriptions,
      exposers,
    });
    const calls = new Calls({ clock, random, counters, log });
    const waits = new Waits(clock);
    const { name, contract, requestTimeoutMs, spaces } = options;
    const local: LocalNode = new LocalNode({
      name,
      contract,
      clock,
      counters,
      log,
      following,
      callerOf: (peer) =>
        peer === name
          ? this.handle
          : peerCaller(peer, { calls, registry, waits, requestTimeoutMs }),
    });
    const rules = new RuleCommands({
      options,
      access,
      admins,
      exposers,
      registry,
      subscriptions,
      isOwnService: (topic) => local.handlers.hasService(topic) || options.services.has(topic),
    });
    const parts = {
      options,
      access,
      admins,
      rules,
      trail,
      admin: new AdminCommands({
        access,
        rules,
        twinOf: (name) => registry.get(name),
        exposers,
        subscriptions,
        spaces,
        name,
        state,
        hasHistory: journal !== null,
      }),
      calls,
      commits,
      following,
      ledger,
      counters,
      exposers,
      interceptors: new InterceptorChain(options.interceptors, log),
      local,
      memory,
      publishing: new Publishing({
        access,
        clock,
        counters,
        log,
        sequence: new Sequence(clock),
        subscriptions,
        localIsBusy: () => local.isBusy,
        kept: journal === null || commits === null ? null : { journal, commits },
      }),
      registry,
      subscriptions,
      waits,
    };
    return { ...parts, login: new Login(parts) };
  }

  #scheduleSweep(): void {
    this.#sweeper = this.#parts.options.clock.setTimer(() => {
      this.#parts.calls.sweep();
      this.#parts.registry.sweep();
      this.#scheduleSweep();
    }, SWEEP_MS);
  }

  /** Resolves when nothing is under way any more, or when the time for it is over. */
  #drained(): Promise<void> {
    const { options: { clock, drainMs }, calls, commits, local } = this.#parts;
    const until = clock.now() + drainMs;
    return new Promise((resolve) => {
      const look = (): void => {
        const busy = calls.pending > 0 || local.running > 0 || (commits?.pending ?? 0) > 0 ||
          [...this.#sessions].some(({ twin }) => twin.outbox.active > 0);
        if (!busy || clock.now() >= until) resolve();
        else clock.setTimer(look, DRAIN_STEP_MS);
      };
      look();
    });
  }

  #settleClosed(): void {
    if (this.#state !== "closing" || this.#sessions.size > 0) return;
    this.#state = "closed";
    this.#closed.resolve();
  }
}
