import { assert, assertEquals } from "@std/assert";
import { recvTime, Sequence } from "../../../src/broker/sequence.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

Deno.test("next() numbers messages without a gap, from the time of day", () => {
  const clock = new ManualClock();
  const sequence = new Sequence(clock);
  const first = sequence.next().offset;
  assertEquals(first, clock.wallMs() * 1_024 + 1);
  assertEquals([sequence.next().offset, sequence.next().offset], [first + 1, first + 2]);
  assert(Number.isSafeInteger(first));
});

Deno.test("next() begins behind all offsets of a run that ended before", async () => {
  const clock = new ManualClock();
  const before = new Sequence(clock);
  let last = 0;
  for (let n = 0; n < 1_000; n++) last = before.next().offset;
  await clock.advance(1);
  assert(new Sequence(clock).next().offset > last);
});

Deno.test("recvTime() never repeats within a millisecond, and follows the clock", async () => {
  const clock = new ManualClock();
  const sequence = new Sequence(clock);
  const times = [recvTime(sequence.next()), recvTime(sequence.next())];
  await clock.advance(2);
  times.push(recvTime(sequence.next()));
  const start = BigInt(clock.wallMs() - 2) * 1_000_000n;
  assertEquals(times, [start, start + 1n, start + 2_000_000n]);
});

Deno.test("recvTime() goes on when the wall clock steps back", () => {
  let wall = 1_000;
  const sequence = new Sequence({
    now: () => 0,
    wallMs: () => wall,
    setTimer: () => ({ cancel() {} }),
  });
  const before = recvTime(sequence.next());
  wall = 10;
  assertEquals(recvTime(sequence.next()), before + 1n);
});
