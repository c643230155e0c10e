import { assertEquals, assertThrows } from "@std/assert";
import { type Listener, Reach, type WireFrom } from "../../../src/client/reach.ts";
import type { HistoryFrom } from "../../../src/peer/history_from.ts";
import { RembusError } from "../../../src/protocol/errors.ts";

const NOW_MS = 1_790_000_000_000;
const NOW_NS = 1_790_000_000_000_000_000n;
const HOUR_NS = 3_600_000_000_000;

const NAMED: Listener = { topic: "t", isNamed: true, hasHistory: true, nowMs: NOW_MS };
const ANONYMOUS: Listener = { ...NAMED, isNamed: false };
const FORGETFUL: Listener = { ...NAMED, hasHistory: false };
const NOBODY: Listener = { ...ANONYMOUS, hasHistory: false };

const NOW: HistoryFrom = { kind: "now" };
const UNRECEIVED: HistoryFrom = { kind: "unreceived" };
const HOUR: HistoryFrom = { kind: "window", ns: HOUR_NS };
const MINUTE: HistoryFrom = { kind: "window", ns: HOUR_NS / 60 };
const FIRST: HistoryFrom = { kind: "offset", offset: 1 };
const SEVENTH: HistoryFrom = { kind: "offset", offset: 7 };
const HOUR_AGO: HistoryFrom = { kind: "time", timeNs: NOW_NS - BigInt(HOUR_NS) };
const LAST: HistoryFrom = { kind: "last" };

const since = (ns: number): WireFrom => ({
  msg_from: Infinity,
  from: { time: NOW_NS - BigInt(ns) },
});

/** For a component with a name, for one without; then the same where the broker has no history. */
const FIRST_TIME: readonly (readonly [HistoryFrom, ...(WireFrom | string)[]])[] = [
  [NOW, { msg_from: 0 }, { msg_from: 0 }, { msg_from: 0 }, { msg_from: 0 }],
  [
    UNRECEIVED,
    { msg_from: Infinity },
    { msg_from: Infinity },
    { msg_from: Infinity },
    { msg_from: Infinity },
  ],
  [HOUR, { msg_from: HOUR_NS }, since(HOUR_NS), { msg_from: HOUR_NS }, "without a name"],
  [
    FIRST,
    { msg_from: Infinity, from: { offset: 1 } },
    { msg_from: Infinity, from: { offset: 1 } },
    { msg_from: Infinity },
    "without a name",
  ],
  [
    SEVENTH,
    { msg_from: Infinity, from: { offset: 7 } },
    { msg_from: Infinity, from: { offset: 7 } },
    "by offset",
    "without a name",
  ],
  [HOUR_AGO, since(HOUR_NS), since(HOUR_NS), { msg_from: HOUR_NS }, "without a name"],
  [
    LAST,
    { msg_from: Infinity, from: "last" },
    { msg_from: Infinity, from: "last" },
    "no last messages",
    "without a name",
  ],
];

for (const [from, ...forms] of FIRST_TIME) {
  Deno.test(`announcement() of ${from.kind} depends on name and broker`, () => {
    for (const [index, listener] of [NAMED, ANONYMOUS, FORGETFUL, NOBODY].entries()) {
      const wanted = forms[index];
      const reach = new Reach(from, NOW_MS);
      if (typeof wanted !== "string") assertEquals(reach.announcement(listener), wanted);
      else assertThrows(() => reach.announcement(listener), RembusError, wanted);
    }
  });
}

Deno.test("announcement() to a broker without history of a time to come is of nothing stored", () => {
  const reach = new Reach({ kind: "time", timeNs: NOW_NS + 1n }, NOW_MS);
  assertEquals(reach.announcement(FORGETFUL), { msg_from: 0 });
});

Deno.test("announcement() of a window keeps the time that was meant when it was asked for", () => {
  const reach = new Reach(HOUR, NOW_MS);
  assertEquals(reach.announcement({ ...ANONYMOUS, nowMs: NOW_MS + 60_000 }), since(HOUR_NS));
  assertEquals(new Reach({ kind: "window", ns: 1e19 }, NOW_MS).announcement(ANONYMOUS), {
    msg_from: Infinity,
    from: { time: 0n },
  });
});

Deno.test("announcement() goes on at the mark of the broker, once it was accepted with a name", () => {
  for (const from of [UNRECEIVED, HOUR, FIRST, SEVENTH, HOUR_AGO, LAST]) {
    const reach = new Reach(from, NOW_MS);
    reach.accepted();
    reach.took(12);
    assertEquals(reach.announcement(NAMED), { msg_from: Infinity });
    assertEquals(reach.announcement(FORGETFUL), { msg_from: Infinity });
  }
  const reach = new Reach(NOW, NOW_MS);
  reach.accepted();
  reach.took(12);
  assertEquals(reach.announcement(NAMED), { msg_from: 0 });
});

Deno.test("announcement() goes on behind the highest offset, once it was accepted without a name", () => {
  for (const from of [UNRECEIVED, HOUR, FIRST, SEVENTH, HOUR_AGO, LAST]) {
    const reach = new Reach(from, NOW_MS);
    reach.accepted();
    for (const offset of [12, 15, null, 13]) reach.took(offset);
    const again = { msg_from: Infinity, from: { offset: 16 } };
    assertEquals(reach.announcement(ANONYMOUS), again);
    assertEquals(reach.announcement(NOBODY), { msg_from: Infinity });
  }
});

Deno.test("announcement() without a name and without a message is as the first one", () => {
  for (const from of [HOUR, FIRST, SEVENTH, HOUR_AGO, LAST]) {
    const reach = new Reach(from, NOW_MS);
    const first = reach.announcement(ANONYMOUS);
    reach.accepted();
    assertEquals(reach.announcement({ ...ANONYMOUS, nowMs: NOW_MS + 5 }), first);
  }
  const reach = new Reach(UNRECEIVED, NOW_MS);
  reach.accepted();
  assertEquals(reach.announcement({ ...ANONYMOUS, nowMs: NOW_MS + 5 }), since(0));
});

Deno.test("took() forgets the offsets of a log that was replaced while the link was down", () => {
  const reach = new Reach(UNRECEIVED, NOW_MS);
  reach.accepted();
  reach.took(1_000);
  reach.accepted();
  reach.took(3);
  assertEquals(reach.announcement(ANONYMOUS).from, { offset: 4 });
});

Deno.test("stall() has the next announcement begin at the lowest offset that was left", () => {
  for (const listener of [NAMED, ANONYMOUS]) {
    const reach = new Reach(UNRECEIVED, NOW_MS);
    reach.accepted();
    reach.took(10);
    for (const offset of [12, 11, null, 13]) reach.stall(offset);
    assertEquals([reach.isStalled, reach.announcement(listener).from], [true, { offset: 11 }]);
    reach.accepted();
    assertEquals(reach.isStalled, false);
  }
  const reach = new Reach(UNRECEIVED, NOW_MS);
  reach.accepted();
  reach.stall(11);
  assertEquals(reach.announcement(FORGETFUL), { msg_from: Infinity });
});

Deno.test("covers() is true for a reach that brings a second listener what it asks for", () => {
  const covered: readonly (readonly [HistoryFrom, HistoryFrom])[] = [
    [NOW, NOW],
    [LAST, NOW],
    [UNRECEIVED, UNRECEIVED],
    [UNRECEIVED, HOUR],
    [HOUR, MINUTE],
    [HOUR_AGO, UNRECEIVED],
    [HOUR_AGO, MINUTE],
    [SEVENTH, UNRECEIVED],
    [FIRST, HOUR],
  ];
  for (const [own, other] of covered) {
    assertEquals(new Reach(own, NOW_MS).covers(other, NOW_MS), true);
  }
  const uncovered: readonly (readonly [HistoryFrom, HistoryFrom])[] = [
    [NOW, UNRECEIVED],
    [NOW, MINUTE],
    [MINUTE, HOUR],
    [HOUR, UNRECEIVED],
    [LAST, UNRECEIVED],
    [SEVENTH, HOUR],
    [{ kind: "time", timeNs: NOW_NS }, MINUTE],
    [FIRST, FIRST],
    [HOUR_AGO, HOUR_AGO],
    [LAST, LAST],
  ];
  for (const [own, other] of uncovered) {
    assertEquals(new Reach(own, NOW_MS).covers(other, NOW_MS), false);
  }
});
