import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { EXIT, OutputClosedError } from "../../../src/cli/exit.ts";
import { optionsOf } from "../../../src/cli/help.ts";
import { main } from "../../../src/cli/main.ts";
import { SETTINGS } from "../../../src/node/settings.ts";
import { fakeIo } from "./fake_io.ts";

Deno.test("main() lists every command when asked for help", async () => {
  for (const args of [["help"], ["--help"], ["-h"]]) {
    const io = fakeIo();
    assertEquals(await main(args, io), EXIT.OK);
    const text = io.lines.join("\n");
    for (const command of COMMANDS) assertStringIncludes(text, `  ${command.name} `);
    assertEquals(io.errors, []);
  }
});

for (const command of COMMANDS) {
  Deno.test(`main() explains "${command.name}" and each of its options when asked`, async () => {
    const io = fakeIo();
    assertEquals(await main([command.name, "--help"], io), EXIT.OK);
    const text = io.lines.join("\n");
    assertStringIncludes(text, `Usage: rembus ${command.name}`);
    for (const option of optionsOf(command)) {
      assertStringIncludes(text, option.negatable ? `--[no-]${option.name}` : `--${option.name}`);
      assert(option.doc.length > 0);
    }
    const again = fakeIo();
    assertEquals(await main(["help", command.name], again), EXIT.OK);
    assertEquals(again.lines, io.lines);
  });

  Deno.test(`main() has options without clashes for "${command.name}"`, () => {
    const names = optionsOf(command).flatMap(({ name, letter }) =>
      letter ? [name, letter] : [name]
    );
    assertEquals(names.length, new Set(names).size);
  });
}

const USAGE_ERRORS = [
  { args: [], wanted: "expected a command" },
  { args: ["brokr"], wanted: 'did you mean "broker"?' },
  { args: ["--wat"], wanted: 'option "--wat"' },
  { args: ["help", "brokr"], wanted: 'did you mean "broker"?' },
  { args: ["broker", "--polcy", "x"], wanted: 'did you mean "policy"?' },
  { args: ["broker", "--policy", "random"], wanted: "first_up, round_robin, less_busy" },
  { args: ["broker", "extra"], wanted: "expected no operands" },
  { args: ["broker", "--ws", "70000"], wanted: "--ws" },
  { args: ["pub"], wanted: "expected <topic>" },
  { args: ["pub", "t", "--qos", "3"], wanted: "--qos" },
  { args: ["pub", "t", "--slot", "4294967296"], wanted: "--slot" },
  { args: ["pub", "t", "--url", "ws://h/a", "--name", "b"], wanted: "without a name" },
  { args: ["pub", "t", "--url", "http://h"], wanted: "expected scheme ws or wss" },
  { args: ["sub", "t", "--url", "h:8338"], wanted: "write ws://h:8338" },
  { args: ["rpc", "s", "--name", "a b"], wanted: "as for its name" },
  { args: ["pub", "__x"], wanted: "reserved" },
  { args: ["pub", ""], wanted: 'topic ""' },
  { args: ["sub", "a/".repeat(64)], wanted: "at most 64 levels" },
  { args: ["rpc", "x".repeat(1_025)], wanted: "at most 1024 bytes" },
  { args: ["sub", "a", "b"], wanted: "expected <pattern>" },
  { args: ["sub", "a", "--from", "yesterday"], wanted: "90s" },
  { args: ["query"], wanted: "expected <table>" },
  { args: ["query", ""], wanted: "expected the name of a table" },
  { args: ["query", "a", "--json", "--csv"], wanted: '"--json" with "--csv"' },
  { args: ["query", "a", "--csv", "--arrow", "f"], wanted: '"--csv" with "--arrow"' },
  { args: ["query", "a", "--param", "1"], wanted: "expected a condition in --where" },
  { args: ["tables", "a"], wanted: "expected no operands" },
  { args: ["import"], wanted: "expected <directory>" },
  { args: ["import", "old", "--storage", "x"], wanted: "auto, native, ducklake" },
  { args: ["log", "plant"], wanted: "expected no operands" },
  { args: ["log", "--from", "yesterday"], wanted: "2026-01-31T12:30Z" },
  { args: ["log", "--from", "2026-13-01"], wanted: "2026-01-31T12:30Z" },
  { args: ["log", "--topic", "a/".repeat(64)], wanted: "at most 64 levels" },
  { args: ["log", "--count", "0"], wanted: "--count" },
  { args: ["log", "--check", "--topic", "a"], wanted: '"--check" with "--topic"' },
  { args: ["log", "--last", "-f"], wanted: '"--last" with "--follow"' },
  { args: ["log", "--last", "--check"], wanted: '"--check" with "--last"' },
  { args: ["config", "show"], wanted: "config explain" },
  { args: ["broker", "--origin", "plant.example"], wanted: "https://plant.example" },
  { args: ["broker", "--rate-limit-messages", "0"], wanted: "--rate-limit-messages" },
  { args: ["register"], wanted: "expected <url>" },
  { args: ["register", "ws://h:1"], wanted: "expected one with a name" },
  { args: ["register", "ws://h:1/a b"], wanted: "as for its name" },
  { args: ["register", "ws://h:1/a", "--dir", "/r", "--scheme", "dsa"], wanted: "rsa or ecdsa" },
  { args: ["register", "ws://h:1/a", "--dir", "/r"], wanted: "--pin-file FILE" },
  { args: ["register", "ws://h:1/a", "--dir", "/r", "--pin", "1"], wanted: 'option "--pin"' },
  { args: ["unregister", "ws://h:1"], wanted: "expected one with a name" },
  { args: ["users"], wanted: "expected list | add <name> | remove <name>" },
  { args: ["users", "lst"], wanted: 'did you mean "list"?' },
  { args: ["users", "add"], wanted: "expected <name>, got nothing" },
  { args: ["users", "add", "a b", "--key", "k"], wanted: 'name "a b"' },
  { args: ["users", "add", "a", "--key", "k", "--secret-file", "s"], wanted: "only one of them" },
  { args: ["users", "add", "a"], wanted: "--secret-file FILE" },
  { args: ["users", "list", "--key", "k"], wanted: '"users list" does not take it' },
  { args: ["users", "list"], wanted: "expected an admin that proves its name" },
  {
    args: ["users", "list", "--url", "ws://h:1"],
    wanted: "expected an admin that proves its name",
  },
  { args: ["users", "list", "--local", "--url", "ws://h/a"], wanted: '"--url" with "--local"' },
  { args: ["users", "list", "--broker", "plant"], wanted: 'expected "--local" with it' },
  { args: ["tenants", "add", ".."], wanted: "acme.org" },
  { args: ["tenants", "add", ".", "--generate", "--pin-file", "f"], wanted: "only one of them" },
  { args: ["tenants", "remove", ".", "--generate"], wanted: "does not take it" },
  { args: ["admins", "add", "repl"], wanted: 'other than "repl"' },
  { args: ["acl", "private"], wanted: "expected <topic>" },
  { args: ["acl", "private", "__x"], wanted: "reserved" },
  { args: ["acl", "add", "t"], wanted: "expected <topic> <name>..." },
  { args: ["why", "ada"], wanted: "expected <component> <action> [topic]" },
  { args: ["why", "ada", "publsh", "t"], wanted: 'did you mean "publish"?' },
  { args: ["why", "ada", "publish"], wanted: "expected a topic" },
  { args: ["keystore", "make"], wanted: "keystore make" },
  { args: ["keystore", "init", "--host", "a_b"], wanted: "--host" },
  { args: ["keystore", "init", "--ip", "1.2.3"], wanted: "--ip" },
  { args: ["keystore", "init", "--days", "0"], wanted: "--days" },
  { args: ["keystore", "show", "--days", "1"], wanted: '"keystore show" does not take it' },
];
for (const { args, wanted } of USAGE_ERRORS) {
  Deno.test(`main() gives exit code 2 and a hint for "${args.join(" ")}"`, async () => {
    const io = fakeIo();
    assertEquals(await main(args, io), EXIT.USAGE);
    assertEquals(io.lines, []);
    assertStringIncludes(io.errors[0] ?? "", wanted);
    assertStringIncludes(io.errors[1] ?? "", 'Try "rembus help');
    assertEquals(io.errors.length, 2);
  });
}

Deno.test("main() gives exit code 1 and one line when a setting is wrong", async () => {
  const io = fakeIo({ env: { REMBUS_PORT: "http" } });
  assertEquals(await main(["broker"], io), EXIT.FAILED);
  assertEquals(io.errors, [
    'rembus: Cannot use REMBUS_PORT: expected a port from 0 (any free one) to 65535, got "http"',
  ]);
});

Deno.test("main() says which file is no data frame before it connects", async () => {
  const io = fakeIo({ files: { "t.arrow": "text" } });
  assertEquals(await main(["pub", "a", "--arrow", "t.arrow"], io), EXIT.FAILED);
  assertStringIncludes(io.errors[0] ?? "", 'Cannot publish "t.arrow": Cannot read the data frame');
});

Deno.test("main() refuses to serve in the clear when TLS was asked for", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const io = fakeIo({ env: { REMBUS_SECURE: "1", REMBUS_DIR: dir } });
    assertEquals(await main(["broker", "--memory", "--ws", "0"], io), EXIT.FAILED);
    assertEquals(io.lines, []);
    assertStringIncludes(io.errors[0] ?? "", `${dir}/keystore/rembus.crt`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("main() shows the stack of a failure only when debugging", async () => {
  const env = { REMBUS_PORT: "http" };
  const io = fakeIo({ env });
  await main(["broker", "--debug"], io);
  assert(io.errors.some((line) => line.includes("    at ")));
});

Deno.test("main() ends quietly when nobody reads the output", async () => {
  const io = fakeIo({ failLine: () => new OutputClosedError("closed") });
  assertEquals(await main(["help"], io), EXIT.OK);
  assertEquals(io.errors, []);
});

Deno.test("main() tells the first line of an error, and the rest only when debugging", async () => {
  for (
    const { args, lines } of [{ args: ["help"], lines: 1 }, { args: ["help", "-d"], lines: 2 }]
  ) {
    const io = fakeIo({ failLine: () => new Error("first\nsecond") });
    assertEquals(await main(args, io), EXIT.FAILED);
    assertEquals(io.errors[0], "rembus: first");
    assertEquals(io.errors.length, lines);
  }
});

Deno.test("main() uses colours on a terminal unless NO_COLOR is set", async () => {
  const colourful = fakeIo({ isTerminal: true });
  await main(["help"], colourful);
  assertStringIncludes(colourful.lines.join("\n"), "\x1b[1m");
  for (const plain of [fakeIo({ isTerminal: true, env: { NO_COLOR: "1" } }), fakeIo()]) {
    await main(["help"], plain);
    assert(!plain.lines.join("\n").includes("\x1b"));
  }
});

Deno.test("main() prints versions as text and as JSON", async () => {
  const text = fakeIo();
  assertEquals(await main(["--version"], text), EXIT.OK);
  assert(/^rembus \d+\.\d+\.\d+ \(deno /.test(text.lines[0] ?? ""));
  const json = fakeIo();
  await main(["version", "--json"], json);
  assertEquals(Object.keys(JSON.parse(json.lines[0] ?? "")), ["rembus", "deno", "os", "arch"]);
});

Deno.test("config explain shows every setting with its value and source", async () => {
  const path = "/r/plant/settings.json";
  const io = fakeIo({
    env: { REMBUS_DIR: "/r", REMBUS_TIMEOUT: "3", REMBUS_PORT: "9000" },
    files: { [path]: '{"ws": 9001, "keyspace": false}' },
  });
  const args = ["config", "explain", "--name", "plant", "--admin", "ada", "--json"];
  assertEquals(await main(args, io), EXIT.OK);
  const rows = new Map(
    io.lines.map((line) => JSON.parse(line)).map((row) => [row.setting, row]),
  );
  assertEquals([...rows.keys()], Object.values(SETTINGS).map(({ key }) => key));
  const shown = (key: string) => [rows.get(key).value, rows.get(key).source];
  assertEquals(shown("name"), ["plant", "command line"]);
  assertEquals(shown("dir"), ["/r", "environment REMBUS_DIR"]);
  assertEquals(shown("ws"), [9001, `file ${path}`]);
  assertEquals(shown("keyspace"), [false, `file ${path}`]);
  assertEquals(shown("request_timeout"), [3, "environment REMBUS_TIMEOUT"]);
  assertEquals(shown("admins"), [["ada"], "command line"]);
  assertEquals(shown("host"), ["127.0.0.1", "default"]);
  assertEquals(rows.get("request_timeout").unit, "seconds");
  assertEquals(rows.get("ws").option, "--ws");
});

Deno.test("config explain hides secrets", async () => {
  const io = fakeIo({
    env: { REMBUS_DIR: "/r" },
    files: { "/r/broker/settings.json": '{"tenants": {"acme.org": "deadbeef"}}' },
  });
  assertEquals(await main(["config", "explain", "--json"], io), EXIT.OK);
  const text = io.lines.join("\n");
  assertStringIncludes(text, '"setting":"tenants","value":"(set)"');
  assert(!text.includes("deadbeef") && !text.includes("acme.org"));
});

Deno.test("main() does not tell a secret that cannot be used", async () => {
  const io = fakeIo({
    env: { REMBUS_DIR: "/r" },
    files: { "/r/broker/settings.json": '{"tenants": {"acme.org": ["deadbeef"]}}' },
  });
  assertEquals(await main(["config"], io), EXIT.FAILED);
  assertStringIncludes(io.errors[0] ?? "", "the PIN of each tenant, got something else");
  assert(!io.errors.join().includes("deadbeef"));
});

Deno.test("config explain shows a table that names the file", async () => {
  const io = fakeIo({ env: { REMBUS_DIR: "/r" } });
  assertEquals(await main(["config"], io), EXIT.OK);
  assertEquals(io.lines[0], "/r/broker/settings.json");
  assert(io.lines.some((line) => /^ {2}ws = 8338 +default$/.test(line)));
  assert(io.lines.some((line) => /^ {2}ack_timeout = 2 seconds +default$/.test(line)));
});

Deno.test("doctor finds a port in use, and says that it must be mended", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(listener.addr.port);
  const io = fakeIo();
  assertEquals(await main(["doctor", "--ws", port, "--json"], io), EXIT.FAILED);
  const findings = io.lines.map((line) => JSON.parse(line));
  assertEquals(findings.find(({ check }) => check === `port ${port}`).state, "wrong");
  assertEquals(findings.find(({ check }) => check === "deno").state, "ok");
});

Deno.test("doctor is content with a free port and a writable directory", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const io = fakeIo();
    assertEquals(await main(["doctor", "--ws", "0", "--dir", dir], io), EXIT.OK);
    assert(io.lines.every((line) => line.startsWith("ok ")), io.lines.join("\n"));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("doctor says that a settings file is broken", async () => {
  const io = fakeIo({ files: { "/r/broker/settings.json": "{" }, env: { REMBUS_DIR: "/r" } });
  assertEquals(await main(["doctor", "--ws", "0"], io), EXIT.FAILED);
  assert(io.lines.some((line) => line.startsWith("wrong") && line.includes("settings.json")));
});
