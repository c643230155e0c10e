import { assert, assertEquals } from "@std/assert";
import { SYSTEM_CLOCK } from "../../../src/util/clock.ts";

Deno.test("SYSTEM_CLOCK never runs backwards and knows the time of day", () => {
  const before = SYSTEM_CLOCK.now();
  assert(SYSTEM_CLOCK.now() >= before);
  assert(Math.abs(SYSTEM_CLOCK.wallMs() - Date.now()) < 1_000);
});

Deno.test("SYSTEM_CLOCK.setTimer() fires once, and not when it was cancelled", async () => {
  const fired: string[] = [];
  SYSTEM_CLOCK.setTimer(() => fired.push("cancelled"), 1).cancel();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = SYSTEM_CLOCK.setTimer(() => {
    fired.push("due");
    resolve();
  }, 2);
  await promise;
  timer.cancel();
  assertEquals(fired, ["due"]);
});
