import {
  type ChildCommand,
  type ChildPipes,
  permissionArgument,
  startChild,
} from "../host/child_process.ts";

/** The lake process as its supervisor sees it; made by {@link spawnLake}, or by tests. */
export type LakeProcess = ChildPipes;

/**
 * Variables that the process gets when the broker has them: where Deno keeps its packages, time zone, and
 * what catalogs and object storage log in with. Everything else stays with the broker.
 */
export const LAKE_ENV_NAMES: readonly RegExp[] = [
  /^(?:DENO_DIR|HOME|USERPROFILE|LOCALAPPDATA|XDG_CACHE_HOME|SYSTEMROOT|TMPDIR|TMP|TEMP|TZ)$/,
  /^(?:LD_LIBRARY_PATH|NPM_CONFIG_[A-Z_]+|DENO_CERT|DENO_TLS_CA_STORE|SSL_CERT_FILE|SSL_CERT_DIR)$/i,
  /^(?:NODE_EXTRA_CA_CERTS|HTTPS?_PROXY|NO_PROXY)$/i,
  /^(?:PG[A-Z]+|AWS_[A-Z_]+|AZURE_[A-Z_]+|GOOGLE_APPLICATION_CREDENTIALS)$/,
];

/** The part of an environment that the process gets. */
export function lakeEnvironment(all: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => LAKE_ENV_NAMES.some((pattern) => pattern.test(name))),
  );
}

/** What the process may touch. */
export interface LakePermissions {
  /** Directories and files that it reads: the log, the data, extensions. */
  readonly read: readonly string[];
  /** Directories that it writes: the data. */
  readonly write: readonly string[];
  /** The native library; `null` for any, when its place is not known. */
  readonly ffi: string | null;
}

/**
 * The arguments that run `entry` with these permissions and no others. DuckDB itself is native code: its
 * files and sockets are not Deno's, so that `--allow-ffi` means that this process is trusted (D27).
 */
export function lakeArguments(entry: string, { read, write, ffi }: LakePermissions): string[] {
  return [
    "run",
    "--no-prompt",
    // In a clone our own lock file says what is in the cache, so that nothing is asked of the network. Elsewhere it is
    // that of the program around us, and knows nothing of what is imported by this process alone.
    ...(/^(?:https?|jsr):/.test(entry) ? ["--no-lock"] : []),
    ...permissionArgument("--allow-read", read),
    ...permissionArgument("--allow-write", write),
    ffi === null ? "--allow-ffi" : `--allow-ffi=${ffi}`,
    entry,
  ];
}

/** Starts the process with its pipes. What native code writes before it dies is all that is left of it. */
export function spawnLake(command: ChildCommand): LakeProcess {
  return startChild(command, "inherit").pipes;
}
