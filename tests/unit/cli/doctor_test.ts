import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { examineKeystore, examineSecrets, type Finding } from "../../../src/cli/doctor.ts";
import { initKeystore } from "../../../src/host/keystore.ts";
import { resolveSettings, type Settings } from "../../../src/node/settings.ts";
import { SILENT } from "../../../src/util/log.ts";

const DAY_MS = 86_400_000;

interface Place extends AsyncDisposable {
  readonly dir: string;
  readonly settings: Settings;
}

async function place(given: Partial<Settings> = {}): Promise<Place> {
  const dir = await Deno.makeTempDir();
  const { values } = await resolveSettings({
    host: { os: "linux", env: () => undefined, readText: () => Promise.resolve(null) },
    arguments: { dir, ...given },
    daemon: true,
    logger: SILENT,
  });
  return {
    dir,
    settings: values,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

function states(findings: readonly Finding[]): string[] {
  return findings.map(({ state }) => state);
}

Deno.test("examineKeystore() says nothing without one, unless the broker shall serve wss", async () => {
  await using plain = await place();
  assertEquals(await examineKeystore(plain.settings, new Date()), []);
  await using secure = await place({ secure: true });
  const [finding] = await examineKeystore(secure.settings, new Date());
  assertEquals(finding?.state, "wrong");
  assertStringIncludes(finding?.detail ?? "", "rembus keystore init");
});

Deno.test("examineKeystore() tells when the certificate ends", async () => {
  await using it = await place();
  const now = new Date();
  const directory = `${it.dir}/keystore`;
  await initKeystore({ directory, names: ["localhost"], days: 90, now }, {
    force: false,
    subject: "test",
  });
  const after = (days: number) =>
    examineKeystore(it.settings, new Date(now.getTime() + days * DAY_MS));
  assertEquals(states(await after(0)), ["ok"]);
  assertEquals(states(await after(70)), ["note"]);
  assertEquals(states(await after(91)), ["wrong"]);
  if (Deno.build.os === "windows") return;
  await Deno.chmod(`${directory}/rembus.key`, 0o640);
  const [finding] = await after(0);
  assertEquals(finding?.state, "wrong");
  assertStringIncludes(finding?.detail ?? "", "chmod 600");
});

Deno.test("examineSecrets() finds keys of components that others can read, at any level", async () => {
  if (Deno.build.os === "windows") return;
  await using it = await place();
  assertEquals(await examineSecrets(it.settings), []);
  for (const name of ["meter", "plant/pump"]) {
    await Deno.mkdir(`${it.dir}/${name}`, { recursive: true });
    await Deno.writeTextFile(`${it.dir}/${name}/.secret`, "key", { mode: 0o600 });
  }
  assertEquals(states(await examineSecrets(it.settings)), ["ok"]);
  await Deno.chmod(`${it.dir}/plant/pump/.secret`, 0o644);
  const findings = await examineSecrets(it.settings);
  assertEquals(states(findings), ["wrong"]);
  assert(findings[0]?.detail.startsWith(`${it.dir}/plant/pump/.secret`));
});
