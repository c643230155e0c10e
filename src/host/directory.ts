import type { Host } from "./host.ts";

/**
 * The directory of all settings (spec 9): `REMBUS_DIR`, else by operating system
 * `~/.config/rembus`, `~/Library/Application Support/rembus` or `%LOCALAPPDATA%\Rembus\rembus`.
 * `null` when none of these variables is known, for example without `--allow-env`.
 */
export function rembusDir(host: Host): string | null {
  const dir = host.env("REMBUS_DIR");
  if (dir !== undefined) return dir;
  if (host.os === "windows") {
    const base = host.env("LOCALAPPDATA");
    return base === undefined ? null : `${base}\\Rembus\\rembus`;
  }
  const home = host.env("HOME");
  if (home === undefined) return null;
  return host.os === "darwin"
    ? `${home}/Library/Application Support/rembus`
    : `${home}/.config/rembus`;
}

/** Path of the settings of one node below the directory. The name must have been checked (D30). */
export function settingsPath(dir: string, name: string): string {
  return `${dir}/${name}/settings.json`;
}
