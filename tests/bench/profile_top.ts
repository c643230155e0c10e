/**
 * What a profile of processor time says, in few lines:
 *
 *     deno run -A tests/bench/profile_top.ts <file.cpuprofile>... [--stacks=<function>]
 *
 * For each function its own share, and its share with all that it calls. With `--stacks`, who calls that one.
 */
// deno-lint-ignore-file no-console -- a tool prints its results

/** The parts of a V8 profile that are used. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

const LINES_MAX = 40;
/** Samples in which nothing ran. */
const IDLE = new Set(["(idle)", "(program)", "(root)"]);

function report(profile: Profile, wanted: string | undefined): void {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children = [] } of profile.nodes) {
    for (const child of children) parents.set(child, id);
  }
  const nameOf = (id: number): string => {
    const { functionName, url, lineNumber } = nodes.get(id)?.callFrame ??
      { functionName: "?", url: "", lineNumber: 0 };
    const file = url.split("/").slice(-2).join("/");
    return `${functionName || "(anonymous)"} ${file === "" ? "" : `${file}:${lineNumber + 1}`}`;
  };
  const own = new Map<string, number>();
  const whole = new Map<string, number>();
  const stacks = new Map<string, number>();
  let busy = 0;
  for (const [i, sample] of profile.samples.entries()) {
    const us = profile.timeDeltas[i] ?? 0;
    const chain: string[] = [];
    for (let at: number | undefined = sample; at !== undefined; at = parents.get(at)) {
      chain.push(nameOf(at));
    }
    const [leaf = "?"] = chain;
    if (IDLE.has(leaf.trim())) continue;
    busy += us;
    add(own, leaf, us);
    for (const name of new Set(chain)) add(whole, name, us);
    if (wanted !== undefined && leaf.startsWith(wanted)) {
      add(stacks, chain.slice(0, 6).join(" < "), us);
    }
  }
  console.log(`busy ${(busy / 1e3).toFixed(0)} ms`);
  print("own", own, busy);
  print("with what it calls", whole, busy);
  if (wanted !== undefined) print(`who calls ${wanted}`, stacks, busy);
}

function add(counts: Map<string, number>, name: string, us: number): void {
  counts.set(name, (counts.get(name) ?? 0) + us);
}

function print(title: string, counts: ReadonlyMap<string, number>, busy: number): void {
  console.log(`\n${title}`);
  const sorted = [...counts].sort(([, left], [, right]) => right - left).slice(0, LINES_MAX);
  for (const [name, us] of sorted) {
    console.log(`${(us * 100 / busy).toFixed(1).padStart(6)} %  ${name}`);
  }
}

const stacks = Deno.args.find((arg) => arg.startsWith("--stacks="))?.slice("--stacks=".length);
for (const file of Deno.args.filter((arg) => !arg.startsWith("--"))) {
  console.log(`== ${file}`);
  report(JSON.parse(await Deno.readTextFile(file)), stacks);
}
