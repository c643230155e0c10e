import { assert, assertEquals } from "@std/assert";

/** Folder -> folders that it may import, besides itself (docs/ARCHITECTURE.md). */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  util: [],
  protocol: ["util"],
  link: ["util"],
  peer: ["frame", "protocol", "link", "util"],
  identity: ["protocol", "util"],
  code: ["host", "peer", "protocol", "util"],
  client: ["identity", "frame", "peer", "protocol", "link", "util"],
  broker: ["identity", "frame", "peer", "protocol", "link", "util"],
  host: ["identity", "protocol", "util"],
  log: ["protocol", "util"],
  frame: ["protocol", "util"],
  lake: ["frame", "host", "protocol", "util"],
  state: ["broker", "lake", "protocol", "util"],
  store: ["broker", "identity", "host", "lake", "log", "state", "protocol", "util"],
  node: [
    "code",
    "identity",
    "store",
    "client",
    "broker",
    "host",
    "peer",
    "protocol",
    "link",
    "util",
  ],
  cli: [
    "node",
    "code",
    "identity",
    "store",
    "state",
    "lake",
    "log",
    "frame",
    "client",
    "broker",
    "host",
    "peer",
    "protocol",
    "link",
    "util",
  ],
};

interface Module {
  readonly specifier: string;
  readonly dependencies: readonly string[];
  /** Those of them that are loaded only when they are used. */
  readonly lazy: ReadonlySet<string>;
}

/** The modules that `root` reaches, type imports included. */
async function graphOf(root: string): Promise<Module[]> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", root],
    stderr: "null",
  }).output();
  assert(success, `deno info ${root} failed`);
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: {
      specifier: string;
      dependencies?: {
        code?: { specifier: string };
        type?: { specifier: string };
        isDynamic?: boolean;
      }[];
    }[];
  };
  return modules.map(({ specifier, dependencies = [] }) => ({
    specifier,
    lazy: new Set(
      dependencies.filter(({ isDynamic }) => isDynamic === true)
        .flatMap(({ code }) => code === undefined ? [] : [code.specifier]),
    ),
    dependencies: dependencies.flatMap(({ code, type }) =>
      [code?.specifier, type?.specifier].filter((one) => one !== undefined)
    ),
  }));
}

const ROOT = new URL("../", import.meta.url).href;
const DOORS = ["mod.ts", "client.ts", "broker.ts", "datalake.ts", "cli.ts"];

function folderOf(specifier: string): string | null {
  if (!specifier.startsWith(`${ROOT}src/`)) return null;
  return specifier.slice(`${ROOT}src/`.length).split("/")[0] ?? null;
}

async function wholeGraph(): Promise<Map<string, readonly string[]>> {
  const graph = new Map<string, readonly string[]>();
  for (const door of DOORS) {
    for (const { specifier, dependencies } of await graphOf(new URL(door, ROOT).pathname)) {
      graph.set(specifier, dependencies);
    }
  }
  return graph;
}

Deno.test("imports go from a folder only to those that it may know", async () => {
  const wrong: string[] = [];
  for (const [specifier, dependencies] of await wholeGraph()) {
    const from = folderOf(specifier);
    if (from === null) continue;
    for (const dependency of dependencies) {
      const to = folderOf(dependency);
      if (to !== null && to !== from && ALLOWED[from]?.includes(to) !== true) {
        wrong.push(`${specifier.slice(ROOT.length)} -> ${dependency.slice(ROOT.length)}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("imports have no cycles, type imports included", async () => {
  const graph = await wholeGraph();
  const state = new Map<string, "open" | "done">();
  const cycles: string[] = [];
  const visit = (specifier: string, path: readonly string[]): void => {
    if (state.get(specifier) === "done" || !specifier.startsWith(ROOT)) return;
    if (state.get(specifier) === "open") {
      cycles.push([...path.slice(path.indexOf(specifier)), specifier].join(" -> "));
      return;
    }
    state.set(specifier, "open");
    for (const next of graph.get(specifier) ?? []) visit(next, [...path, specifier]);
    state.set(specifier, "done");
  };
  for (const specifier of graph.keys()) visit(specifier, []);
  assertEquals(cycles, []);
});

Deno.test("client.ts reaches no Deno API, no node: module, no broker and no native code", async () => {
  const wrong: string[] = [];
  const graph = await graphOf(new URL("client.ts", ROOT).pathname);
  for (const { specifier, dependencies, lazy } of graph) {
    for (const dependency of dependencies) {
      // The Arrow library: only who opens a data frame loads it.
      if (dependency.startsWith("npm:@uwdata/flechette@") && lazy.has(dependency)) continue;
      if (dependency.startsWith("node:") || dependency.startsWith("npm:")) wrong.push(dependency);
    }
    const folder = folderOf(specifier);
    if (
      folder !== null &&
      ["broker", "host", "node", "cli", "log", "lake", "state", "store"].includes(folder)
    ) {
      wrong.push(specifier);
    }
    if (!specifier.startsWith(ROOT)) continue;
    const text = await Deno.readTextFile(new URL(specifier));
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "");
    if (/\bDeno\s*[.[]/.test(code)) wrong.push(`${specifier} uses Deno`);
  }
  assertEquals(wrong, []);
});

Deno.test("only src/host reads the environment", async () => {
  const wrong: string[] = [];
  for (const specifier of (await wholeGraph()).keys()) {
    const folder = folderOf(specifier);
    if (folder === null || folder === "host") continue;
    if (/\bDeno\.env\b/.test(await Deno.readTextFile(new URL(specifier)))) wrong.push(specifier);
  }
  assertEquals(wrong, []);
});

/** A row of ACCEPTANCE.md: numbers, name of the test, file. */
const ACCEPTANCE_ROW = /^\| ([J\d, ]+?) +\| (.+?) +\| `(.+?)` +\|$/gm;
/** Numbers of the list that need MQTT. */
const NOT_YET = [[102, 106]] as const;

Deno.test("each number of the acceptance list has a test of the name that the table says", async () => {
  const table = await Deno.readTextFile(new URL("tests/ACCEPTANCE.md", ROOT));
  const covered = new Set<number>();
  const missing: string[] = [];
  for (const [, numbers = "", name = "", file = ""] of table.matchAll(ACCEPTANCE_ROW)) {
    for (const number of numbers.split(",")) covered.add(Number(number));
    const source = await Deno.readTextFile(new URL(file, ROOT));
    if (!source.includes(name)) missing.push(`${numbers}: ${name} in ${file}`);
  }
  for (let number = 1; number <= 106; number++) {
    const isLater = NOT_YET.some(([first, last]) => number >= first && number <= last);
    if (isLater === covered.has(number)) missing.push(`row ${number}`);
  }
  assertEquals(missing, []);
});
