import { fileURLToPath } from "node:url";

/** The permissions that README names for the command line tool. */
export const CLI_FLAGS: readonly string[] = ["--allow-net", "--allow-read", "--allow-env"];
/** A test that waits longer than this for a line or an exit has failed. */
const WAIT_MS_MAX = 20_000;
const ROOT = new URL("../../", import.meta.url);

/** How a process is started. */
export interface ProcessOptions {
  /** Permission flags. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Text of the module to run in place of `cli.ts`; it comes from standard input. */
  readonly script?: string;
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

/** A process of the command line tool, killed when the test ends before it does. */
export class CliProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #out: Lines;
  readonly #err: Lines;

  /** Starts `rembus <args>`, or a script. Never asks for permissions. */
  constructor(args: readonly string[], options: ProcessOptions = {}) {
    const { flags = CLI_FLAGS, env = {}, script } = options;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--quiet",
        "--no-check",
        `--config=${fileURLToPath(new URL("deno.json", ROOT))}`,
        ...flags,
        script === undefined ? fileURLToPath(new URL("cli.ts", ROOT)) : "-",
        ...args,
      ],
      env: { NO_COLOR: "1", REMBUS_DIR: "/nonexistent-rembus-dir", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#out = new Lines(this.#child.stdout);
    this.#err = new Lines(this.#child.stderr);
    this.#feed(script ?? "");
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The next line of standard output. Rejects when the process ended without one. */
  line(): Promise<string> {
    return inTime(this.#out.next(), "a line of standard output", this.#err);
  }

  /** The first line of standard error, from now on, that contains a text. */
  async logLine(part: string): Promise<string> {
    for (;;) {
      const line = await inTime(this.#err.next(), `a log line with "${part}"`, this.#err);
      if (line.includes(part)) return line;
    }
  }

  /** Sends a signal. */
  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Stops to read standard output, like `| head` does. */
  async hangUp(): Promise<void> {
    await this.#out.cancel();
  }

  /** Waits for the end. */
  async end(): Promise<ProcessEnd> {
    const { code } = await inTime(this.#child.status, "the process to end", this.#err);
    const [stdout, stderr] = await Promise.all([this.#out.all(), this.#err.all()]);
    return { code, stdout, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself, which is how most tests end.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#child.status;
    await Promise.all([this.#out.cancel(), this.#err.cancel()]);
  }

  #feed(script: string): void {
    const writer = this.#child.stdin.getWriter();
    // A process that ends before it read everything tells so by its exit code.
    writer.write(new TextEncoder().encode(script)).then(() => writer.close()).catch(() =>
      undefined
    );
  }
}

/** Lines of a stream, kept for {@link Lines.all}. */
class Lines {
  readonly seen: string[] = [];
  readonly #reader: ReadableStreamDefaultReader<string>;
  #rest = "";
  #waiting: string[] = [];

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  async next(): Promise<string> {
    while (this.#waiting.length === 0) {
      if (!await this.#read()) throw new Error("Cannot read a line: the stream has ended");
    }
    return this.#waiting.shift() ?? "";
  }

  async all(): Promise<readonly string[]> {
    while (await this.#read());
    return this.seen;
  }

  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }

  async #read(): Promise<boolean> {
    const { value, done } = await this.#reader.read();
    if (done) return false;
    const lines = (this.#rest + value).split("\n");
    this.#rest = lines.pop() ?? "";
    this.seen.push(...lines);
    this.#waiting.push(...lines);
    return true;
  }
}

async function inTime<T>(promise: Promise<T>, what: string, log: Lines): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Cannot wait for ${what} any longer; log:\n${log.seen.join("\n")}`)),
      WAIT_MS_MAX,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } catch (error) {
    throw new Error(`Failed waiting for ${what}; log:\n${log.seen.join("\n")}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command line to its end. */
export async function runCli(
  args: readonly string[],
  options?: ProcessOptions,
): Promise<ProcessEnd> {
  await using process = new CliProcess(args, options);
  return await process.end();
}

/** Starts `rembus broker` on a free port and waits until it is ready. It keeps files where it is told to. */
export async function startBrokerProcess(
  args: readonly string[] = [],
  options?: ProcessOptions,
): Promise<{ readonly process: CliProcess; readonly url: string; readonly port: number }> {
  const isKept = args.some((one) => one === "--dir" || one === "--schema");
  const given = isKept ? args : ["--memory", ...args];
  const process = new CliProcess(["broker", "--ws", "0", "--json", ...given], options);
  try {
    const { url, port } = JSON.parse(await process.line());
    return { process, url, port };
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}
