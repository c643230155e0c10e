import { componentName, dialComponent, reconnectingComponent } from "../node/component.ts";
import type { SettingName } from "../node/settings.ts";
import { LinkError } from "../link/link_error.ts";
import type { Component } from "../peer/api.ts";
import { ConnectionClosedError } from "../protocol/errors.ts";
import type { Logger } from "../util/log.ts";
import type { CommandContext } from "./command.ts";
import { CommandError, InterruptedError, UsageError } from "./exit.ts";
import type { OptionSpec, ParsedOptions } from "./options.ts";

/** Where the broker is. */
export const URL_OPTION: OptionSpec = {
  name: "url",
  letter: "u",
  value: "URL",
  doc: "component URL, ws://host:port/name [the base URL]",
};

/** Options of every command that connects to a broker as one component. */
export const CONNECTION_OPTIONS: readonly OptionSpec[] = [
  URL_OPTION,
  { name: "name", letter: "n", value: "NAME", doc: "name of the component [anonymous]" },
];

/** Settings of every command that connects to a broker. */
export const CONNECTION_SETTINGS: readonly SettingName[] = [
  "baseUrl",
  "requestTimeout",
  "ackTimeout",
  "sendRetries",
  "encoding",
  "connectionMode",
  "caBundle",
  "dir",
  "log",
];

/** The broker that a command line means. */
export interface BrokerAddress {
  /** Connects once, for a command that does one thing. Rejects when the broker is away. */
  connect(): Promise<Component>;
  /** Connects for a command that stays: it reconnects when the broker comes back, and tells who published. */
  stay(): Promise<Component>;
}

/** Finds out which broker a command line means, and as whom to connect: by its options, or by a URL of its own. */
export async function brokerAddress(
  context: CommandContext,
  operand: string | null = null,
): Promise<BrokerAddress> {
  const { options, logger, signal } = context;
  const given = operand ?? givenUrl(options);
  const { values: settings } = await context.settings({
    daemon: false,
    name: given === null ? null : nameIn(given),
  });
  const url = given ?? settings.baseUrl;
  return {
    connect: () => reached(dialComponent(url, { settings, logger }), signal),
    async stay(): Promise<Component> {
      let isReached = settings.startAnyway;
      const node = await reached(
        reconnectingComponent(url, {
          settings,
          logger: withoutWarnings(logger, { until: () => isReached }),
          extras: true,
        }),
        signal,
      );
      isReached = true;
      return node;
    },
  };
}

/** What the options say about URL and name together; `null` when they say nothing. */
export function givenUrl(options: ParsedOptions): string | null {
  const url = options.text("url");
  const name = options.text("name");
  if (url === undefined || name === undefined) return url ?? name ?? null;
  const parsed = URL.parse(url);
  if (parsed === null || parsed.pathname.length > 1) {
    throw new UsageError(
      `Cannot use option "--name" with "--url": expected a URL without a name, got "${url}"`,
    );
  }
  return `${parsed.protocol}//${parsed.host}/${name}`;
}

/** The name in a URL of a command line. Throws `UsageError` for one that cannot be dialled. */
export function nameIn(url: string): string | null {
  try {
    return componentName(url);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** The component, or an error that says what to do; Ctrl-C ends the wait for it. */
async function reached(connecting: Promise<Component>, signal: AbortSignal): Promise<Component> {
  const interrupted = Promise.withResolvers<never>();
  const listener = (): void => {
    interrupted.reject(new InterruptedError("Cannot connect: interrupted"));
    // It may still come, and then nobody wants it; if it does not, nobody wants to know why.
    connecting.then((node) => node.close()).catch(() => undefined);
  };
  signal.addEventListener("abort", listener, { once: true });
  try {
    return await Promise.race([connecting, interrupted.promise]);
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
    const root = rootOf(error);
    if (root instanceof LinkError) {
      throw new CommandError(
        `${root.message}; is a broker running there? (rembus broker, --url)`,
        { cause: error },
      );
    }
    throw root instanceof Deno.errors.NotCapable
      ? new CommandError(`Cannot connect: ${root.message}`, { cause: error })
      : error;
  } finally {
    signal.removeEventListener("abort", listener);
  }
}

/** What started it: the errors around it only say again what was tried. */
function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

/**
 * Makes warnings into information while a command has not reached its broker: if it never does, its error
 * says the same, once.
 */
function withoutWarnings(logger: Logger, { until }: { readonly until: () => boolean }): Logger {
  return {
    debug: (event, fields) => logger.debug(event, fields),
    info: (event, fields) => logger.info(event, fields),
    warn: (event, fields) => until() ? logger.warn(event, fields) : logger.info(event, fields),
    error: (event, fields) => logger.error(event, fields),
  };
}
