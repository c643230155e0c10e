import type { Keys } from "../broker/keys.ts";
import { isLoopback } from "../host/host_names.ts";
import type { Storage } from "../store/open_storage.ts";
import type { Logger } from "../util/log.ts";
import type { Settings } from "./settings.ts";

/** Whoever reaches a port that others than this machine can reach should have been meant. */
export function warnOfNetwork({ host, authenticated, secure }: Settings, logger: Logger): void {
  if (isLoopback(host)) return;
  const missing = [
    ...(authenticated ? [] : ["authenticated: anybody may take a name that is not registered"]),
    ...(secure ? [] : ["secure: messages can be read and changed on their way"]),
  ];
  if (missing.length === 0) return;
  logger.warn("open to the network", { host, without: missing.join("; ") });
}

/** With nobody registered, and no PIN to register with, nobody can ever do anything. */
export function warnOfLocked(
  { authenticated, tenants }: Settings,
  { keys, storage, logger }: {
    readonly keys: Keys | undefined;
    readonly storage: Storage | null;
    readonly logger: Logger;
  },
): void {
  const known = [...tenants, ...storage?.state.remembered.tenants ?? []];
  if (!authenticated || known.length > 0 || (keys?.names().length ?? 0) > 0) return;
  logger.warn("nobody can log in", {
    advice: "no name is registered and there is no tenant: rembus tenants add . --generate --local",
  });
}
