import { directoryAccess } from "../host/directory_access.ts";
import { isGranted } from "../host/permissions.ts";
import type { ResolvedSettings, Settings } from "../node/settings.ts";
import { errorText } from "../util/error_text.ts";

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
