import type { KeyScheme } from "../../src/identity/client_keys.ts";
import type { PythonMessage, PythonProcess } from "./python_process.ts";

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

  /** Registers another name over the connection of this component. */
  async registerFrom(
    name: string,
    pin: string,
    scheme: KeyScheme = "ecdsa",
  ): Promise<void> {
    await this.#run("register_from", { name, pin, scheme });
  }

  async unregister(): Promise<void> {
    await this.#run("unregister");
  }

  async privateTopic(topic: string): Promise<void> {
    await this.#run("private_topic", { topic });
  }

  async publicTopic(topic: string): Promise<void> {
    await this.#run("public_topic", { topic });
  }

  async authorize(name: string, topic: string): Promise<void> {
    await this.#run("authorize", { name, topic });
  }

  async unauthorize(name: string, topic: string): Promise<void> {
    await this.#run("unauthorize", { name, topic });
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
