import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodeRunner, type RunnerOptions } from "../../../src/code/code_runner.ts";
import { LOAD_MS_MAX, RESTART_MS } from "../../../src/code/limits.ts";
import { Tagged } from "../../../src/protocol/cbor.ts";
import { RembusError } from "../../../src/protocol/errors.ts";
import { SILENT } from "../../../src/util/log.ts";
import { FakeCodeProcess } from "../../helpers/code_fake_process.ts";
import { eventually } from "../../helpers/eventually.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

/** Time for a call in these tests, in milliseconds. */
const CALL_MS = 1_000;

interface Rig extends AsyncDisposable {
  readonly runner: CodeRunner;
  readonly clock: ManualClock;
  readonly processes: FakeCodeProcess[];
  /** The child of now. */
  readonly child: () => FakeCodeProcess;
}

function rig(options: Partial<RunnerOptions> = {}): Rig {
  const clock = new ManualClock();
  const processes: FakeCodeProcess[] = [];
  const runner = CodeRunner.start({
    name: "double",
    source: "",
    spawn: () => {
      const process = new FakeCodeProcess();
      processes.push(process);
      return process;
    },
    clock,
    logger: SILENT,
    random: () => 0.999,
    callMs: CALL_MS,
    runningMax: 2,
    callsMax: 3,
    keepsWaiting: false,
    rssMax: 1,
    ...options,
  });
  return {
    runner,
    clock,
    processes,
    child: () => {
      const last = processes.at(-1);
      if (last === undefined) throw new Error("no child was started");
      return last;
    },
    [Symbol.asyncDispose]: () => runner.close(),
  };
}

async function loadedRig(options: Partial<RunnerOptions> = {}): Promise<Rig> {
  const made = rig(options);
  made.child().load();
  await made.runner.loaded;
  return made;
}

Deno.test("CodeRunner answers a call with what its child says", async () => {
  await using it = await loadedRig();
  const answer = it.runner.call([21]);
  it.child().result(1, 42);
  assertEquals(await answer, 42);
});

Deno.test("CodeRunner passes on what the code throws", async () => {
  await using it = await loadedRig();
  const answer = it.runner.call([]);
  it.child().say({ type: "error", id: 1, text: "boom" });
  await assertRejects(() => answer, RembusError, "boom");
});

Deno.test("CodeRunner lets calls wait while the child loads, and beyond those it works at", async () => {
  await using it = rig();
  const calls = [it.runner.call([1]), it.runner.call([2]), it.runner.call([3])];
  it.child().load();
  await eventually(() => assertEquals(it.child().calls, [1, 2]));
  it.child().result(2, "b");
  assertEquals(await calls[1], "b");
  await eventually(() => assertEquals(it.child().calls, [1, 2, 3]));
  it.child().result(1, "a");
  it.child().result(3, "c");
  assertEquals(await Promise.all(calls), ["a", "b", "c"]);
});

Deno.test("CodeRunner refuses a call as busy when too many have no answer", async () => {
  await using it = await loadedRig({ callsMax: 1 });
  const first = it.runner.call([]);
  await assertRejects(() => it.runner.call([]), RembusError, "busy");
  it.child().result(1, null);
  await first;
  const next = it.runner.call([]);
  it.child().result(2, null);
  assertEquals(await next, null);
});

Deno.test("CodeRunner refuses arguments that are too large, and data frames", async () => {
  await using it = await loadedRig();
  const large = new Uint8Array(8 * 1_024 * 1_024);
  await assertRejects(() => it.runner.call([large]), RembusError, "bytes of arguments");
  const frame = new Tagged(80, new Uint8Array(8));
  await assertRejects(() => it.runner.call([frame]), RembusError, "data frames");
});

Deno.test("CodeRunner kills and starts again a child with a call that takes too long", async () => {
  await using it = await loadedRig();
  const slow = it.runner.call([1]);
  const other = it.runner.call([2]);
  const failures = [
    assertRejects(() => slow, RembusError, "took longer than 1000 ms"),
    assertRejects(() => other, RembusError, "a call took too long"),
  ];
  await it.clock.advance(CALL_MS);
  await Promise.all(failures);
  assert(it.child().wasKilled);
  await assertRejects(() => it.runner.call([3]), RembusError, "not started again yet");
  await it.clock.advance(RESTART_MS.minMs);
  assertEquals(it.processes.length, 2);
  it.child().load();
  const again = it.runner.call([4]);
  await eventually(() => assertEquals(it.child().calls, [3]));
  it.child().result(3, "fine");
  assertEquals(await again, "fine");
});

Deno.test("CodeRunner ends calls when the process ends, and waits longer each time", async () => {
  await using it = await loadedRig();
  const call = it.runner.call([]);
  const failure = assertRejects(() => call, RembusError, "its process ended (code 7)");
  it.child().end("code 7");
  await failure;
  await it.clock.advance(RESTART_MS.minMs);
  assertEquals(it.processes.length, 2);
  it.child().load();
  it.child().end();
  await eventually(() => assertEquals(it.clock.pending, 1));
  await it.clock.advance(RESTART_MS.minMs);
  assertEquals(it.processes.length, 2);
  await it.clock.advance(RESTART_MS.minMs);
  assertEquals(it.processes.length, 3);
});

Deno.test("CodeRunner keeps messages for the next child when told to", async () => {
  await using it = await loadedRig({ keepsWaiting: true, runningMax: 1 });
  const lost = it.runner.call(["a"]);
  const kept = it.runner.call(["b"]);
  const failure = assertRejects(() => lost, RembusError, "its process ended");
  it.child().end();
  await failure;
  await it.clock.advance(RESTART_MS.minMs);
  it.child().load();
  await eventually(() => assertEquals(it.child().calls, [2]));
  it.child().result(2, "done");
  assertEquals(await kept, "done");
});

for (
  const [what, say] of [
    ["an answer to a call that nobody made", (child) => child.result(99, "forged")],
    ["a message that is none", (child) => child.sayBytes(new Uint8Array([0, 0, 0, 1, 0x01]))],
    ["bytes that are no CBOR", (child) => child.sayBytes(new Uint8Array([0, 0, 0, 1, 0xff]))],
    ["a frame that is too large", (child) => child.sayBytes(new Uint8Array([255, 0, 0, 0]))],
  ] as [string, (child: FakeCodeProcess) => void][]
) {
  Deno.test(`CodeRunner kills a child that writes ${what}`, async () => {
    await using it = await loadedRig();
    const call = it.runner.call([]);
    const failure = assertRejects(() => call, RembusError, 'Cannot run "double"');
    say(it.child());
    await failure;
    assert(it.child().wasKilled);
  });
}

Deno.test("CodeRunner refuses a result that peers could not read, and goes on", async () => {
  await using it = await loadedRig();
  const two = it.runner.call([]);
  it.child().say({ type: "result", id: 1, value: new Uint8Array([0x01, 0x02]) });
  await assertRejects(() => two, RembusError, "not one value");
  const frame = it.runner.call([]);
  it.child().result(2, new Tagged(80, new Uint8Array(3)));
  await assertRejects(() => frame, RembusError, "data frames");
  const date = it.runner.call([]);
  it.child().result(3, new Tagged(0, "no date"));
  await assertRejects(() => date, RembusError);
  assert(!it.child().wasKilled);
});

Deno.test("CodeRunner gives code up that does not load, with its reason", async () => {
  await using it = rig();
  it.child().say({ type: "failed", text: "it exports no function" });
  await assertRejects(() => it.runner.loaded, RembusError, "it exports no function");
  assertEquals(it.clock.pending, 0);
  await assertRejects(() => it.runner.call([]), RembusError);
});

Deno.test("CodeRunner gives code up that takes too long to load", async () => {
  await using it = rig();
  const failure = assertRejects(() => it.runner.loaded, RembusError, "to load");
  await it.clock.advance(LOAD_MS_MAX);
  await failure;
  assert(it.child().wasKilled);
});

Deno.test("CodeRunner.close() ends calls, the child and all timers", async () => {
  await using it = await loadedRig();
  const call = it.runner.call([]);
  const failure = assertRejects(() => call, RembusError, "removed");
  await it.runner.close();
  await failure;
  assert(it.child().wasKilled);
  assertEquals(it.clock.pending, 0);
});

Deno.test("CodeRunner.idle() resolves when the last call has its answer", async () => {
  await using it = await loadedRig();
  const call = it.runner.call([]);
  let isIdle = false;
  const idle = it.runner.idle().then(() => isIdle = true);
  await it.clock.advance(1);
  assert(!isIdle);
  it.child().result(1, null);
  await Promise.all([call, idle]);
});
