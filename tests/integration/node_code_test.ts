// Code on a component that opted in, through the doors that users have.
import { assertEquals, assertRejects } from "@std/assert";
import { MemoryKeys } from "../../broker.ts";
import { memoryKeys } from "../../client.ts";
import { broker, component, MethodNotFoundError, RembusError } from "../../mod.ts";

const SECRET = new TextEncoder().encode("correct horse");

Deno.test("an admin installs code on a component that opted in, and nobody else does", async () => {
  const dir = await Deno.makeTempDir({ prefix: "rembus-code-" });
  try {
    const keys = new MemoryKeys([["root", { kind: "secret", bytes: SECRET }]]);
    await using bus = await broker({ port: 0, keys, admins: ["root"] });
    await using worker = await component(`${bus.url}/worker`, { dir, code: true });
    await using plain = await component(`${bus.url}/plain`, { dir });
    const mine = memoryKeys();
    await mine.save("root", SECRET);
    await using root = await component(`${bus.url}/root`, { dir, keys: mine });
    const code = { name: "double", content: "export const double = (x: number) => 2 * x;" };
    await assertRejects(
      () => plain.direct("worker", "deno_service_install", code),
      RembusError,
      "unauthorized",
    );
    // Installed by direct only: never by whoever happens to expose such a service.
    await assertRejects(() => root.rpc("deno_service_install", code), MethodNotFoundError);
    await assertRejects(
      () => root.direct("plain", "deno_service_install", code),
      MethodNotFoundError,
    );
    await root.direct("worker", "deno_service_install", code);
    assertEquals(await plain.rpc("double", 21), 42);
    await root.direct("worker", "deno_service_uninstall", "double");
    await assertRejects(() => plain.rpc("double", 21), RembusError);
    assertEquals(worker.isOpen, true);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a component without a name or directory for code is told so", async () => {
  await using bus = await broker({ port: 0 });
  await assertRejects(() => component(bus.url ?? "", { code: true }), TypeError, '"code"');
});
