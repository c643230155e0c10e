import {
  type ChildCommand,
  type ChildPipes,
  ownExecutable,
  permissionArgument,
  startChild,
} from "../host/child_process.ts";
import { readableEnvironment } from "../host/environment.ts";
import { RembusError, Status } from "../protocol/errors.ts";
// The entry of children is among our own modules, so that it is in the cache when we come from a registry.
import "./child.ts";

/** A child that runs code, as its runner sees it; made by {@link spawnCode}, or by tests. */
export interface CodeProcess extends ChildPipes {
  /** What the code prints. */
  readonly stderr: ReadableStream<Uint8Array>;
}

/** What code may use beside its arguments. Nothing by default. */
export interface CodePermissions {
  /** Hosts that it may connect to, `host` or `host:port`. @default {none} */
  readonly net?: readonly string[];
  /** Files and directories that it may read. @default {none} */
  readonly read?: readonly string[];
  /** Files and directories that it may write. @default {none} */
  readonly write?: readonly string[];
}

/** What a child is started with. */
export interface CodeLimits {
  readonly permissions: CodePermissions;
  /** Size of its heap, in bytes. */
  readonly memoryBytes: number;
}

/**
 * A place that cannot be a directory. Deno keeps what a program stores there, which needs no permission:
 * without it, code keeps nothing for the next process, and nothing for other code.
 */
const NOWHERE = Deno.build.os === "windows" ? "NUL\\none" : "/dev/null/none";
/** What a runtime needs that was fetched from a registry: the place of its own modules. */
const CACHE_NAMES = ["DENO_DIR", "HOME", "USERPROFILE", "LOCALAPPDATA", "XDG_CACHE_HOME"] as const;
/** What programs need to start at all on Windows. */
const SYSTEM_NAMES = ["SYSTEMROOT", "TEMP", "TMP"] as const;
/** `host`, `host:port`, `[address]` or `[address]:port`: nothing that is more than one of a list. */
const NET = /^(?:[A-Za-z0-9.*_-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/**
 * How children are started: this runtime, with a clean environment and no permission that is not given.
 *
 * @throws {RembusError} When this process may not start others, or is a compiled binary: that cannot run
 * modules that are not in it, at least not without its own permissions.
 * @throws {TypeError} For a permission that is none.
 */
export function codeCommand(limits: CodeLimits): ChildCommand {
  if (Deno.build.standalone) {
    throw new RembusError(
      Status.ERROR,
      "Cannot distribute code: expected Deno, which runs it without permissions, got a compiled " +
        'binary; run the command line tool with "deno run"',
    );
  }
  const { executable, wanted } = ownExecutable();
  if (executable === null) {
    throw new RembusError(
      Status.ERROR,
      "Cannot distribute code: expected permission to start its processes, got none; run with " +
        wanted,
    );
  }
  const entry = new URL("./child.ts", import.meta.url).href;
  return {
    executable,
    args: codeArguments(entry, limits),
    env: codeEnvironment(entry, readableEnvironment()),
  };
}

/** The arguments that run `entry` with these permissions and no others. */
export function codeArguments(entry: string, { permissions, memoryBytes }: CodeLimits): string[] {
  const { net = [], read = [], write = [] } = permissions;
  for (const host of net) {
    if (!NET.test(host)) {
      throw new TypeError(`Cannot let code connect to "${host}": expected host or host:port`);
    }
  }
  return [
    "run",
    "--quiet",
    "--no-prompt",
    // Imports are not the code's business. Our own modules may lie in the cache of a registry.
    isRemote(entry) ? "--cached-only" : "--no-remote",
    "--no-npm",
    "--no-lock",
    "--no-config",
    "--no-check",
    `--v8-flags=--max-old-space-size=${Math.ceil(memoryBytes / 1_024 / 1_024)}`,
    ...permissionArgument("--allow-net", net),
    ...permissionArgument("--allow-read", read),
    ...permissionArgument("--allow-write", write),
    entry,
  ];
}

/** The part of an environment that a child gets, and what makes it quiet. */
export function codeEnvironment(
  entry: string,
  all: Readonly<Record<string, string>>,
): Record<string, string> {
  const names: readonly string[] = isRemote(entry)
    ? [...SYSTEM_NAMES, ...CACHE_NAMES]
    : SYSTEM_NAMES;
  return {
    DENO_DIR: NOWHERE,
    // Else it tries for 150 ms to keep there what it made of our modules.
    ...(isRemote(entry) ? {} : { DENO_EMIT_CACHE_MODE: "disable" }),
    DENO_NO_UPDATE_CHECK: "1",
    DENO_NO_PACKAGE_JSON: "1",
    NO_COLOR: "1",
    ...Object.fromEntries(
      names.flatMap((name) => {
        const value = all[name];
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  };
}

function isRemote(entry: string): boolean {
  return !entry.startsWith("file:");
}

/** Starts a child with its pipes. */
export function spawnCode(command: ChildCommand): CodeProcess {
  const { child, pipes } = startChild(command, "piped");
  return { ...pipes, stderr: child.stderr };
}
