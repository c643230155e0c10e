import { assertEquals } from "@std/assert";
import { memoryKeys } from "../../../src/identity/memory_keys.ts";

Deno.test("memoryKeys() keeps what was saved last, and forgets what was removed", async () => {
  const keys = memoryKeys();
  assertEquals(await keys.load("alice"), null);
  await keys.remove("alice");
  await keys.save("alice", Uint8Array.of(1));
  await keys.save("__proto__", Uint8Array.of(3));
  await keys.save("alice", Uint8Array.of(2));
  assertEquals(await keys.load("alice"), Uint8Array.of(2));
  assertEquals(await keys.load("__proto__"), Uint8Array.of(3));
  assertEquals(await memoryKeys().load("alice"), null);
  await keys.remove("alice");
  assertEquals(await keys.load("alice"), null);
});

Deno.test("memoryKeys() does not change with the bytes of its user", async () => {
  const keys = memoryKeys();
  const bytes = Uint8Array.of(1);
  await keys.save("alice", bytes);
  bytes[0] = 9;
  (await keys.load("alice"))?.fill(8);
  assertEquals(await keys.load("alice"), Uint8Array.of(1));
});
