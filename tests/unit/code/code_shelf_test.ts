import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodeShelf, type ShelfOptions } from "../../../src/code/code_shelf.ts";
import { CHANGES_MAX, NAMES_MAX } from "../../../src/code/limits.ts";
import type { Handler, NodeHandle } from "../../../src/peer/api.ts";
import { LimitError, RembusError } from "../../../src/protocol/errors.ts";
import { FakeCodeProcess } from "../../helpers/code_fake_process.ts";
import { eventually } from "../../helpers/eventually.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

interface Rig extends AsyncDisposable {
  readonly shelf: CodeShelf;
  readonly dir: string;
  readonly clock: ManualClock;
  /** What the node exposes. */
  readonly exposed: Map<string, Handler>;
  readonly processes: FakeCodeProcess[];
  readonly logger: NotingLogger;
  /** Whether the node refuses to expose. */
  refuses: boolean;
  /** Whether children load at once. */
  loads: boolean;
}

async function rig(options: Partial<ShelfOptions> = {}): Promise<Rig> {
  const dir = await Deno.makeTempDir();
  const exposed = new Map<string, Handler>();
  const processes: FakeCodeProcess[] = [];
  const clock = new ManualClock();
  const logger = new NotingLogger();
  // The part of a node that a shelf of services uses.
  const node = {
    isOpen: true,
    expose(name: string, handler: Handler): Promise<void> {
      if (made.refuses) return Promise.reject(new RembusError(10, "unauthorized"));
      exposed.set(name, handler);
      return Promise.resolve();
    },
    unexpose(name: string): Promise<void> {
      exposed.delete(name);
      return Promise.resolve();
    },
  } as unknown as NodeHandle;
  const shelf = new CodeShelf({
    node,
    kind: "service",
    dir,
    clock,
    logger,
    spawn: () => {
      const process = new FakeCodeProcess();
      processes.push(process);
      if (made.loads) process.load();
      return process;
    },
    callMs: 1_000,
    callsMax: 2,
    rssMax: 1,
    isTaken: () => false,
    ...options,
  });
  const made: Rig = {
    shelf,
    dir,
    clock,
    exposed,
    processes,
    logger,
    refuses: false,
    loads: true,
    async [Symbol.asyncDispose](): Promise<void> {
      await shelf[Symbol.asyncDispose]();
      await Deno.remove(dir, { recursive: true });
    },
  };
  return made;
}

const install = (it: Rig, name: string, content = "x"): Promise<null> =>
  it.shelf.install({ name, content });

function listed(it: Rig): string[] {
  return it.shelf.list(false).map(({ name }) => name);
}

Deno.test("CodeShelf.install() keeps nothing of code that the node may not expose", async () => {
  await using it = await rig();
  it.refuses = true;
  await assertRejects(() => install(it, "add"), RembusError, "unauthorized");
  assertEquals(listed(it), []);
  assertEquals(it.exposed.size, 0);
  assert(it.processes[0]?.wasKilled);
  assertEquals(await Array.fromAsync(Deno.readDir(it.dir)), []);
});

Deno.test("CodeShelf.install() keeps the old code when the new one cannot be written", async () => {
  await using it = await rig();
  await it.shelf.install({ name: "add", content: "old", tag: "v1" });
  // A directory is where the new file would be.
  await Deno.mkdir(`${it.dir}/services/add/v2.ts`);
  await assertRejects(
    () => it.shelf.install({ name: "add", content: "new", tag: "v2" }),
    RembusError,
    "it could not be kept",
  );
  assertEquals(it.shelf.list(true), [{ name: "add/v1.ts", body: "old", content: "old" }]);
  assertEquals(it.processes.map(({ wasKilled }) => wasKilled), [false, true]);
  assert(it.exposed.has("add"));
});

Deno.test("CodeShelf.install() withdraws a first one that cannot be written", async () => {
  await using it = await rig();
  await Deno.writeTextFile(`${it.dir}/services`, "in the way");
  await assertRejects(() => install(it, "add"), RembusError, "it could not be kept");
  assertEquals(it.exposed.size, 0);
  assertEquals(listed(it), []);
  assert(it.processes[0]?.wasKilled);
});

Deno.test("CodeShelf.install() refuses a name too many, but not a replacement", async () => {
  await using it = await rig();
  for (let at = 0; at < NAMES_MAX; at++) await install(it, `n${at}`);
  await assertRejects(() => install(it, "more"), TypeError, `at most ${NAMES_MAX} names`);
  await install(it, "n7", "new");
  await it.shelf.uninstall("n7");
  await install(it, "more");
  assertEquals(listed(it).length, NAMES_MAX);
});

Deno.test("CodeShelf refuses a change too many while others wait", async () => {
  await using it = await rig();
  it.loads = false;
  const waiting = Array.from({ length: CHANGES_MAX }, (_, at) => install(it, `n${at}`));
  const failures = Promise.allSettled(waiting);
  await assertRejects(() => install(it, "more"), LimitError, "changes at a time");
  await it.shelf[Symbol.asyncDispose]();
  const outcomes = await failures;
  assert(outcomes.every(({ status }) => status === "rejected"));
  // Those that had not begun started no child.
  assertEquals(it.processes.length, 1);
});

Deno.test("CodeShelf ends replaced code when its calls have their answers, or took too long", async () => {
  await using it = await rig();
  await install(it, "add");
  const handler = it.exposed.get("add");
  const answer: Promise<unknown> = Promise.resolve(handler?.(1));
  const hung: Promise<unknown> = Promise.resolve(handler?.(2));
  const failure = assertRejects(() => hung, RembusError);
  await install(it, "add", "new");
  const [first, second] = it.processes;
  first?.result(1, "old");
  assertEquals(await answer, "old");
  assertEquals(first?.wasKilled, false);
  await it.clock.advance(1_000);
  await failure;
  assertEquals(first?.wasKilled, true);
  assertEquals(second?.wasKilled, false);
});

Deno.test("CodeShelf.load() goes on when code is bad, and ends when the shelf is closed", async () => {
  await using it = await rig();
  for (const name of ["a", "b", "c", "d", "e", "f"]) {
    await Deno.mkdir(`${it.dir}/services/${name}`, { recursive: true });
    await Deno.writeTextFile(`${it.dir}/services/${name}/main.ts`, "x");
  }
  it.loads = false;
  const loading = it.shelf.load();
  await eventually(() => assert(it.processes.length > 0));
  await it.shelf[Symbol.asyncDispose]();
  await loading;
  assert(it.processes.length <= 4);
  assert(it.processes.every(({ wasKilled }) => wasKilled));
  assertEquals(it.exposed.size, 0);
});

Deno.test("CodeShelf.uninstall() takes the service back, and refuses what is no name", async () => {
  await using it = await rig();
  await install(it, "add");
  await assertRejects(() => it.shelf.uninstall(7), TypeError, "expected a name");
  await it.shelf.uninstall("add");
  assertEquals(it.exposed.size, 0);
  await assertRejects(() => it.shelf.install({ name: "add" }), TypeError, "content");
});
