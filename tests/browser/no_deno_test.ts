import { assertEquals } from "@std/assert";
import { runCli } from "../integration/cli_process.ts";
import { startOurBroker } from "../interop/our_broker.ts";

const CLIENT = new URL("../../client.ts", import.meta.url).href;

/** Takes away what no browser has, before the module is loaded. */
function script(url: string): string {
  return `
for (const name of ["Deno", "process", "Buffer", "global", "setImmediate"]) {
  delete globalThis[name];
  if (name in globalThis) throw new Error(name + " is still there");
}
const { component } = await import("${CLIENT}");
const node = await component("${url}/bare");
await node.expose("double", (x) => 2 * x);
console.log(await node.rpc("double", 21), await node.rpc("rid"));
await node.close();
`;
}

Deno.test("client.ts loads and works without Deno, process or Buffer", async () => {
  await using ours = await startOurBroker();
  const end = await runCli([], { flags: ["--allow-net"], script: script(ours.url) });
  assertEquals(end, { code: 0, stdout: ["42 broker"], stderr: [] });
});
