// Goal: with a log the promises hold across crashes of the broker, too: what was acknowledged is delivered to
// whoever was connected, and to whoever was away and wants what was missed; QoS 2 once.
// Method: the scenarios of tests/sim, with a log on a disk in memory that loses what was not synced.
import { assert } from "@std/assert";
import { countFromEnv } from "../helpers/mutate.ts";
import { simulate } from "./scenario.ts";

const SEEDS = countFromEnv("REMBUS_KEPT_SEEDS", 30);
/** Runs one seed alone; 0 runs all. */
const SEED = countFromEnv("REMBUS_KEPT_SEED", 0);

Deno.test(`the promises hold across crashes under ${SEED === 0 ? SEEDS : 1} seeds`, async () => {
  const sums = { owed: 0, deadLetters: 0 };
  const last = SEED === 0 ? SEEDS : SEED;
  for (let seed = SEED === 0 ? 1 : SEED; seed <= last; seed++) {
    const { broken, owed, deadLetters } = await simulate(seed, { isKept: true });
    assert(
      broken.length === 0,
      `seed ${seed} (run it again with REMBUS_KEPT_SEED=${seed}):\n  ${broken.join("\n  ")}`,
    );
    sums.owed += owed;
    sums.deadLetters += deadLetters;
  }
  assert(sums.owed > 50, `only ${sums.owed} copies were owed: it shows too little`);
  assert(sums.deadLetters <= sums.owed * 0.001, `${sums.deadLetters} deliveries were given up`);
});
