import { backoffMs } from "../peer/backoff.ts";
import { decodeCbor, encodeCbor, Tagged, walkCbor } from "../protocol/cbor.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import type { Clock, Timer } from "../util/clock.ts";
import { errorText } from "../util/error_text.ts";
import type { Logger } from "../util/log.ts";
import { readFrames, toFrame } from "./frames.ts";
import {
  CALL_BYTES_MAX,
  FRAME_BYTES_MAX,
  LOAD_MS_MAX,
  PENDING_BYTES_MAX,
  RESTART_MS,
  STABLE_MS,
} from "./limits.ts";
import { type FromCode, readFromCode, type ToCode } from "./messages.ts";
import { logOutput } from "./output.ts";
import { OutstandingCalls } from "./outstanding.ts";
import type { CodeProcess } from "./process.ts";

/** What a {@link CodeRunner} needs. */
export interface RunnerOptions {
  /** Name of the service or topic. */
  readonly name: string;
  readonly source: string;
  /** Starts a child. */
  readonly spawn: () => CodeProcess;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Gives a number in [0, 1). */
  readonly random: () => number;
  /** Time for one call, in milliseconds, from when the child gets it. */
  readonly callMs: number;
  /** Calls that the child works at; further ones wait. */
  readonly runningMax: number;
  /** Calls without an answer. Exceeded: refused. */
  readonly callsMax: number;
  /** Whether what waits goes on to wait while the child is started again; else it is refused. */
  readonly keepsWaiting: boolean;
  /** What a child may use in all, in bytes. */
  readonly rssMax: number;
}

interface Live {
  readonly process: CodeProcess;
  readonly writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly startedAt: number;
  /** Runs while it loads. */
  loading: Timer | null;
  /** Why we ended it; `null` when it ended by itself. */
  reason: string | null;
}

type State =
  | { readonly kind: "starting" | "ready"; readonly live: Live }
  | { readonly kind: "pausing"; readonly timer: Timer }
  | { readonly kind: "closed" };

/** Tag of a data frame (spec 2.6). */
const TAG_FRAME = 80;

/**
 * One piece of code that came over the wire, and the child that runs it. Whatever the code does, each call ends:
 * with its answer, or with an error when it takes too long or the child ends, which is then started again.
 */
export class CodeRunner {
  /** Resolves when the code could be loaded, to the name of the function; rejects with what is wrong. */
  readonly loaded: Promise<string>;
  readonly #options: RunnerOptions;
  readonly #calls = new OutstandingCalls();
  readonly #loaded = Promise.withResolvers<string>();
  #hasLoaded = false;
  #state: State;
  #nextId = 1;
  #failures = 0;
  /** Resolves when nothing is left of the last child. */
  #ended: Promise<void> = Promise.resolve();
  /** Called when no call is left, by who waits for it. */
  #onIdle: (() => void) | null = null;

  private constructor(options: RunnerOptions) {
    this.#options = options;
    this.loaded = this.#loaded.promise;
    // Who started it listens to it, or closes it.
    this.loaded.catch(() => undefined);
    this.#state = { kind: "starting", live: this.#spawn() };
  }

  /** Starts the child. */
  static start(options: RunnerOptions): CodeRunner {
    return new CodeRunner(options);
  }

  /**
   * Calls the function. Rejects with `RembusError` when it throws, takes too long, gives too much or ends its
   * process; when there are too many calls; and for data frames, which code cannot open.
   */
  call(args: readonly unknown[]): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    try {
      const frame = this.#admit(args);
      this.#calls.add({ id: this.#nextId++, frame, resolve, reject, timer: null });
      this.#pump();
    } catch (error) {
      reject(error);
    }
    return promise;
  }

  /** Resolves when all calls that were made have ended: no later than their time limits. */
  async idle(): Promise<void> {
    if (this.#calls.size === 0 || this.#state.kind === "closed") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    await promise;
  }

  /** Ends the child, and calls that have no answer. Idempotent; resolves when nothing is left of the child. */
  async close(): Promise<void> {
    const state = this.#state;
    this.#state = { kind: "closed" };
    if (state.kind === "pausing") state.timer.cancel();
    if ("live" in state) this.#kill(state.live, "it was removed");
    this.#loaded.reject(new RembusError(Status.METHOD_EXCEPTION, "it was removed"));
    this.#rejectAll("it was removed");
    await this.#ended;
  }

  /** The frame of a call that may be made. Throws for any other. */
  #admit(args: readonly unknown[]): Uint8Array {
    const { callsMax, keepsWaiting } = this.#options;
    if (this.#state.kind === "closed") throw this.#failure("it was removed");
    if (this.#state.kind === "pausing" && !keepsWaiting) {
      throw this.#failure("it ended, and is not started again yet");
    }
    if (args.some((value) => value instanceof Tagged && Number(value.tag) === TAG_FRAME)) {
      throw this.#failure("expected arguments without data frames, got one");
    }
    if (this.#calls.size >= callsMax) {
      throw this.#failure(`it is busy: expected at most ${callsMax} calls at a time`);
    }
    const frame = toFrame(encodeCbor({ type: "call", id: this.#nextId, args } satisfies ToCode));
    if (frame.byteLength > CALL_BYTES_MAX) {
      throw this.#failure(
        `expected at most ${CALL_BYTES_MAX} bytes of arguments, got ${frame.byteLength}`,
      );
    }
    if (this.#calls.bytes + frame.byteLength > PENDING_BYTES_MAX) {
      throw this.#failure(`it is busy: expected at most ${PENDING_BYTES_MAX} bytes of arguments`);
    }
    return frame;
  }

  #failure(problem: string): RembusError {
    return new RembusError(Status.METHOD_EXCEPTION, this.#text(problem));
  }

  #text(problem: string): string {
    return `Cannot run "${this.#options.name}": ${problem}`;
  }

  /** Gives the child what waits, as far as it may work at it. */
  #pump(): void {
    if (this.#state.kind !== "ready") return;
    const { live } = this.#state;
    const { clock, callMs, runningMax } = this.#options;
    while (this.#calls.running < runningMax) {
      const call = this.#calls.next();
      if (call === null) return;
      call.timer = clock.setTimer(() => this.#onOverdue(call.id, live), callMs);
      this.#write(live, call.frame);
    }
  }

  #onOverdue(id: number, live: Live): void {
    const { callMs } = this.#options;
    this.#calls.take(id)?.reject(this.#failure(`it took longer than ${callMs} ms`));
    // There is no other way to end code that does not end.
    this.#kill(live, "a call took too long");
    this.#settleIdle();
  }

  #spawn(): Live {
    const { spawn, clock, source, name, rssMax, logger } = this.#options;
    const process = spawn();
    const live: Live = {
      process,
      writer: process.stdin.getWriter(),
      startedAt: clock.now(),
      loading: null,
      reason: null,
    };
    live.loading = clock.setTimer(
      () => this.#kill(live, `it took longer than ${LOAD_MS_MAX} ms to load`),
      LOAD_MS_MAX,
    );
    const printed = logOutput(process.stderr, {
      clock,
      logger,
      fields: { name },
      ended: process.ended,
    }).catch((error) => logger.warn("output of code lost", { name, error }));
    this.#ended = this.#listen(live, printed);
    this.#write(live, toFrame(encodeCbor({ type: "load", name, source, rssMax } satisfies ToCode)));
    return live;
  }

  /** A child that is gone says so elsewhere. */
  #write(live: Live, frame: Uint8Array): void {
    live.writer.write(frame).catch(() => undefined);
  }

  #kill(live: Live, reason: string): void {
    live.reason ??= reason;
    live.process.kill();
  }

  async #listen(live: Live, printed: Promise<void>): Promise<void> {
    try {
      for await (const frame of readFrames(live.process.stdout, FRAME_BYTES_MAX)) {
        if (live.reason !== null) continue;
        this.#take(readFromCode(decodeCbor(frame)), live);
      }
    } catch (error) {
      this.#kill(live, errorText(error));
    }
    const how = await live.process.ended;
    live.loading?.cancel();
    await printed;
    await live.writer.close().catch(() => undefined); // its end of the pipe is gone
    this.#onEnd(live, live.reason ?? `its process ended (${how})`);
  }

  #take(message: FromCode, live: Live): void {
    switch (message.type) {
      case "loaded":
        return this.#onLoaded(message.function, live);
      case "failed":
        return this.#kill(live, message.text);
      case "result":
        return this.#onResult(message.id, message.value, live);
      case "error":
        this.#answered(message.id, live)?.reject(
          new RembusError(Status.METHOD_EXCEPTION, message.text),
        );
        return this.#goOn();
      default:
        return message satisfies never;
    }
  }

  #onLoaded(chosen: string, live: Live): void {
    if (this.#state.kind !== "starting" || this.#state.live !== live) {
      return this.#kill(live, "it said twice that it was loaded");
    }
    live.loading?.cancel();
    this.#hasLoaded = true;
    this.#state = { kind: "ready", live };
    this.#options.logger.info("code loaded", { name: this.#options.name, function: chosen });
    this.#loaded.resolve(chosen);
    this.#pump();
  }

  #onResult(id: number, bytes: Uint8Array, live: Live): void {
    const call = this.#answered(id, live);
    if (call === null) return;
    try {
      call.resolve(checkedResult(bytes));
    } catch (error) {
      call.reject(this.#failure(errorText(error)));
    }
    this.#goOn();
  }

  /** The call that was answered; `null`, and the end of the child, for one that nobody made. */
  #answered(
    id: number,
    live: Live,
  ): { resolve(value: unknown): void; reject(e: Error): void } | null {
    const call = this.#calls.take(id);
    if (call === null) this.#kill(live, "it answered a call that nobody made");
    return call;
  }

  #goOn(): void {
    this.#pump();
    this.#settleIdle();
  }

  #onEnd(live: Live, reason: string): void {
    const state = this.#state;
    if (!("live" in state) || state.live !== live) return;
    const { clock, logger, name, random, keepsWaiting } = this.#options;
    if (!this.#hasLoaded) {
      this.#state = { kind: "closed" };
      this.#loaded.reject(new RembusError(Status.METHOD_EXCEPTION, reason));
      this.#rejectAll(reason);
      return;
    }
    if (clock.now() - live.startedAt >= STABLE_MS) this.#failures = 0;
    const pauseMs = backoffMs(this.#failures++, RESTART_MS, random);
    logger.error("code ended", { name, reason, pauseMs });
    this.#state = { kind: "pausing", timer: clock.setTimer(() => this.#restart(), pauseMs) };
    this.#calls.rejectRunning(this.#text(reason));
    if (!keepsWaiting) this.#calls.rejectWaiting(this.#text(reason));
    this.#settleIdle();
  }

  #restart(): void {
    try {
      this.#state = { kind: "starting", live: this.#spawn() };
    } catch (error) {
      // No process can be started now, for want of memory for example.
      const { clock, logger, name, random } = this.#options;
      const pauseMs = backoffMs(this.#failures++, RESTART_MS, random);
      logger.error("code not started", { name, error, pauseMs });
      this.#state = { kind: "pausing", timer: clock.setTimer(() => this.#restart(), pauseMs) };
    }
  }

  #rejectAll(reason: string): void {
    this.#calls.rejectRunning(this.#text(reason));
    this.#calls.rejectWaiting(this.#text(reason));
    this.#settleIdle();
  }

  #settleIdle(): void {
    if (this.#calls.size > 0) return;
    this.#onIdle?.();
    this.#onIdle = null;
  }
}

/** A result is checked as what a peer sends: it goes on to peers. */
function checkedResult(bytes: Uint8Array): unknown {
  if (walkCbor(bytes, 0) !== bytes.byteLength) throw new TypeError("its result is not one value");
  const value = decodeCbor(bytes);
  for (const one of Array.isArray(value) ? value : [value]) {
    if (one instanceof Tagged && Number(one.tag) === TAG_FRAME) {
      throw new TypeError("expected a result without data frames, got one");
    }
  }
  return value;
}
