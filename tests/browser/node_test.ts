// Goal: `client.ts` runs in Node, which has a WebSocket of its own since version 22.
import { assertEquals } from "@std/assert";
import { isRequired, type Need, testNeeding } from "../helpers/needs.ts";
import { startOurBroker } from "../interop/our_broker.ts";
import { writeClientModules } from "./client_modules.ts";

/** The oldest version that has what the client uses: `WebSocket` and `Promise.withResolvers`. */
const NODE_MAJOR_LEAST = 22;

/** A program and its first arguments. */
type Command = readonly [program: string, ...args: string[]];

/**
 * `REMBUS_TEST_NODE`, else `node`, when it is new enough. One that was asked for by name must be. A run
 * that must cover Node takes a newer one from npm.
 */
async function nodeForTests(): Promise<Need<Command>> {
  const missing = `no Node ${NODE_MAJOR_LEAST} or newer: install it, or set REMBUS_TEST_NODE`;
  const wanted = Deno.env.get("REMBUS_TEST_NODE") || null;
  const candidates: readonly Command[] = wanted !== null
    ? [[wanted]]
    : isRequired()
    ? [["node"], ["npx", "-y", `node@${NODE_MAJOR_LEAST}`]]
    : [["node"]];
  for (const candidate of candidates) {
    if (await majorOf(candidate) >= NODE_MAJOR_LEAST) return { found: candidate, missing };
  }
  if (wanted === null) return { found: null, missing };
  throw new Error(
    `Cannot use REMBUS_TEST_NODE "${wanted}": expected Node ${NODE_MAJOR_LEAST} or newer`,
  );
}

/** The major version of a Node, 0 when it cannot be run. */
async function majorOf([program, ...args]: Command): Promise<number> {
  try {
    const { stdout } = await new Deno.Command(program, {
      args: [...args, "--version"],
      stderr: "null",
    }).output();
    return Number(/^v(\d+)\./.exec(new TextDecoder().decode(stdout))?.[1] ?? 0);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

const SCRIPT = `
import { component, MethodNotFoundError } from "./client.js";
const [url] = process.argv.slice(2);
const node = await component(url + "/node");
const received = [];
await node.subscribe("*/telemetry", (...args) => received.push(args));
await node.expose("double", (x) => 2 * x);
const other = await component(url + "/other", { encoding: "json" });
await other.with({ qos: 2 }).put("telemetry", { temperature: 21.5 });
while (received.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
const missing = await other.rpc("nobody").catch((error) => error instanceof MethodNotFoundError);
console.log(JSON.stringify([received, await other.rpc("double", 21), await node.rpc("rid"), missing]));
await Promise.all([node.close(), other.close()]);
`;

testNeeding(
  await nodeForTests(),
  "client.ts works in Node, and lets it end",
  async ([program, ...args]) => {
    await using ours = await startOurBroker();
    const directory = await Deno.makeTempDir({ prefix: "rembus-node-" });
    try {
      await writeClientModules(directory);
      await Deno.writeTextFile(`${directory}/script.js`, SCRIPT);
      const { code, stdout, stderr } = await new Deno.Command(program, {
        args: [...args, `${directory}/script.js`, ours.url],
        signal: AbortSignal.timeout(30_000),
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      assertEquals(JSON.parse(new TextDecoder().decode(stdout)), [
        [["other/telemetry", { temperature: 21.5 }]],
        42,
        "broker",
        true,
      ]);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);
