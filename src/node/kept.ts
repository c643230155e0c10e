import { errorText } from "../util/error_text.ts";
import type { Logger } from "../util/log.ts";
import type { Clock } from "../util/clock.ts";
import { openStorage, type Storage } from "../store/open_storage.ts";
import type { StorageOptions, TableOptions } from "../store/options.ts";
import type { ResolvedSettings, SettingName, Settings } from "./settings.ts";

/** Settings that make no sense without files: whoever says one of them wants files. */
const SETTINGS_OF_DATA: readonly SettingName[] = [
  "logRetention",
  "logRetentionBytes",
  "storage",
  "ducklakeUrl",
  "dataPath",
  "archiverInterval",
  "snapshotKeep",
];

const MS_PER_SECOND = 1_000;

/** What a broker keeps is opened with, besides its settings. */
export interface KeptParts {
  /** The tables, when they do not come from the file that the settings name. */
  readonly schema: unknown;
  /** Time. */
  readonly clock: Clock | undefined;
  /** Where events go. */
  readonly logger: Logger;
}

/**
 * Whether a broker of a program keeps files: when it was told so, or was given a schema or another setting of data.
 * The command line tool keeps them unless it is told otherwise.
 */
export function isKept(
  { values, sources }: ResolvedSettings,
  { hasSchema }: { readonly hasSchema: boolean },
): boolean {
  if (sources.memory.kind !== "default") return !values.memory;
  return hasSchema || values.schema !== null ||
    SETTINGS_OF_DATA.some((name) => sources[name].kind === "argument");
}

/**
 * Opens what a broker keeps, as its settings say; `null` with `memory`.
 *
 * @throws {TypeError} When the settings contradict one another, or a directory is not known.
 */
export async function openKept(settings: Settings, parts: KeptParts): Promise<Storage | null> {
  const hasSchema = settings.schema !== null || parts.schema !== undefined;
  if (settings.memory) {
    if (!hasSchema) return null;
    throw new TypeError(
      'Cannot start the broker with "schema" and "memory": tables need files, so expected only ' +
        "one of them",
    );
  }
  return await openStorage(await storageOptions(settings, parts));
}

async function storageOptions(
  settings: Settings,
  { schema, clock, logger }: KeptParts,
): Promise<StorageOptions> {
  const { dir, name, logRetention, logRetentionBytes, logRules } = settings;
  if (dir === null) {
    throw new TypeError(
      'Cannot keep messages: expected a directory, got none; set "dir" (--dir, REMBUS_DIR), or ' +
        "keep nothing (--memory)",
    );
  }
  const given = schema ?? (settings.schema === null ? undefined : await readJson(settings.schema));
  return {
    dir,
    name,
    retentionMs: logRetention * MS_PER_SECOND,
    retentionBytes: logRetentionBytes,
    rules: logRules,
    ...(given === undefined ? {} : { tables: tableOptions(given, settings) }),
    ...(clock === undefined ? {} : { clock }),
    logger,
  };
}

function tableOptions(schema: unknown, settings: Settings): TableOptions {
  const { ducklakeUrl, dataPath, extensionDir, archiverInterval } = settings;
  if (settings.storage === "native" && ducklakeUrl !== null) {
    throw new TypeError(
      'Cannot start the broker with "storage" native and a catalog of DuckLake (--ducklake-url, ' +
        "DUCKLAKE_URL): expected only one of them",
    );
  }
  return {
    schema,
    storage: settings.storage,
    ignoreDataPath: settings.ignoreDataPath,
    download: settings.downloadExtensions,
    snapshotDays: settings.snapshotKeep,
    ...(ducklakeUrl === null ? {} : { duckLakeUrl: ducklakeUrl }),
    ...(dataPath === null ? {} : { dataPath }),
    ...(extensionDir === null ? {} : { extensionDirectory: extensionDir }),
    ...(archiverInterval === null ? {} : { commitMs: archiverInterval * MS_PER_SECOND }),
  };
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw new TypeError(`Cannot read schema "${path}": ${errorText(error)}`, { cause: error });
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TypeError(`Cannot read schema "${path}": expected JSON, got ${errorText(error)}`, {
      cause: error,
    });
  }
}
