/**
 * An interceptor sees every message before the broker does: here it counts publications and refuses one topic.
 *
 *     deno run --allow-net examples/interceptor.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component, type Interceptor } from "../mod.ts";

let seen = 0;
const guard: Interceptor = {
  name: "guard",
  intercept({ from, packet }, next) {
    if (packet.type === "publish") {
      seen++;
      if (packet.topic.startsWith("debug/")) {
        console.log(`dropped ${packet.topic} of ${from.name}`);
        return;
      }
    }
    next(packet);
  },
};

await using bus = await broker({ port: 0, interceptors: [guard] });
await using sensor = await component(`${bus.url}/sensor`);
const got = Promise.withResolvers<unknown>();
await bus.subscribe("**", (topic: string, value: unknown) => got.resolve(`${topic} = ${value}`));
await sensor.publish("debug/x", 1);
await sensor.publish("level", 2);
console.log(await got.promise, `(${seen} seen)`);
