/** The lake process as its supervisor sees it; made by {@link spawnLake}, or by tests. */
export interface LakeProcess {
  /** Messages to it. */
  readonly stdin: WritableStream<Uint8Array>;
  /** Messages from it. */
  readonly stdout: ReadableStream<Uint8Array>;
  /** Resolves when it has ended, with a text that says how. */
  readonly ended: Promise<string>;
  /** Ends it at once. */
  kill(): void;
}

/** How the process is started. */
export interface LakeCommand {
  /** The executable, most often `Deno.execPath()`. */
  readonly executable: string;
  /** Its arguments. */
  readonly args: readonly string[];
  /** The whole of its environment (D27). */
  readonly env: Readonly<Record<string, string>>;
}

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
  const list = (name: string, paths: readonly string[]) =>
    // A comma separates paths; within one it is doubled.
    paths.length === 0
      ? []
      : [`${name}=${paths.map((path) => path.replaceAll(",", ",,")).join(",")}`];
  return [
    "run",
    "--no-prompt",
    // In a clone our own lock file says what is in the cache, so that nothing is asked of the network. Elsewhere it is
    // that of the program around us, and knows nothing of what is imported by this process alone.
    ...(/^(?:https?|jsr):/.test(entry) ? ["--no-lock"] : []),
    ...list("--allow-read", read),
    ...list("--allow-write", write),
    ffi === null ? "--allow-ffi" : `--allow-ffi=${ffi}`,
    entry,
  ];
}

/** Starts the process with its pipes. */
export function spawnLake({ executable, args, env }: LakeCommand): LakeProcess {
  const child = new Deno.Command(executable, {
    args: [...args],
    env: { ...env },
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    // What native code writes before it dies is all that is left of it.
    stderr: "inherit",
  }).spawn();
  return {
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
}
