import { Broker } from "../broker/broker.ts";
import type { BrokerOptions } from "../broker/options.ts";
import { systemHost } from "../host/host.ts";
import type { Listener } from "../link/link.ts";
import { listenWebSocket } from "../link/ws_listener.ts";
import type { AnyContract, Contract } from "../peer/contract.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type BrokerNode, createBrokerNode } from "./broker_node.ts";
import { isKept, openKept } from "./kept.ts";
import { resolveSettings, type Settings, type StorageKind } from "./settings.ts";
import type { Storage } from "../store/open_storage.ts";
import { errorText } from "../util/error_text.ts";

/** How a broker with a port is made. What is not said comes from its settings (spec 9). */
export interface BrokerNodeOptions<C extends Contract = AnyContract>
  extends Omit<BrokerOptions, "journal" | "state" | "services"> {
  /** WebSocket port; 0 takes any free one, `null` listens on none. @default {8338} */
  readonly port?: number | null;
  /** Address to listen on; `0.0.0.0` opens the broker to the network. @default {"127.0.0.1"} */
  readonly host?: string;
  /** Pause between keep-alive pings, in milliseconds; 0 sends none. @default {30_000} */
  readonly pingIntervalMs?: number;
  /**
   * Directory that holds `<name>/settings.json`, and what the broker keeps. @default {REMBUS_DIR, else by
   * operating system}
   */
  readonly dir?: string;
  /**
   * Whether it keeps no files, so that nothing outlives it. With files it needs `--allow-read` and
   * `--allow-write` for its directory. @default {true, unless schema or another option of data is given}
   */
  readonly memory?: boolean;
  /**
   * The tables that messages fill: the path of a `schema.json`, or what is in one (docs/LAKE.md). Needs
   * `--allow-run` as well, for the process of the tables. @default {none}
   */
  readonly schema?: string | object;
  /** Age after which logged messages are dropped, in milliseconds. @default {604_800_000} */
  readonly logRetentionMs?: number;
  /** Bytes of the message log above which the oldest messages are dropped. @default {4_294_967_296} */
  readonly logRetentionBytes?: number;
  /** What tables are kept in; a choice that is made once. @default {"auto"} */
  readonly storage?: StorageKind;
  /** Catalog of a DuckLake, such as `ducklake:sqlite:<file>`. @default {DUCKLAKE_URL} */
  readonly ducklakeUrl?: string;
  /** Where DuckLake keeps the rows: a directory or object storage. @default {DATA_PATH} */
  readonly dataPath?: string;
  /** Types and validators of what the broker itself publishes, exposes and calls. */
  readonly contract?: C;
}

/** What settings do not say about a broker. */
export type BrokerExtras = Omit<
  BrokerOptions,
  "name" | "policy" | "spaces" | "admins" | "encoding" | "journal" | "state" | "services"
>;

/** How {@link startBroker} starts. */
export interface StartOptions extends BrokerExtras {
  /** Whether to listen on a port. @default {true} */
  readonly listen?: boolean;
  /** The tables, when they do not come from the file that the settings name. */
  readonly schema?: object;
}

const MS_PER_SECOND = 1_000;

/**
 * Starts a broker: a node that moves messages between the components that connect to it, and has
 * all their verbs itself. Needs `--allow-net` for its port; `--allow-env` and `--allow-read` only to
 * find settings elsewhere than in the options. It keeps nothing unless it is told to: see `memory` and `schema`.
 *
 * Rejects with `TypeError` or `RangeError` for an option or setting that cannot be honoured, and
 * with `RembusError` when the port cannot be listened on, or what it keeps cannot be opened.
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
  const { port, schema, ...extras } = options;
  const logger = options.logger ?? SILENT;
  const settings = await resolveSettings({
    host: systemHost(logger),
    arguments: argumentsOf(options),
    daemon: false,
    logger,
  });
  const memory = !isKept(settings, { hasSchema: schema !== undefined });
  return await startBroker<C>({ ...settings.values, memory }, {
    ...extras,
    listen: port !== null,
    ...(typeof schema === "object" ? { schema } : {}),
  });
}

/**
 * Starts a broker from settings that are already found, as the command line tool does. Rejects as {@link broker}
 * does, with everything closed that was opened.
 */
export async function startBroker<C extends Contract = AnyContract>(
  settings: Settings,
  { listen = true, schema, ...extras }: StartOptions = {},
): Promise<BrokerNode<C>> {
  const { clock, logger = SILENT } = extras;
  const storage = await openKept(settings, { schema, clock, logger });
  try {
    const broker = newBroker(settings, extras, storage);
    try {
      await broker.recall();
      const listener = listen ? openPort(broker, settings, logger) : null;
      return createBrokerNode<C>({ broker, listener, storage });
    } catch (error) {
      await broker.close();
      throw error;
    }
  } catch (error) {
    await storage?.close();
    throw error;
  }
}

function newBroker(settings: Settings, extras: BrokerExtras, storage: Storage | null): Broker {
  return new Broker({
    ...extras,
    name: settings.name,
    policy: settings.policy,
    spaces: settings.spaces,
    admins: [...settings.admins, ...(storage?.admins ?? [])],
    encoding: settings.encoding,
    requestTimeoutMs: settings.requestTimeout * MS_PER_SECOND,
    memoryLimitBytes: settings.memoryLimit,
    ...(settings.offlineMax === null ? {} : { offlineMaxMs: settings.offlineMax * MS_PER_SECOND }),
    ...(storage === null ? {} : {
      journal: storage.journal,
      state: storage.state,
      services: storage.services,
    }),
  });
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
    memory: options.memory,
    schema: typeof options.schema === "string" ? options.schema : undefined,
    offlineMax: options.offlineMaxMs === Infinity ? undefined : seconds(options.offlineMaxMs),
    logRetention: seconds(options.logRetentionMs),
    logRetentionBytes: options.logRetentionBytes,
    storage: options.storage,
    ducklakeUrl: options.ducklakeUrl,
    dataPath: options.dataPath,
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
}
