import type { Need } from "../helpers/needs.ts";
import { PYTHON_MISSING, pythonForTests } from "../helpers/python.ts";
import { PythonNode } from "./python_peer.ts";
import { PythonProcess } from "./python_process.ts";

/** A frame that polars or pandas makes of an expression, as an argument of a publication or call. */
export interface FrameOf {
  readonly $frame_of: string;
}

/** The frame of an expression such as `pl.DataFrame({'n': [1, 2]})`. */
export function frameOf(expression: string): FrameOf {
  return { $frame_of: expression };
}

/** Where and how a component connects. */
export interface TablePeerOptions {
  /** With a name in the path. */
  readonly url: string;
  /** @default {"cbor"} */
  readonly encoding?: "cbor" | "json";
}

/** A component of rembus.python that also publishes, receives and compares polars frames. */
export class TablePeer extends PythonNode {
  readonly #process: PythonProcess;
  readonly #client: string;

  /** Speaks for the component `client` of a process. */
  constructor(process: PythonProcess, client: string) {
    super(process, client);
    this.#process = process;
    this.#client = client;
  }

  /**
   * Calls a service, and tells how its result differs from the frame that polars makes of an expression: `null` when
   * values, order, names and types are equal.
   */
  async differs(
    topic: string,
    args: readonly unknown[],
    expected: string,
  ): Promise<string | null> {
    const answer = await this.#process.request(this.#client, "differs", { topic, args, expected });
    return typeof answer === "string" ? answer : null;
  }

  /** Calls a service, and gives the polars type of each column of its result. */
  async dtypes(topic: string, args: readonly unknown[] = []): Promise<Record<string, string>> {
    return await this.#process.request(this.#client, "dtypes", { topic, args }) as Record<
      string,
      string
    >;
  }
}

/** A Python process for any number of components, which end with it. */
export class TablePython implements AsyncDisposable {
  readonly #process: PythonProcess;
  #components = 0;

  private constructor(process: PythonProcess) {
    this.#process = process;
  }

  /** Starts the process. */
  static async start(python: string): Promise<TablePython> {
    return new TablePython(await PythonProcess.start({ python, script: "storage.py" }));
  }

  /** Makes one component. Rejects with `PythonError` when rembus.python could not connect. */
  async connect({ url, encoding = "cbor" }: TablePeerOptions): Promise<TablePeer> {
    const client = `component ${++this.#components}`;
    await this.#process.request(client, "connect", { url, enc: encoding });
    return new TablePeer(this.#process, client);
  }

  /** What Python's own DuckDB reads in a database file that nobody has open. */
  async readFile(path: string, sql: string): Promise<unknown> {
    return await this.#process.request("file", "read_file", { path, sql });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

/** The interpreter, as something that tests need. */
export const PYTHON: Need<string> = { found: await pythonForTests(), missing: PYTHON_MISSING };
