import { assertEquals, assertThrows } from "@std/assert";
import { RateGate } from "../../../src/broker/rate_gate.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

Deno.test("take() never pauses without a limit", () => {
  const gate = new RateGate({}, new ManualClock());
  for (let i = 0; i < 1_000; i++) assertEquals(gate.take(60 * 1024 * 1024), 0);
});

Deno.test("take() lets one second's worth of messages pass at once", async () => {
  const clock = new ManualClock();
  const gate = new RateGate({ messages: 10 }, clock);
  for (let i = 0; i < 10; i++) assertEquals(gate.take(0), 0);
  assertEquals(gate.take(0), 100);
  assertEquals(gate.take(0), 200, "what came while reading stopped is added");
  await clock.advance(200);
  assertEquals(gate.take(0), 100);
});

Deno.test("take() saves up no more than one second's worth", async () => {
  const clock = new ManualClock();
  const gate = new RateGate({ messages: 10 }, clock);
  await clock.advance(3_600_000);
  for (let i = 0; i < 10; i++) assertEquals(gate.take(0), 0);
  assertEquals(gate.take(0), 100);
});

Deno.test("take() pauses for the bytes of a message larger than the limit", async () => {
  const clock = new ManualClock();
  const gate = new RateGate({ bytes: 1_000 }, clock);
  assertEquals(gate.take(5_000), 4_000);
  await clock.advance(4_000);
  assertEquals(gate.take(1), 1);
});

Deno.test("take() obeys the stricter of two limits", () => {
  const gate = new RateGate({ messages: 1, bytes: 100 }, new ManualClock());
  assertEquals(gate.take(1), 0);
  assertEquals(gate.take(1), 1_000);
  assertEquals(gate.take(598), 5_000);
});

Deno.test("take() holds a component that obeys to the rate over a long time", async () => {
  const clock = new ManualClock();
  const gate = new RateGate({ messages: 50 }, clock);
  let taken = 0;
  while (clock.now() < 100_000) {
    taken++;
    await clock.advance(gate.take(10));
  }
  assertEquals(taken >= 5_000 && taken <= 5_052, true, `${taken} messages in 100 s`);
});

Deno.test("RateGate refuses a limit that lets nothing pass", () => {
  for (const limit of [{ messages: 0 }, { bytes: -1 }, { bytes: NaN }]) {
    assertThrows(() => new RateGate(limit, new ManualClock()), RangeError, "must be > 0");
  }
});
