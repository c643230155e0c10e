import { freePort } from "../helpers/free_port.ts";
import { type PythonMessage, PythonProcess } from "./python_process.ts";

export { PythonError, type PythonMessage } from "./python_process.ts";

/** Name of the handle of a Python broker on the line protocol. */
const BROKER = "broker";

/** What a Python component may expose: `(x, y) => x + y`, its arguments, a raise, a dataframe. */
export type PythonService = "add" | "echo" | "boom" | "frame";

/** A dataframe in the notation of `python/notation.py`: column name -> values. */
export interface PythonFrame {
  readonly $frame: Readonly<Record<string, readonly unknown[]>>;
}

/** What the service `frame` answers. */
export const PYTHON_FRAME: PythonFrame = {
  $frame: { a: [1, 2], b: ["x", "y"] },
};

/** How a publication is made. */
export interface PythonPublishOptions {
  /** @default {0} */
  readonly qos?: 0 | 1 | 2;
  readonly slot?: number;
}

/** How long a call may take. */
export interface PythonCallOptions {
  /** In milliseconds. @default {the 10 s of rembus.python} */
  readonly timeoutMs?: number;
}

/** A component or the handle of a broker in Python. Values as in `python/notation.py`. */
export class PythonNode implements AsyncDisposable {
  readonly #process: PythonProcess;
  readonly #client: string;
  readonly #end: AsyncDisposable | null;

  /** Speaks for the component `client` of a process; disposing of the node also ends `end`. */
  constructor(
    process: PythonProcess,
    client: string,
    end: AsyncDisposable | null = null,
  ) {
    this.#process = process;
    this.#client = client;
    this.#end = end;
  }

  /** Subscribes; `from` as the argument `msgfrom` of Python, a number in nanoseconds. */
  async subscribe(
    topic: string,
    from: "now" | "last" | number = "now",
  ): Promise<void> {
    await this.#run("subscribe", { topic, msgfrom: from });
  }

  async unsubscribe(topic: string): Promise<void> {
    await this.#run("unsubscribe", { topic });
  }

  async expose(topic: string, kind: PythonService): Promise<void> {
    await this.#run("expose", { topic, kind });
  }

  async unexpose(topic: string): Promise<void> {
    await this.#run("unexpose", { topic });
  }

  async publish(
    topic: string,
    args: readonly unknown[] = [],
    options: PythonPublishOptions = {},
  ): Promise<void> {
    await this.#run("publish", { topic, args, ...options });
  }

  async put(
    topic: string,
    args: readonly unknown[] = [],
    options: PythonPublishOptions = {},
  ): Promise<void> {
    await this.#run("put", { topic, args, ...options });
  }

  rpc(
    topic: string,
    args: readonly unknown[] = [],
    options: PythonCallOptions = {},
  ): Promise<unknown> {
    return this.#run("rpc", { topic, args, ...seconds(options) });
  }

  direct(
    target: string,
    topic: string,
    args: readonly unknown[] = [],
    options: PythonCallOptions = {},
  ): Promise<unknown> {
    return this.#run("direct", { target, topic, args, ...seconds(options) });
  }

  async reactive(): Promise<void> {
    await this.#run("reactive");
  }

  async unreactive(): Promise<void> {
    await this.#run("unreactive");
  }

  /** Every handler gets `ctx` and `node` from now on. */
  async inject(ctx: unknown): Promise<void> {
    await this.#run("inject", { ctx });
  }

  async isOpen(): Promise<boolean> {
    return await this.#run("isopen") === true;
  }

  /** Resolves when the component has, or has lost, its connection. */
  async waitOpen(open: boolean): Promise<void> {
    await this.#run("wait_open", { open });
  }

  /** Argument lists received so far on a topic or space, as subscribed. */
  received(topic: string): (readonly unknown[])[] {
    return this.#process.received(this.#client, topic);
  }

  /** Everything received so far, in order. */
  messages(): PythonMessage[] {
    return this.#process.messages(this.#client);
  }

  /** The argument lists received on a topic, as soon as there are at least `count`. */
  async collect(topic: string, count: number): Promise<(readonly unknown[])[]> {
    await this.#process.until(
      () => this.received(topic).length >= count,
      `collect ${count} messages on "${topic}"`,
    );
    return this.received(topic);
  }

  /** Closes the component; the process goes on. */
  async close(): Promise<void> {
    await this.#run("close");
  }

  /** Closes the component, or ends the process that was started for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#end === null) await this.close();
    else await this.#end[Symbol.asyncDispose]();
  }

  #run(
    op: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> {
    return this.#process.request(this.#client, op, fields);
  }
}

function seconds(
  { timeoutMs }: PythonCallOptions,
): { readonly timeout?: number } {
  return timeoutMs === undefined ? {} : { timeout: timeoutMs / 1_000 };
}

/** Where and how a Python component connects. */
export interface PythonConnectOptions {
  /** With a name in the path, or without for an anonymous component. */
  readonly url: string;
  /** First encoding used towards the broker. @default {"cbor"} */
  readonly encoding?: "cbor" | "json";
}

/** How the process of Python components is started. */
export interface PythonDriverOptions {
  /** The interpreter, see `pythonForTests()`. */
  readonly python: string;
  /** Added to the environment of Python, for example `REMBUS_TIMEOUT`. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A Python process that holds any number of components, which end with it. */
export class PythonDriver implements AsyncDisposable {
  readonly #process: PythonProcess;
  #components = 0;

  private constructor(process: PythonProcess) {
    this.#process = process;
  }

  /** Starts the process. */
  static async start(options: PythonDriverOptions): Promise<PythonDriver> {
    return new PythonDriver(
      await PythonProcess.start({ ...options, script: "driver.py" }),
    );
  }

  /** Makes one component. Rejects with `PythonError` when rembus.python could not connect. */
  async connect(
    { url, encoding = "cbor" }: PythonConnectOptions,
  ): Promise<PythonNode> {
    const client = `component ${++this.#components}`;
    await this.#process.request(client, "connect", { url, enc: encoding });
    return new PythonNode(this.#process, client);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}

/** How one Python component with a process of its own is started. */
export interface PythonClientOptions extends PythonDriverOptions, PythonConnectOptions {}

/** Starts a Python process with one component. Disposing of the component ends the process. */
export async function startPythonClient(
  options: PythonClientOptions,
): Promise<PythonNode> {
  const { python, env = {}, url, encoding = "cbor" } = options;
  const process = await PythonProcess.start({
    python,
    env,
    script: "driver.py",
  });
  try {
    await process.request("client", "connect", { url, enc: encoding });
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
  return new PythonNode(process, "client", process);
}

/** How a Python broker is started. */
export interface PythonBrokerOptions extends PythonDriverOptions {
  /** Port to listen on, for a broker that comes back. @default {a free one} */
  readonly port?: number;
  /** `REMBUS_DIR`, for a broker that comes back. @default {a new directory, removed afterwards} */
  readonly dir?: string;
}

/**
 * A broker of rembus.python that exposes `add` and is subscribed to `to_broker`, with the handle of the
 * broker as a node. Disposing of it ends its process.
 */
export class PythonBroker extends PythonNode {
  /** Port it listens on. */
  readonly port: number;
  readonly #process: PythonProcess;

  private constructor(process: PythonProcess, port: number) {
    super(process, BROKER, process);
    this.#process = process;
    this.port = port;
  }

  /** Where components connect to, without a name. */
  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Starts the broker; resolves when it listens. */
  static async start(options: PythonBrokerOptions): Promise<PythonBroker> {
    // rembus.python does not say which port it got for 0.
    const { python, port = freePort(), dir, env = {} } = options;
    const process = await PythonProcess.start({
      python,
      script: "broker.py",
      args: [String(port)],
      // It refuses a name in use only when it listens on the port of its base URL (spec 4.2).
      env: { REMBUS_BASE_URL: `ws://127.0.0.1:${port}`, ...env },
      ...(dir === undefined ? {} : { dir }),
    });
    return new PythonBroker(process, port);
  }

  /** Ends the broker at once, as a crash would. */
  kill(): Promise<void> {
    return this.#process.kill();
  }
}

/** Starts a broker of rembus.python. */
export function startPythonBroker(
  options: PythonBrokerOptions,
): Promise<PythonBroker> {
  return PythonBroker.start(options);
}
