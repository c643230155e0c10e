/**
 * Publish and subscribe, at each quality of service.
 *
 *     deno run --allow-net examples/publish.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component, QoS } from "../mod.ts";

await using bus = await broker({ port: 0 });
await using panel = await component(`${bus.url}/panel`);
await using sensor = await component(`${bus.url}/sensor`);

const done = Promise.withResolvers<void>();
await panel.subscribe("alarm", (text: string, level: string) => {
  console.log(`${level}: ${text}`);
  if (text === "fire") done.resolve();
});

await sensor.publish("alarm", "battery low", "WARNING"); // at most once
await sensor.with({ qos: QoS.ONE }).publish("alarm", "door open", "WARNING"); // at least once
await sensor.with({ qos: QoS.TWO }).publish("alarm", "fire", "CRITICAL"); // exactly once per message id
await done.promise;
