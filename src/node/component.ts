import { anonymous as dialAnonymous, component as dialAgain } from "../client/component.ts";
import { connect as dialOnce } from "../client/connect.ts";
import type { ComponentOptions, ConnectOptions } from "../client/options.ts";
import { CA_BUNDLE_VARIABLE, readCaBundle } from "../host/ca_bundle.ts";
import { type Host, systemHost } from "../host/host.ts";
import { secretFiles } from "../host/secret_files.ts";
import type { Component } from "../peer/api.ts";
import type { AnyContract, Contract } from "../peer/contract.ts";
import { parseComponentUrl } from "../protocol/url.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { broker, type BrokerNodeOptions } from "./broker.ts";
import type { BrokerNode } from "./broker_node.ts";
import { openComponentCode } from "./open_code.ts";
import { denoDial } from "./dial.ts";
import { resolveSettings, type Settings } from "./settings.ts";

/** Options of a component that also looks for settings. What is not said comes from there (spec 9). */
export interface NodeComponentOptions<C extends Contract = AnyContract>
  extends ComponentOptions<C> {
  /** Directory that holds `<name>/settings.json`, and `<name>/.secret` unless `keys` says otherwise. @default {REMBUS_DIR, else by operating system} */
  readonly dir?: string;
  /**
   * Whether admins of the broker may install code on this component (`deno_service_install`, with `direct`), which runs
   * without permissions, and is kept in `<dir>/<name>/src`. Needs `--allow-run`, `--allow-read` and `--allow-write`. @default {false}
   */
  readonly code?: boolean;
}

/** {@link NodeComponentOptions} of a component that does not reconnect. */
export interface NodeConnectOptions<C extends Contract = AnyContract> extends ConnectOptions<C> {
  /** Directory that holds `<name>/settings.json`, and `<name>/.secret` unless `keys` says otherwise. @default {REMBUS_DIR, else by operating system} */
  readonly dir?: string;
}

const MS_PER_SECOND = 1_000;

/**
 * Starts a node. Without a URL it is a broker (see `broker`); with one, or with a list of them, a
 * component that dials the broker there and reconnects for ever. A bare name is a name on the base URL.
 *
 * Timeouts, base URL and `startAnyway` that the options do not say come from
 * `<dir>/<name>/settings.json` and the environment, as far as `--allow-read` and `--allow-env`
 * permit. An anonymous component has no directory.
 *
 * URLs are dialled directly: proxies that the environment names are ignored. For `wss:` the file of `HTTP_CA_BUNDLE`,
 * or the only one in `<dir>/ca`, is trusted besides the authorities of the runtime.
 *
 * A name that is registered is proved with `<dir>/<name>/.secret`, or with what `keys` has.
 *
 * Rejects when the broker is away, unless `startAnyway`; with `LoginError` when it refuses the name.
 *
 * @example
 * ```ts
 * import { component } from "@rembus/cli/mod";
 *
 * await using bro = await component(null, { port: 0 });
 * await using meter = await component(`${bro.url}/meter`);
 * await meter.publish("town/temperature", 21.6);
 * ```
 */
export function component<C extends Contract = AnyContract>(
  url?: null,
  options?: BrokerNodeOptions<C>,
): Promise<BrokerNode<C>>;
/** As above, with a URL, a name or several URLs: a component. */
export function component<C extends Contract = AnyContract>(
  url: string | readonly string[],
  options?: NodeComponentOptions<C>,
): Promise<Component<C>>;
export async function component<C extends Contract = AnyContract>(
  url: string | readonly string[] | null = null,
  options: BrokerNodeOptions<C> | NodeComponentOptions<C> = {},
): Promise<BrokerNode<C> | Component<C>> {
  if (url === null) return await broker<C>(options as BrokerNodeOptions<C>);
  const { dir, code = false, ...given } = options as NodeComponentOptions<C>;
  const name = componentName(url);
  const settings = await findSettings({ name, dir, logger: given.logger });
  const place = code ? codeDirectory(settings.dir, name) : null;
  const made = await dialAgain<C>(url, { ...reconnectDefaults(settings, given.logger), ...given });
  if (place === null) return made;
  try {
    await openComponentCode(made as Component, { dir: place, logger: given.logger ?? SILENT });
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}

/**
 * Connects once, with the same settings as `component`: it does not reconnect, and rejects when the
 * broker is away.
 */
export async function connect<C extends Contract = AnyContract>(
  url: string,
  options: NodeConnectOptions<C> = {},
): Promise<Component<C>> {
  const { dir, ...given } = options;
  const settings = await findSettings({ name: componentName(url), dir, logger: given.logger });
  return await dialOnce<C>(url, { ...connectDefaults(settings, given.logger), ...given });
}

/** A component without a name on the base URL, with settings from the environment only. */
export async function anonymous<C extends Contract = AnyContract>(
  options: ComponentOptions<C> = {},
): Promise<Component<C>> {
  const settings = await findSettings({ name: null, logger: options.logger });
  return await dialAnonymous<C>({ ...reconnectDefaults(settings, options.logger), ...options });
}

/** Settings that are already found, and what else a component of the command line tool needs. */
export interface DialContext {
  readonly settings: Settings;
  readonly logger: Logger;
  /** Whether to ask for the names of publishers. */
  readonly extras?: boolean;
}

/** As {@link connect}, with settings that are already found. */
export function dialComponent(
  url: string,
  { settings, ...given }: DialContext,
): Promise<Component> {
  return dialOnce(url, { ...connectDefaults(settings, given.logger), ...given });
}

/** As {@link component}, with settings that are already found. */
export function reconnectingComponent(
  url: string,
  { settings, ...given }: DialContext,
): Promise<Component> {
  return dialAgain(url, { ...reconnectDefaults(settings, given.logger), ...given });
}

/** The name in a component URL; of a list, the first one; `null` for an anonymous component. */
export function componentName(url: string | readonly string[]): string | null {
  const urls = typeof url === "string" ? [url] : url;
  for (const one of urls) {
    const { name } = parseComponentUrl(one);
    if (name !== null) return name;
  }
  return null;
}

function codeDirectory(dir: string | null, name: string | null): string {
  if (dir !== null && name !== null) return `${dir}/${name}/src`;
  throw new TypeError(
    'Cannot use option "code": expected a component with a name, and a directory (dir, REMBUS_DIR)',
  );
}

/** The settings of a component; what is said there wins. */
export async function findSettings(
  { name, dir, logger = SILENT }: {
    readonly name: string | null;
    readonly dir?: string | undefined;
    readonly logger?: Logger | undefined;
  },
): Promise<Settings> {
  const { values } = await resolveSettings({
    host: systemHost(logger),
    arguments: { ...(name === null ? {} : { name }), ...(dir === undefined ? {} : { dir }) },
    daemon: false,
    anonymous: name === null,
    logger,
  });
  return values;
}

/** What settings say about how a component connects. */
export function connectDefaults(
  settings: Settings,
  logger: Logger = SILENT,
): Omit<ConnectOptions, "contract"> {
  return {
    // Authorities are read anew for each connection, so that a new one counts at once.
    dial: denoDial(logger, {
      caCerts: () => readCaBundle(bundleHost(settings, logger), settings.dir),
    }),
    ...(settings.dir === null ? {} : { keys: secretFiles(settings.dir, { logger }) }),
    connectionMode: settings.connectionMode,
    baseUrl: settings.baseUrl,
    encoding: settings.encoding,
    requestTimeoutMs: settings.requestTimeout * MS_PER_SECOND,
    ackTimeoutMs: settings.ackTimeout * MS_PER_SECOND,
    sendRetries: settings.sendRetries,
    heartbeatMs: settings.pingInterval * MS_PER_SECOND,
  };
}

/** The bundle is a setting: the environment is only one of the places where it may be said. */
function bundleHost({ caBundle }: Settings, logger: Logger): Host {
  return {
    ...systemHost(logger),
    env: (name) => name === CA_BUNDLE_VARIABLE ? caBundle ?? undefined : undefined,
  };
}

function reconnectDefaults(
  settings: Settings,
  logger?: Logger,
): Omit<ComponentOptions, "contract"> {
  return { ...connectDefaults(settings, logger), startAnyway: settings.startAnyway };
}
