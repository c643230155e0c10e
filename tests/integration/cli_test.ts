import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CliProcess, runCli, startBrokerProcess } from "./cli_process.ts";

const SERVICES = `
export const add = (x, y) => x + y;
export const never = () => new Promise(() => {});
export const notAService = 3;
export default { greet: (name) => "hello " + name };
`;

/** Writes a module into a directory of its own. */
async function moduleFile(text: string): Promise<{ path: string } & AsyncDisposable> {
  const dir = await Deno.makeTempDir();
  const path = `${dir}/services.ts`;
  await Deno.writeTextFile(path, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

// Acceptance 28.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`broker starts, and says goodbye to components when it gets ${signal}`, async () => {
    const { process, url } = await startBrokerProcess();
    await using broker = process;
    const socket = new WebSocket(url);
    const closed = new Promise<number>((resolve) => {
      socket.onclose = ({ code }) => resolve(code);
    });
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    broker.signal(signal);
    assertEquals(await closed, 1001);
    const { code, stderr } = await broker.end();
    assertEquals([code, stderr], [0, []]);
  });
}

Deno.test("broker says its URL in one line when it is ready", async () => {
  await using broker = new CliProcess(["broker", "--memory", "--ws", "0", "--name", "plant"]);
  assertMatch(await broker.line(), /^plant listens on ws:\/\/127\.0\.0\.1:\d+$/);
});

Deno.test("broker gives exit code 1 and one line when its port is in use", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const { code, stdout, stderr } = await runCli(["broker", "--memory", "--ws", String(port)]);
  assertEquals([code, stdout], [1, []]);
  assertEquals(stderr, [
    `rembus: Cannot listen on "127.0.0.1:${port}": expected a free port, got one in use; ` +
    "choose another (--ws, REMBUS_PORT)",
  ]);
});

Deno.test("broker takes its name and policy from settings.json and environment", async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${dir}/plant`);
    await Deno.writeTextFile(`${dir}/plant/settings.json`, '{"ws": 0, "policy": "less_busy"}');
    await using broker = new CliProcess(["broker", "--memory"], {
      env: { REMBUS_DIR: dir, REMBUS_NAME: "plant" },
    });
    const url = (await broker.line()).replace("plant listens on ", "");
    const { code, stdout } = await runCli(["rpc", "rid", "--url", url]);
    assertEquals([code, stdout], [0, ["plant"]]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("sub prints what pub publishes, as text and as JSON", async () => {
  const { process, url } = await startBrokerProcess();
  await using _broker = process;
  const subscribe = (...args: string[]) =>
    new CliProcess(["sub", "*/telemetry", "--url", url, "--info", "--count", "1", ...args]);
  await using text = subscribe();
  await using json = subscribe("--json");
  await Promise.all([text.logLine("subscribed"), json.logLine("subscribed")]);
  const published = await runCli([
    ...["pub", "dn1/telemetry", "21.5", "warm room", '{"n": 18446744073709551615}'],
    ...["--qos", "1", "--url", url, "--name", "meter"],
  ]);
  assertEquals(published, { code: 0, stdout: [], stderr: [] });
  assertEquals(await text.line(), 'dn1/telemetry 21.5 warm room {"n":18446744073709551615}');
  const line = await json.line();
  assertStringIncludes(line, '"args":[21.5,"warm room",{"n":18446744073709551615}]');
  assertStringIncludes(line, '"topic":"dn1/telemetry"');
  assertStringIncludes(line, '"qos":1');
  assertEquals([(await text.end()).code, (await json.end()).code], [0, 0]);
});

Deno.test("sub ends with 0 at Ctrl-C, and with 1 when its time is over too early", async () => {
  const { process, url } = await startBrokerProcess();
  await using _broker = process;
  await using interrupted = new CliProcess(["sub", "**", "--url", url, "--info"]);
  await interrupted.logLine("subscribed");
  interrupted.signal("SIGINT");
  assertEquals((await interrupted.end()).code, 0);
  const late = ["sub", "**", "--url", url, "--timeout", "0.1"];
  assertEquals((await runCli([...late, "--count", "1"])).code, 1);
  assertEquals((await runCli(late)).code, 0);
});

Deno.test("sub ends quietly when nobody reads its output", async () => {
  const { process, url } = await startBrokerProcess();
  await using _broker = process;
  await using sub = new CliProcess(["sub", "**", "--url", url, "--info"]);
  await sub.logLine("subscribed");
  await sub.hangUp();
  // The pipe breaks at the first write after the reader has gone.
  await runCli(["pub", "a", "1", "--url", url]);
  await sub.logLine("output closed");
  const { code, stderr } = await sub.end();
  assertEquals(code, 0);
  assert(!stderr.some((line) => line.startsWith("rembus:")), stderr.join("\n"));
});

Deno.test("rpc calls what expose offers", async () => {
  await using file = await moduleFile(SERVICES);
  const { process, url } = await startBrokerProcess();
  await using _broker = process;
  const target = ["--url", url];
  await using exposer = new CliProcess(["expose", file.path, ...target, "--name", "calc"]);
  const exposed = [await exposer.line(), await exposer.line(), await exposer.line()];
  assertEquals(exposed.toSorted(), ["add is exposed", "greet is exposed", "never is exposed"]);

  assertEquals((await runCli(["rpc", "add", "1", "-3", ...target])).stdout, ["-2"]);
  assertEquals((await runCli(["rpc", "greet", "ada", "-t", "calc", ...target])).stdout, [
    "hello ada",
  ]);
  assertEquals((await runCli(["rpc", "greet", "ada", "--json", ...target])).stdout, [
    '"hello ada"',
  ]);
  assertEquals((await runCli(["rpc", "add", "1", "2", "--text", ...target])).stdout, ["12"]);
  const few = await runCli(["rpc", "add", "1", ...target]);
  assertEquals([few.code, few.stderr], [1, [
    'rembus: Cannot call "add": it failed: "add" takes at least 2 arguments, got 1',
  ]]);
  const unknown = await runCli(["rpc", "substract", ...target]);
  assertEquals(unknown.code, 1);
  assertEquals(unknown.stdout, []);
  assertEquals(unknown.stderr.length, 1);

  exposer.signal("SIGINT");
  assertEquals((await exposer.end()).code, 0);
});

Deno.test("rpc gives exit code 130 at Ctrl-C, and 1 when the answer does not come", async () => {
  await using file = await moduleFile(SERVICES);
  const { process, url } = await startBrokerProcess();
  await using _broker = process;
  await using exposer = new CliProcess(["expose", file.path, "--url", url]);
  while (await exposer.line() !== "never is exposed");
  await using call = new CliProcess(["rpc", "never", "--url", url, "--debug"]);
  await call.logLine("calling");
  call.signal("SIGINT");
  assertEquals((await call.end()).code, 130);
  const late = await runCli(["rpc", "never", "--url", url, "--request-timeout", "0.1"]);
  assertEquals([late.code, late.stderr.length], [1, 1]);
});

Deno.test("broker ends at once at a second Ctrl-C", async () => {
  await using file = await moduleFile(SERVICES);
  const { process, url } = await startBrokerProcess(["--info"]);
  await using broker = process;
  await using exposer = new CliProcess(["expose", file.path, "--url", url]);
  while (await exposer.line() !== "never is exposed");
  await using call = new CliProcess(["rpc", "never", "--url", url, "--debug"]);
  await call.logLine("calling");
  // A call under way keeps the broker draining.
  broker.signal("SIGINT");
  await broker.logLine("broker closing");
  broker.signal("SIGINT");
  assertEquals((await broker.end()).code, 130);
});

Deno.test("sub gives exit code 130 at Ctrl-C while it has not reached its broker", async () => {
  // Takes connections and says nothing.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `ws://127.0.0.1:${listener.addr.port}`;
  await using sub = new CliProcess(["sub", "**", "--url", url]);
  using _connection = await listener.accept();
  sub.signal("SIGINT");
  assertEquals(await sub.end(), { code: 130, stdout: [], stderr: [] });
});

Deno.test("rpc says in one line why nobody answers", async () => {
  const { process, url } = await startBrokerProcess();
  await using _broker = process;
  const cases = [
    { args: ["nobody"], wanted: "nobody exposes it" },
    { args: ["rid", "--target", "stranger"], wanted: "no component of that name is known" },
  ];
  for (const { args, wanted } of cases) {
    const { code, stderr } = await runCli(["rpc", ...args, "--url", url]);
    assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
    assertStringIncludes(stderr[0] ?? "", `rembus: Cannot call "${args[0]}": ${wanted}`);
  }
});

Deno.test("pub and sub carry long arguments and every character", async () => {
  const { process, url } = await startBrokerProcess();
  await using _broker = process;
  await using sub = new CliProcess(["sub", "ü/**", "--url", url, "--info", "--count", "2"]);
  await sub.logLine("subscribed");
  const long = "☀".repeat(30_000);
  const published = await runCli([
    "pub",
    "ü/☀",
    "日本",
    "--json",
    "--url",
    url,
    "--name",
    "müller",
  ]);
  assertEquals(published.code, 2, "names have no umlauts");
  const { stdout } = await runCli([
    "pub",
    "ü/☀",
    "日本",
    "--json",
    "--url",
    url,
    "--name",
    "meter",
  ]);
  assertEquals(stdout, ['{"topic":"ü/☀","args":["日本"],"slot":null,"qos":0,"from":"meter"}']);
  assertEquals((await runCli(["pub", "ü/☀", long, "--qos", "2", "--url", url])).code, 0);
  assertEquals([await sub.line(), await sub.line()], ["ü/☀ 日本", `ü/☀ ${long}`]);
});

Deno.test("sub tells that its broker was away, and goes on when it is back", async () => {
  const first = await startBrokerProcess();
  const { port, url } = first;
  await using sub = new CliProcess(["sub", "a", "--url", url, "--info", "--count", "1"]);
  await sub.logLine("subscribed");
  first.process.signal("SIGTERM");
  assertEquals((await first.process.end()).code, 0);
  await first.process[Symbol.asyncDispose]();
  await sub.logLine("not connected");
  await using second = new CliProcess(["broker", "--memory", "--ws", String(port)]);
  await second.line();
  // Nobody outside knows when it is back: the message is repeated until it has come.
  const line = sub.line();
  let isDone = false;
  line.finally(() => isDone = true).catch(() => undefined);
  while (!isDone) await runCli(["pub", "a", "back", "--url", url]);
  assertEquals(await line, "a back");
  assertEquals((await sub.end()).code, 0);
});

Deno.test("pub gives exit code 1 and one line when there is no broker", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const { code, stderr } = await runCli(["pub", "a", "--url", `ws://127.0.0.1:${port}`]);
  assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
});

Deno.test("expose says why a module cannot be used", async () => {
  await using empty = await moduleFile("export const x = 1;");
  for (const path of [empty.path, `${empty.path}.none`]) {
    const { code, stderr } = await runCli(["expose", path]);
    assertEquals([code, stderr.length], [1, 1], stderr.join("\n"));
    assertStringIncludes(stderr[0] ?? "", path);
  }
});

Deno.test("bench measures publications and calls over the broker", async () => {
  const { process, url } = await startBrokerProcess();
  await using _broker = process;
  const { code, stdout } = await runCli([
    ...["bench", "--url", url, "--messages", "500", "--calls", "20", "--subscribers", "2"],
    ...["--publishers", "2", "--json"],
  ]);
  assertEquals(code, 0);
  const [published, called] = stdout.map((line) => JSON.parse(line));
  assertEquals([published.published, published.delivered, published.lost], [500, 1000, 0]);
  assertEquals(called.calls, 20);
  assert(called.p50 > 0 && called.p50 <= called.p99 && called.p99 <= called.max);
});
