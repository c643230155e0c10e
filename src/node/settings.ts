import { POLICIES, type Policy } from "../broker/options.ts";
import { MEMORY_BYTES_DEFAULT } from "../broker/limits.ts";
import { rembusDir, settingsPath } from "../host/directory.ts";
import type { Host } from "../host/host.ts";
import { readSettingsFile, type SettingsFile } from "../host/settings_file.ts";
import { PORT_DEFAULT } from "../protocol/limits.ts";
import { checkName } from "../protocol/name.ts";
import type { Encoding } from "../protocol/packet.ts";
import type { Logger } from "../util/log.ts";
import {
  BASE_URL,
  BOOLEAN,
  BYTES,
  choice,
  COUNT,
  INTERVAL,
  type Kind,
  NAME,
  NAMES,
  PORT,
  SECONDS,
  TEXT,
} from "./setting_kinds.ts";

/** Log levels of the command line tool, the most talkative first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
/** A log level. */
export type LogLevel = typeof LOG_LEVELS[number];

/** One setting: where it may come from, how it is read, and what it means. */
export interface Setting<T> {
  /** Key of `settings.json`, and name in `config explain`. */
  readonly key: string;
  /** How its values are read. */
  readonly kind: Kind<T>;
  /** Value when nobody says anything. */
  readonly fallback: T;
  /** Command line option without dashes; `null` when there is none. */
  readonly flag: string | null;
  /** One-letter form of the option. */
  readonly letter: string | null;
  /** Environment variable; `null` when there is none. */
  readonly env: string | null;
  /** Whether the variable counts for `rembus broker` only: a script's own broker says it in code. */
  readonly daemon: boolean;
  /** Whether `settings.json` may hold it. Not what is needed to find that file. */
  readonly file: boolean;
  /** Unit of the value; `null` when it has none. */
  readonly unit: string | null;
  /** What it means, in one line. */
  readonly doc: string;
}

type SettingParts<T> =
  & Pick<Setting<T>, "key" | "kind" | "fallback" | "doc">
  & Partial<Setting<T>>;

function setting<T>(parts: SettingParts<T>): Setting<T> {
  return { flag: null, letter: null, env: null, daemon: false, file: true, unit: null, ...parts };
}

/** Every setting there is. Flags, variables, file keys, help and `config explain` come from here. */
export const SETTINGS = {
  name: setting<string>({
    key: "name",
    kind: NAME,
    fallback: "broker",
    flag: "name",
    letter: "n",
    env: "REMBUS_NAME",
    daemon: true,
    file: false,
    doc: "name of the broker, and of its directory below dir",
  }),
  dir: setting<string | null>({
    key: "dir",
    kind: TEXT,
    fallback: null,
    flag: "dir",
    env: "REMBUS_DIR",
    file: false,
    doc: "directory that holds <name>/settings.json",
  }),
  port: setting<number>({
    key: "ws",
    kind: PORT,
    fallback: PORT_DEFAULT,
    flag: "ws",
    letter: "w",
    env: "REMBUS_PORT",
    daemon: true,
    doc: "WebSocket port of the broker; 0 takes any free one",
  }),
  host: setting<string>({
    key: "host",
    kind: TEXT,
    fallback: "127.0.0.1",
    flag: "host",
    env: "REMBUS_HOST",
    daemon: true,
    doc: "address the broker listens on; 0.0.0.0 opens it to the network",
  }),
  policy: setting<Policy>({
    key: "policy",
    kind: choice(POLICIES),
    fallback: "first_up",
    flag: "policy",
    letter: "r",
    env: "REMBUS_POLICY",
    daemon: true,
    doc: `which of several exposers gets a call: ${POLICIES.join(", ")}`,
  }),
  spaces: setting<boolean>({
    key: "keyspace",
    kind: BOOLEAN,
    fallback: true,
    flag: "spaces",
    env: "REMBUS_KEYSPACE",
    daemon: true,
    doc: "whether topics with * are spaces",
  }),
  admins: setting<readonly string[]>({
    key: "admins",
    kind: NAMES,
    fallback: [],
    flag: "admin",
    env: "REMBUS_ADMINS",
    daemon: true,
    doc: "components that may change the privacy of topics (in-process links only)",
  }),
  memoryLimit: setting<number>({
    key: "memory_limit",
    kind: BYTES,
    fallback: MEMORY_BYTES_DEFAULT,
    flag: "memory-limit",
    env: "REMBUS_MEMORY_LIMIT",
    daemon: true,
    unit: "bytes",
    doc: "memory of all queues of the broker together",
  }),
  log: setting<LogLevel>({
    key: "log",
    kind: choice(LOG_LEVELS, { warning: "warn", critical: "error" }),
    fallback: "warn",
    flag: "log",
    env: "REMBUS_LOG",
    doc: `what is logged to standard error: ${LOG_LEVELS.join(", ")}`,
  }),
  encoding: setting<Encoding>({
    key: "enc",
    kind: choice(["cbor", "json"]),
    fallback: "cbor",
    flag: "enc",
    env: "REMBUS_ENC",
    daemon: true,
    doc: "encoding used first towards a peer: cbor, json",
  }),
  baseUrl: setting<string>({
    key: "base_url",
    kind: BASE_URL,
    fallback: `ws://127.0.0.1:${PORT_DEFAULT}`,
    flag: "base-url",
    env: "REMBUS_BASE_URL",
    doc: "what component URLs without scheme, host or port are completed with",
  }),
  requestTimeout: setting<number>({
    key: "request_timeout",
    kind: SECONDS,
    fallback: 10,
    flag: "request-timeout",
    env: "REMBUS_TIMEOUT",
    unit: "seconds",
    doc: "how long the answer of a call may take",
  }),
  ackTimeout: setting<number>({
    key: "ack_timeout",
    kind: SECONDS,
    fallback: 2,
    flag: "ack-timeout",
    env: "REMBUS_ACK_TIMEOUT",
    unit: "seconds",
    doc: "how long the acknowledgement of a publication may take before it is sent again",
  }),
  sendRetries: setting<number>({
    key: "send_retries",
    kind: COUNT,
    fallback: 10,
    flag: "send-retries",
    env: "REMBUS_SEND_RETRIES",
    doc: "how often an unacknowledged publication is sent again",
  }),
  pingInterval: setting<number>({
    key: "ws_ping_interval",
    kind: INTERVAL,
    fallback: 30,
    flag: "ws-ping-interval",
    env: "REMBUS_WS_PING_INTERVAL",
    unit: "seconds",
    doc: "pause between keep-alive pings; 0 sends none",
  }),
  startAnyway: setting<boolean>({
    key: "start_anyway",
    kind: BOOLEAN,
    fallback: false,
    flag: "start-anyway",
    env: "REMBUS_START_ANYWAY",
    doc: "whether a component starts although its broker is away, and connects later",
  }),
} as const;

/** Name of a setting in code. */
export type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
/** The value of every setting, in the units of the table (seconds, bytes). */
export type Settings = { readonly [K in SettingName]: ValueOf<typeof SETTINGS[K]> };

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
    `Cannot use option "${key}": expected ${setting.kind.wanted}, got ${String(given)}`,
  );
}

function fromFile<T>(setting: Setting<T>, file: SettingsFile): T {
  const given = file.fields[setting.key];
  const value = setting.kind.fromJson(given);
  if (value !== undefined) return value;
  throw new TypeError(
    `Cannot use field "${setting.key}" of "${file.path}": expected ${setting.kind.wanted}, ` +
      `got ${JSON.stringify(given)}`,
  );
}

/** Reads the text of an option or variable. Throws `TypeError` that says where it came from. */
export function settingFromText<T>(setting: Setting<T>, text: string, from: string): T {
  const value = setting.kind.fromText(text);
  if (value !== undefined) return value;
  throw new TypeError(`Cannot use ${from}: expected ${setting.kind.wanted}, got "${text}"`);
}

function unknownOf(file: SettingsFile): string[] {
  const known = new Set(Object.values(SETTINGS).filter((s) => s.file).map((s) => s.key as string));
  return Object.keys(file.fields).filter((field) => !known.has(field));
}
