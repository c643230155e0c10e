/**
 * Everything that is proved in rounds, for hours and with new seeds: `deno task soak`
 *
 * Amounts and seeds are set where the environment does not set them, and printed, so that a run can be repeated:
 *
 *     REMBUS_SOAK_SECONDS=600 REMBUS_BROKER_KILL_SEED=17 deno task soak
 *
 * Arguments are those of `deno test`, such as `--filter`, or files in place of all.
 */
// deno-lint-ignore-file no-console -- a tool prints what it sets

/** Variable -> how much, some ten times what CI does. */
const AMOUNTS: Readonly<Record<string, number>> = {
  REMBUS_SIM_SEEDS: 50_000,
  REMBUS_KEPT_SEEDS: 20_000,
  REMBUS_FUZZ_FRAMES: 5_000_000,
  REMBUS_FUZZ_CASES: 10_000,
  REMBUS_KILL_ROUNDS: 500,
  REMBUS_LAKE_RUNS: 3_000,
  REMBUS_LAKE_KILLS: 1_000,
  REMBUS_BROKER_KILLS: 1_000,
  REMBUS_BROKER_LAKE_KILLS: 300,
  REMBUS_OFFLINE_MESSAGES: 1_000_000,
  REMBUS_SOAK_SECONDS: 3_600,
};
/** Variables that begin rounds elsewhere. */
const SEEDS: readonly string[] = [
  "REMBUS_FUZZ_SEED",
  "REMBUS_KILL_SEED",
  "REMBUS_LAKE_SEED",
  "REMBUS_BROKER_KILL_SEED",
  "REMBUS_OFFLINE_SEED",
  "REMBUS_SOAK_SEED",
];
const SEED_MAX = 1_000_000;
const SUITES: readonly string[] = [
  "tests/sim",
  "tests/fuzz",
  "tests/unit/state/kill_test.ts",
  "tests/storage",
];

const seed = (): number => 1 + Math.floor(Math.random() * SEED_MAX);
const wanted: Readonly<Record<string, number>> = {
  ...AMOUNTS,
  ...Object.fromEntries(SEEDS.map((name) => [name, seed()])),
};
const env: Record<string, string> = {};
for (const [name, value] of Object.entries(wanted)) {
  env[name] = Deno.env.get(name) ?? String(value);
  console.log(`${name}=${env[name]}`);
}
const suites = Deno.args.some((arg) => !arg.startsWith("-")) ? [] : SUITES;
const { code } = await new Deno.Command(Deno.execPath(), {
  args: ["test", "-A", ...Deno.args, ...suites],
  env,
}).spawn().status;
Deno.exit(code);
