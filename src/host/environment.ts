import { isGranted } from "./permissions.ts";

/** Variables that a process of ours needs, when not all may be read. */
const NAMES = [
  "DENO_DIR",
  "HOME",
  "USERPROFILE",
  "LOCALAPPDATA",
  "SYSTEMROOT",
  "XDG_CACHE_HOME",
  "TMPDIR",
  "TEMP",
  "TZ",
] as const;

/** The environment of this process as far as it may be read without asking. */
export function readableEnvironment(): Record<string, string> {
  if (isGranted({ name: "env" })) return Deno.env.toObject();
  const known: Record<string, string> = {};
  for (const name of NAMES) {
    if (!isGranted({ name: "env", variable: name })) continue;
    const value = Deno.env.get(name);
    if (value !== undefined) known[name] = value;
  }
  return known;
}
