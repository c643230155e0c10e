import { register as registerWithKeys, type RegisterOptions } from "../client/register.ts";
import { secretFiles } from "../host/secret_files.ts";
import { SILENT } from "../util/log.ts";
import { componentName, connectDefaults, findSettings } from "./component.ts";
import type { Settings } from "./settings.ts";

/** Options of {@link register} that also look for settings. What is not said comes from there (spec 9). */
export interface NodeRegisterOptions extends Omit<RegisterOptions, "keys"> {
  /** Where the private key is kept. @default {`<dir>/<name>/.secret`, for its owner alone} */
  readonly keys?: RegisterOptions["keys"];
  /** Directory that holds `<name>/settings.json` and `<name>/.secret`. @default {REMBUS_DIR, else by operating system} */
  readonly dir?: string;
}

/**
 * Registers the name in a URL at its broker with the PIN of its tenant (spec 4.3): makes a key pair, keeps the private
 * key in `<dir>/<name>/.secret` or in `keys`, and gives the public one to the broker. From then on nobody gets in under
 * that name without the key. Needs `--allow-read` and `--allow-write` for the directory.
 *
 * Rejects as the one of `client.ts` does, and with `TypeError` when no directory is known.
 *
 * @example
 * ```ts ignore
 * import { component, register } from "@rembus/cli/mod";
 *
 * await register("ws://127.0.0.1:8338/meter", "11223344", { scheme: "ecdsa" });
 * await using meter = await component("ws://127.0.0.1:8338/meter");
 * ```
 */
export async function register(
  url: string,
  pin: string,
  options: NodeRegisterOptions = {},
): Promise<void> {
  const { dir, ...given } = options;
  const name = componentName(url);
  const settings = await findSettings({ name, dir, logger: given.logger });
  await registerWithSettings({ url, pin, settings, ...given });
}

/** As {@link register}, with settings that are already found. */
export async function registerWithSettings(
  { url, pin, settings, keys, ...options }:
    & Omit<NodeRegisterOptions, "dir">
    & { readonly url: string; readonly pin: string; readonly settings: Settings },
): Promise<void> {
  const { logger = SILENT } = options;
  await registerWithKeys(url, pin, {
    ...connectDefaults(settings, logger),
    ...options,
    keys: keys ?? filesIn(settings.dir, options),
  });
}

function filesIn(
  dir: string | null,
  { logger = SILENT }: Pick<NodeRegisterOptions, "logger">,
): RegisterOptions["keys"] {
  if (dir !== null) return secretFiles(dir, { logger });
  throw new TypeError(
    'Cannot register: expected a directory for the key, got none; set "dir" (--dir, REMBUS_DIR) or "keys"',
  );
}
