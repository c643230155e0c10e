import { rembusDir, settingsPath } from "../host/directory.ts";
import type { Host } from "../host/host.ts";
import { readSettingsFile, type SettingsFile } from "../host/settings_file.ts";
import { checkName } from "../protocol/name.ts";
import type { Logger } from "../util/log.ts";
import type { Setting } from "./setting.ts";
import { type SettingName, SETTINGS, type Settings } from "./setting_table.ts";

export type { Setting } from "./setting.ts";
export {
  LOG_LEVELS,
  type LogLevel,
  type SettingName,
  SETTINGS,
  type Settings,
  type StorageKind,
} from "./setting_table.ts";

/** Where the value of a setting came from. */
export type SettingSource =
  | { readonly kind: "argument" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "environment"; readonly variable: string }
  | { readonly kind: "default" };

/** The settings of one node, and why they are what they are. */
export interface ResolvedSettings {
  readonly values: Settings;
  readonly sources: { readonly [K in SettingName]: SettingSource };
  /** The file that was looked at; `null` when its place is unknown or the node has none. */
  readonly path: string | null;
  /** Fields of the file that mean nothing here. */
  readonly unknownFields: readonly string[];
}

/** What {@link resolveSettings} starts from. */
export interface SettingsRequest {
  readonly host: Host;
  /** What the caller said itself; wins over everything. */
  readonly arguments: Partial<Settings>;
  /** Whether the variables of the daemon count (spec 10.4). */
  readonly daemon: boolean;
  /** An anonymous component has no directory, and must not read that of a broker (spec 1.3). */
  readonly anonymous?: boolean;
  readonly logger: Logger;
}

const BY_DEFAULT: SettingSource = { kind: "default" };

/**
 * Finds every setting: argument, then `<dir>/<name>/settings.json`, then environment, then default
 * (spec 9). Rejects with a `TypeError` that names the field or variable with a value it cannot
 * have, and with an `Error` when the file is broken.
 */
export async function resolveSettings(request: SettingsRequest): Promise<ResolvedSettings> {
  const name = resolveOne("name", request, null);
  const problem = checkName(name.value);
  if (problem !== null) throw new TypeError(`Cannot use name "${name.value}": ${problem}`);
  const dir = resolveOne("dir", request, null).value ?? rembusDir(request.host);
  const path = dir === null || request.anonymous ? null : settingsPath(dir, name.value);
  const file = path === null ? null : await readSettingsFile(request.host, path);

  const values: Record<string, unknown> = {};
  const sources: Record<string, SettingSource> = {};
  for (const key of Object.keys(SETTINGS) as SettingName[]) {
    const { value, source } = resolveOne(key, request, file);
    values[key] = value;
    sources[key] = source;
  }
  values["dir"] = dir;
  const unknownFields = file === null ? [] : unknownOf(file);
  for (const field of unknownFields) {
    request.logger.warn("settings field unknown", { path, field });
  }
  return {
    values: values as unknown as Settings,
    sources: sources as ResolvedSettings["sources"],
    path,
    unknownFields,
  };
}

interface ResolvedOne<T> {
  readonly value: T;
  readonly source: SettingSource;
}

function resolveOne<K extends SettingName>(
  key: K,
  request: SettingsRequest,
  file: SettingsFile | null,
): ResolvedOne<Settings[K]> {
  // The table is indexed by the very key, so that the value type is the one of the setting.
  const setting = SETTINGS[key] as unknown as Setting<Settings[K]>;
  const argument = request.arguments[key];
  if (argument !== undefined && argument !== null) {
    return { value: fromArgument(key, setting, argument), source: { kind: "argument" } };
  }
  if (setting.file && file !== null && Object.hasOwn(file.fields, setting.key)) {
    return { value: fromFile(setting, file), source: { kind: "file", path: file.path } };
  }
  const variable = setting.daemon && !request.daemon ? null : setting.env;
  const text = variable === null ? undefined : request.host.env(variable);
  if (variable === null || text === undefined) {
    return { value: setting.fallback, source: BY_DEFAULT };
  }
  return {
    value: settingFromText(setting, text, variable),
    source: { kind: "environment", variable },
  };
}

function fromArgument<T>(key: SettingName, setting: Setting<T>, given: unknown): T {
  const value = setting.kind.fromJson(given);
  if (value !== undefined) return value;
  throw new TypeError(
    `Cannot use option "${key}": expected ${setting.kind.wanted}, ` +
      `got ${setting.secret ? "something else" : String(given)}`,
  );
}

function fromFile<T>(setting: Setting<T>, file: SettingsFile): T {
  const given = file.fields[setting.key];
  const value = setting.kind.fromJson(given);
  if (value !== undefined) return value;
  throw new TypeError(
    `Cannot use field "${setting.key}" of "${file.path}": expected ${setting.kind.wanted}, ` +
      `got ${setting.secret ? "something else" : JSON.stringify(given)}`,
  );
}

/** Reads the text of an option or variable. Throws `TypeError` that says where it came from. */
export function settingFromText<T>(setting: Setting<T>, text: string, from: string): T {
  const value = setting.kind.fromText(text);
  if (value !== undefined) return value;
  const got = setting.secret ? "something else" : `"${text}"`;
  throw new TypeError(`Cannot use ${from}: expected ${setting.kind.wanted}, got ${got}`);
}

function unknownOf(file: SettingsFile): string[] {
  const known = new Set(Object.values(SETTINGS).filter((s) => s.file).map((s) => s.key as string));
  return Object.keys(file.fields).filter((field) => !known.has(field));
}
