import { Broker } from "../broker/broker.ts";
import type { BrokerOptions } from "../broker/options.ts";
import { systemHost } from "../host/host.ts";
import type { Listener } from "../link/link.ts";
import { listenWebSocket } from "../link/ws_listener.ts";
import type { AnyContract, Contract } from "../peer/contract.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type BrokerNode, createBrokerNode } from "./broker_node.ts";
import { resolveSettings, type Settings } from "./settings.ts";
import { errorText } from "../util/error_text.ts";

/** How a broker with a port is made. What is not said comes from its settings (spec 9). */
export interface BrokerNodeOptions<C extends Contract = AnyContract> extends BrokerOptions {
  /** WebSocket port; 0 takes any free one, `null` listens on none. @default {8338} */
  readonly port?: number | null;
  /** Address to listen on; `0.0.0.0` opens the broker to the network. @default {"127.0.0.1"} */
  readonly host?: string;
  /** Pause between keep-alive pings, in milliseconds; 0 sends none. @default {30_000} */
  readonly pingIntervalMs?: number;
  /** Directory that holds `<name>/settings.json`. @default {REMBUS_DIR, else by operating system} */
  readonly dir?: string;
  /** Types and validators of what the broker itself publishes, exposes and calls. */
  readonly contract?: C;
}

/** What settings do not say about a broker. */
export type BrokerExtras = Omit<
  BrokerOptions,
  "name" | "policy" | "spaces" | "admins" | "encoding"
>;

const MS_PER_SECOND = 1_000;

/**
 * Starts a broker: a node that moves messages between the components that connect to it, and has
 * all their verbs itself. Needs `--allow-net` for its port; `--allow-env` and `--allow-read` only to
 * find settings elsewhere than in the options.
 *
 * Rejects with `TypeError` or `RangeError` for an option or setting that cannot be honoured, and
 * with `RembusError` when the port cannot be listened on.
 *
 * @example
 * ```ts
 * import { broker } from "@rembus/cli/broker";
 *
 * await using bro = await broker({ port: 0 });
 * await bro.expose("add", (x: number, y: number) => x + y);
 * ```
 */
export async function broker<C extends Contract = AnyContract>(
  options: BrokerNodeOptions<C> = {},
): Promise<BrokerNode<C>> {
  const logger = options.logger ?? SILENT;
  const { values } = await resolveSettings({
    host: systemHost(logger),
    arguments: argumentsOf(options),
    daemon: false,
    logger,
  });
  return await startBroker<C>(values, { ...options, listen: options.port !== null });
}

/** Starts a broker from settings that are already found, as the command line tool does. */
export async function startBroker<C extends Contract = AnyContract>(
  settings: Settings,
  { listen = true, ...extras }: BrokerExtras & { readonly listen?: boolean } = {},
): Promise<BrokerNode<C>> {
  const broker = new Broker({
    ...extras,
    name: settings.name,
    policy: settings.policy,
    spaces: settings.spaces,
    admins: settings.admins,
    encoding: settings.encoding,
    requestTimeoutMs: settings.requestTimeout * MS_PER_SECOND,
    memoryLimitBytes: settings.memoryLimit,
  });
  if (!listen) return createBrokerNode<C>({ broker, listener: null });
  try {
    return createBrokerNode<C>({
      broker,
      listener: openPort(broker, settings, extras.logger ?? SILENT),
    });
  } catch (error) {
    await broker.close();
    throw error;
  }
}

function openPort(
  broker: Broker,
  { host, port, pingInterval }: Settings,
  logger: Logger,
): Listener {
  try {
    return listenWebSocket({
      hostname: host,
      port,
      pingIntervalMs: pingInterval * MS_PER_SECOND,
      logger,
      onLink: (link) => broker.accept(link),
    });
  } catch (error) {
    throw new RembusError(
      Status.ERROR,
      `Cannot listen on "${host}:${port}": ${listenProblem(error)}`,
      { cause: error },
    );
  }
}

function listenProblem(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return "expected a free port, got one in use; choose another (--ws, REMBUS_PORT)";
  }
  if (error instanceof Deno.errors.NotCapable) {
    return "expected permission to listen, got none; run with --allow-net";
  }
  return errorText(error);
}

/** Option -> setting, in the units of settings. */
function argumentsOf(options: BrokerNodeOptions<Contract>): Partial<Settings> {
  const seconds = (ms: number | undefined): number | undefined =>
    ms === undefined ? undefined : ms / MS_PER_SECOND;
  const given: { readonly [K in keyof Settings]?: Settings[K] | undefined } = {
    name: options.name,
    dir: options.dir,
    host: options.host,
    port: options.port ?? undefined,
    policy: options.policy,
    spaces: options.spaces,
    admins: options.admins,
    encoding: options.encoding,
    memoryLimit: options.memoryLimitBytes,
    requestTimeout: seconds(options.requestTimeoutMs),
    pingInterval: seconds(options.pingIntervalMs),
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
}
