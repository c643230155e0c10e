import { assertEquals } from "@std/assert";
import { waitUntil } from "../../../src/peer/wait.ts";
import { ManualClock, settle } from "../../helpers/manual_clock.ts";

const never = new Promise<void>(() => {});

Deno.test("waitUntil() resolves when the node was closed", async () => {
  const clock = new ManualClock();
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = waitUntil(promise, clock, { timeoutMs: 10 });
  resolve();
  await waiting;
  assertEquals(clock.pending, 0);
});

Deno.test("waitUntil() resolves after its time, not before", async () => {
  const clock = new ManualClock();
  let over = false;
  const waiting = waitUntil(never, clock, { timeoutMs: 10 }).then(() => over = true);
  await clock.advance(9);
  assertEquals(over, false);
  await clock.advance(1);
  await waiting;
});

Deno.test("waitUntil() resolves when its signal is aborted, also before it began", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = waitUntil(never, clock, { timeoutMs: 10, signal });
  await settle();
  controller.abort();
  await waiting;
  await waitUntil(never, clock, { timeoutMs: 10, signal });
  assertEquals(clock.pending, 0);
});
