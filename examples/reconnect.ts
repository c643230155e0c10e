/**
 * A component outlives its broker: subscriptions and services are announced again before it reports ready.
 *
 *     deno run --allow-net examples/reconnect.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component } from "../mod.ts";

const first = await broker({ port: 0, name: "first" });
await using panel = await component(`${first.url}/panel`);
const events = panel.events();
await panel.subscribe("news", (text: string) => console.log(`news: ${text}`));
await panel.expose("ready", () => true);

await first.close();
await using second = await broker({ port: first.port, name: "second" });
for await (const event of events) {
  console.log(`event: ${event.type}`);
  if (event.type === "connected") break;
}
await second.publish("news", "the broker is back");
console.log("ready:", await second.rpc("ready"), "at", await panel.rpc("rid"));
