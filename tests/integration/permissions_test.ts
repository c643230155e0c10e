import { assertEquals, assertStringIncludes } from "@std/assert";
import { freePort } from "../helpers/free_port.ts";
import { CLI_FLAGS, CliProcess, runCli, startBrokerProcess } from "./cli_process.ts";

// Each role runs with exactly the flags that README names, and without asking for more.
const MOD = new URL("../../mod.ts", import.meta.url).href;
const CLIENT = new URL("../../client.ts", import.meta.url).href;

const BROKER_SCRIPT = `
import { broker } from "${MOD}";
const bro = await broker({ port: 0 });
await bro.expose("add", (x, y) => x + y);
console.log(bro.url);
await bro.wait();
`;

function componentScript(url: string, from: string): string {
  return `
import { component } from "${from}";
await using cli = await component("${url}/cli");
console.log(await cli.rpc("add", 1, 2));
`;
}

Deno.test("a broker in a script needs only --allow-net, and so do its components", async () => {
  await using broker = new CliProcess([], { flags: ["--allow-net"], script: BROKER_SCRIPT });
  const url = await broker.line();
  for (const module of [MOD, CLIENT]) {
    const end = await runCli([], { flags: ["--allow-net"], script: componentScript(url, module) });
    assertEquals(end, { code: 0, stdout: ["3"], stderr: [] });
  }
});

Deno.test("a component needs --allow-net for its broker alone", async () => {
  await using broker = new CliProcess([], { flags: ["--allow-net"], script: BROKER_SCRIPT });
  const url = await broker.line();
  const { host } = new URL(url);
  const script = componentScript(url, MOD);
  const end = await runCli([], { flags: [`--allow-net=${host}`], script });
  assertEquals(end, { code: 0, stdout: ["3"], stderr: [] });
});

Deno.test("a broker on one port needs --allow-net for that address alone", async () => {
  const flags = ["--allow-net=127.0.0.1"];
  await using broker = new CliProcess([], { flags, script: BROKER_SCRIPT });
  assertStringIncludes(await broker.line(), "ws://127.0.0.1:");
});

Deno.test("a broker on a given port needs --allow-net for that port alone", async () => {
  const port = freePort();
  const flags = [`--allow-net=127.0.0.1:${port}`];
  await using broker = new CliProcess(["broker", "--memory", "--ws", String(port)], { flags });
  assertEquals(await broker.line(), `broker listens on ws://127.0.0.1:${port}`);
});

Deno.test("a component honours environment and settings with --allow-env and --allow-read", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await using broker = new CliProcess([], { flags: ["--allow-net"], script: BROKER_SCRIPT });
    const url = await broker.line();
    await Deno.mkdir(`${dir}/cli`);
    await Deno.writeTextFile(`${dir}/cli/settings.json`, `{"base_url": "${url}"}`);
    const script = `
import { component } from "${MOD}";
await using cli = await component("cli");
console.log(await cli.rpc("add", 1, 2));
`;
    const { host } = new URL(url);
    const net = `--allow-net=${host}`;
    const both = [
      { env: { REMBUS_BASE_URL: url }, flags: [net, "--allow-env"] },
      { env: { REMBUS_DIR: dir }, flags: [net, "--allow-env", "--allow-read"] },
    ];
    for (const { env, flags } of both) {
      const end = await runCli([], { flags, env, script });
      assertEquals(end, { code: 0, stdout: ["3"], stderr: [] });
    }
    // Without them the defaults hold: another address, which is not permitted.
    const { code, stderr } = await runCli([], {
      flags: [net],
      env: { REMBUS_BASE_URL: url },
      script,
    });
    assertEquals(code, 1);
    assertStringIncludes(stderr.join("\n"), '"127.0.0.1:8338"');
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a component without --allow-net says which flag it needs", async () => {
  const script = componentScript("ws://127.0.0.1:8338", MOD);
  const { code, stderr } = await runCli([], { flags: [], script });
  assertEquals(code, 1);
  assertStringIncludes(stderr.join("\n"), "--allow-net");
});

for (const args of [["pub", "a"], ["sub", "a"], ["rpc", "a"], ["bench"]]) {
  Deno.test(`rembus ${args[0]} needs --allow-net, and says so in one line`, async () => {
    const { code, stderr } = await runCli(args, { flags: ["--allow-env", "--allow-read"] });
    assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
    assertStringIncludes(stderr[0] ?? "", "--allow-net");
  });
}

Deno.test("rembus expose needs --allow-read for its module, and says so in one line", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = `${dir}/services.ts`;
    await Deno.writeTextFile(path, "export const one = () => 1;");
    await using broker = new CliProcess([], { flags: ["--allow-net"], script: BROKER_SCRIPT });
    const url = await broker.line();
    const args = ["expose", path, "--url", url];
    await using exposer = new CliProcess(args, { flags: ["--allow-net", `--allow-read=${dir}`] });
    assertEquals(await exposer.line(), "one is exposed");
    const { code, stderr } = await runCli(args, { flags: ["--allow-net"] });
    assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
    assertStringIncludes(stderr[0] ?? "", "--allow-read");
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a broker without --allow-net says which flag it needs", async () => {
  const { code, stderr } = await runCli(["broker", "--memory", "--ws", "0"], { flags: [] });
  assertEquals(code, 1);
  assertEquals(stderr.length, 1, stderr.join("\n"));
  assertStringIncludes(stderr[0] ?? "", "--allow-net");
});

Deno.test("rembus broker runs with --allow-net alone, on the defaults", async () => {
  const flags = ["--allow-net"];
  await using broker = new CliProcess(["broker", "--memory", "--ws", "0"], { flags });
  assertStringIncludes(await broker.line(), "broker listens on ws://127.0.0.1:");
  broker.signal("SIGINT");
  assertEquals((await broker.end()).code, 0);
});

Deno.test("rembus broker honours environment and settings with the flags of the task", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${dir}/plant`);
    await Deno.writeTextFile(`${dir}/plant/settings.json`, '{"host": "127.0.0.1"}');
    const { process, url } = await startBrokerProcess([], {
      flags: CLI_FLAGS,
      env: { REMBUS_DIR: dir, REMBUS_NAME: "plant" },
    });
    await using _broker = process;
    const { stdout } = await runCli(["rpc", "rid", "--url", url], { flags: ["--allow-net"] });
    assertEquals(stdout, ["plant"]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
