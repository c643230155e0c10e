import { assertEquals } from "@std/assert";
import { KeepAlive } from "../../../src/link/ws_keep_alive.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

function watching(intervalMs: number): { clock: ManualClock; alive: KeepAlive; events: string[] } {
  const clock = new ManualClock();
  const events: string[] = [];
  const alive = new KeepAlive({
    clock,
    intervalMs,
    ping: () => events.push(`ping ${clock.now()}`),
    onSilent: () => events.push(`silent ${clock.now()}`),
  });
  alive.start();
  return { clock, alive, events };
}

Deno.test("a peer that answers is pinged for ever", async () => {
  const { clock, alive, events } = watching(30_000);
  for (let i = 0; i < 10; i++) {
    await clock.advance(30_000);
    alive.heard();
  }
  assertEquals(events, Array.from({ length: 10 }, (_, i) => `ping ${(i + 1) * 30_000}`));
  alive.stop();
  assertEquals(clock.pending, 0);
});

Deno.test("a peer that is silent for the pause and 20 s is reported, once", async () => {
  const { clock, events } = watching(30_000);
  await clock.advance(49_999);
  assertEquals(events, ["ping 30000"]);
  await clock.advance(1);
  assertEquals(events, ["ping 30000", "silent 50000"]);
  await clock.advance(1_000_000);
  assertEquals([events.length, clock.pending], [2, 0]);
});

Deno.test("short pauses give a silent peer as much time for its pong", async () => {
  const { clock, events } = watching(5_000);
  await clock.advance(30_000);
  assertEquals(events, [5, 10, 15, 20].map((s) => `ping ${s * 1_000}`).concat("silent 25000"));
});

Deno.test("anything that comes is a sign of life", async () => {
  const { clock, alive, events } = watching(30_000);
  await clock.advance(49_000);
  alive.heard();
  await clock.advance(49_999);
  assertEquals(events.filter((event) => event.startsWith("silent")), []);
  await clock.advance(1);
  assertEquals(events.at(-1), "silent 99000");
});

Deno.test("a pause of 0 sends no ping and reports nobody", async () => {
  const { clock, events } = watching(0);
  await clock.advance(1_000_000);
  assertEquals([events.length, clock.pending], [0, 0]);
});

Deno.test("start() counts the peer as heard", async () => {
  const { clock, alive, events } = watching(30_000);
  await clock.advance(40_000);
  alive.stop();
  await clock.advance(1_000_000);
  alive.start();
  await clock.advance(49_999);
  assertEquals(events, ["ping 30000", "ping 1070000"]);
  alive.stop();
});
