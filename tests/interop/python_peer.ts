import type { KeyScheme } from "../../src/identity/client_keys.ts";
import { freePort } from "../helpers/free_port.ts";
import { PythonNode } from "./python_node.ts";
import { PythonProcess } from "./python_process.ts";

export { PYTHON_FRAME, PythonNode } from "./python_node.ts";
export { PythonError } from "./python_process.ts";

/** Name of the handle of a Python broker on the line protocol. */
const BROKER = "broker";

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
  /** `REMBUS_DIR`, kept afterwards. @default {a new directory, removed afterwards} */
  readonly dir?: string;
}

/** How the library helper of rembus.python registers a name. */
export interface PythonRegisterOptions {
  /** With the name in the path. */
  readonly url: string;
  readonly pin: string;
  /** @default {"rsa"} */
  readonly scheme?: KeyScheme;
  /** @default {"cbor"} */
  readonly encoding?: "cbor" | "json";
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

  /** Registers a name, and leaves its key in `REMBUS_DIR`. Rejects with `PythonError` when refused. */
  async register(
    { url, pin, scheme = "rsa", encoding = "cbor" }: PythonRegisterOptions,
  ): Promise<void> {
    await this.#process.request("driver", "register", { url, pin, scheme, enc: encoding });
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
  /** Domain -> PIN with which its components register. @default {none} */
  readonly tenants?: Readonly<Record<string, string>>;
  /** Names of admins. @default {none} */
  readonly admins?: readonly string[];
  /** Directory with `rembus.crt` and `rembus.key`, to serve `wss`. @default {none: `ws`} */
  readonly keystore?: string;
}

/**
 * A broker of rembus.python that exposes `add` and is subscribed to `to_broker`, with the handle of the
 * broker as a node. Disposing of it ends its process.
 */
export class PythonBroker extends PythonNode {
  /** Port it listens on. */
  readonly port: number;
  /** Where components connect to, without a name. */
  readonly url: string;
  readonly #process: PythonProcess;

  private constructor(process: PythonProcess, url: string) {
    super(process, BROKER, process);
    this.#process = process;
    this.url = url;
    this.port = Number(new URL(url).port);
  }

  /** Starts the broker; resolves when it listens. */
  static async start(options: PythonBrokerOptions): Promise<PythonBroker> {
    // rembus.python does not say which port it got for 0.
    const { python, port = freePort(), dir, env = {}, tenants = {}, admins = [], keystore } =
      options;
    const secure = keystore !== undefined;
    const url = `${secure ? "wss" : "ws"}://127.0.0.1:${port}`;
    const process = await PythonProcess.start({
      python,
      script: "broker.py",
      args: [String(port), JSON.stringify({ secure, tenants, admins })],
      env: {
        // It refuses a name in use only when it listens on the port of its base URL (spec 4.2).
        REMBUS_BASE_URL: url,
        ...(secure ? { REMBUS_KEYSTORE: keystore } : {}),
        ...env,
      },
      ...(dir === undefined ? {} : { dir }),
    });
    return new PythonBroker(process, url);
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
