import { type ChildCommand, ownExecutable, permissionArgument } from "../host/child_process.ts";
import { readableEnvironment } from "../host/environment.ts";
import { isGranted } from "../host/permissions.ts";
import { lakeArguments, lakeEnvironment } from "../lake/process.ts";
import { RembusError, Status } from "../protocol/errors.ts";

/** What the lake process opens the log with. */
export interface LakeSourceInfo {
  /** Directory of the log. */
  readonly directory: string;
}

/** What a lake process is started for. */
export interface LakePlace {
  /** Directory of the tables; the process reads and writes it. */
  readonly dir: string;
  /** Directory of the log; the process only reads it. */
  readonly logDirectory: string;
  /** Directory of DuckDB's extensions, if one was named. */
  readonly extensionDirectory: string | undefined;
}

/** The hidden command by which a compiled binary becomes its own lake process (D27). */
export const LAKE_COMMAND = "__lake";

/**
 * How the lake process is started: this very runtime, with no other permissions than files need, or, compiled, this
 * very binary with those that it was compiled with.
 *
 * @throws {RembusError} When this process may not start others.
 */
export function lakeCommand(place: LakePlace): ChildCommand {
  const { executable, wanted } = ownExecutable();
  if (executable === null) {
    throw new RembusError(
      Status.ERROR,
      "Cannot open the tables: expected permission to start their process, got none; run with " +
        wanted,
    );
  }
  return {
    executable,
    args: Deno.build.standalone ? [LAKE_COMMAND] : runArguments(place),
    env: environment(),
  };
}

function runArguments({ dir, logDirectory, extensionDirectory }: LakePlace): string[] {
  const entry = new URL("./lake_process.ts", import.meta.url).href;
  const args = lakeArguments(entry, {
    read: [logDirectory, dir, ...(extensionDirectory === undefined ? [] : [extensionDirectory])],
    write: [dir],
    // Where the package manager puts the library is not known here.
    ffi: null,
  });
  return [
    ...args.slice(0, 1),
    "--quiet",
    ...permissionArgument("--deny-write", [logDirectory]),
    ...args.slice(1),
  ];
}

/** Without leave to start any program, Deno lets nobody say where libraries are loaded from. */
function environment(): Record<string, string> {
  const all = lakeEnvironment(readableEnvironment());
  if (isGranted({ name: "run" })) return all;
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => !/^(?:LD|DYLD)_/i.test(name)),
  );
}
