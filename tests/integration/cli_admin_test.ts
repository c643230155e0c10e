import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CLI_FLAGS, type CliProcess, runCli, startBrokerProcess } from "./cli_process.ts";

const FLAGS = [...CLI_FLAGS, "--allow-write"];
const PIN = "a1b2c3d4e5f6";

/** A directory, a broker on it with a tenant and an admin, and command lines for both. */
class Site implements AsyncDisposable {
  readonly dir: string;
  readonly url: string;
  readonly broker: CliProcess;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    { broker, dir, url, stack }: {
      readonly broker: CliProcess;
      readonly dir: string;
      readonly url: string;
      readonly stack: AsyncDisposableStack;
    },
  ) {
    this.broker = broker;
    this.dir = dir;
    this.url = url;
    this.#stack = stack;
  }

  static async start(...args: readonly string[]): Promise<Site> {
    await using stack = new AsyncDisposableStack();
    const dir = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(dir, { recursive: true }));
    await Deno.writeTextFile(`${dir}/pin.txt`, `${PIN}\n`);
    const options = { flags: FLAGS, env: { REMBUS_DIR: dir } };
    for (
      const line of [
        ["tenants", "add", ".", "--pin-file", `${dir}/pin.txt`],
        ["admins", "add", "ada"],
      ]
    ) {
      const { code, stderr } = await runCli([...line, "--local"], options);
      assertEquals([code, stderr], [0, []]);
    }
    const { process, url } = await startBrokerProcess(["--dir", dir, "--debug", ...args], options);
    stack.use(process);
    return new Site({ broker: process, dir, url, stack: stack.move() });
  }

  /** Runs a command line; `REMBUS_PIN` is not set. */
  run(...args: readonly string[]): ReturnType<typeof runCli> {
    return runCli(args, { flags: FLAGS, env: { REMBUS_DIR: this.dir } });
  }

  /** Runs a command line as the admin. */
  asAdmin(...args: readonly string[]): ReturnType<typeof runCli> {
    return this.run(...args, "--url", `${this.url}/ada`);
  }

  register(name: string, ...args: readonly string[]): ReturnType<typeof runCli> {
    return this.run(
      "register",
      `${this.url}/${name}`,
      "--pin-file",
      `${this.dir}/pin.txt`,
      ...args,
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

Deno.test("register makes a key that opens the name, and unregister takes both back", async () => {
  await using site = await Site.start("--authenticated");
  const registered = await site.register("meter", "--scheme", "ecdsa");
  const path = `${site.dir}/meter/.secret`;
  assertEquals(registered, {
    code: 0,
    stdout: [`meter is registered; its key is ${path}`],
    stderr: [],
  });
  if (Deno.build.os !== "windows") assertEquals((await Deno.stat(path)).mode ?? 0, 0o100600);
  const asMeter = ["--url", `${site.url}/meter`];
  assertEquals((await site.run("rpc", "rid", ...asMeter)).stdout, ["broker"]);
  assertEquals((await site.register("meter")).code, 1);
  // Somebody else, without the key.
  const other = await runCli(["rpc", "rid", ...asMeter], { env: { REMBUS_DIR: "/nonexistent" } });
  assertEquals([other.code, other.stdout], [1, []]);
  assertStringIncludes(other.stderr.join(), "asks for a key");
  assertEquals(await site.run("unregister", `${site.url}/meter`, "--json"), {
    code: 0,
    stdout: ['{"name":"meter"}'],
    stderr: [],
  });
  assertEquals((await site.run("unregister", `${site.url}/meter`)).code, 1);
  assertEquals((await site.register("meter")).code, 0);
});

Deno.test("register says why it was refused, and never the PIN", async () => {
  await using site = await Site.start();
  const wrong = await runCli(["register", `${site.url}/meter`], {
    flags: FLAGS,
    env: { REMBUS_DIR: site.dir, REMBUS_PIN: "secret-pin" },
  });
  assertEquals([wrong.code, wrong.stdout], [1, []]);
  assertStringIncludes(wrong.stderr.join(), "wrong tenant/pin");
  assert(!wrong.stderr.join().includes("secret-pin"));
  assertStringIncludes((await site.register("a.acme.org")).stderr.join(), "not enabled");
});

Deno.test("logs of broker and commands hold no PIN, key or signature, also with --debug", async () => {
  await using site = await Site.start("--authenticated");
  const logs: string[] = [];
  const commands = [
    ["register", `${site.url}/ada`, "--pin-file", `${site.dir}/pin.txt`],
    ["tenants", "add", "acme.org", "--pin-file", `${site.dir}/pin.txt`, "--url", `${site.url}/ada`],
    ["rpc", "rid", "--url", `${site.url}/ada`],
  ];
  for (const command of commands) {
    const { code, stderr } = await site.run(...command, "--debug");
    assertEquals(code, 0);
    logs.push(...stderr);
  }
  const secret = await Deno.readTextFile(`${site.dir}/ada/.secret`);
  site.broker.signal("SIGINT");
  logs.push(...(await site.broker.end()).stderr);
  const text = logs.join("\n");
  assertStringIncludes(text, "component logged in");
  const [, line = ""] = secret.split("\n");
  for (const hidden of [PIN, "PRIVATE KEY", "signature", line]) {
    assert(!text.includes(hidden), hidden);
  }
});

Deno.test("an admin sees and changes users, admins, tenants and topics while the broker runs", async () => {
  await using site = await Site.start("--authenticated");
  assertEquals((await site.register("ada")).code, 0);
  assertEquals((await site.register("meter", "--scheme", "ecdsa")).code, 0);
  assertEquals((await site.asAdmin("users", "list")).stdout, [
    "name   key    admin  connected",
    "ada    rsa    yes    yes",
    "meter  ecdsa  no     no",
  ]);
  const refused = await site.run("users", "list", "--url", `${site.url}/meter`);
  assertEquals([refused.code, refused.stdout], [1, []]);
  assertStringIncludes(refused.stderr.join(), "unauthorized");

  assertEquals((await site.asAdmin("acl", "private", "plant/**")).code, 0);
  assertEquals((await site.asAdmin("acl", "add", "plant/**", "meter")).code, 0);
  assertEquals((await site.asAdmin("acl", "list")).stdout, ["plant/**: meter"]);
  const may = await site.asAdmin("why", "meter", "publish", "plant/a", "--json");
  assertEquals([may.code, JSON.parse(may.stdout[0] ?? "").allowed], [0, true]);
  const mayNot = await site.asAdmin("why", "pump", "publish", "plant/a");
  assertEquals([mayNot.code, mayNot.stdout[0]], [1, "refused: pump publish plant/a"]);
  assertStringIncludes(mayNot.stdout[1] ?? "", "plant/**");

  const added = await site.asAdmin("tenants", "add", "acme.org", "--generate");
  assertMatch(added.stdout[0] ?? "", /^tenant acme\.org has PIN \w{16}$/);
  assertEquals((await site.asAdmin("tenants", "list")).stdout, [".", "acme.org"]);
  assertEquals((await site.asAdmin("admins", "add", "meter")).code, 0);
  assertEquals((await site.run("admins", "list", "--url", `${site.url}/meter`)).stdout, [
    "ada",
    "meter",
  ]);
  assertEquals((await site.asAdmin("users", "remove", "meter")).code, 0);
  assertEquals((await site.run("rpc", "rid", "--url", `${site.url}/meter`)).code, 1);

  const local = await site.run("admins", "list", "--local");
  assertEquals(local.code, 1);
  assertStringIncludes(local.stderr.join(), "expected that it does not run");
  const trail = await Deno.readTextFile(`${site.dir}/broker/audit.log`);
  const actions = new Set(trail.trim().split("\n").map((line) => JSON.parse(line).action));
  for (const action of ["register", "authorize", "put_tenant", "add_admin", "remove_user"]) {
    assert(actions.has(action), action);
  }
  assert(!trail.includes(PIN));
});

Deno.test("broker tells who opens it to the network what is missing", async () => {
  const { process } = await startBrokerProcess(["--host", "0.0.0.0"]);
  await using broker = process;
  const line = await broker.logLine("open to the network");
  assertStringIncludes(line, "authenticated: ");
  assertStringIncludes(line, "secure: ");
});
