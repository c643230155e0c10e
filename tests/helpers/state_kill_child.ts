/**
 * Changes the state in a file until it is killed, and tells what is acknowledged.
 *
 *     deno run state_kill_child.ts <file> <life>
 *
 * Components of this life subscribe, expose and are served, a few at a time. A line for each acknowledged step goes to
 * standard output: the component, and how many steps of it are stored.
 */
import type { StateStore } from "../../src/broker/state_store.ts";
import { openStateStore } from "../../src/state/open_state_store.ts";

const COMPONENTS = 4;

const encoder = new TextEncoder();

/** Step n leaves topics 1 to n, the newest served up to n, and one of two services. */
async function change(state: StateStore, name: string): Promise<never> {
  for (let step = 1;; step++) {
    const topic = `topic ${step}`;
    state.put({ kind: "seen", name, atMs: step });
    state.put({
      kind: "subscribed",
      name,
      subscription: { topic, msgFrom: Infinity, mark: 0, seen: null, until: null },
    });
    state.put({ kind: "served", name, topic, mark: step, seen: step, until: null });
    state.put({ kind: "exposed", name, topic: `service ${step % 2}` });
    state.put({ kind: "unexposed", name, topic: `service ${(step + 1) % 2}` });
    await state.committed();
    // At once and whole: what is not written yet when the process dies was acknowledged to nobody.
    Deno.stdout.writeSync(encoder.encode(`${name} ${step}\n`));
  }
}

if (import.meta.main) {
  const [path = "", life = ""] = Deno.args;
  const state = openStateStore({ path });
  await Promise.all(
    Array.from({ length: COMPONENTS }, (_, i) => change(state, `life${life}-${i}`)),
  );
}
