/**
 * Keys, private topics, and a question about the rules. Two components register with the PIN of their tenant and
 * prove their names; the admin lets one of them use a topic.
 *
 *     deno run --allow-net examples/keys.ts
 */
// deno-lint-ignore-file no-console -- an example talks to whoever runs it
import { broker, component, memoryKeys, register } from "../mod.ts";

const PIN = "11223344";
await using bus = await broker({
  port: 0,
  admins: ["root"],
  tenants: [{ tenant: ".", secret: PIN }],
});

// In a program, keys are kept in <dir>/<name>/.secret unless it says otherwise.
const keys = memoryKeys();
const enter = async (name: string) => {
  await register(`${bus.url}/${name}`, PIN, { keys, scheme: "ecdsa" });
  return await component(`${bus.url}/${name}`, { keys });
};

await using root = await enter("root");
await using meter = await enter("meter");
await using guest = await component(`${bus.url}/guest`);

await root.authorize("meter", "plant/*");
await bus.subscribe("plant/*", (topic, value) => console.log(topic, value));
await meter.with({ qos: 1 }).publish("plant/pressure", 980);
try {
  await guest.with({ qos: 1 }).publish("plant/pressure", 0);
} catch (error) {
  console.log("guest:", error instanceof Error ? error.message : error);
}
console.log(
  await root.admin("why", undefined, {
    cid: "guest",
    action: "publish",
    topic: "plant/pressure",
  }),
);
