import { Broker } from "../broker/broker.ts";
import type { BrokerOptions, Control } from "../broker/options.ts";
import { systemHost } from "../host/host.ts";
import { keystorePaths, openTlsFiles } from "../host/tls_files.ts";
import type { Listener } from "../link/link.ts";
import { listenWebSocket } from "../link/ws_listener.ts";
import type { AnyContract, Contract } from "../peer/contract.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type BrokerNode, createBrokerNode } from "./broker_node.ts";
import { openCode } from "./open_code.ts";
import { isKept, openKept } from "./kept.ts";
import { keystoreDirectory } from "./keystore_directory.ts";
import { resolveSettings, type Settings, type StorageKind } from "./settings.ts";
import type { Storage } from "../store/open_storage.ts";
import { warnOfLocked, warnOfNetwork } from "./warnings.ts";
import { errorText } from "../util/error_text.ts";

/** How a broker with a port is made. What is not said comes from its settings (spec 9). */
export interface BrokerNodeOptions<C extends Contract = AnyContract>
  extends Omit<BrokerOptions, "journal" | "state" | "services" | "tables" | "tableOf"> {
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
  /** Whether it serves wss: with `rembus.crt` and `rembus.key` of the keystore (spec 4.5). @default {false} */
  readonly secure?: boolean;
  /** Directory of certificate and key. @default {REMBUS_KEYSTORE, else `<dir>/keystore`} */
  readonly keystore?: string;
  /**
   * Web sites whose pages may connect, such as `https://plant.example`, besides those of this machine and of the
   * broker's own address; `*` is all. Clients that are no browsers say no origin. @default {[]}
   */
  readonly origins?: readonly string[];
  /**
   * Whether admins may install services and subscribers over the wire, which run in processes without permissions
   * (docs/SECURITY.md). Needs `dir`, and `--allow-run` as well. @default {false}
   */
  readonly code?: boolean;
  /** Types and validators of what the broker itself publishes, exposes and calls. */
  readonly contract?: C;
}

/** What settings do not say about a broker. */
export type BrokerExtras = Omit<
  BrokerOptions,
  | "name"
  | "policy"
  | "spaces"
  | "admins"
  | "tenants"
  | "authenticated"
  | "overwriteConnection"
  | "sharedServices"
  | "rateLimit"
  | "encoding"
  | "journal"
  | "state"
  | "services"
  | "tables"
  | "tableOf"
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
    // They can only be asked for once there is a node.
    let shutdown = (): void => {};
    let reload = (): Promise<void> => Promise.resolve();
    const control: Control = {
      shutdown: () => shutdown(),
      reload: () => reload(),
      ...extras.control,
    };
    warnOfLocked(settings, { keys: extras.keys ?? storage?.keys, storage, logger });
    const broker = newBroker(settings, { ...extras, control }, storage);
    let code: AsyncDisposable | null = null;
    try {
      await broker.recall();
      code = settings.code ? await openCode(broker, { settings, logger, storage }) : null;
      const listener = listen ? await openPort(broker, settings, logger) : null;
      if (listener !== null) reload = () => listener.reload();
      const node = createBrokerNode<C>({ broker, listener, storage, code });
      shutdown = () => {
        node.close().catch((error) => logger.error("broker not closed well", { error }));
      };
      return node;
    } catch (error) {
      await broker.close();
      await code?.[Symbol.asyncDispose]();
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
    admins: settings.admins,
    tenants: settings.tenants,
    authenticated: settings.authenticated,
    overwriteConnection: settings.overwriteConnection,
    sharedServices: settings.sharedServices,
    rateLimit: {
      ...(settings.rateMessages === null ? {} : { messages: settings.rateMessages }),
      ...(settings.rateBytes === null ? {} : { bytes: settings.rateBytes }),
    },
    encoding: settings.encoding,
    requestTimeoutMs: settings.requestTimeout * MS_PER_SECOND,
    memoryLimitBytes: settings.memoryLimit,
    ...(settings.offlineMax === null ? {} : { offlineMaxMs: settings.offlineMax * MS_PER_SECOND }),
    ...(storage === null ? {} : keptOptions(storage, extras)),
  });
}

/** What a broker that keeps files has from them. Keys of the program's own count instead of those. */
function keptOptions(
  storage: Storage,
  extras: BrokerExtras,
): Partial<BrokerOptions> {
  const { journal, state, services, tables, keys, audit } = storage;
  return {
    tableOf: (topic) => storage.tableOf(topic),
    journal,
    state,
    services,
    tables,
    keys: extras.keys ?? keys,
    audit(entry): void {
      audit(entry);
      extras.audit?.(entry);
    },
  };
}

async function openPort(broker: Broker, settings: Settings, logger: Logger): Promise<Listener> {
  const { host, port, pingInterval, secure, origins } = settings;
  warnOfNetwork(settings, logger);
  const tls = secure ? await openTlsFiles(keystorePaths(keystoreDirectory(settings))) : null;
  try {
    return listenWebSocket({
      hostname: host,
      port,
      ...(tls === null ? {} : { tls }),
      ...(origins.length === 0 ? {} : { origins }),
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
  const finite = (value: number | undefined): number | undefined =>
    value === Infinity ? undefined : value;
  const given: { readonly [K in keyof Settings]?: Settings[K] | undefined } = {
    name: options.name,
    dir: options.dir,
    host: options.host,
    port: options.port ?? undefined,
    policy: options.policy,
    spaces: options.spaces,
    admins: options.admins,
    tenants: options.tenants,
    authenticated: options.authenticated,
    overwriteConnection: options.overwriteConnection,
    sharedServices: options.sharedServices,
    rateMessages: finite(options.rateLimit?.messages),
    rateBytes: finite(options.rateLimit?.bytes),
    secure: options.secure,
    keystore: options.keystore,
    origins: options.origins,
    code: options.code,
    encoding: options.encoding,
    memoryLimit: options.memoryLimitBytes,
    requestTimeout: seconds(options.requestTimeoutMs),
    pingInterval: seconds(options.pingIntervalMs),
    memory: options.memory,
    schema: typeof options.schema === "string" ? options.schema : undefined,
    offlineMax: seconds(finite(options.offlineMaxMs)),
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
