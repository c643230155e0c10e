import { isLoopback } from "../host/host_names.ts";
import { parseComponentUrl } from "../protocol/url.ts";
import { secretFiles } from "../host/secret_files.ts";
import { registerWithSettings } from "../node/register.ts";
import { brokerAddress, CONNECTION_SETTINGS, nameIn } from "./connection.ts";
import { type Command, type CommandContext, JSON_OPTION } from "./command.ts";
import { CommandError, EXIT, UsageError } from "./exit.ts";
import type { KeyScheme } from "../identity/client_keys.ts";
import type { ParsedOptions } from "./options.ts";
import { PIN, PIN_OPTION, secretFrom } from "./secret.ts";
import type { Settings } from "../node/settings.ts";
import { jsonLine } from "./values.ts";

const SCHEMES: readonly KeyScheme[] = ["rsa", "ecdsa"];
const SCHEME_DEFAULT: KeyScheme = "rsa";

/** `rembus register` */
export const registerCommand: Command = {
  name: "register",
  summary: "register a name: from then on it is only for who has its key",
  operands: "<url>",
  operandCount: [1, 1],
  options: [
    PIN_OPTION,
    {
      name: "scheme",
      value: SCHEMES.join("|"),
      doc: `kind of the key pair [${SCHEME_DEFAULT}]`,
    },
    JSON_OPTION,
  ],
  settings: CONNECTION_SETTINGS,
  details: [
    "Makes a key pair, keeps the private key in <dir>/<name>/.secret for you alone, and gives the\n" +
    "public one to the broker. Nobody gets in under that name without the key any more.",
    "The PIN is that of the tenant of the name (rembus help tenants). It comes from a file, standard\n" +
    "input, REMBUS_PIN or the terminal, never from the command line, which others can see. Over ws:\n" +
    "it can be read on the network; use wss: on one that others share.",
    "Needs --allow-net, and --allow-read and --allow-write for the directory.",
  ],
  examples: [
    "rembus register wss://plant.example/meter.acme.org",
    "rembus register ws://127.0.0.1:8338/meter --pin-file - --scheme ecdsa < pin.txt",
  ],
  untilInterrupted: false,
  async run(context) {
    const { io, json, options, logger, signal } = context;
    const { url, name, settings } = await namedUrl(context);
    const scheme = schemeOption(options);
    const pin = await secretFrom(context, PIN);
    const address = new URL(parseComponentUrl(url, settings.baseUrl).dial);
    if (address.protocol === "ws:" && !isLoopback(address.hostname)) {
      logger.warn("PIN can be read on the network", { host: address.host, advice: "use wss:" });
    }
    await registerWithSettings({ url, pin, scheme, settings, logger, signal });
    const key = settings.dir === null ? null : secretFiles(settings.dir).where(name);
    await io.line(json ? jsonLine({ name, key }) : `${name} is registered; its key is ${key}`);
    return EXIT.OK;
  },
};

/** `rembus unregister` */
export const unregisterCommand: Command = {
  name: "unregister",
  summary: "take the registration of a name back, as the one who has its key",
  operands: "<url>",
  operandCount: [1, 1],
  options: [JSON_OPTION],
  settings: CONNECTION_SETTINGS,
  details: [
    "Proves the name with its key, has the broker forget it, and then removes <dir>/<name>/.secret.\n" +
    "An admin does it for others with rembus users remove.",
    "Needs --allow-net, and --allow-read and --allow-write for the directory.",
  ],
  examples: ["rembus unregister wss://plant.example/meter.acme.org"],
  untilInterrupted: false,
  async run(context) {
    const { io, json, signal } = context;
    const { url, name } = await namedUrl(context);
    const broker = await brokerAddress(context, url);
    await using node = await broker.connect();
    await node.with({ signal }).unregister();
    await io.line(json ? jsonLine({ name }) : `${name} is not registered any more`);
    return EXIT.OK;
  },
};

interface NamedUrl {
  readonly url: string;
  readonly name: string;
  readonly settings: Settings;
}

/** The operand, which must have a name, and the settings of that component. */
async function namedUrl(context: CommandContext): Promise<NamedUrl> {
  const [url = ""] = context.options.operands;
  const name = nameIn(url);
  if (name === null) {
    throw new UsageError(`Cannot use URL "${url}": expected one with a name, ws://host:port/name`);
  }
  const { values: settings } = await context.settings({ daemon: false, name });
  if (settings.dir === null) {
    throw new CommandError(
      `Cannot find the key of "${name}": expected a directory, got none; say --dir or set REMBUS_DIR`,
    );
  }
  return { url, name, settings };
}

function schemeOption(options: ParsedOptions): KeyScheme {
  const text = options.text("scheme") ?? SCHEME_DEFAULT;
  const scheme = SCHEMES.find((one) => one === text);
  if (scheme !== undefined) return scheme;
  throw new UsageError(
    `Cannot use option "--scheme": expected ${SCHEMES.join(" or ")}, got "${text}"`,
  );
}
