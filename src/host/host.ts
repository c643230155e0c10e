import type { Logger } from "../util/log.ts";
import { isGranted } from "./permissions.ts";

/** What a node may ask of the machine it runs on. Tests give their own. */
export interface Host {
  /** Operating system as `Deno.build.os` names it: `linux`, `darwin`, `windows` and others. */
  readonly os: string;
  /** An environment variable; `undefined` when it is unset, empty, or may not be read. */
  env(name: string): string | undefined;
  /** The text of a file; `null` when there is none or it may not be read. Rejects for other reasons. */
  readText(path: string): Promise<string | null>;
}

/** The machine, as far as the permissions of the process reach. */
export function systemHost(logger: Logger): Host {
  return {
    os: Deno.build.os,
    env(name: string): string | undefined {
      if (!isGranted({ name: "env", variable: name })) {
        logger.debug("environment not permitted", { variable: name });
        return undefined;
      }
      // Set but empty means unset, as in a shell script that passes on what it was not given.
      return Deno.env.get(name) || undefined;
    },
    async readText(path: string): Promise<string | null> {
      if (!isGranted({ name: "read", path })) {
        logger.debug("reading not permitted", { path });
        return null;
      }
      try {
        return await Deno.readTextFile(path);
      } catch (error) {
        const missing = error instanceof Deno.errors.NotFound ||
          error instanceof Deno.errors.NotADirectory;
        if (missing) return null;
        throw error;
      }
    },
  };
}
