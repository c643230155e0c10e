import type { NodeHandle } from "../peer/api.ts";
import { LimitError, RembusError, Status } from "../protocol/errors.ts";
import type { Clock } from "../util/clock.ts";
import { errorText } from "../util/error_text.ts";
import type { Logger } from "../util/log.ts";
import { type CodeFile, codeFileName, CodeFiles } from "./code_files.ts";
import { CodeRunner } from "./code_runner.ts";
import { readInstallRequest } from "./install_request.ts";
import { CHANGES_MAX, MESSAGES_MAX, NAMES_MAX, STARTS_MAX } from "./limits.ts";
import { checkCodeName, type CodeKind, isReservedService } from "./names.ts";
import type { CodeProcess } from "./process.ts";

/** What a {@link CodeShelf} needs. */
export interface ShelfOptions {
  readonly node: NodeHandle;
  readonly kind: CodeKind;
  readonly dir: string;
  readonly spawn: () => CodeProcess;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly callMs: number;
  readonly callsMax: number;
  readonly rssMax: number;
  readonly isTaken: (kind: CodeKind, name: string) => boolean;
}

/** One entry of a list: the file, and its text under both names that peers know (rembus-jl 6.10). */
export interface ListedCode {
  /** File, `<name>/<tag>.ts`. */
  readonly name: string;
  /** Text of the file, when it was asked for. */
  readonly body?: string;
  /** The same text, as Rembus.jl calls it. */
  readonly content?: string;
}

/** Code that is installed. */
interface Entry {
  readonly file: CodeFile;
  /** `null` for code that is on the disk but could not be used. */
  readonly runner: CodeRunner | null;
}

/** All code of one kind on a node: on the disk, and running. Changes are made one after another. */
export class CodeShelf implements AsyncDisposable {
  /** What the code is for. */
  readonly kind: CodeKind;
  readonly #options: ShelfOptions;
  readonly #files: CodeFiles;
  /** Name -> code. */
  readonly #entries = new Map<string, Entry>();
  /** Runners that have not ended, those that load or are replaced among them. */
  readonly #runners = new Set<CodeRunner>();
  #turn: Promise<unknown> = Promise.resolve();
  #changes = 0;
  #isClosed = false;

  /** An empty shelf. */
  constructor(options: ShelfOptions) {
    this.kind = options.kind;
    this.#options = options;
    this.#files = new CodeFiles(options);
  }

  /** Runs what was installed before. What is bad is logged and left out: never rejects. */
  load(): Promise<void> {
    return this.#inTurn(async () => {
      const files = (await this.#files.readAll()).values();
      const work = async (): Promise<void> => {
        for (const file of files) await this.#startOrSkip(file);
      };
      await Promise.all(Array.from({ length: STARTS_MAX }, work));
    });
  }

  /**
   * Installs code, or replaces the one of that name: only when the new one could be loaded, and once it is durable.
   * Rejects with a text for the caller.
   */
  async install(request: unknown): Promise<null> {
    const file = readInstallRequest(request);
    await this.#inTurn(() => this.#install(file));
    return null;
  }

  /** Removes the code of a name. One that is not there is no error. */
  async uninstall(name: unknown): Promise<null> {
    if (typeof name !== "string") {
      throw new TypeError(`Cannot uninstall code: expected a name, got ${typeof name}`);
    }
    await this.#inTurn(() => this.#uninstall(name));
    return null;
  }

  /** What is installed, sorted by name. */
  list(withBody: unknown): ListedCode[] {
    return [...this.#entries.values()]
      .sort((a, b) => a.file.name < b.file.name ? -1 : 1)
      .map(({ file }) => {
        const name = codeFileName(file);
        return withBody === true ? { name, body: file.content, content: file.content } : { name };
      });
  }

  /** Ends all children; what is on the disk stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#runners].map((runner) => runner.close()));
    // A change that waited for one of them ends now; one that begins behind it finds the shelf closed.
    await this.#turn;
    const { node } = this.#options;
    for (const name of this.#entries.keys()) {
      if (node.isOpen) await this.#takeBack(name).catch((error) => this.#warn(name, error));
    }
    this.#entries.clear();
  }

  async #startOrSkip(file: CodeFile): Promise<void> {
    const { logger } = this.#options;
    const { name } = file;
    // Also what is bad can be seen, and removed.
    this.#entries.set(name, { file, runner: null });
    if (this.#isClosed) return;
    try {
      const problem = this.#nameProblem(name);
      if (problem !== null) throw new TypeError(problem);
      const runner = await this.#start(file);
      this.#entries.set(name, { file, runner });
      await this.#offer(name).catch(async (error) => {
        this.#entries.set(name, { file, runner: null });
        await this.#end(runner);
        throw error;
      });
    } catch (error) {
      logger.error("code skipped", { kind: this.kind, name, reason: errorText(error) });
    }
  }

  async #install(file: CodeFile): Promise<void> {
    const { name } = file;
    const before = this.#entries.get(name) ?? null;
    const problem = this.#nameProblem(name) ?? (before === null ? this.#countProblem(name) : null);
    if (problem !== null) throw new TypeError(`Cannot install "${name}": ${problem}`);
    const runner = await this.#start(file).catch((error) => {
      throw new RembusError(
        Status.METHOD_EXCEPTION,
        `Cannot install "${name}": ${errorText(error)}`,
      );
    });
    const isOffered = before !== null && before.runner !== null;
    try {
      this.#entries.set(name, { file, runner });
      if (!isOffered) await this.#offer(name);
      await this.#files.write(file);
    } catch (error) {
      await this.#undo(name, { before, isOffered });
      await this.#end(runner);
      throw this.#diskError(name, error);
    }
    this.#options.logger.info("code installed", { kind: this.kind, name, tag: file.tag });
    if (before !== null && before.runner !== null) void this.#retire(before.runner);
  }

  async #undo(
    name: string,
    { before, isOffered }: { readonly before: Entry | null; readonly isOffered: boolean },
  ): Promise<void> {
    if (before !== null) this.#entries.set(name, before);
    else this.#entries.delete(name);
    if (isOffered || !this.#options.node.isOpen) return;
    await this.#takeBack(name).catch((error) => this.#warn(name, error));
  }

  /** What a peer is told of a failure: not the paths of this machine. */
  #diskError(name: string, error: unknown): Error {
    if (error instanceof RembusError) return error;
    this.#options.logger.error("code not kept", { kind: this.kind, name, error });
    return new RembusError(
      Status.METHOD_EXCEPTION,
      `Cannot install "${name}": it could not be kept, see the log of the node`,
    );
  }

  async #uninstall(name: string): Promise<void> {
    const entry = this.#entries.get(name);
    // What was skipped at start can be removed as well, unless it is other code on a disk that ignores case.
    const isKnown = entry !== undefined;
    if (!isKnown && (checkCodeName(name) !== null || this.#similar(name) !== null)) return;
    await this.#removeFile(name);
    if (!isKnown) return;
    this.#entries.delete(name);
    this.#options.logger.info("code uninstalled", { kind: this.kind, name });
    if (entry.runner === null) return;
    void this.#retire(entry.runner);
    await this.#takeBack(name);
  }

  async #removeFile(name: string): Promise<void> {
    try {
      await this.#files.remove(name);
    } catch (error) {
      this.#options.logger.error("code not removed", { kind: this.kind, name, error });
      throw new RembusError(
        Status.METHOD_EXCEPTION,
        `Cannot uninstall "${name}": it could not be removed, see the log of the node`,
      );
    }
  }

  /** Starts a child. Resolves when its code is loaded. */
  async #start({ name, content }: CodeFile): Promise<CodeRunner> {
    const { spawn, clock, logger, callMs, callsMax, rssMax } = this.#options;
    // Messages keep their order, and wait for a child that is started again.
    const limits = this.kind === "service"
      ? { runningMax: callsMax, callsMax, keepsWaiting: false }
      : { runningMax: 1, callsMax: MESSAGES_MAX, keepsWaiting: true };
    const runner = CodeRunner.start({
      name,
      source: content,
      spawn,
      clock,
      logger,
      random: Math.random,
      callMs,
      rssMax,
      ...limits,
    });
    this.#runners.add(runner);
    try {
      await runner.loaded;
    } catch (error) {
      await this.#end(runner);
      throw error;
    }
    return runner;
  }

  /** Lets the old one finish what it began, and ends it: at the latest when a call of it would be too long. */
  async #retire(runner: CodeRunner): Promise<void> {
    const { clock, callMs } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = clock.setTimer(resolve, callMs);
    await Promise.race([runner.idle(), promise]);
    timer.cancel();
    await this.#end(runner);
  }

  async #end(runner: CodeRunner): Promise<void> {
    await runner.close();
    this.#runners.delete(runner);
  }

  /** Whoever calls it gets what is installed under the name at that moment. */
  async #offer(name: string): Promise<void> {
    const { node } = this.#options;
    const run = (...args: readonly unknown[]): Promise<unknown> => {
      const runner = this.#entries.get(name)?.runner ?? null;
      if (runner !== null) return runner.call(args);
      return Promise.reject(new RembusError(Status.METHOD_EXCEPTION, `"${name}" was removed`));
    };
    if (this.kind === "service") await node.expose(name, run);
    else await node.subscribe(name, run);
  }

  async #takeBack(name: string): Promise<void> {
    const { node } = this.#options;
    if (this.kind === "service") await node.unexpose(name);
    else await node.unsubscribe(name);
  }

  #nameProblem(name: string): string | null {
    if (this.kind === "service" && isReservedService(name)) return "that service is built in";
    const isOurs = (this.#entries.get(name)?.runner ?? null) !== null;
    if (!isOurs && this.#options.isTaken(this.kind, name)) return "the node has one of that name";
    return null;
  }

  #countProblem(name: string): string | null {
    if (this.#entries.size >= NAMES_MAX) return `expected at most ${NAMES_MAX} names`;
    const similar = this.#similar(name);
    return similar === null ? null : `expected more than a difference of case to "${similar}"`;
  }

  /** A name that is the same on disks that ignore case. */
  #similar(name: string): string | null {
    const folded = name.toLowerCase();
    return this.#entries.keys().find((one) => one.toLowerCase() === folded) ?? null;
  }

  #warn(name: string, error: unknown): void {
    this.#options.logger.warn("code not taken back", { kind: this.kind, name, error });
  }

  async #inTurn(change: () => Promise<void>): Promise<void> {
    if (this.#changes >= CHANGES_MAX) {
      throw new LimitError(`Cannot change code: expected at most ${CHANGES_MAX} changes at a time`);
    }
    this.#changes++;
    const result = this.#turn.then(async () => {
      if (this.#isClosed) {
        throw new RembusError(Status.ERROR, "Cannot change code: the node is closed");
      }
      await change();
    });
    // Who asked for it hears of its failure.
    this.#turn = result.catch(() => undefined);
    try {
      await result;
    } finally {
      this.#changes--;
    }
  }
}
