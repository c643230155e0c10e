/**
 * Data at rest: log, tables and history of a broker in a process of its own; the load comes from this process.
 *
 *     deno run -A tests/bench/storage_bench.ts [--quick] [--profile=<directory>] [part]...
 *
 * Parts: compare, ingest, frame, filled; all without one, as `deno task bench` runs them. What is compared is
 * measured alternately within this run: only such ratios mean something on a machine that others use, too.
 * With `--profile` each broker leaves a profile of its processor time (see profile_top.ts).
 */
// deno-lint-ignore-file no-console -- a tool prints its results
import { columns } from "../../src/cli/help.ts";
import { compareWithMemory } from "./storage_compare.ts";
import { measureFilledLog } from "./storage_filled.ts";
import { measureFrame, measureIngest } from "./storage_tables.ts";

/** How much of everything. */
export interface StorageAmounts {
  /** How often each comparison is repeated; the middle of all is printed. */
  readonly rounds: number;
  /** Length of one measurement of acknowledgements, in milliseconds. */
  readonly acknowledgeMs: number;
  /** Deliveries of one measurement of QoS 0, and five times those of QoS 1. */
  readonly deliveries: number;
  /** How long tables are filled, in milliseconds. */
  readonly ingestMs: number;
  /** Rows of the data frame. */
  readonly frameRows: number;
  /** Messages that are logged before a broker starts. */
  readonly logged: number;
  /** How many of them are read again, of each quality of service. */
  readonly replayed: number;
}

/** How the parts are run. */
export interface StorageRun {
  readonly amounts: StorageAmounts;
  /** Directory for profiles. */
  readonly profile: string | undefined;
  /** Prints what was measured under a title. */
  readonly print: (title: string, rows: readonly (readonly [string, string])[]) => void;
}

/** Some minutes. */
export const STORAGE_FULL: StorageAmounts = {
  rounds: 5,
  acknowledgeMs: 3_000,
  deliveries: 300_000,
  ingestMs: 30_000,
  frameRows: 1_000_000,
  logged: 10_000_000,
  replayed: 1_000_000,
};
/** Less than a minute. */
export const STORAGE_QUICK: StorageAmounts = {
  rounds: 3,
  acknowledgeMs: 500,
  deliveries: 20_000,
  ingestMs: 4_000,
  frameRows: 1_000_000,
  logged: 1_000_000,
  replayed: 50_000,
};

/** Part -> what it measures; each tells what was not as it must be. */
const PARTS: Readonly<Record<string, (run: StorageRun) => Promise<readonly string[]>>> = {
  compare: compareWithMemory,
  ingest: measureIngest,
  frame: measureFrame,
  filled: measureFilledLog,
};

/** Runs parts, all unless some are named, and prints what they measure. Gives what was not as it must be. */
export async function benchStorage(
  amounts: StorageAmounts,
  { parts = [], profile }: {
    readonly parts?: readonly string[];
    readonly profile?: string | undefined;
  } = {},
): Promise<readonly string[]> {
  const print: StorageRun["print"] = (title, rows) =>
    console.log([title, ...columns(rows)].join("\n"));
  const problems: string[] = [];
  for (const [name, part] of Object.entries(PARTS)) {
    if (parts.length > 0 && !parts.includes(name)) continue;
    problems.push(...await part({ amounts, profile, print }));
  }
  return problems;
}

if (import.meta.main) {
  const { args } = Deno;
  const problems = await benchStorage(args.includes("--quick") ? STORAGE_QUICK : STORAGE_FULL, {
    parts: args.filter((arg) => !arg.startsWith("--")),
    profile: args.find((arg) => arg.startsWith("--profile="))?.slice("--profile=".length),
  });
  for (const problem of problems) console.log(problem);
  Deno.exit(problems.length === 0 ? 0 : 1);
}
