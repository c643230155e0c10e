import { RembusError, Status, TimeoutError } from "../protocol/errors.ts";
import { type Clock, SYSTEM_CLOCK, type Timer } from "../util/clock.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { SYSTEM_RANDOM } from "../util/random.ts";
import { QueryError, type StoreFault } from "./errors.ts";
import type { LakeHealth, LakeOptions, RequestOptions } from "./lake_options.ts";
import { MessageWriter, readMessages } from "./frame_stream.ts";
import type { FromLake, ToLake } from "./message.ts";
import { Suspicion } from "./suspicion.ts";
import { Outcomes } from "./outcomes.ts";
import type { LakeProcess } from "./process.ts";
import { Requests } from "./requests.ts";

/** Pauses between two starts, in milliseconds; the ceiling doubles with each failure in a row. */
const RESTART_MS = { first: 100, max: 30_000 } as const;
/** A process that lived this long, in milliseconds, or stored anything, ends a row of failures. */
const STABLE_MS = 60_000;
/** Pause between two questions for a sign of life, in milliseconds. */
const PING_MS = 10_000;
/** Silence, in milliseconds, after which the process is killed. */
const SILENCE_MS_MAX = 60_000;
/** Time that a request may take by default, in milliseconds: waiting, running and grace. */
const REQUEST_MS = 70_000;
/** Time that the process gets to close its store, in milliseconds. */
const CLOSE_MS = 10_000;
/** Requests without an answer; more are refused. */
const REQUESTS_MAX = 10_000;

/** Faults that another start cannot mend. */
const LASTING: ReadonlySet<StoreFault> = new Set<StoreFault>([
  "other-log",
  "other-storage",
  "schema",
]);

type State =
  | { readonly kind: "starting" | "ready"; readonly live: Live }
  | { readonly kind: "restarting"; readonly timer: Timer }
  | { readonly kind: "failed" }
  | { readonly kind: "closed" };

interface Live {
  readonly process: LakeProcess;
  readonly writer: MessageWriter<ToLake>;
  readonly startedAt: number;
  /** When the last message came. */
  heardAt: number;
  /** Whether anything was ingested. */
  hasProgressed: boolean;
  /** Where the transaction begins that it tries, while it is careful. */
  trying: number | null;
  /** Whether we ended it ourselves, since it made no sense or no sound any more. */
  wasGivenUp: boolean;
}

/**
 * The lake as the broker sees it: starts the process, starts it again with back-off when it ends, forwards
 * requests. Whatever happens there, the broker goes on.
 */
export class Lake implements AsyncDisposable {
  readonly #options: LakeOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #requests = new Requests();
  readonly #outcomes = new Outcomes();
  readonly #suspicion = new Suspicion();
  readonly #ended = Promise.withResolvers<void>();
  #state: State;
  #health: LakeHealth;
  #durableEnd: number;
  #nextId = 1;
  #failures = 0;
  #ping: Timer | null = null;
  #housekeeping: Timer | null = null;

  private constructor(options: LakeOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#logger = options.logger ?? SILENT;
    this.#durableEnd = options.durableEnd;
    this.#health = {
      state: "starting",
      fault: null,
      message: null,
      storage: null,
      nextOffset: null,
      restarts: 0,
      rows: 0,
      deadLetters: 0,
    };
    this.#state = { kind: "starting", live: this.#spawn() };
    this.#schedulePing();
    this.#scheduleHousekeeping();
  }

  /** Starts the process. Returns at once: requests wait until it is ready. */
  static start(options: LakeOptions): Lake {
    return new Lake(options);
  }

  /** How the lake is now. */
  get health(): LakeHealth {
    return this.#health;
  }

  /**
   * The first offset that is not in the tables, and that retention must keep (D22); `null` while it is not
   * known: then everything must be kept.
   */
  get heldOffset(): number | null {
    return this.#health.nextOffset;
  }

  /** The log is on disk up to `end`, exclusive: the lake reads no further (D19). */
  durable(end: number): void {
    if (end <= this.#durableEnd) return;
    this.#durableEnd = end;
    if (this.#state.kind === "ready") this.#send(this.#state.live, { type: "durable", end });
  }

  /**
   * Answers a `query_<table>` call.
   *
   * @param args CBOR of the arguments.
   * @param options `after`: the answer sees every message below this offset.
   * @returns The Arrow bytes of the result.
   * @throws {QueryError} With the text for status 40.
   */
  async query(
    table: string,
    args: Uint8Array,
    options: RequestOptions & { readonly after?: number } = {},
  ): Promise<Uint8Array> {
    const { after = null } = options;
    const value = await this.#request((id) => ({ type: "query", id, table, args, after }), options);
    if (value instanceof Uint8Array) return value;
    throw new QueryError("Cannot answer the query: the tables gave no frame");
  }

  /**
   * Waits until the command at this offset of the log was carried out (D21). Survives restarts of the
   * process.
   *
   * @throws {QueryError} When it was refused; the text is the answer with status 40.
   */
  async outcome(offset: number, options: RequestOptions = {}): Promise<void> {
    try {
      const error = await this.#outcomeOf(offset, options);
      if (typeof error === "string") throw new QueryError(error);
    } finally {
      this.#outcomes.forget(offset);
    }
  }

  /** Runs the housekeeping now; what each step said. */
  async maintain(options: RequestOptions = {}): Promise<unknown> {
    const { keepDays = 7 } = this.#options;
    return await this.#request((id) => ({ type: "maintain", id, keepDays }), options);
  }

  /** Lets the process finish its transaction and close the store, at most for some seconds. Idempotent. */
  async close(): Promise<void> {
    const state = this.#state;
    if (state.kind === "closed") return await this.#ended.promise;
    this.#become({ kind: "closed" });
    this.#ping?.cancel();
    this.#housekeeping?.cancel();
    if (state.kind === "restarting") state.timer.cancel();
    this.#rejectAll("the tables are closed");
    if (state.kind === "starting" || state.kind === "ready") await this.#stop(state.live);
    this.#ended.resolve();
  }

  /** Closes the lake: see {@link Lake.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #outcomeOf(offset: number, options: RequestOptions): Promise<unknown> {
    const { nextOffset } = this.#health;
    const isApplied = nextOffset !== null && nextOffset > offset;
    if (!isApplied || this.#outcomes.has(offset)) {
      if (this.#state.kind === "ready") {
        this.#send(this.#state.live, { type: "hurry", end: offset + 1 });
      }
      const error = await this.#within(this.#outcomes.wait(offset), options);
      if (error !== undefined) return error;
    }
    // Applied before anybody waited, or before a restart: only the tables know how it ended.
    return await this.#request((id) => ({ type: "outcome", id, offset }), options);
  }

  #spawn(): Live {
    const process = this.#options.spawn();
    const writer = new MessageWriter<ToLake>(process.stdin);
    const now = this.#clock.now();
    const live: Live = {
      process,
      writer,
      startedAt: now,
      heardAt: now,
      hasProgressed: false,
      trying: null,
      wasGivenUp: false,
    };
    const { schema, storage, source, commitMs, queryMs, resultBytesMax } = this.#options;
    const { memoryBytes, residentBytesMax, threads } = this.#options;
    const given = Object.entries({ commitMs, queryMs, resultBytesMax, memoryBytes, threads })
      .filter(([, value]) => value !== undefined);
    this.#send(live, {
      type: "start",
      schema,
      storage,
      source,
      durableEnd: this.#durableEnd,
      ...(this.#suspicion.careful === null ? {} : { careful: this.#suspicion.careful }),
      ...(this.#suspicion.skip.length > 0 ? { skip: this.#suspicion.skip } : {}),
      ...Object.fromEntries(given),
      ...(residentBytesMax === undefined ? {} : { residentBytesMax }),
    });
    void this.#listen(live);
    return live;
  }

  async #listen(live: Live): Promise<void> {
    try {
      for await (const message of readMessages<FromLake>(live.process.stdout)) {
        live.heardAt = this.#clock.now();
        this.#take(message, live);
      }
    } catch (error) {
      this.#logger.error("lakeUnreadable", { reason: String(error) });
      live.wasGivenUp = true;
      live.process.kill();
    }
    const how = await live.process.ended;
    // Its end of the pipe is gone; ours is closed so that nothing is left open.
    await live.writer.close().catch(() => {});
    this.#onEnd(live, how);
  }

  #take(message: FromLake, live: Live): void {
    switch (message.type) {
      case "ready":
        return this.#onReady(message, live);
      case "trying":
        live.trying = message.offset;
        return;
      case "progress": {
        live.hasProgressed = true;
        live.trying = null;
        const { rows, deadLetters } = this.#health;
        this.#change({
          nextOffset: message.nextOffset,
          rows: rows + message.rows,
          deadLetters: deadLetters + message.deadLetters,
        });
        for (const { offset, error } of message.outcomes) this.#outcomes.settle(offset, error);
        // A commit that failed only by name told nothing of its outcomes.
        this.#outcomes.release(message.nextOffset);
        this.#options.onProgress?.(message.nextOffset);
        return;
      }
      case "health":
        return this.#change({ fault: message.fault, message: message.message });
      case "failed":
        this.#change({ fault: message.fault, message: message.message });
        this.#logger.error("lakeFailed", { fault: message.fault, reason: message.message });
        return;
      case "answer":
        this.#requests.resolve(message.id, message.value);
        return;
      case "refused":
        this.#requests.reject(message.id, new QueryError(message.message));
        return;
      case "log":
        this.#logger[message.level](message.event, message.fields);
        return;
      default:
        return message satisfies never;
    }
  }

  #onReady(message: FromLake & { type: "ready" }, live: Live): void {
    const { nextOffset, storage, setAside } = message;
    if (this.#state.kind === "closed") return;
    if (setAside !== null) this.#logger.error("lakeTablesSetAside", { moved: setAside });
    this.#state = { kind: "ready", live };
    this.#change({ state: "ready", nextOffset, storage, fault: null, message: null });
    this.#logger.info("lakeReady", { nextOffset, storage });
    this.#send(live, { type: "durable", end: this.#durableEnd });
    this.#requests.connect((request) => this.#send(live, request));
    // Whoever waited for a command that was applied before the crash must ask the tables.
    this.#outcomes.release(nextOffset);
    this.#options.onProgress?.(nextOffset);
  }

  #onEnd(live: Live, how: string): void {
    const state = this.#state;
    if (state.kind === "closed" || !("live" in state) || state.live !== live) return;
    const { fault, nextOffset } = this.#health;
    const hasWork = nextOffset !== null && nextOffset < this.#durableEnd;
    if (state.kind === "ready" && fault === null && hasWork) {
      const { hasProgressed, trying } = live;
      const wasKilled = how === "SIGKILL" && !live.wasGivenUp;
      this.#suspicion.onDeath({ hasProgressed, trying, wasKilled });
    }
    if (fault !== null && LASTING.has(fault) && state.kind === "starting") {
      this.#become({ kind: "failed" });
      this.#rejectAll(this.#health.message ?? "the tables cannot be opened");
      return;
    }
    const wasUseful = live.hasProgressed || this.#clock.now() - live.startedAt >= STABLE_MS;
    if (wasUseful) this.#failures = 0;
    const { random = SYSTEM_RANDOM } = this.#options;
    const ceiling = Math.min(
      RESTART_MS.max,
      RESTART_MS.first * 2 ** Math.min(this.#failures++, 20),
    );
    const pause = Math.floor(ceiling * (0.5 + random.float() / 2));
    this.#logger.warn("lakeEnded", { how, pauseMs: pause, restarts: this.#health.restarts });
    this.#requests.disconnect(how);
    this.#become({
      kind: "restarting",
      timer: this.#clock.setTimer(() => this.#restart(), pause),
    });
  }

  #restart(): void {
    if (this.#state.kind !== "restarting") return;
    this.#change({ restarts: this.#health.restarts + 1 });
    this.#become({ kind: "starting", live: this.#spawn() });
  }

  async #stop(live: Live): Promise<void> {
    this.#send(live, { type: "stop" });
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.setTimer(() => {
      live.process.kill();
      resolve();
    }, CLOSE_MS);
    void live.process.ended.then(() => resolve());
    await promise;
    timer.cancel();
    await live.process.ended;
  }

  /** Sends a request now, or as soon as the process is ready. */
  async #request(make: (id: number) => ToLake, options: RequestOptions): Promise<unknown> {
    const { kind } = this.#state;
    if (kind === "failed" || kind === "closed") {
      throw new QueryError(this.#health.message ?? "the tables are closed");
    }
    if (this.#requests.size >= REQUESTS_MAX) {
      throw new QueryError(`Cannot ask the tables: expected at most ${REQUESTS_MAX} that wait`);
    }
    const id = this.#nextId++;
    try {
      return await this.#within(this.#requests.ask(id, make(id)), options);
    } finally {
      this.#requests.forget(id);
    }
  }

  /** The result, or an error when the time is over or the signal came. */
  async #within<T>(
    result: Promise<T>,
    { timeoutMs = REQUEST_MS, signal }: RequestOptions,
  ): Promise<T> {
    signal?.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = this.#clock.setTimer(
      () => reject(new TimeoutError(`Cannot ask the tables: no answer in ${timeoutMs} ms`)),
      timeoutMs,
    );
    const onAbort = () => reject(abortError(signal?.reason));
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([result, promise]);
    } finally {
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #send(live: Live, message: ToLake): void {
    // A process that died cannot be told; its end is handled where it is read.
    live.writer.send(message).catch((error) =>
      this.#logger.debug("lakeUnreachable", { reason: String(error) })
    );
  }

  #schedulePing(): void {
    this.#ping = this.#clock.setTimer(() => {
      const state = this.#state;
      if (state.kind === "ready") {
        if (this.#clock.now() - state.live.heardAt > SILENCE_MS_MAX) {
          this.#logger.error("lakeSilent", { silentMs: SILENCE_MS_MAX });
          state.live.wasGivenUp = true;
          state.live.process.kill();
        } else this.#send(state.live, { type: "ping", id: this.#nextId++ });
      }
      this.#schedulePing();
    }, PING_MS);
  }

  #scheduleHousekeeping(): void {
    const { maintainMs = 3_600_000 } = this.#options;
    if (maintainMs <= 0) return;
    this.#housekeeping = this.#clock.setTimer(() => {
      this.maintain().then(
        (steps) => this.#logger.debug("lakeMaintained", { steps }),
        (error) => this.#logger.warn("lakeMaintenanceFailed", { reason: String(error) }),
      );
      this.#scheduleHousekeeping();
    }, maintainMs);
  }

  #rejectAll(reason: string): void {
    this.#requests.rejectAll(new QueryError(reason));
    if (this.#state.kind === "closed" || this.#state.kind === "failed") {
      this.#outcomes.rejectAll(new QueryError(reason));
    }
  }

  #become(state: State): void {
    this.#state = state;
    this.#change({ state: state.kind });
  }

  #change(change: Partial<LakeHealth>): void {
    this.#health = { ...this.#health, ...change };
    this.#options.onHealth?.(this.#health);
  }
}

function abortError(reason: unknown): Error {
  return reason instanceof Error
    ? reason
    : new RembusError(Status.ERROR, "the request was given up", { cause: reason });
}
