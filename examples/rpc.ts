/**
 * Offer a service, call it, and call one component directly; errors are typed.
 *
 *     deno run --allow-net examples/rpc.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component, MethodNotFoundError, TimeoutError } from "../mod.ts";

await using bus = await broker({ port: 0 });
await using server = await component(`${bus.url}/server`);
await using client = await component(`${bus.url}/client`);

await server.expose(function add(x: number, y: number): number {
  return x + y;
});
await server.expose("never", () => new Promise(() => {}));

console.log("add:", await client.rpc("add", 1, 2));
console.log("direct:", await client.direct("server", "add", 3, 4));

try {
  await client.rpc("subtract", 1, 2);
} catch (error) {
  if (error instanceof MethodNotFoundError) console.log(`nobody exposes ${error.topic}`);
}
try {
  await client.with({ timeoutMs: 100 }).rpc("never");
} catch (error) {
  if (error instanceof TimeoutError) console.log("too slow");
}
