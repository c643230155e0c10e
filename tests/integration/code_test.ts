import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type CodeChange, type CodeOptions, installCode } from "../../src/code/code_host.ts";
import { installFile, listCode, uninstallCode } from "../../src/code/distribute.ts";
import type { Component, NodeHandle } from "../../src/peer/api.ts";
import {
  MethodExceptionError,
  MethodNotFoundError,
  RembusError,
} from "../../src/protocol/errors.ts";
import { eventually } from "../helpers/eventually.ts";
import { type Harness, startHarness } from "../helpers/harness.ts";
import { NotingLogger } from "../helpers/noting_logger.ts";

const ADD = "export const add = (a: number, b: number): number => a + b;";

interface Bed extends AsyncDisposable {
  readonly harness: Harness;
  readonly admin: Component;
  readonly dir: string;
}

/** A broker with an admin. Links in memory are trusted, so that the name is enough. */
function startBroker(): Promise<Harness> {
  return startHarness({ transport: "memory", encoding: "cbor" }, { admins: ["admin"] });
}

/** A broker to which code may be distributed, and a component. */
async function bed(options: Partial<CodeOptions> = {}): Promise<Bed> {
  const stack = new AsyncDisposableStack();
  const dir = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  const harness = stack.use(await startBroker());
  stack.use(await installCode(harness.broker.handle, { dir, ...options }));
  const admin = await harness.connect("admin", { requestTimeoutMs: 20_000 });
  return { harness, admin, dir, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function names(node: NodeHandle, kind = "service"): Promise<string[]> {
  return (await listCode(node, kind)).map(({ name }) => name);
}

Deno.test("installed code is called, listed, and gone when it is uninstalled", async () => {
  await using it = await bed();
  assertEquals(await it.admin.rpc("deno_service_list"), []);
  assertEquals(await it.admin.rpc("deno_service_install", { name: "add", content: ADD }), null);
  assertEquals(await it.admin.rpc("add", 1, 2), 3);
  assertEquals(await it.admin.rpc("deno_service_list"), [{ name: "add/main.ts" }]);
  assertEquals(await it.admin.rpc("deno_service_list", true), [
    { name: "add/main.ts", body: ADD, content: ADD },
  ]);
  assertEquals(await it.admin.rpc("deno_subscriber_list"), []);
  assertEquals(await it.admin.rpc("deno_service_uninstall", "add"), null);
  assertEquals(await it.admin.rpc("deno_service_uninstall", "add"), null);
  await assertRejects(() => it.admin.rpc("add", 1, 2), MethodNotFoundError);
  assertEquals(await it.admin.rpc("deno_service_list"), []);
});

Deno.test("an installed service needs no function of its name, and answers 40 for what it throws", async () => {
  await using it = await bed();
  const content =
    "export function whatever(x) { if (x < 0) throw new Error('negative'); return x * 2; }";
  await it.admin.rpc("deno_service_install", { name: "double", content });
  assertEquals(await it.admin.rpc("double", 21), 42);
  const error = await assertRejects(() => it.admin.rpc("double", -1), MethodExceptionError);
  assertStringIncludes(error.message, "negative");
  await assertRejects(() => it.admin.rpc("double"), MethodExceptionError, "at least 1 argument");
});

Deno.test("an installed subscriber gets messages in their order until it is uninstalled", async () => {
  const lines: unknown[] = [];
  const note = (_: string, fields?: Record<string, unknown>): void => void lines.push(fields?.line);
  const ignore = (): void => {};
  await using it = await bed({
    logger: { debug: ignore, info: note, warn: ignore, error: ignore },
  });
  const content =
    "export default async (n, text) => { await 0; console.log(`got ${n} ${text}`); };";
  await it.admin.rpc("deno_subscriber_install", { name: "news", content });
  assertEquals(await names(it.admin, "subscriber"), ["news/main.ts"]);
  for (let n = 0; n < 20; n++) await it.admin.publish("news", n, "x");
  const got = (): unknown[] => lines.filter((line) => String(line).startsWith("got"));
  const wanted = Array.from({ length: 20 }, (_, n) => `got ${n} x`);
  await eventually(() => assertEquals(got(), wanted));
  await it.admin.rpc("deno_subscriber_uninstall", "news");
  await it.admin.with({ qos: 1 }).publish("news", 20, "x");
  assertEquals(got(), wanted);
  await assertRejects(() => it.admin.rpc("news"), MethodNotFoundError);
});

Deno.test("code installed on another component by direct is called by anybody via the broker", async () => {
  await using it = await bed();
  await using stack = new AsyncDisposableStack();
  const worker = await it.harness.connect("worker");
  let isTrusted = true;
  stack.use(
    await installCode(worker, { dir: `${it.dir}/worker`, isTrusted: () => isTrusted }),
  );
  await it.admin.direct("worker", "deno_service_install", { name: "add", content: ADD });
  const other = await it.harness.connect("other");
  assertEquals(await other.rpc("add", 20, 22), 42);
  assertEquals(await other.direct("worker", "add", 1, 1), 2);
  isTrusted = false;
  for (const topic of ["deno_service_install", "deno_service_uninstall", "deno_service_list"]) {
    const error = await assertRejects(
      () => it.admin.direct("worker", topic, { name: "evil", content: ADD }),
      MethodExceptionError,
    );
    assertStringIncludes(error.message, "admins");
  }
  isTrusted = true;
  await uninstallCode(it.admin, "service", { name: "add", target: "worker" });
  await assertRejects(() => other.rpc("add", 1, 2), RembusError);
});

Deno.test("installed code survives a restart, and a bad file stops nothing", async () => {
  const dir = await Deno.makeTempDir();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  {
    await using harness = await startBroker();
    await using _ = await installCode(harness.broker.handle, { dir });
    const admin = await harness.connect("admin");
    await admin.rpc("deno_service_install", { name: "add", content: ADD });
  }
  await Deno.mkdir(`${dir}/services/bad`);
  await Deno.writeTextFile(`${dir}/services/bad/main.ts`, "export default (");
  await Deno.mkdir(`${dir}/services/rid`);
  await Deno.writeTextFile(`${dir}/services/rid/main.ts`, "export default () => 'forged'");
  const logger = new NotingLogger();
  await using harness = await startBroker();
  await using _ = await installCode(harness.broker.handle, { dir, logger });
  const admin = await harness.connect("admin");
  assertEquals(await admin.rpc("add", 1, 2), 3);
  assertEquals(await admin.rpc("rid"), harness.broker.handle.rid);
  await assertRejects(() => admin.rpc("bad"), MethodNotFoundError);
  assertEquals(logger.events.filter((event) => event === "error code skipped").length, 2);
  // What is bad is seen, replaced and removed as any other.
  assertEquals(await names(admin), ["add/main.ts", "bad/main.ts", "rid/main.ts"]);
  await admin.rpc("deno_service_install", { name: "bad", content: "export default () => 'good'" });
  assertEquals(await admin.rpc("bad"), "good");
  await admin.rpc("deno_service_uninstall", "rid");
  assertEquals(await names(admin), ["add/main.ts", "bad/main.ts"]);
});

Deno.test("what cannot be installed is refused with 40 and a text, and nothing changes", async () => {
  await using it = await bed();
  for (
    const [request, text] of [
      [{ content: ADD }, "name"],
      [{ name: "", content: ADD }, "name"],
      [{ name: "x" }, "content"],
      [{ name: "x", content: "" }, "content"],
      ["x", "a map"],
      [{ name: "x", content: "export default (" }, "Expression expected"],
      [{ name: "x", content: "export const x = 1;" }, "exports no function"],
      [{ name: "../../../evil", content: ADD }, "bad name"],
      [{ name: "/etc/evil", content: ADD }, "bad name"],
      [{ name: "x", content: ADD, tag: "../../evil" }, "bad tag"],
      [{ name: "*", content: ADD }, "bad name"],
      [{ name: "version", content: ADD }, "built in"],
      [{ name: "deno_service_install", content: ADD }, "built in"],
    ] as [unknown, string][]
  ) {
    const error = await assertRejects(
      () => it.admin.rpc("deno_service_install", request),
      MethodExceptionError,
      undefined,
      text,
    );
    assertStringIncludes(error.message, text);
  }
  await assertRejects(() => it.admin.rpc("deno_service_uninstall"), MethodExceptionError, "name");
  await it.admin.rpc("deno_service_uninstall", "../../..");
  assertEquals(await names(it.admin), []);
  assertEquals(await Array.fromAsync(Deno.readDir(it.dir)), []);
});

Deno.test("a new tag replaces the old file, and code that does not load replaces nothing", async () => {
  await using it = await bed();
  const version = (n: number, tag: string) => ({
    name: "number",
    content: `export default () => ${n};`,
    tag,
  });
  await it.admin.rpc("deno_service_install", version(1, "v1"));
  assertEquals(await it.admin.rpc("number"), 1);
  await it.admin.rpc("deno_service_install", version(2, "v2"));
  assertEquals(await it.admin.rpc("number"), 2);
  assertEquals(await names(it.admin), ["number/v2.ts"]);
  await assertRejects(
    () => it.admin.rpc("deno_service_install", { ...version(3, "v3"), content: "throw 1" }),
    MethodExceptionError,
  );
  assertEquals(await it.admin.rpc("number"), 2);
  assertEquals(await names(it.admin), ["number/v2.ts"]);
});

Deno.test("a call that is under way is answered by the code that is replaced", async () => {
  await using it = await bed();
  const content = "export default (ms) => new Promise((r) => setTimeout(() => r('old'), ms));";
  await it.admin.rpc("deno_service_install", { name: "slow", content });
  const answer = it.admin.rpc("slow", 500);
  const next = "export default () => 'new';";
  await it.admin.rpc("deno_service_install", { name: "slow", content: next });
  assertEquals(await it.admin.rpc("slow"), "new");
  assertEquals(await answer, "old");
});

Deno.test("uninstalling a name leaves those alone that begin with it", async () => {
  await using it = await bed();
  for (const name of ["foo", "foo_bar", "foo.bar"]) {
    await it.admin.rpc("deno_service_install", {
      name,
      content: `export default () => "${name}";`,
    });
  }
  for (const pattern of ["fo*", "foo*", "foo_", "fo?", "."]) {
    await it.admin.rpc("deno_service_uninstall", pattern);
  }
  await it.admin.rpc("deno_service_uninstall", "foo");
  assertEquals(await names(it.admin), ["foo.bar/main.ts", "foo_bar/main.ts"]);
  assertEquals(await it.admin.rpc("foo_bar"), "foo_bar");
  assertEquals(await it.admin.rpc("foo.bar"), "foo.bar");
});

Deno.test("a broker lives on while code hangs, exits and floods", async () => {
  await using it = await bed({ callMs: 500 });
  const content = `const actions = {
    hang: () => { for (;;); },
    exit: () => Deno.exit(1),
    flood: () => { for (;;) console.log("x".repeat(10_000)); },
  };
  export default (what) => actions[what]();`;
  await it.admin.rpc("deno_service_install", { name: "evil", content });
  await it.admin.rpc("deno_service_install", { name: "add", content: ADD });
  for (const what of ["hang", "exit", "flood"]) {
    const failure = eventually(async () => {
      const error = await assertRejects(() => it.admin.rpc("evil", what), MethodExceptionError);
      assert(!error.message.includes("not started again yet"));
    });
    assertEquals(await it.admin.rpc("add", 1, 2), 3);
    await failure;
  }
});

Deno.test("installFile() installs a file under its name, and rejects one that is not there", async () => {
  await using it = await bed();
  const path = `${it.dir}/twice.ts`;
  await Deno.writeTextFile(path, "export default (x: number) => 2 * x;");
  await installFile(it.admin, "service", { path });
  assertEquals(await it.admin.rpc("twice", 4), 8);
  const missing = `${it.dir}/missing.ts`;
  await assertRejects(
    () => installFile(it.admin, "service", { path: missing }),
    Deno.errors.NotFound,
  );
  await assertRejects(() => installFile(it.admin, "nonsense", { path }), TypeError);
});

Deno.test("listCode() of an unknown kind is empty, and uninstallCode() does nothing", async () => {
  await using it = await bed();
  assertEquals(await listCode(it.admin, "nonsense", { withBody: true }), []);
  await uninstallCode(it.admin, "nonsense", { name: "x" });
});

Deno.test("installCode() takes its services back when it is disposed", async () => {
  const dir = await Deno.makeTempDir();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  await using harness = await startBroker();
  const code = await installCode(harness.broker.handle, { dir });
  const admin = await harness.connect("admin");
  await admin.rpc("deno_service_install", { name: "add", content: ADD });
  await code[Symbol.asyncDispose]();
  await assertRejects(() => admin.rpc("add", 1, 2), MethodNotFoundError);
  await assertRejects(() => admin.rpc("deno_service_list"), MethodNotFoundError);
});

Deno.test("code does not take the place of a service that the node has", async () => {
  await using it = await bed({ isTaken: (kind, name) => kind === "service" && name === "mine" });
  await assertRejects(
    () => it.admin.rpc("deno_service_install", { name: "mine", content: ADD }),
    MethodExceptionError,
  );
});

Deno.test("installCode() tells of each change, and who made it", async () => {
  const changes: CodeChange[] = [];
  await using it = await bed({ onChange: (change) => void changes.push(change) });
  await it.admin.rpc("deno_service_install", { name: "add", content: ADD });
  await assertRejects(() => it.admin.rpc("deno_service_install", { name: "../x", content: ADD }));
  await it.admin.rpc("deno_subscriber_uninstall", "none");
  await it.admin.rpc("deno_service_list");
  const told = changes.map(({ reason, ...change }) => ({ ...change, isDone: reason === null }));
  const [by, kind] = ["admin", "service"] as const;
  assertEquals(told, [
    { action: "deno_service_install", by, kind, name: "add", isDone: true },
    { action: "deno_service_install", by, kind, name: null, isDone: false },
    { action: "deno_subscriber_uninstall", by, kind: "subscriber", name: "none", isDone: true },
  ]);
});

Deno.test("code that was skipped at start can be uninstalled, other code under no other spelling", async () => {
  await using it = await bed();
  await Deno.mkdir(`${it.dir}/services/late`, { recursive: true });
  await it.admin.rpc("deno_service_install", { name: "add", content: ADD });
  await assertRejects(
    () => it.admin.rpc("deno_service_install", { name: "ADD", content: ADD }),
    MethodExceptionError,
    "difference of case",
  );
  await it.admin.rpc("deno_service_uninstall", "ADD");
  await it.admin.rpc("deno_service_uninstall", "late");
  const left = await Array.fromAsync(Deno.readDir(`${it.dir}/services`));
  assertEquals(left.map(({ name }) => name), ["add"]);
});

Deno.test("installCode() says which permission is missing", async () => {
  const host = new URL("../../src/code/code_host.ts", import.meta.url).href;
  const source = `import { installCode } from "${host}";
    await installCode({}, { dir: "/nowhere" }).catch((error) => console.log(error.message));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      `data:text/javascript,${encodeURIComponent(source)}`,
    ],
    stderr: "null",
  }).output();
  assertStringIncludes(new TextDecoder().decode(stdout), "run with --allow-run=");
});

Deno.test("only an admin distributes code, to the broker and to components, by rpc and direct", async () => {
  await using it = await bed();
  const worker = await it.harness.connect("worker");
  await using _ = await installCode(worker, { dir: `${it.dir}/worker` });
  const stranger = await it.harness.connect("stranger");
  const request = { name: "evil", content: ADD };
  const { rid } = it.harness.broker.handle;
  for (
    const [topic, argument] of [
      ["deno_service_install", request],
      ["deno_subscriber_install", request],
      ["deno_service_uninstall", "add"],
      ["deno_service_list", true],
    ] as const
  ) {
    await assertRejects(() => stranger.rpc(topic, argument), RembusError, "unauthorized");
    for (const target of [rid, "worker"]) {
      await assertRejects(
        () => stranger.direct(target, topic, argument),
        RembusError,
        "unauthorized",
      );
    }
  }
  assertEquals(await names(it.admin), []);
  assertEquals(await listCode(it.admin, "service", { target: "worker" }), []);
});
