/**
 * The whole idea in one file: a broker, three simulated sensors, a subscriber of a space and a service.
 *
 *     deno run --allow-net examples/demo.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component } from "../mod.ts";

/** Readings that each sensor publishes before the demo ends. */
const READINGS = 3;

await using bus = await broker({ port: 0 });
console.log(`broker:     listens on ${bus.url}`);

// A service: mean of a list of numbers.
await using statistics = await component(`${bus.url}/statistics`);
await statistics.expose(
  "mean",
  (values: number[]) => values.reduce((sum, x) => sum + x, 0) / values.length,
);
console.log("statistics: exposes mean");

// A subscriber of every telemetry topic: a space callback gets the topic first.
await using panel = await component(`${bus.url}/panel`);
const temperatures: number[] = [];
const all = Promise.withResolvers<void>();
await panel.subscribe("*/telemetry", (topic: string, { temperature }: { temperature: number }) => {
  console.log(`panel:      got ${temperature.toFixed(1)} C on ${topic}`);
  temperatures.push(temperature);
  if (temperatures.length === 3 * READINGS) all.resolve();
});

// Three sensors: each publishes below its own name, acknowledged.
await Promise.all(["cellar", "kitchen", "roof"].map(async (name, index) => {
  await using sensor = await component(`${bus.url}/${name}`);
  for (let reading = 0; reading < READINGS; reading++) {
    const temperature = 15 + 4 * index + Math.random();
    await sensor.with({ qos: 1 }).put("telemetry", { temperature });
    console.log(`${`${name}:`.padEnd(11)} the broker has ${temperature.toFixed(1)} C`);
  }
}));

await all.promise;
const mean = Number(await panel.rpc("mean", temperatures));
console.log(`panel:      mean of ${temperatures.length} readings is ${mean.toFixed(1)} C`);
