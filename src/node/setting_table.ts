import { MEMORY_BYTES_DEFAULT } from "../broker/limits.ts";
import { POLICIES, type Policy } from "../broker/options.ts";
import { PORT_DEFAULT } from "../protocol/limits.ts";
import type { Encoding } from "../protocol/packet.ts";
import type { LogRule } from "../store/log_rules.ts";
import { RETENTION_BYTES, RETENTION_MS } from "../store/options.ts";
import {
  AGE,
  BASE_URL,
  BOOLEAN,
  BYTES,
  choice,
  COUNT,
  DAYS,
  DUCKLAKE_URL,
  INTERVAL,
  type Kind,
  LOG_RULES,
  NAME,
  NAMES,
  PORT,
  SECONDS,
  TEXT,
} from "./setting_kinds.ts";

const MS_PER_SECOND = 1_000;
const SNAPSHOT_DAYS = 7;

/** What tables may be kept in; what `auto` chooses at the first start is recorded. */
export type StorageKind = "auto" | "native" | "ducklake";
const STORAGES: readonly StorageKind[] = ["auto", "native", "ducklake"];

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
  /** Whether the value may hold a password: it is not shown. */
  readonly secret: boolean;
  /** Unit of the value; `null` when it has none. */
  readonly unit: string | null;
  /** What it means, in one line. */
  readonly doc: string;
}

type SettingParts<T> =
  & Pick<Setting<T>, "key" | "kind" | "fallback" | "doc">
  & Partial<Setting<T>>;

function setting<T>(parts: SettingParts<T>): Setting<T> {
  return {
    flag: null,
    letter: null,
    env: null,
    daemon: false,
    file: true,
    secret: false,
    unit: null,
    ...parts,
  };
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
  memory: setting<boolean>({
    key: "memory",
    kind: BOOLEAN,
    fallback: false,
    flag: "memory",
    env: "REMBUS_MEMORY",
    daemon: true,
    doc: "whether the broker keeps no files, so that nothing outlives it",
  }),
  logRetention: setting<number>({
    key: "log_retention",
    kind: AGE,
    fallback: RETENTION_MS / MS_PER_SECOND,
    flag: "log-retention",
    env: "REMBUS_LOG_RETENTION",
    daemon: true,
    unit: "seconds",
    doc: "age after which logged messages are dropped, such as 12h or 7d",
  }),
  logRetentionBytes: setting<number>({
    key: "log_retention_bytes",
    kind: BYTES,
    fallback: RETENTION_BYTES,
    flag: "log-retention-bytes",
    env: "REMBUS_LOG_RETENTION_BYTES",
    daemon: true,
    unit: "bytes",
    doc: "size of the message log above which the oldest messages are dropped",
  }),
  offlineMax: setting<number | null>({
    key: "offline_max",
    kind: AGE,
    fallback: null,
    flag: "offline-max",
    env: "REMBUS_OFFLINE_MAX",
    daemon: true,
    unit: "seconds",
    doc: "age above which missed messages are not delivered; without it, retention decides",
  }),
  logRules: setting<readonly LogRule[]>({
    key: "log_rules",
    kind: LOG_RULES,
    fallback: [],
    doc: "topics that are not logged; the first rule that fits decides",
  }),
  schema: setting<string | null>({
    key: "schema",
    kind: TEXT,
    fallback: null,
    flag: "schema",
    env: "REMBUS_SCHEMA",
    daemon: true,
    doc: "file that says which tables the messages fill",
  }),
  storage: setting<StorageKind>({
    key: "storage",
    kind: choice(STORAGES),
    fallback: "auto",
    flag: "storage",
    env: "REMBUS_STORAGE",
    doc: `what the tables are kept in: ${STORAGES.join(", ")}`,
  }),
  ducklakeUrl: setting<string | null>({
    key: "ducklake_url",
    kind: DUCKLAKE_URL,
    fallback: null,
    flag: "ducklake-url",
    env: "DUCKLAKE_URL",
    secret: true,
    doc:
      "catalog of the tables: ducklake:<file>, ducklake:sqlite:<file> or ducklake:postgres:<URL>",
  }),
  dataPath: setting<string | null>({
    key: "data_path",
    kind: TEXT,
    fallback: null,
    flag: "data-path",
    env: "DATA_PATH",
    doc: "where DuckLake keeps the rows: a directory or object storage",
  }),
  ignoreDataPath: setting<boolean>({
    key: "ignore_data_path",
    kind: BOOLEAN,
    fallback: false,
    flag: "ignore-data-path",
    env: "DUCKDB_IGNORE_DATA_PATH",
    doc: "whether the catalog alone says where DuckLake keeps the rows",
  }),
  extensionDir: setting<string | null>({
    key: "extension_dir",
    kind: TEXT,
    fallback: null,
    flag: "extension-dir",
    env: "REMBUS_EXTENSION_DIR",
    doc: "directory with DuckDB's extensions",
  }),
  downloadExtensions: setting<boolean>({
    key: "download_extensions",
    kind: BOOLEAN,
    fallback: true,
    flag: "download-extensions",
    env: "REMBUS_DOWNLOAD_EXTENSIONS",
    doc: "whether a missing extension is fetched from DuckDB's server",
  }),
  archiverInterval: setting<number | null>({
    key: "archiver_interval",
    kind: INTERVAL,
    fallback: null,
    flag: "archiver-interval",
    env: "REMBUS_ARCHIVER_INTERVAL",
    daemon: true,
    unit: "seconds",
    doc: "pause between two transactions of the tables; unless said, 0.02, and 1 with DuckLake",
  }),
  snapshotKeep: setting<number>({
    key: "snapshot_keep",
    kind: DAYS,
    fallback: SNAPSHOT_DAYS,
    flag: "snapshot-keep",
    env: "REMBUS_SNAPSHOT_KEEP",
    daemon: true,
    unit: "days",
    doc: "how long DuckLake keeps what the tables were, for queries with when",
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
