import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { parseBoolean } from "../../../src/host/boolean.ts";
import { rembusDir, settingsPath } from "../../../src/host/directory.ts";
import { directoryAccess } from "../../../src/host/directory_access.ts";
import { type Host, systemHost } from "../../../src/host/host.ts";
import { isGranted } from "../../../src/host/permissions.ts";
import { readSettingsFile } from "../../../src/host/settings_file.ts";
import { SILENT } from "../../../src/util/log.ts";

function hostWith(parts: {
  readonly os?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}): Host {
  return {
    os: parts.os ?? "linux",
    env: (name) => parts.env?.[name],
    readText: (path) => Promise.resolve(parts.files?.[path] ?? null),
  };
}

// Acceptance 7.
const BOOLEANS: readonly (readonly [string, boolean | undefined])[] = [
  ["1", true],
  ["true", true],
  ["yes", true],
  ["on", true],
  [" TRUE ", true],
  ["Yes", true],
  ["0", false],
  ["false", false],
  ["no", false],
  ["off", false],
  [" Off", false],
  ["", undefined],
  ["ture", undefined],
  ["2", undefined],
];
for (const [text, wanted] of BOOLEANS) {
  Deno.test(`parseBoolean() gives ${wanted} when the text is "${text}"`, () => {
    assertEquals(parseBoolean(text), wanted);
  });
}

const DIRECTORIES = [
  { os: "linux", env: { HOME: "/home/ada" }, wanted: "/home/ada/.config/rembus" },
  { os: "darwin", env: { HOME: "/u/ada" }, wanted: "/u/ada/Library/Application Support/rembus" },
  { os: "windows", env: { LOCALAPPDATA: "C:\\L" }, wanted: "C:\\L\\Rembus\\rembus" },
  { os: "linux", env: { HOME: "/home/ada", REMBUS_DIR: "/etc/rembus" }, wanted: "/etc/rembus" },
  { os: "linux", env: {}, wanted: null },
  { os: "windows", env: { HOME: "/home/ada" }, wanted: null },
];
for (const { os, env, wanted } of DIRECTORIES) {
  Deno.test(`rembusDir() is ${wanted} on ${os} when ${JSON.stringify(env)} is set`, () => {
    assertEquals(rembusDir(hostWith({ os, env })), wanted);
  });
}

Deno.test("readSettingsFile() gives no fields when there is no file", async () => {
  const file = await readSettingsFile(hostWith({}), "/r/broker/settings.json");
  assertEquals(Object.keys(file.fields), []);
});

const BROKEN = [
  { text: "{", wanted: "expected JSON" },
  { text: "[]", wanted: "expected a JSON object, got an array" },
  { text: "null", wanted: "expected a JSON object, got null" },
  { text: "3", wanted: "expected a JSON object, got number" },
];
for (const { text, wanted } of BROKEN) {
  Deno.test(`readSettingsFile() names the file when it holds ${text}`, async () => {
    const path = settingsPath("/r", "broker");
    const error = await assertRejects(
      () => readSettingsFile(hostWith({ files: { [path]: text } }), path),
      Error,
      wanted,
    );
    assertStringIncludes(error.message, path);
  });
}

Deno.test("readSettingsFile() keeps a field called __proto__ inert", async () => {
  const path = "/r/broker/settings.json";
  const text = '{"__proto__": {"ws": 1}}';
  const file = await readSettingsFile(hostWith({ files: { [path]: text } }), path);
  assertEquals(file.fields["ws"], undefined);
});

Deno.test("systemHost() reads variables and files, and takes empty ones as unset", async () => {
  const dir = await Deno.makeTempDir();
  Deno.env.set("REMBUS_TEST_EMPTY", "");
  Deno.env.set("REMBUS_TEST_SET", "x");
  try {
    const host = systemHost(SILENT);
    assertEquals(host.env("REMBUS_TEST_EMPTY"), undefined);
    assertEquals(host.env("REMBUS_TEST_SET"), "x");
    await Deno.writeTextFile(`${dir}/f`, "hello");
    assertEquals(await host.readText(`${dir}/f`), "hello");
    assertEquals(await host.readText(`${dir}/none`), null);
    // A name with levels, below a file: there can be no settings there.
    assertEquals(await host.readText(`${dir}/f/settings.json`), null);
  } finally {
    Deno.env.delete("REMBUS_TEST_EMPTY");
    Deno.env.delete("REMBUS_TEST_SET");
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("directoryAccess() tells a writable directory from an absent one", async () => {
  const dir = await Deno.makeTempDir();
  try {
    assertEquals(await directoryAccess(dir), "writable");
    assertEquals(await Array.fromAsync(Deno.readDir(dir)), []);
    assertEquals(await directoryAccess(`${dir}/none`), "absent");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("isGranted() is true for what the tests were given", () => {
  assert(isGranted({ name: "env" }));
});

Deno.test({
  name: "systemHost() gives nothing, and does not throw, when nothing is permitted",
  permissions: "none",
  async fn() {
    const refused: string[] = [];
    const host = systemHost({ ...SILENT, debug: (event) => void refused.push(event) });
    assertEquals(host.env("HOME"), undefined);
    assertEquals(await host.readText("/etc/hostname"), null);
    assertEquals(refused, ["environment not permitted", "reading not permitted"]);
    assertEquals(await directoryAccess("/"), "not permitted");
  },
});
