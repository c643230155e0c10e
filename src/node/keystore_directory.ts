import type { Settings } from "./settings.ts";

/**
 * Where the certificate of a broker is (spec 4.5).
 *
 * @throws {TypeError} When nobody says it.
 */
export function keystoreDirectory({ keystore, dir }: Pick<Settings, "keystore" | "dir">): string {
  if (keystore !== null) return keystore;
  if (dir !== null) return `${dir}/keystore`;
  throw new TypeError(
    'Cannot find the keystore: expected a directory, got none; set "keystore" (--keystore, ' +
      'REMBUS_KEYSTORE) or "dir" (--dir, REMBUS_DIR)',
  );
}
