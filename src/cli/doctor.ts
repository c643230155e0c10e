import { directoryAccess } from "../host/directory_access.ts";
import { isExposed, type KeystoreFacts, readKeystore } from "../host/keystore.ts";
import { isGranted } from "../host/permissions.ts";
import { keystoreDirectory } from "../node/keystore_directory.ts";
import type { ResolvedSettings, Settings } from "../node/settings.ts";
import { errorText } from "../util/error_text.ts";
import { certificateState, endsSoon, keystoreProblems } from "./keystore_state.ts";

/** One thing that was looked at. */
export interface Finding {
  /** What was looked at. */
  readonly check: string;
  /** `note` is worth knowing and does not stop anything; `wrong` must be mended. */
  readonly state: "ok" | "note" | "wrong";
  /** What was found, and what to do about it. */
  readonly detail: string;
}

/** The oldest release of Deno that this was tested on. */
const DENO_LEAST: readonly [major: number, minor: number] = [2, 9];

/** Directories that are looked at for keys. Exceeded: the others are not, and a note says so. */
const DIRECTORIES_MAX = 10_000;
const SECRET_FILE = ".secret";

/** Looks at the runtime and its permissions. */
export function examineRuntime(): Finding[] {
  const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
  const [wantedMajor, wantedMinor] = DENO_LEAST;
  const isRecent = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return [
    {
      check: "deno",
      state: isRecent ? "ok" : "wrong",
      detail: isRecent
        ? Deno.version.deno
        : `expected ${DENO_LEAST.join(".")} or newer, got ${Deno.version.deno}`,
    },
    permission("net", { missing: "wrong", without: "nothing can be reached" }),
    permission("env", { missing: "note", without: "REMBUS_* variables are not seen" }),
    permission("read", { missing: "note", without: "settings.json is not seen" }),
  ];
}

function permission(
  name: "net" | "env" | "read",
  { missing, without }: { readonly missing: "wrong" | "note"; readonly without: string },
): Finding {
  const granted = isGranted({ name });
  return {
    check: `--allow-${name}`,
    state: granted ? "ok" : missing,
    detail: granted ? "granted" : `not granted as a whole: ${without}`,
  };
}

/** Finds the settings, as a broker would, and says whether they can be used. */
export async function examineSettings(
  resolve: () => Promise<ResolvedSettings>,
): Promise<{ readonly findings: readonly Finding[]; readonly settings: Settings | null }> {
  try {
    const { values, path, unknownFields } = await resolve();
    const unknown: readonly Finding[] = unknownFields.map((field) => ({
      check: "settings",
      state: "note",
      detail: `field "${field}" of ${path} means nothing here`,
    }));
    const where = path === null ? "no directory is known; set REMBUS_DIR" : path;
    return {
      findings: [
        { check: "settings", state: path === null ? "note" : "ok", detail: where },
        ...unknown,
      ],
      settings: values,
    };
  } catch (error) {
    return {
      findings: [{ check: "settings", state: "wrong", detail: errorText(error) }],
      settings: null,
    };
  }
}

/** Tries to listen where the broker would. */
export function examinePort({ host, port }: Settings): Finding {
  const check = `port ${port}`;
  try {
    using listener = Deno.listen({ hostname: host, port });
    return { check, state: "ok", detail: `free on ${host} (${listener.addr.transport})` };
  } catch (error) {
    const detail = error instanceof Deno.errors.AddrInUse
      ? `expected it free on ${host}, got it in use; stop the other program or choose another with --ws`
      : errorText(error);
    return { check, state: "wrong", detail };
  }
}

/** Looks at the certificate that a broker serves wss with; it need not be there unless `secure`. */
export async function examineKeystore(settings: Settings, now: Date): Promise<Finding[]> {
  const check = "keystore";
  if (settings.keystore === null && settings.dir === null) {
    return settings.secure ? [{ check, state: "wrong", detail: "its directory is not known" }] : [];
  }
  const directory = keystoreDirectory(settings);
  if (!isGranted({ name: "read", path: directory })) {
    return [{ check, state: "note", detail: `${directory} was not tried: needs --allow-read` }];
  }
  try {
    const facts = await readKeystore(directory);
    if (facts !== null) return keystoreFindings(facts, { directory, now });
    if (!settings.secure) return [];
    const detail =
      `expected a certificate in ${directory}, got none; rembus keystore init makes one`;
    return [{ check, state: "wrong", detail }];
  } catch (error) {
    return [{ check, state: "wrong", detail: errorText(error) }];
  }
}

function keystoreFindings(
  facts: KeystoreFacts,
  { directory, now }: { readonly directory: string; readonly now: Date },
): Finding[] {
  const check = "keystore";
  const problems = keystoreProblems(facts, now);
  if (problems.length > 0) {
    return problems.map((detail) => ({ check, state: "wrong", detail: `${directory}: ${detail}` }));
  }
  const { certificate } = facts;
  const left = certificateState(certificate, now);
  return [
    endsSoon(certificate, now)
      ? {
        check,
        state: "note",
        detail: `certificate: ${left}; rembus keystore renew makes a new one`,
      }
      : { check, state: "ok", detail: `good for ${certificate.names.join(", ")}, ${left}` },
  ];
}

/** Looks for keys of components that others than their owner can read. */
export async function examineSecrets({ dir }: Settings): Promise<Finding[]> {
  const check = "keys of components";
  if (dir === null || !isGranted({ name: "read", path: dir })) return [];
  try {
    const { paths, isWhole } = await secretPaths(dir);
    const exposed: string[] = [];
    for (const path of paths) if (await isExposed(path)) exposed.push(path);
    const partly: readonly Finding[] = isWhole ? [] : [{
      check,
      state: "note",
      detail: `only the first ${DIRECTORIES_MAX} directories were read`,
    }];
    if (exposed.length === 0 && paths.length === 0) return [...partly];
    if (exposed.length === 0) {
      return [
        { check, state: "ok", detail: `${paths.length} are for their owner alone` },
        ...partly,
      ];
    }
    return [
      ...exposed.map((path): Finding => ({
        check,
        state: "wrong",
        detail: `${path} can be read by others; chmod 600 mends it`,
      })),
      ...partly,
    ];
  } catch (error) {
    return [{ check, state: "note", detail: errorText(error) }];
  }
}

/** Every `<dir>/<name>/.secret`; a name may have levels. */
async function secretPaths(
  dir: string,
): Promise<{ readonly paths: readonly string[]; readonly isWhole: boolean }> {
  const paths: string[] = [];
  const waiting = await directoriesIn(dir);
  let seen = 0;
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (++seen > DIRECTORIES_MAX) return { paths, isWhole: false };
    for await (const { name, isDirectory } of Deno.readDir(next)) {
      if (isDirectory) waiting.push(`${next}/${name}`);
      else if (name === SECRET_FILE) paths.push(`${next}/${name}`);
    }
  }
  return { paths: paths.sort(), isWhole: true };
}

async function directoriesIn(dir: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(dir)) {
      if (isDirectory) found.push(`${dir}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

/** Looks at the directory of the settings. The broker writes nothing yet, so it may be absent. */
export async function examineDirectory({ dir }: Settings): Promise<Finding> {
  const check = "directory";
  if (dir === null) return { check, state: "note", detail: "not known" };
  const access = await directoryAccess(dir);
  switch (access) {
    case "writable":
      return { check, state: "ok", detail: `${dir} is writable` };
    case "absent":
      return { check, state: "note", detail: `${dir} does not exist: the defaults apply` };
    case "not permitted":
      return {
        check,
        state: "note",
        detail: `${dir} was not tried: needs --allow-read and --allow-write`,
      };
    case "read-only":
      return { check, state: "wrong", detail: `expected ${dir} to be writable, got read-only` };
    default:
      return access satisfies never;
  }
}
