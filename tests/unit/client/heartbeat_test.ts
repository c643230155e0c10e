import { assertEquals } from "@std/assert";
import { Heartbeat } from "../../../src/client/heartbeat.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

function start(intervalMs = 30_000) {
  const clock = new ManualClock();
  const events: string[] = [];
  const heartbeat = new Heartbeat({
    clock,
    intervalMs,
    timeoutMs: 10_000,
    probe: () => void events.push(`probe ${clock.now()}`),
    onDead: () => void events.push(`dead ${clock.now()}`),
  });
  return { clock, events, heartbeat };
}

Deno.test("Heartbeat asks after silence, and declares the peer dead when it stays silent", async () => {
  const { clock, events } = start();
  await clock.advance(29_999);
  assertEquals(events, []);
  await clock.advance(1);
  assertEquals(events, ["probe 30000"]);
  await clock.advance(9_999);
  assertEquals(events.length, 1);
  await clock.advance(1);
  assertEquals(events, ["probe 30000", "dead 40000"]);
  assertEquals(clock.pending, 0);
});

Deno.test("Heartbeat takes anything that came as a sign of life", async () => {
  const { clock, events, heartbeat } = start();
  await clock.advance(20_000);
  heartbeat.heard();
  await clock.advance(29_999);
  assertEquals(events, []);
  await clock.advance(1);
  assertEquals(events, ["probe 50000"]);
  await clock.advance(5_000);
  heartbeat.heard();
  await clock.advance(29_999);
  assertEquals(events, ["probe 50000"]);
  await clock.advance(1);
  assertEquals(events, ["probe 50000", "probe 85000"]);
  heartbeat.stop();
});

Deno.test("Heartbeat is silent when it is stopped, or was never wanted", async () => {
  const stopped = start();
  await stopped.clock.advance(30_000);
  stopped.heartbeat.stop();
  await stopped.clock.advance(100_000);
  assertEquals(stopped.events, ["probe 30000"]);
  const never = start(0);
  await never.clock.advance(100_000);
  assertEquals([never.events, never.clock.pending], [[], 0]);
});
