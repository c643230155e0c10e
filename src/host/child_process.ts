import { isGranted } from "./permissions.ts";

/** How a process of our own is started. */
export interface ChildCommand {
  /** The executable, most often this very runtime. */
  readonly executable: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** The whole of its environment (D27). */
  readonly env: Readonly<Record<string, string>>;
}

/** A process of our own, as who talks to it sees it. */
export interface ChildPipes {
  /** Messages to it. */
  readonly stdin: WritableStream<Uint8Array>;
  /** Messages from it. */
  readonly stdout: ReadableStream<Uint8Array>;
  /** Resolves when it has ended, with a text that says how. */
  readonly ended: Promise<string>;
  /** Ends it at once. */
  kill(): void;
}

/** Starts a process with its pipes. Its `stderr` is that of `child` when it is piped. */
export function startChild(
  { executable, args, env }: ChildCommand,
  stderr: "piped" | "inherit",
): { readonly child: Deno.ChildProcess; readonly pipes: ChildPipes } {
  const child = new Deno.Command(executable, {
    args: [...args],
    env: { ...env },
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr,
  }).spawn();
  const pipes: ChildPipes = {
    stdin: child.stdin,
    stdout: child.stdout,
    ended: child.status.then(({ code, signal }) => signal ?? `code ${code}`),
    kill(): void {
      try {
        child.kill("SIGKILL");
      } catch (error) {
        // It ended by itself meanwhile.
        if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
      }
    },
  };
  return { child, pipes };
}

/** A permission of a process for these values, as an argument; none for no values. */
export function permissionArgument(flag: string, values: readonly string[]): string[] {
  // A comma separates values; within one it is doubled.
  return values.length === 0
    ? []
    : [`${flag}=${values.map((value) => value.replaceAll(",", ",,")).join(",")}`];
}

/**
 * The executable of this process, to start it again; `null` when that is not allowed, with what to run with instead
 * in `wanted`.
 */
export function ownExecutable(): {
  readonly executable: string | null;
  readonly wanted: string;
} {
  const path = executablePath();
  const isAllowed = path !== null && isGranted({ name: "run", command: path });
  return { executable: isAllowed ? path : null, wanted: `--allow-run=${path ?? "deno"}` };
}

function executablePath(): string | null {
  try {
    return Deno.execPath();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return null;
    throw error;
  }
}
