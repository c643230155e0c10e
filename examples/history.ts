/**
 * A broker that keeps messages: what a component missed, and what was there before, as far back as is asked for.
 *
 *     deno run --allow-net --allow-read --allow-write examples/history.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component, type From, LAST_RECEIVED } from "../mod.ts";

const dir = await Deno.makeTempDir({ prefix: "rembus-example-" });
try {
  await using bus = await broker({ port: 0, dir, memory: false });
  await using sensor = await component(`${bus.url}/sensor`);

  // Acknowledged with QoS 1 is on the disk.
  const measure = (temperature: number) =>
    sensor.with({ qos: 1 }).publish("s1/telemetry", { temperature });

  /** Connects as `panel`, prints until a reading comes, and leaves. */
  const visit = async (last: number) => {
    await using panel = await component(`${bus.url}/panel`);
    const done = Promise.withResolvers<void>();
    await panel.subscribe("*/telemetry", (topic: string, reading: { temperature: number }) => {
      console.log(`panel got ${topic}:`, reading);
      if (reading.temperature === last) done.resolve();
    }, { from: LAST_RECEIVED });
    await panel.reactive(); // "everything is set up: send what I missed"
    await done.promise;
    await panel.unreactive(); // "send me no more": what was handled is acknowledged when this returns
  };

  await measure(20);
  await visit(20);
  console.log("panel is away");
  await measure(21);
  await measure(22);
  await visit(22); // 20 does not come again

  // Anybody may ask for the past, also without a name; the loop goes on with what comes.
  const count = async (from: From, last: number) => {
    await using reader = await component(bus.url ?? "");
    const temperatures: unknown[] = [];
    for await (const { data } of reader.messages("**", { from })) {
      const { temperature } = data as { temperature: number };
      temperatures.push(temperature);
      if (temperature === last) break; // ends the subscription
    }
    return temperatures;
  };
  console.log("from the first on:", await count("first", 22));
  console.log("of the last hour:", await count("-1h", 22));
  console.log("the last of each topic:", await count("last", 22));
  console.log("from offset 2 on:", await count({ offset: 2 }, 22));
} finally {
  await Deno.remove(dir, { recursive: true });
}
