import { assert, assertEquals, assertRejects } from "@std/assert";
import { LinkError } from "../../src/link/link_error.ts";
import { component } from "../../src/node/component.ts";
import { denoDial } from "../../src/node/dial.ts";
import { eventually } from "../helpers/eventually.ts";

/** What dialling a port that nobody listens on says. */
async function failure(scheme: string): Promise<LinkError> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const dial = denoDial();
  return await assertRejects(
    () => dial(`${scheme}://127.0.0.1:${port}/`, new AbortController().signal),
    LinkError,
  );
}

Deno.test("denoDial() dials ws: with our own dialler", async () => {
  // It passes on what the operating system said.
  assert((await failure("ws")).cause instanceof Deno.errors.ConnectionRefused);
});

Deno.test("denoDial() dials wss: with our own dialler too", async () => {
  assert((await failure("wss")).cause instanceof Deno.errors.ConnectionRefused);
});

// What handlers did at once must be over before more is handed to them: a component drops messages of QoS 0
// while 1,024 handlers are running, and one read brings more small messages than that.
Deno.test("component() takes a burst of small messages whose handlers are quick", async () => {
  await using bro = await component(null, { port: 0 });
  await using meter = await component(`${bro.url}/meter`);
  await using panel = await component(`${bro.url}/panel`);
  const received: number[] = [];
  await panel.subscribe("a", (value: number) => void received.push(value));
  const sent = Array.from({ length: 10_000 }, (_, i) => i);
  await Promise.all(sent.map((i) => meter.publish("a", i)));
  await eventually(() => assertEquals(received.length, sent.length));
  assertEquals(received, sent);
});
