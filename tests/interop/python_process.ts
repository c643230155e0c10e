/** Longest wait for one reply or message, unless a call says otherwise, in milliseconds. */
const REPLY_MS = 15_000;
/** Python imports polars, pandas and duckdb first; this takes seconds on a busy machine. */
const READY_MS = 60_000;
/** Time to close every component after stdin was closed; then the process is killed. */
const EXIT_MS = 15_000;
/** How much of stderr a failure shows. */
const STDERR_CHARS_MAX = 8_000;

/** A message that a subscriber in Python received. Values as in `python/notation.py`. */
export interface PythonMessage {
  /** Which component of the process received it. */
  readonly client: string;
  /** Topic or space as subscribed. */
  readonly topic: string;
  readonly args: readonly unknown[];
  /** What was injected; only after `inject`. */
  readonly ctx?: unknown;
  /** `rid` of the node that the handler was given; only after `inject`. */
  readonly node?: string;
}

/** A call that failed in Python. */
export class PythonError extends Error {
  override readonly name = "PythonError";
  /** Class of the exception. */
  readonly type: string;

  constructor(text: string, type: string) {
    super(text);
    this.type = type;
  }
}

/** How a process is started. */
export interface PythonProcessOptions {
  /** The interpreter, see `pythonForTests()`. */
  readonly python: string;
  /** Script in `tests/interop/python`. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Added to the environment, which holds nothing of the developer's settings. */
  readonly env?: Readonly<Record<string, string>>;
  /** `REMBUS_DIR`, kept afterwards. @default {a new directory, removed afterwards} */
  readonly dir?: string;
}

type Line =
  | { readonly id: number; readonly ok: unknown }
  | { readonly id: number; readonly error: string; readonly type: string }
  | { readonly event: "ready" }
  | ({ readonly event: "message" } & PythonMessage);

interface Waiter {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * One Python process that speaks the line protocol of `python/session.py`. Disposing of it closes its
 * stdin, at which Python closes every component, and waits for the end of the process.
 */
export class PythonProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #readers: Promise<unknown>;
  readonly #temporaryDir: string | null;
  readonly #waiters = new Map<number, Waiter>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #messages: PythonMessage[] = [];
  readonly #watchers = new Set<() => void>();
  #nextId = 1;
  #stderr = "";
  #ended: Promise<void> | null = null;

  private constructor(child: Deno.ChildProcess, temporaryDir: string | null) {
    this.#child = child;
    this.#temporaryDir = temporaryDir;
    this.#stdin = child.stdin.getWriter();
    this.#readers = Promise.all([this.#readLines(), this.#readStderr()]);
  }

  /** Starts the process; resolves when it said that it is ready. */
  static async start(options: PythonProcessOptions): Promise<PythonProcess> {
    const temporaryDir = options.dir === undefined
      ? await Deno.makeTempDir({ prefix: "rembus-python-" })
      : null;
    const child = new Deno.Command(options.python, {
      args: [
        `${import.meta.dirname}/python/${options.script}`,
        ...options.args ?? [],
      ],
      clearEnv: true,
      env: {
        PATH: Deno.env.get("PATH") ?? "",
        HOME: temporaryDir ?? options.dir ?? "",
        PYTHONDONTWRITEBYTECODE: "1",
        PYTHONUNBUFFERED: "1",
        REMBUS_DIR: temporaryDir ?? options.dir ?? "",
        ...options.env,
      },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const started = new PythonProcess(child, temporaryDir);
    try {
      await started.#within(
        started.#ready.promise,
        READY_MS,
        `start ${options.script}`,
      );
      return started;
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs one command. Rejects with `PythonError` when it failed in Python. */
  request(
    client: string,
    op: string,
    fields: Readonly<Record<string, unknown>> = {},
    timeoutMs: number = REPLY_MS,
  ): Promise<unknown> {
    const id = this.#nextId++;
    const reply = new Promise((resolve, reject) => this.#waiters.set(id, { resolve, reject }));
    const line = `${JSON.stringify({ id, client, op, ...fields })}\n`;
    // A process that is gone fails the reply; the write would only say the same less well.
    this.#stdin.write(new TextEncoder().encode(line)).catch(() => this.#failAll());
    return this.#within(reply, timeoutMs, `run "${op}" on "${client}"`);
  }

  /** Argument lists of the messages that `client` received so far on a topic, as subscribed. */
  received(client: string, topic: string): (readonly unknown[])[] {
    return this.messages(client).filter((m) => m.topic === topic).map((m) => m.args);
  }

  /** Everything that `client` received so far, in order. */
  messages(client: string): PythonMessage[] {
    return this.#messages.filter((message) => message.client === client);
  }

  /** Resolves as soon as `isThere` holds; it is asked again whenever a message came. */
  async until(
    isThere: () => boolean,
    what: string,
    timeoutMs: number = REPLY_MS,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (isThere()) resolve();
    };
    this.#watchers.add(check);
    try {
      check();
      await this.#within(promise, timeoutMs, what);
    } finally {
      this.#watchers.delete(check);
    }
  }

  /** Ends the process at once, as a crash would. */
  async kill(): Promise<void> {
    this.#kill();
    await this[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    const timer = setTimeout(() => this.#kill(), EXIT_MS);
    // Rejects only when the process is gone already.
    await this.#stdin.close().catch(() => {});
    await this.#child.status;
    clearTimeout(timer);
    await this.#readers;
    if (this.#temporaryDir !== null) {
      await Deno.remove(this.#temporaryDir, { recursive: true });
    }
  }

  #kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended in the meantime.
      if (!(error instanceof TypeError)) throw error;
    }
  }

  async #readLines(): Promise<void> {
    let rest = "";
    for await (
      const text of this.#child.stdout.pipeThrough(new TextDecoderStream())
    ) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#onLine(JSON.parse(line) as Line);
    }
    this.#failAll();
  }

  async #readStderr(): Promise<void> {
    for await (
      const text of this.#child.stderr.pipeThrough(new TextDecoderStream())
    ) {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS_MAX);
    }
  }

  #onLine(line: Line): void {
    if ("event" in line) {
      if (line.event === "ready") this.#ready.resolve();
      else this.#onMessage(line);
      return;
    }
    const waiter = this.#waiters.get(line.id);
    this.#waiters.delete(line.id);
    if ("ok" in line) waiter?.resolve(line.ok);
    else waiter?.reject(new PythonError(line.error, line.type));
  }

  #onMessage(
    { event: _, ...message }: { readonly event: "message" } & PythonMessage,
  ): void {
    this.#messages.push(message);
    for (const check of this.#watchers) check();
  }

  #failAll(): void {
    const error = new Error(
      "Cannot go on: expected a Python process that runs, got its end",
    );
    this.#ready.reject(error);
    for (const waiter of this.#waiters.values()) waiter.reject(error);
    this.#waiters.clear();
  }

  /** `PythonError` passes; every other failure shows what Python wrote to stderr. */
  async #within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
    const { promise: expired, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`no outcome within ${ms} ms`)),
      ms,
    );
    try {
      return await Promise.race([promise, expired]);
    } catch (error) {
      if (error instanceof PythonError) throw error;
      throw new Error(
        `Cannot ${what} in Python: ${String(error)}\nstderr:\n${this.#stderr}`,
        {
          cause: error,
        },
      );
    } finally {
      clearTimeout(timer);
    }
  }
}
