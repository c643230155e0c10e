import type { ClientKeys } from "./client_keys.ts";

/** {@link ClientKeys} that end with the process, for tests and for components that bring their key along. */
export function memoryKeys(): ClientKeys {
  const secrets = new Map<string, Uint8Array>();
  return {
    load: (name) => Promise.resolve(secrets.get(name)?.slice() ?? null),
    save: (name, secret) => {
      secrets.set(name, secret.slice());
      return Promise.resolve();
    },
    remove: (name) => {
      secrets.delete(name);
      return Promise.resolve();
    },
  };
}
