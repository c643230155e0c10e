import { assertEquals, assertThrows } from "@std/assert";
import { assertTopic, registrationOf } from "../../../src/peer/registration.ts";
import type { Handler, SubscribeOptions } from "../../../src/peer/api.ts";

function named(): void {}

function read(...args: readonly unknown[]) {
  return registrationOf<SubscribeOptions>(
    "subscribe",
    args as unknown as readonly [topic: string, handler: Handler],
  );
}

Deno.test("registrationOf() takes the topic in front, or the name of the function", () => {
  const options = { from: 5 };
  assertEquals(read("t", named, options), { topic: "t", handler: named, options });
  assertEquals(read("t", named), { topic: "t", handler: named, options: {} });
  assertEquals(read(named, options), { topic: "named", handler: named, options });
  assertEquals(read(named), { topic: "named", handler: named, options: {} });
});

Deno.test("registrationOf() throws TypeError for what cannot be registered", () => {
  assertThrows(() => read(() => {}), TypeError, "a function without a name");
  assertThrows(() => read("t"), TypeError, "expected a function, got undefined");
  assertThrows(() => read("t", 5), TypeError, "expected a function, got number");
  assertThrows(() => read("", named), TypeError);
  assertThrows(() => read("__gap__", named), TypeError, "reserved");
});

Deno.test("assertTopic() throws TypeError for a topic that breaks the rules", () => {
  for (const good of ["t", "a/b", "*/x", "_x", "a".repeat(1_024)]) assertTopic(good);
  for (const bad of ["", "__x", "a".repeat(1_025), "/".repeat(64)]) {
    assertThrows(() => assertTopic(bad), TypeError, "Cannot use topic");
  }
});
