import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Host } from "../../../src/host/host.ts";
import {
  type ResolvedSettings,
  resolveSettings,
  SETTINGS,
  type SettingsRequest,
} from "../../../src/node/settings.ts";
import { SILENT } from "../../../src/util/log.ts";

interface Given {
  readonly arguments?: SettingsRequest["arguments"];
  readonly env?: Readonly<Record<string, string>>;
  /** Fields of the settings file of the node, or its text. */
  readonly file?: Readonly<Record<string, unknown>> | string;
  readonly daemon?: boolean;
  readonly anonymous?: boolean;
  readonly warned?: string[];
}

function resolve(given: Given): Promise<ResolvedSettings> {
  const { file } = given;
  const host: Host = {
    os: "linux",
    env: (name) => ({ REMBUS_DIR: "/r", ...given.env })[name],
    readText: () =>
      Promise.resolve(
        file === undefined ? null : typeof file === "string" ? file : JSON.stringify(file),
      ),
  };
  return resolveSettings({
    host,
    arguments: given.arguments ?? {},
    daemon: given.daemon ?? true,
    anonymous: given.anonymous ?? false,
    logger: { ...SILENT, warn: (_, fields) => void given.warned?.push(String(fields?.["field"])) },
  });
}

Deno.test("resolveSettings() gives the defaults when nobody says anything", async () => {
  const { values, sources, path } = await resolve({});
  assertEquals(values, {
    name: "broker",
    dir: "/r",
    port: 8338,
    host: "127.0.0.1",
    policy: "first_up",
    spaces: true,
    admins: [],
    authenticated: false,
    overwriteConnection: false,
    secure: false,
    keystore: null,
    origins: [],
    sharedServices: [],
    rateMessages: null,
    rateBytes: null,
    tenants: [],
    code: false,
    memoryLimit: 1024 ** 3,
    memory: false,
    logRetention: 7 * 86_400,
    logRetentionBytes: 4 * 1024 ** 3,
    logRules: [],
    offlineMax: null,
    schema: null,
    storage: "auto",
    ducklakeUrl: null,
    dataPath: null,
    ignoreDataPath: false,
    extensionDir: null,
    downloadExtensions: true,
    archiverInterval: null,
    snapshotKeep: 7,
    log: "warn",
    encoding: "cbor",
    baseUrl: "ws://127.0.0.1:8338",
    requestTimeout: 10,
    ackTimeout: 2,
    sendRetries: 10,
    pingInterval: 30,
    connectionMode: "default",
    caBundle: null,
    startAnyway: false,
  });
  assertEquals(sources.port, { kind: "default" });
  assertEquals(sources.dir, { kind: "environment", variable: "REMBUS_DIR" });
  assertEquals(path, "/r/broker/settings.json");
});

Deno.test("resolveSettings() takes the argument, then the file, then the environment", async () => {
  const env = { REMBUS_TIMEOUT: "3" };
  const file = { request_timeout: 2 };
  const sourceAndValue = async (given: Given) => {
    const { values, sources } = await resolve(given);
    return [sources.requestTimeout.kind, values.requestTimeout];
  };
  assertEquals(await sourceAndValue({ env }), ["environment", 3]);
  assertEquals(await sourceAndValue({ env, file }), ["file", 2]);
  assertEquals(await sourceAndValue({ env, file, arguments: { requestTimeout: 1 } }), [
    "argument",
    1,
  ]);
});

// One value of each setting by each of its ways.
const WAYS = [
  { key: "port", env: ["REMBUS_PORT", "0"], field: 0, value: 0 },
  { key: "host", env: ["REMBUS_HOST", "0.0.0.0"], field: "0.0.0.0", value: "0.0.0.0" },
  {
    key: "policy",
    env: ["REMBUS_POLICY", "Round_Robin"],
    field: "round_robin",
    value: "round_robin",
  },
  { key: "spaces", env: ["REMBUS_KEYSPACE", "0"], field: false, value: false },
  {
    key: "admins",
    env: ["REMBUS_ADMINS", "ada, bob"],
    field: ["ada", "bob"],
    value: ["ada", "bob"],
  },
  { key: "memoryLimit", env: ["REMBUS_MEMORY_LIMIT", "512M"], field: 536870912, value: 536870912 },
  { key: "memory", env: ["REMBUS_MEMORY", "1"], field: true, value: true },
  { key: "logRetention", env: ["REMBUS_LOG_RETENTION", "12h"], field: "0.5d", value: 43_200 },
  {
    key: "logRetentionBytes",
    env: ["REMBUS_LOG_RETENTION_BYTES", "1G"],
    field: "1GiB",
    value: 1024 ** 3,
  },
  { key: "schema", env: ["REMBUS_SCHEMA", "s.json"], field: "s.json", value: "s.json" },
  { key: "storage", env: ["REMBUS_STORAGE", "DuckLake"], field: "ducklake", value: "ducklake" },
  {
    key: "ducklakeUrl",
    env: ["DUCKLAKE_URL", "ducklake:sqlite:a.db"],
    field: "ducklake:sqlite:a.db",
    value: "ducklake:sqlite:a.db",
  },
  { key: "dataPath", env: ["DATA_PATH", "s3://b/c"], field: "s3://b/c", value: "s3://b/c" },
  { key: "ignoreDataPath", env: ["DUCKDB_IGNORE_DATA_PATH", "1"], field: true, value: true },
  { key: "extensionDir", env: ["REMBUS_EXTENSION_DIR", "/x"], field: "/x", value: "/x" },
  {
    key: "downloadExtensions",
    env: ["REMBUS_DOWNLOAD_EXTENSIONS", "no"],
    field: false,
    value: false,
  },
  { key: "archiverInterval", env: ["REMBUS_ARCHIVER_INTERVAL", "0.5"], field: 0.5, value: 0.5 },
  { key: "snapshotKeep", env: ["REMBUS_SNAPSHOT_KEEP", "30"], field: 30, value: 30 },
  { key: "log", env: ["REMBUS_LOG", "WARNING"], field: "warn", value: "warn" },
  { key: "encoding", env: ["REMBUS_ENC", "JSON"], field: "json", value: "json" },
  { key: "baseUrl", env: ["REMBUS_BASE_URL", "wss://h:1"], field: "wss://h:1", value: "wss://h:1" },
  { key: "ackTimeout", env: ["REMBUS_ACK_TIMEOUT", "0.5"], field: 0.5, value: 0.5 },
  { key: "sendRetries", env: ["REMBUS_SEND_RETRIES", "3"], field: 3, value: 3 },
  { key: "pingInterval", env: ["REMBUS_WS_PING_INTERVAL", "0"], field: 0, value: 0 },
  { key: "authenticated", env: ["REMBUS_AUTHENTICATED", "1"], field: true, value: true },
  {
    key: "overwriteConnection",
    env: ["REMBUS_OVERWRITE_CONNECTION", "on"],
    field: "on",
    value: true,
  },
  { key: "secure", env: ["REMBUS_SECURE", "1"], field: true, value: true },
  { key: "keystore", env: ["REMBUS_KEYSTORE", "/k"], field: "/k", value: "/k" },
  {
    key: "origins",
    env: ["REMBUS_ORIGINS", "https://a.example, http://b:8080"],
    field: ["https://a.example", "http://b:8080"],
    value: ["https://a.example", "http://b:8080"],
  },
  {
    key: "sharedServices",
    env: ["REMBUS_SHARED_SERVICES", "add, math/**"],
    field: ["add", "math/**"],
    value: ["add", "math/**"],
  },
  { key: "rateMessages", env: ["REMBUS_RATE_LIMIT_MESSAGES", "100"], field: 100, value: 100 },
  { key: "rateBytes", env: ["REMBUS_RATE_LIMIT_BYTES", "1M"], field: "1M", value: 1024 ** 2 },
  { key: "code", env: ["REMBUS_ALLOW_CODE", "1"], field: true, value: true },
  {
    key: "connectionMode",
    env: ["REMBUS_CONNECTION_MODE", "authenticated"],
    field: "authenticated",
    value: "authenticated",
  },
  { key: "caBundle", env: ["HTTP_CA_BUNDLE", "/ca.crt"], field: "/ca.crt", value: "/ca.crt" },
  { key: "startAnyway", env: ["REMBUS_START_ANYWAY", " Yes "], field: "on", value: true },
] as const;
for (const { key, env: [variable, text], field, value } of WAYS) {
  Deno.test(`resolveSettings() reads ${key} from ${variable} and from the file`, async () => {
    const fromEnv = await resolve({ env: { [variable]: text } });
    assertEquals<unknown>(fromEnv.values[key], value);
    assertEquals(fromEnv.sources[key], { kind: "environment", variable });
    const fromFile = await resolve({ file: { [SETTINGS[key].key]: field } });
    assertEquals<unknown>(fromFile.values[key], value);
    assertEquals(fromFile.sources[key], { kind: "file", path: "/r/broker/settings.json" });
    assertEquals(fromFile.unknownFields, []);
  });
}

const REFUSED = [
  { given: { env: { REMBUS_PORT: "65536" } }, wanted: "REMBUS_PORT" },
  { given: { env: { REMBUS_PORT: "8338x" } }, wanted: "REMBUS_PORT" },
  { given: { env: { REMBUS_KEYSPACE: "maybe" } }, wanted: "REMBUS_KEYSPACE" },
  { given: { env: { REMBUS_POLICY: "random" } }, wanted: "first_up, round_robin, less_busy" },
  { given: { env: { REMBUS_TIMEOUT: "0" } }, wanted: "seconds > 0" },
  { given: { env: { REMBUS_TIMEOUT: "-1" } }, wanted: "REMBUS_TIMEOUT" },
  { given: { env: { REMBUS_TIMEOUT: "3000000" } }, wanted: "REMBUS_TIMEOUT" },
  { given: { env: { REMBUS_MEMORY_LIMIT: "lots" } }, wanted: "512M" },
  { given: { env: { REMBUS_BASE_URL: "http://h" } }, wanted: "REMBUS_BASE_URL" },
  { given: { env: { REMBUS_NAME: "../../etc" } }, wanted: "REMBUS_NAME" },
  { given: { file: { request_timeout: "10" } }, wanted: '"request_timeout" of "/r/broker/' },
  { given: { file: { ws: 1.5 } }, wanted: '"ws"' },
  { given: { file: { admins: ["ok", 3] } }, wanted: '"admins"' },
  { given: { file: { start_anyway: 1 } }, wanted: '"start_anyway"' },
  { given: { env: { REMBUS_LOG_RETENTION: "0d" } }, wanted: "12h" },
  { given: { env: { REMBUS_SNAPSHOT_KEEP: "0" } }, wanted: "days" },
  { given: { file: { log_rules: [{ topic: "a" }] } }, wanted: '"log_rules"' },
  { given: { file: { log_rules: [{ topic: "a", log: false, more: 1 }] } }, wanted: '"log_rules"' },
  { given: { file: { log_rules: { topic: "a", log: false } } }, wanted: '"log_rules"' },
  { given: { file: { tenants: { "a/b": "x" } } }, wanted: '"tenants"' },
  { given: { file: { tenants: { acme: "" } } }, wanted: "got something else" },
  { given: { env: { REMBUS_ORIGINS: "https://a.example/path" } }, wanted: "REMBUS_ORIGINS" },
  { given: { env: { REMBUS_RATE_LIMIT_MESSAGES: "0" } }, wanted: "whole number > 0" },
  { given: { arguments: { policy: "random" as "first_up" } }, wanted: '"policy"' },
  { given: { arguments: { name: "a/../b" } }, wanted: '"name"' },
] satisfies readonly { given: Given; wanted: string }[];
for (const { given, wanted } of REFUSED) {
  Deno.test(`resolveSettings() rejects when given ${JSON.stringify(given)}`, async () => {
    const error = await assertRejects(() => resolve(given), TypeError);
    assertStringIncludes(error.message, wanted);
  });
}

// Acceptance 27.
Deno.test("resolveSettings() rejects when the settings file is broken", async () => {
  await assertRejects(() => resolve({ file: "{oops" }), Error, "/r/broker/settings.json");
});

Deno.test("resolveSettings() warns of fields that mean nothing", async () => {
  const warned: string[] = [];
  const { unknownFields } = await resolve({ file: { request_timout: 3, name: "x" }, warned });
  assertEquals(unknownFields, ["request_timout", "name"]);
  assertEquals(warned, unknownFields);
});

Deno.test("resolveSettings() reads no daemon variables for a broker in a script", async () => {
  const env = { REMBUS_PORT: "1", REMBUS_NAME: "other", REMBUS_TIMEOUT: "3" };
  const { values } = await resolve({ env, daemon: false });
  assertEquals([values.port, values.name, values.requestTimeout], [8338, "broker", 3]);
});

Deno.test("resolveSettings() reads no file for an anonymous component", async () => {
  const { values, path } = await resolve({ file: { request_timeout: 3 }, anonymous: true });
  assertEquals([values.requestTimeout, path], [10, null]);
});

Deno.test("resolveSettings() reads tenants from the file", async () => {
  const { values } = await resolve({ file: { tenants: { ".": "deadbeef", "acme.org": "1" } } });
  assertEquals(values.tenants, [
    { tenant: ".", secret: "deadbeef" },
    { tenant: "acme.org", secret: "1" },
  ]);
});

Deno.test("resolveSettings() reads rules of the log from the file", async () => {
  const rules = [{ topic: "video/**", log: false }];
  const { values } = await resolve({ file: { log_rules: rules } });
  assertEquals(values.logRules, rules);
});

Deno.test("resolveSettings() shows nothing of a URL that it refuses: there may be a password in it", async () => {
  for (
    const given of [
      { env: { DUCKLAKE_URL: "postgres://ada:swordfish@h/db" } },
      { file: { ducklake_url: "postgres://ada:swordfish@h/db" } },
      { arguments: { ducklakeUrl: "postgres://ada:swordfish@h/db" } },
    ]
  ) {
    const error = await assertRejects(() => resolve(given), TypeError);
    assertStringIncludes(error.message, "ducklake:");
    assertEquals(error.message.includes("swordfish"), false);
  }
});
