import { lakeArguments, lakeEnvironment, spawnLake } from "../lake/process.ts";
import type { LakePermissions, LakeProcess } from "../lake/process.ts";
import { checkName } from "../protocol/name.ts";
import { errorText } from "../util/error_text.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { copyKeys, copySettings } from "./import_files.ts";
import type { ImportAnswer, ImportRequest, ImportSource } from "./import_message.ts";
import type { ImportItem, ImportReport } from "./import_report.ts";
import { type ImportedState, tableItems, toState } from "./import_rows.ts";
import { openStateStore } from "./open_state_store.ts";

export type { ImportItem, ImportReport, ImportSkip } from "./import_report.ts";

/** What is imported, and where to. */
export interface ImportOptions {
  /** `REMBUS_DIR` of rembus.python. It is only read; its broker must not run. */
  readonly from: string;
  /** Name of the broker, there and here. */
  readonly name: string;
  /** Directory of ours that is filled; made when missing. Not the one that is read. */
  readonly to: string;
  /** `DUCKLAKE_URL` that rembus.python ran with. @default the store in `from` */
  readonly fromUrl?: string;
  /** What the tables are kept in from now on, as of a lake's storage. @default {"auto"} */
  readonly storage?: "auto" | "native" | "ducklake";
  /** Directory with extensions of DuckDB (`REMBUS_EXTENSION_DIR`). */
  readonly extensionDirectory?: string;
  /** Whether a missing extension may be fetched from DuckDB's server. @default {false} */
  readonly download?: boolean;
  /**
   * Starts the process that reads and copies tables; it must run `serveImport()` of `import_child.ts`.
   * @default `deno run` of that file
   */
  readonly spawn?: (permissions: LakePermissions) => LakeProcess;
  /** Environment that the process gets a part of (`LAKE_ENV_NAMES`). @default nothing */
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch, when imported components count as seen. @default Date.now */
  readonly wallMs?: () => number;
  /** Where events go. @default silent */
  readonly logger?: Logger;
}

/**
 * Takes a directory of rembus.python 0.8.12 over (spec 8, 9): who subscribed and exposed what, admins, tenants,
 * public keys, settings, and the rows of all tables of the schema. Stored messages stay behind: the new log is empty.
 * Rejects with an `Error` fit for the operator; then nothing is left of what it made.
 */
export async function importDirectory(options: ImportOptions): Promise<ImportReport> {
  const plan = await makePlan(options);
  const made = new Set<string>();
  try {
    const report = await carryOut(plan, options, (path) => made.add(path));
    (options.logger ?? SILENT).info("imported", { from: plan.from, to: plan.to });
    return report;
  } catch (error) {
    for (const path of [...made].reverse()) await removeIfThere(path);
    throw error;
  }
}

interface Plan {
  /** Directories as absolute paths without links. */
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly source: ImportSource;
}

/** Checks what can be checked before anything is made, besides the directory. */
async function makePlan({ from, fromUrl, name, to }: ImportOptions): Promise<Plan> {
  const problem = checkName(name);
  if (problem !== null) throw new TypeError(`Cannot import broker "${name}": ${problem}`);
  if (!await isThere(from)) throw new Error(`Cannot import "${from}": there is no such directory`);
  await Deno.mkdir(to, { recursive: true, mode: 0o700 });
  const [realFrom, realTo] = [await Deno.realPath(from), await Deno.realPath(to)];
  if (realFrom === realTo) {
    throw new Error(
      `Cannot import "${from}" into itself: nothing is written there. Give another directory`,
    );
  }
  for (const path of targets(realTo, name)) {
    if (!await isThere(path)) continue;
    throw new Error(
      `Cannot import into "${to}": expected no broker "${name}" there, got "${path}". ` +
        "Give another directory, or remove it",
    );
  }
  const source = await findSource(realFrom, name, fromUrl);
  return { from: realFrom, to: realTo, name, source };
}

/** Everything of a broker that an import or a broker makes, besides settings and keys. */
function targets(to: string, name: string): string[] {
  return [
    `${to}/${name}/state.db`,
    `${to}/${name}/state.db-wal`,
    `${to}/${name}/log`,
    `${to}/${name}/main`,
    `${to}/${name}.duckdb`,
    `${to}/${name}.duckdb.wal`,
    `${to}/${name}.ducklake`,
    `${to}/${name}.ducklake.wal`,
    `${to}/${name}.lake.json`,
  ];
}

async function findSource(from: string, name: string, url?: string): Promise<ImportSource> {
  if (url !== undefined) {
    const file = /^ducklake:(?:duckdb:)?(?![a-z][a-z0-9]+:)(.+)$/i.exec(url)?.[1];
    return file === undefined ? { kind: "url", url } : { kind: "file", path: file };
  }
  for (const extension of ["ducklake", "duckdb"]) {
    const path = `${from}/${name}.${extension}`;
    if (await isThere(path)) return { kind: "file", path };
  }
  throw new Error(
    `Cannot import broker "${name}" from "${from}": expected "${name}.ducklake" there, got none. ` +
      "If it ran with DUCKLAKE_URL, give that; if it has another name, give that",
  );
}

async function carryOut(
  plan: Plan,
  options: ImportOptions,
  makes: (path: string) => void,
): Promise<ImportReport> {
  const { from, name, to } = plan;
  await Deno.mkdir(`${to}/${name}`, { recursive: true, mode: 0o700 });
  const answer = await copyStore(plan, options, makes);
  const files = { from: `${from}/${name}`, to: `${to}/${name}`, creates: makes };
  const keys = await copyKeys(files);
  const settings = await copySettings(files);
  const nowMs = Math.trunc((options.wallMs ?? Date.now)());
  const state = toState(answer.rows, { name, nowMs });
  const path = `${to}/${name}/state.db`;
  makes(path);
  makes(`${path}-wal`);
  await fill(path, state);
  const items: ImportItem[] = [
    ...state.items,
    ...tableItems(answer.tables, answer.rows.messages),
    keys,
    settings,
  ];
  return {
    source: answer.source,
    sourceKind: answer.sourceKind,
    storage: answer.storage,
    items,
  };
}

async function fill(path: string, { changes }: ImportedState): Promise<void> {
  await using store = openStateStore({ path });
  for (const change of changes) store.put(change);
  await store.committed();
}

/** Has the tables copied and the rest read, by a process that may load native code. */
async function copyStore(
  { from, name, source, to }: Plan,
  options: ImportOptions,
  makes: (path: string) => void,
): Promise<ImportAnswer & { kind: "done" }> {
  const { download, extensionDirectory, storage = "auto" } = options;
  const scratch = await Deno.makeTempDir({ dir: `${to}/${name}`, prefix: "import-" });
  makes(scratch);
  for (const path of targets(to, name)) if (!path.includes("/state.db")) makes(path);
  const request: ImportRequest = {
    name,
    source,
    dataPath: await isThere(`${from}/${name}/main`) ? `${from}/${name}` : null,
    scratch,
    target: {
      kind: "disk",
      directory: to,
      name,
      storage,
      ...(download === undefined ? {} : { download }),
      ...(extensionDirectory === undefined ? {} : { extensionDirectory }),
    },
  };
  const extra = extensionDirectory === undefined ? [] : [extensionDirectory];
  const outside = source.kind === "file" && !source.path.startsWith(from) ? [source.path] : [];
  const permissions = { read: [from, to, ...extra, ...outside], write: [to], ffi: null };
  const spawn = options.spawn ?? spawnImport(options.env ?? {});
  const answer = await ask(spawn(permissions), request);
  await Deno.remove(scratch, { recursive: true });
  if (answer.kind === "failed") throw new Error(answer.message);
  return answer;
}

function spawnImport(env: Readonly<Record<string, string>>) {
  return (permissions: LakePermissions): LakeProcess => {
    const entry = new URL("./import_child.ts", import.meta.url);
    return spawnLake({
      executable: Deno.execPath(),
      args: lakeArguments(entry.href, permissions),
      env: lakeEnvironment(env),
    });
  };
}

async function ask(process: LakeProcess, request: ImportRequest): Promise<ImportAnswer> {
  const answer = new Response(process.stdout).text();
  let failure: unknown = null;
  try {
    await new Blob([JSON.stringify(request)]).stream().pipeTo(process.stdin);
  } catch (error) {
    // It is gone: how it ended says more.
    failure = error;
  }
  const [text, how] = await Promise.all([answer, process.ended]);
  try {
    return JSON.parse(text) as ImportAnswer;
  } catch (cause) {
    const more = failure === null ? "" : ` (${errorText(failure)})`;
    throw new Error(`Cannot import: the process that reads the tables ended with ${how}${more}`, {
      cause,
    });
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
