/**
 * What code can do in a real child: one child for many questions, since each start takes a moment.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { CodeRunner } from "../../../src/code/code_runner.ts";
import { MEMORY_BYTES, MEMORY_EXTRA_BYTES, RESULT_BYTES_MAX } from "../../../src/code/limits.ts";
import { codeCommand, type CodePermissions, spawnCode } from "../../../src/code/process.ts";
import { RembusError } from "../../../src/protocol/errors.ts";
import { SYSTEM_CLOCK } from "../../../src/util/clock.ts";
import type { Logger } from "../../../src/util/log.ts";
import { eventually } from "../../helpers/eventually.ts";

interface Ran extends AsyncDisposable {
  readonly runner: CodeRunner;
  /** What was logged, one line for each. */
  readonly lines: string[];
}

async function run(
  source: string,
  { callMs = 10_000, memoryBytes = MEMORY_BYTES, permissions = {} }: {
    readonly callMs?: number;
    readonly memoryBytes?: number;
    readonly permissions?: CodePermissions;
  } = {},
): Promise<Ran> {
  const lines: string[] = [];
  const note = (event: string, fields?: Record<string, unknown>): void =>
    void lines.push(`${event} ${fields?.line ?? fields?.lines ?? fields?.reason ?? ""}`);
  const logger: Logger = { debug: note, info: note, warn: note, error: note };
  const command = codeCommand({ permissions, memoryBytes });
  const runner = CodeRunner.start({
    name: "probe",
    source,
    spawn: () => spawnCode(command),
    clock: SYSTEM_CLOCK,
    logger,
    random: () => 0.5,
    callMs,
    runningMax: 10,
    callsMax: 10,
    keepsWaiting: false,
    rssMax: memoryBytes + MEMORY_EXTRA_BYTES,
  });
  try {
    await runner.loaded;
  } catch (error) {
    await runner.close();
    throw error;
  }
  return { runner, lines, [Symbol.asyncDispose]: () => runner.close() };
}

/** The function calls the one of its first argument. */
const DISPATCH = `
export default (name: string, ...args: unknown[]): unknown => actions[name]!(...args);
`;

Deno.test("a child passes values both ways and works at several calls at once", async () => {
  await using it = await run(`
    let release: (() => void) | null = null;
    const actions: Record<string, (...args: any[]) => unknown> = {
      echo: (...args) => args,
      wait: () => new Promise<string>((resolve) => release = () => resolve("waited")),
      release: () => release?.(),
      nothing: () => {},
      fails: () => { throw new Error("boom"); },
      throwsNull: () => { throw null; },
      rejects: () => Promise.reject(new RangeError("later")),
      function: () => () => 1,
      large: () => new Uint8Array(${RESULT_BYTES_MAX} + 1),
      named: (a: number, b: number) => a + b,
    };
    ${DISPATCH}
  `);
  const values = [1, 2.5, 2n ** 63n, "ä", null, true, new Uint8Array([1, 2]), { a: [1] }];
  assertEquals(await it.runner.call(["echo", ...values]), values);
  const waiting = it.runner.call(["wait"]);
  await it.runner.call(["release"]);
  assertEquals(await waiting, "waited");
  assertEquals(await it.runner.call(["nothing"]), undefined);
  await assertRejects(() => it.runner.call(["fails"]), RembusError, "boom");
  await assertRejects(() => it.runner.call(["throwsNull"]), RembusError, "null");
  await assertRejects(() => it.runner.call(["rejects"]), RembusError, "later");
  await assertRejects(() => it.runner.call(["function"]), RembusError, "no CBOR form");
  await assertRejects(() => it.runner.call(["large"]), RembusError, "expected a result of at most");
  await assertRejects(() => it.runner.call([]), RembusError, "expected at least 1 argument");
  assertEquals(await it.runner.call(["named", 1, 2]), 3);
});

Deno.test("a child reaches no file, network, environment, program, module or other process", async () => {
  const secret = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(secret, "export default 'secret'");
    const url = JSON.stringify(`file://${secret}`);
    const path = JSON.stringify(secret);
    await using it = await run(`
      const actions: Record<string, (...args: any[]) => unknown> = {
        read: () => Deno.readTextFile(${path}),
        nodeRead: async () => (await import("node:fs")).readFileSync(${path}),
        write: () => Deno.writeTextFile(${path}, "evil"),
        temp: () => Deno.makeTempFile(),
        sqlite: async () => {
          const { DatabaseSync } = await import("node:sqlite");
          new DatabaseSync(${path}).exec("create table evil (a)");
        },
        env: () => Deno.env.get("PATH"),
        environ: () => Deno.readTextFile("/proc/self/environ"),
        connect: () => Deno.connect({ hostname: "127.0.0.1", port: 9 }),
        listen: () => Deno.listen({ port: 0 }),
        fetch: () => fetch("http://127.0.0.1:54321/"),
        resolve: () => Deno.resolveDns("localhost", "A"),
        socket: () => new WebSocket("ws://127.0.0.1:54321"),
        program: () => new Deno.Command(Deno.execPath(), { args: ["--version"] }).output(),
        kill: () => Deno.kill(Deno.ppid, "SIGTERM"),
        library: () => Deno.dlopen("libc.so.6", {}),
        hostname: () => Deno.hostname(),
        importFile: () => import(${url}),
        importHttp: () => import("http://127.0.0.1:54321/x.js"),
        importHttps: () => import("https://deno.land/std/version.ts"),
        importNpm: () => import("npm:lodash"),
        importJsr: () => import("jsr:@std/assert"),
        worker: () => new Promise((_, reject) => {
          const source = "data:text/javascript,Deno.readTextFileSync(" + encodeURIComponent(${
      JSON.stringify(path)
    }) + ")";
          const worker = new Worker(source, { type: "module" });
          worker.onerror = (event) => { event.preventDefault(); reject(new Error(event.message)); };
        }),
        store: () => localStorage.setItem("a", "b"),
        cache: () => caches.open("a"),
        granted: async () => {
          const names = ["read", "write", "net", "env", "run", "ffi", "sys", "import"] as const;
          const states = names.map((name) => Deno.permissions.querySync({ name }).state);
          const asked = await Deno.permissions.request({ name: "read" });
          return [...states, asked.state].filter((state) => state === "granted").length;
        },
      };
      actions.names = () => Object.keys(actions).filter((name) => name !== "names");
      ${DISPATCH}
    `);
    const names = await it.runner.call(["names"]) as string[];
    assert(names.length > 20);
    for (const name of names.filter((one) => one !== "granted")) {
      await assertRejects(() => it.runner.call([name]), RembusError, undefined, name);
    }
    assertEquals(await it.runner.call(["granted"]), 0);
    assertEquals(await Deno.readTextFile(secret), "export default 'secret'");
  } finally {
    await Deno.remove(secret);
  }
});

Deno.test("a child gets exactly what it is granted", async () => {
  await using listener = await disposableListener();
  const other = `127.0.0.1:${listener.port === 65_535 ? 1_024 : listener.port + 1}`;
  await using it = await run(
    `export default async (port: number) => {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return "connected";
    }`,
    { permissions: { net: [`127.0.0.1:${listener.port}`] } },
  );
  assertEquals(await it.runner.call([listener.port]), "connected");
  const port = Number(other.split(":")[1]);
  await assertRejects(() => it.runner.call([port]), RembusError, "Requires net access");
});

async function disposableListener(): Promise<AsyncDisposable & { readonly port: number }> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = (async () => {
    for await (const connection of listener) connection.close();
  })();
  await Promise.resolve();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      await accepting;
    },
  };
}

for (
  const [what, source, text] of [
    ["does not parse", "export default (", "SyntaxError: Expression expected"],
    ["throws while it loads", "throw new Error('no luck'); export {}", "no luck"],
    ["exports no function", "export const x = 1;", "it exports no function"],
    [
      "imports what it may not",
      "import 'file:///etc/passwd'; export default () => 1",
      "read access",
    ],
    ["ends its process while it loads", "Deno.exit(5); export {}", "code 5"],
  ] as const
) {
  Deno.test(`code that ${what} is refused with a reason`, async () => {
    const error = await assertRejects(() => run(source), RembusError);
    assertStringIncludes(error.message, text);
    assert(error.message.length < 1_100);
  });
}

Deno.test("a child that hangs, exits or fills its memory is started again", async () => {
  await using it = await run(
    `let calls = 0;
    const actions: Record<string, () => unknown> = {
      hang: () => { for (;;); },
      exit: () => Deno.exit(3),
      crash: () => { setTimeout(() => { throw new Error("unhandled"); }, 0); return new Promise(() => {}); },
      fill: () => { const all: unknown[] = []; for (;;) all.push({ x: Math.random() }); },
      count: () => ++calls,
    };
    ${DISPATCH}`,
    { callMs: 2_000, memoryBytes: 32 * 1_024 * 1_024 },
  );
  const counted = async (): Promise<void> =>
    await eventually(async () => assertEquals(await it.runner.call(["count"]), 1));
  await assertRejects(() => it.runner.call(["exit"]), RembusError, "its process ended (code 3)");
  await counted();
  await assertRejects(() => it.runner.call(["crash"]), RembusError, "its process ended (code 1)");
  await counted();
  await assertRejects(() => it.runner.call(["fill"]), RembusError, "its process ended");
  await counted();
  await assertRejects(() => it.runner.call(["hang"]), RembusError, "it took longer than 2000 ms");
  await counted();
  assert(it.lines.some((line) => line.includes("unhandled")));
});

Deno.test("what code prints is logged, not taken for answers, and bounded", async () => {
  await using it = await run(`
    export default (lines: number) => {
      console.log("printed", { a: 1 });
      console.info("info\\u001b[31m");
      console.debug("debug");
      console.table([1]);
      console.dir({ b: 2 });
      console.group("group");
      console.count();
      console.time();
      console.timeEnd();
      console.trace("trace");
      Deno.stdout.writeSync(new TextEncoder().encode("stdout\\n"));
      for (let line = 0; line < lines; line++) console.log("x".repeat(1_000));
      return lines;
    };
  `);
  assertEquals(await it.runner.call([500]), 500);
  await it.runner.close();
  const printed = it.lines.filter((line) => line.startsWith("output of code "));
  for (const text of ["printed { a: 1 }", "info?[31m", "debug", "b: 2", "group", "stdout"]) {
    assert(printed.some((line) => line.includes(text)), text);
  }
  assert(printed.length <= 102, String(printed.length));
  assert(printed.every((line) => line.length < 600));
  assert(it.lines.some((line) => line.startsWith("output of code dropped")));
});

Deno.test("code that writes to its channel ends its own process only", async () => {
  await using it = await run(`
    export default () => { process.stdout.write("\\u0000\\u0000\\u0000\\u0001\\u0001"); return 1; };
    import process from "node:process";
  `);
  await assertRejects(() => it.runner.call([]), RembusError, "wrote to its own channel");
});
