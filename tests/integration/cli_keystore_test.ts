import { assertEquals, assertStringIncludes } from "@std/assert";
import { CLI_FLAGS, runCli, startBrokerProcess } from "./cli_process.ts";

const FLAGS = [...CLI_FLAGS, "--allow-write"];

async function place(): Promise<{ readonly dir: string } & AsyncDisposable> {
  const dir = await Deno.makeTempDir();
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("broker serves wss with what keystore init made, to components that trust it", async () => {
  await using at = await place();
  const options = { flags: FLAGS, env: { REMBUS_DIR: at.dir } };
  const made = await runCli(["keystore", "init", "--json"], options);
  assertEquals([made.code, made.stderr], [0, []]);
  const { names, trusted, authority } = JSON.parse(made.stdout[0] ?? "");
  assertEquals(names, ["localhost", "127.0.0.1", "::1"]);
  assertEquals(trusted, `${at.dir}/ca/rembus-ca.crt`);
  assertEquals((await runCli(["keystore", "init"], options)).code, 1);

  const { process, url } = await startBrokerProcess(["--secure"], options);
  await using _broker = process;
  assertStringIncludes(url, "wss://");
  const rid = (env: Readonly<Record<string, string>>) =>
    runCli(["rpc", "rid", "--url", url], { env });
  assertEquals((await rid({ REMBUS_DIR: at.dir })).stdout, ["broker"]);
  assertEquals((await rid({ HTTP_CA_BUNDLE: authority })).stdout, ["broker"]);
  const strange = await rid({});
  assertEquals([strange.code, strange.stdout], [1, []]);
  assertStringIncludes(strange.stderr.join(), "HTTP_CA_BUNDLE");
  const missing = await rid({ REMBUS_DIR: at.dir, HTTP_CA_BUNDLE: `${at.dir}/missing` });
  assertEquals([missing.code, missing.stdout], [1, []]);
  assertEquals((await runCli(["rpc", "rid", "--url", url.replace("wss", "ws")])).code, 1);

  assertEquals((await runCli(["keystore", "renew", "--days", "7"], options)).code, 0);
  assertEquals((await rid({ REMBUS_DIR: at.dir })).stdout, ["broker"]);
});

Deno.test("keystore show tells what must be mended, with exit code 1", async () => {
  await using at = await place();
  const options = { flags: FLAGS, env: { REMBUS_DIR: "/nonexistent-rembus-dir" } };
  const keystore = ["--keystore", `${at.dir}/keys`];
  assertEquals((await runCli(["keystore", "show", ...keystore], options)).code, 1);
  const init = ["keystore", "init", "--host", "plant.example", "--ip", "192.0.2.7", ...keystore];
  const noClients = { flags: FLAGS, env: { REMBUS_DIR: at.dir } };
  assertEquals((await runCli(init, noClients)).code, 0);
  const good = await runCli(["keystore", "show", ...keystore], options);
  assertEquals([good.code, good.stderr], [0, []]);
  assertStringIncludes(good.stdout.join("\n"), "plant.example, 192.0.2.7");
  await Deno.copyFile(`${at.dir}/keys/ca.key`, `${at.dir}/keys/rembus.key`);
  const bad = await runCli(["keystore", "show", ...keystore], options);
  assertEquals(bad.code, 1);
  assertStringIncludes(bad.stdout.join("\n"), "rembus.key does not belong to rembus.crt");
});

Deno.test("broker does not start without the certificate that it shall serve with", async () => {
  await using at = await place();
  const { code, stdout, stderr } = await runCli(["broker", "--memory", "--ws", "0"], {
    flags: FLAGS,
    env: { REMBUS_DIR: at.dir, REMBUS_SECURE: "1" },
  });
  assertEquals([code, stdout], [1, []]);
  assertStringIncludes(stderr.join(), `${at.dir}/keystore/rembus.crt`);
});
