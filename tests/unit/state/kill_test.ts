import { assert, assertEquals } from "@std/assert";
import type { RememberedComponent } from "../../../src/broker/state_store.ts";
import { openStateStore } from "../../../src/state/open_state_store.ts";
import { temporaryDirectory } from "../../helpers/lake_directory.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

/** How often a process that changes its state is killed. `REMBUS_KILL_ROUNDS` sets it. */
const ROUNDS = Number(Deno.env.get("REMBUS_KILL_ROUNDS") ?? 20);
const CHILD = new URL("../../helpers/state_kill_child.ts", import.meta.url).pathname;
const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

/** Lets a process change its state until it acknowledged so many steps, and kills it (SIGKILL). */
async function killAfter(
  count: number,
  { path, life }: { readonly path: string; readonly life: number },
): Promise<Map<string, number>> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", `--config=${CONFIG}`, "--allow-read", "--allow-write", CHILD]
      .concat(path, String(life)),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const steps = new Map<string, number>();
  let rest = "";
  let acknowledged = 0;
  let isKilled = false;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const [name = "", step] = line.split(" ");
      steps.set(name, Number(step));
      acknowledged++;
    }
    if (acknowledged < count || isKilled) continue;
    child.kill("SIGKILL");
    isKilled = true;
  }
  await child.status;
  assertEquals(await errors, "");
  assert(isKilled, "the process ended by itself");
  return steps;
}

/** What a component must look like after `step` steps or one more, which was not told any more. */
function check(component: RememberedComponent | undefined, step: number): void {
  if (component === undefined) throw new Error("a component is lost");
  const { lastSeenMs: stored, subscriptions, services } = component;
  assert(stored === step || stored === step + 1, `step ${step} acknowledged, ${stored} stored`);
  assertEquals(subscriptions.length, stored);
  for (const { topic, mark, msgFrom } of subscriptions) {
    assertEquals([topic, msgFrom], [`topic ${mark}`, Infinity]);
  }
  assertEquals(services, [`service ${stored % 2}`]);
}

Deno.test("a process that is killed while it changes its state loses nothing that it acknowledged", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  const seed = Number(Deno.env.get("REMBUS_KILL_SEED") ?? 1);
  const random = new SeededRandom(seed);
  const acknowledged = new Map<string, number>();
  try {
    for (let life = 1; life <= ROUNDS; life++) {
      const steps = await killAfter(1 + random.below(150), { path, life });
      for (const [name, step] of steps) acknowledged.set(name, step);
      await using state = openStateStore({ path });
      const found = new Map(state.remembered.components.map((one) => [one.name, one]));
      for (const [name, step] of acknowledged) check(found.get(name), step);
      // Those of lives before must stay as they were found, too.
      for (const [name, { lastSeenMs }] of found) acknowledged.set(name, lastSeenMs);
    }
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  }
});
