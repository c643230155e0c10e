import { fileURLToPath } from "node:url";
import type { Link } from "../../src/link/link.ts";
import { denoDial } from "../../src/node/dial.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../deno.json", import.meta.url));
/** A broker that takes longer to start or to end than this, in milliseconds, has failed. */
const WAIT_MS_MAX = 40_000;
/** Lines of standard error that are kept of each life, for whoever reads why a test failed. */
const LINES_MAX = 10_000;

/** How a broker is started, again and again. */
export interface BrokerChildOptions {
  /** Directory of what it keeps. */
  readonly dir: string;
  /** A `schema.json`; none keeps no tables. */
  readonly schema?: string;
  /** More of the command line. */
  readonly args?: readonly string[];
}

/** How a life of a broker ended. */
export interface BrokerEnd {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  /** Its log. */
  readonly lines: readonly string[];
}

interface Life {
  readonly child: Deno.ChildProcess;
  /** Resolves with the URL when components can connect; rejects when the process ends before. */
  readonly ready: Promise<string>;
  readonly lines: string[];
  /** Resolves when both pipes are read to their end: also the process of the tables is gone then. */
  readonly drained: Promise<unknown>;
  readonly startedAt: number;
}

/**
 * `rembus broker` in a process of its own, on a free port, over a directory that outlives it. It can be killed and
 * started again; components find the new one by {@link BrokerChild.dial}.
 */
export class BrokerChild implements AsyncDisposable {
  readonly #options: BrokerChildOptions;
  /** All pipes of all lives. */
  readonly #pipes: Promise<unknown>[] = [];
  #life: Life | null = null;
  #isOver = false;
  /** Settles when there is a life again, or never will be. */
  #started = Promise.withResolvers<void>();

  constructor(options: BrokerChildOptions) {
    this.#options = options;
  }

  /** Process id of the life of now. */
  get pid(): number {
    return this.#current.child.pid;
  }

  /** The log of the life of now. */
  get lines(): readonly string[] {
    return this.#current.lines;
  }

  /** Starts a process. Does not wait until it is ready. */
  spawn(): void {
    if (this.#life !== null) throw new Error("Cannot start the broker: it runs");
    const { dir, schema, args = [] } = this.#options;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-prompt", "--quiet", "--no-check", `--config=${CONFIG}`, CLI],
        ...["broker", "--ws", "0", "--json", "--dir", dir],
        ...(schema === undefined ? [] : ["--schema", schema, "--storage", "native"]),
        ...args,
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const lines: string[] = [];
    const ready = Promise.withResolvers<string>();
    const drained = Promise.all([
      readLines(child.stdout, (line) => ready.resolve(JSON.parse(line).url)).then(() =>
        ready.reject(new Error("Cannot start the broker: it ended"))
      ),
      readLines(child.stderr, (line) => {
        if (lines.length < LINES_MAX) lines.push(line);
      }),
    ]);
    // Whoever waits for it hears it; a process that is killed while it starts is nobody's business.
    ready.promise.catch(() => {});
    this.#pipes.push(drained);
    this.#life = { child, ready: ready.promise, lines, drained, startedAt: performance.now() };
    this.#started.resolve();
  }

  /** Settles when components can connect; gives the milliseconds that the start took. */
  async ready(): Promise<number> {
    const { ready, startedAt, lines } = this.#current;
    await inTime(ready, "the broker to start", lines);
    return performance.now() - startedAt;
  }

  /** Starts a process and waits until components can connect; gives the milliseconds that it took. */
  start(): Promise<number> {
    this.spawn();
    return this.ready();
  }

  /** URL of a component. */
  url(name: string): string {
    // The address is found when it is dialled: each life has another port.
    return `ws://127.0.0.1:1/${name}`;
  }

  /** Opens a link to the broker of now, or to the next one while there is none. */
  readonly dial = async (_url: string, signal?: AbortSignal): Promise<Link> => {
    while (this.#life === null) {
      signal?.throwIfAborted();
      if (this.#isOver) throw new Error("Cannot dial the broker: there will be no other one");
      await this.#started.promise;
    }
    const url = await this.#life.ready;
    return await denoDial()(url, signal ?? new AbortController().signal);
  };

  /** Kills the process (SIGKILL). The process of its tables may live on for a moment, as it would elsewhere. */
  async kill(): Promise<BrokerEnd> {
    this.#current.child.kill("SIGKILL");
    return await this.#end();
  }

  /** Sends a signal and waits for the end, also of the process of the tables. */
  async stop(signal: Deno.Signal = "SIGINT"): Promise<BrokerEnd> {
    const { drained } = this.#current;
    this.#current.child.kill(signal);
    const end = await this.#end();
    await drained;
    return end;
  }

  /** Waits for the end of a process that nobody told to end. */
  async ended(): Promise<BrokerEnd> {
    const { drained } = this.#current;
    const end = await this.#end();
    await drained;
    return end;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const life = this.#life;
    if (life !== null) {
      try {
        life.child.kill("SIGKILL");
      } catch (error) {
        // It has ended by itself.
        if (!(error instanceof TypeError)) throw error;
      }
      await this.#end();
    }
    this.#isOver = true;
    this.#started.resolve();
    await Promise.all(this.#pipes);
  }

  get #current(): Life {
    if (this.#life === null) throw new Error("Cannot ask the broker: it does not run");
    return this.#life;
  }

  async #end(): Promise<BrokerEnd> {
    const { child, lines } = this.#current;
    const { code, signal } = await inTime(child.status, "the broker to end", lines);
    this.#life = null;
    this.#started = Promise.withResolvers();
    return { code, signal, lines };
  }
}

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
}

async function inTime<T>(
  promise: Promise<T>,
  what: string,
  lines: readonly string[],
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`no end in ${WAIT_MS_MAX} ms`)),
    WAIT_MS_MAX,
  );
  try {
    return await Promise.race([promise, late.promise]);
  } catch (error) {
    throw new Error(`Failed waiting for ${what}; its log:\n${lines.join("\n")}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}
