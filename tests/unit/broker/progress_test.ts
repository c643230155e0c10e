import { assert, assertEquals } from "@std/assert";
import { Progress, servedAtStart, servedFrom } from "../../../src/broker/progress.ts";

/** A subscription that wants only what comes, open and live from `next` on. */
function live(next: number): Progress {
  const progress = new Progress(servedFrom(next - 1));
  progress.attach(next);
  progress.open();
  progress.goLive();
  return progress;
}

Deno.test("route() gives a live subscription what comes, and nothing that was read", () => {
  const progress = live(10);
  assertEquals([9, 10, 11].map((offset) => progress.route(offset)), ["skip", "give", "give"]);
  assertEquals(progress.routeQos0(9), "give");
});

Deno.test("route() holds what comes while a subscription joins, and skips it while it is behind", () => {
  const progress = new Progress(servedFrom(0));
  progress.start = { kind: "unreceived" };
  assertEquals([progress.route(5), progress.routeQos0(5)], ["skip", "skip"]);
  progress.open();
  progress.beginAt(1, false);
  assertEquals([progress.route(5), progress.routeQos0(5)], ["skip", "skip"]);
  progress.join(5);
  assertEquals([4, 5].map((offset) => progress.route(offset)), ["skip", "hold"]);
  assertEquals(progress.routeQos0(5), "hold");
  progress.unjoin();
  assertEquals(progress.route(5), "skip");
});

Deno.test("served() is the mark before the first message that has not arrived", () => {
  const progress = live(10);
  assertEquals(progress.served(12), { mark: 12, seen: null, until: null });
  for (const offset of [13, 14, 15]) progress.sent(offset);
  progress.done(14, 1);
  assertEquals(progress.served(15).mark, 12);
  progress.done(13, 1);
  assertEquals(progress.served(15).mark, 14);
  progress.done(15, 1);
  assertEquals(progress.served(15).mark, 15);
});

Deno.test("close() remembers what was on its way, and attach() leaves out what came while it was away", () => {
  const progress = live(10);
  progress.sent(11);
  progress.close({ next: 13, dispatched: 12 });
  assertEquals(progress.served(20), { mark: 10, seen: 12, until: 12 });
  progress.attach(20);
  progress.open();
  const wanted = [10, 11, 12, 13, 19, 20].filter((offset) => progress.wants(offset, 1));
  assertEquals(wanted, [11, 12, 20]);
  assert(!progress.wants(11, 0), "QoS 0 is never resumed");
});

Deno.test("attach() begins with what comes when nothing was on its way", () => {
  const progress = live(10);
  progress.close({ next: 13, dispatched: 12 });
  progress.attach(20);
  assertEquals(progress.next, 20);
});

Deno.test("a subscription that wants what it missed reads QoS 0 behind what it has seen", () => {
  const progress = new Progress({ mark: 10, seen: 12, until: 12 });
  progress.start = { kind: "unreceived" };
  progress.open();
  progress.beginAt(11, false);
  assertEquals([11, 12, 13].map((offset) => progress.wants(offset, 0)), [false, false, true]);
  assertEquals([11, 12, 13].map((offset) => progress.wants(offset, 1)), [true, true, true]);
  progress.done(13, 0);
  assertEquals(progress.served(99).seen, 13);
});

Deno.test("what is about to be handed out counts as seen after a crash, and not in this life", () => {
  const progress = new Progress(servedFrom(0));
  progress.start = { kind: "unreceived" };
  progress.open();
  progress.beginAt(1, false);
  assert(!progress.mayHandOut(50));
  progress.willHandOut(50);
  assertEquals(progress.served(99).seen, 50);
  progress.willHandOut(Infinity);
  assertEquals(progress.served(99).seen, null);
  progress.close({ next: 60, dispatched: 59 });
  assertEquals(progress.served(99), { mark: 0, seen: 0, until: 59 });
});

Deno.test("fallBehind() reads on where the outbox was full, without QoS 0", () => {
  const progress = live(10);
  progress.fallBehind(15);
  assertEquals([14, 15, 16].map((offset) => progress.wants(offset, 2)), [false, true, true]);
  assert(!progress.wants(16, 0));
  assertEquals(progress.routeQos0(17), "give");
  progress.advance(18);
  progress.join(18);
  progress.goLive();
  assertEquals([17, 18].map((offset) => progress.route(offset)), ["skip", "give"]);
});

Deno.test("rewind() forgets what was served, once the place is known", () => {
  const progress = live(10);
  progress.rewind({ kind: "offset", offset: 3 }, { next: 20, dispatched: 19 });
  assertEquals(progress.phase, "closed");
  progress.open();
  progress.beginAt(3, true);
  assert(progress.wants(3, 0) && progress.wants(3, 1) && !progress.wants(2, 1));
});

Deno.test("closeUnopened() keeps for the next session what came for one that never said anything", () => {
  const progress = new Progress(servedFrom(9));
  progress.attach(20);
  progress.closeUnopened(25);
  progress.attach(30);
  progress.open();
  assertEquals([19, 20, 24, 25, 30].map((offset) => progress.wants(offset, 1)), [
    false,
    true,
    true,
    false,
    true,
  ]);
});

Deno.test("servedAtStart() gives one that was connected at a crash a right to all that came", () => {
  const remembered = { topic: "t", msgFrom: 0, mark: 5, seen: null, until: null };
  assertEquals(servedAtStart(remembered, 9), { mark: 5, seen: 9, until: 9 });
  assertEquals(servedAtStart({ ...remembered, mark: 99 }, 9).mark, 9);
  const away = { ...remembered, seen: 4, until: 6 };
  assertEquals(servedAtStart(away, 9), { mark: 5, seen: 4, until: 6 });
});
