/**
 * A topic space: one subscription for many topics, as an async iterator.
 *
 *     deno run --allow-net examples/space.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component } from "../mod.ts";

await using bus = await broker({ port: 0 });
await using panel = await component(`${bus.url}/panel`);
await using sensor = await component(`${bus.url}/sensor`);

// `*` is one level, `**` any number of them.
const messages = panel.messages("*/telemetry");
await panel.reactive(); // answered after the subscription: nothing below is missed

for (const name of ["dn1", "dn2", "dn3"]) {
  await sensor.publish(`${name}/telemetry`, { temperature: 20 + Number(name.slice(2)) });
}

let seen = 0;
for await (const { topic, data } of messages) {
  console.log(topic, data);
  if (++seen === 3) break; // ends the subscription
}
