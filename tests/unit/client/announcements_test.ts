import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Announcements, ANNOUNCEMENTS_MAX } from "../../../src/client/announcements.ts";
import { Session } from "../../../src/client/session.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import type { HistoryFrom } from "../../../src/peer/history_from.ts";
import { LimitError, RembusError, TimeoutError } from "../../../src/protocol/errors.ts";
import type { Encoding, Packet } from "../../../src/protocol/packet.ts";
import { SILENT } from "../../../src/util/log.ts";
import { commandOf, type FakeAnswer, FakeSession } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

function open(
  answer: (packet: Packet) => FakeAnswer = () => [0, null],
  encoding: Encoding = "cbor",
) {
  const [ours, theirs] = memoryPair();
  const peer = new FakeSession(theirs, answer);
  const clock = new ManualClock();
  const session = new Session({
    link: ours,
    encoding,
    clock,
    random: new SeededRandom(1),
    log: SILENT,
    requestTimeoutMs: 10_000,
    heartbeatMs: 0,
    heartbeatTimeoutMs: 1,
    onPacket: () => {},
  });
  return { clock, peer, session };
}

function newBook(isNamed = true): Announcements {
  return new Announcements({ isNamed, clock: new ManualClock(), log: SILENT });
}

function last(ns: number): HistoryFrom {
  return { kind: "window", ns };
}

Deno.test("tellAll() tells everything once to each session", async () => {
  const book = newBook();
  book.add("subscribe", "a", last(5));
  book.add("subscribe", "b");
  book.add("expose", "svc");
  const { session, peer } = open();
  await book.tellAll(session);
  await book.tellAll(session);
  assertEquals(peer.said, ["subscribe a", "subscribe b", "expose svc"]);
  assertEquals(peer.received.map((one) => commandOf(one).msg_from), [5, 0, undefined]);
  const next = open();
  await book.tellAll(next.session);
  assertEquals(next.peer.said, peer.said);
});

Deno.test("tellAll() also tells what is added meanwhile", async () => {
  const book = newBook();
  book.add("subscribe", "a");
  const { session, peer } = open((packet) => {
    if (packet.type === "admin" && packet.topic === "a") book.add("subscribe", "late");
    return [0, null];
  });
  await book.tellAll(session);
  assertEquals(peer.said, ["subscribe a", "subscribe late"]);
});

Deno.test("tellAll() tells 10,000 subscriptions with at most 256 unanswered", async () => {
  const book = newBook();
  for (let n = 0; n < ANNOUNCEMENTS_MAX.subscribe; n++) book.add("subscribe", `t${n}`);
  let most = 0;
  const { session, peer } = open(() => {
    most = Math.max(most, session.pending);
    return [0, null];
  });
  await book.tellAll(session);
  assertEquals([peer.received.length, most], [ANNOUNCEMENTS_MAX.subscribe, 256]);
});

Deno.test("tellAll() reports a refusal, and tries again with the next session", async () => {
  const book = newBook();
  book.add("subscribe", "private");
  book.add("subscribe", "public");
  const refusing = open((packet) =>
    packet.type === "admin" && packet.topic === "private" ? [10, "no"] : [0, null]
  );
  await book.tellAll(refusing.session);
  const next = open();
  await book.tellAll(next.session);
  assertEquals(next.peer.said, ["subscribe private", "subscribe public"]);
});

Deno.test("tell() rejects with the status and text of a refusal", async () => {
  const book = newBook();
  const { session } = open(() => [10, "unauthorized"]);
  book.add("expose", "svc");
  const error = await assertRejects(
    () => book.tell(session, "expose", "svc"),
    RembusError,
    'Cannot expose "svc": unauthorized',
  );
  assertEquals([error.status, book.remove("expose", "svc")], [10, false]);
});

Deno.test("tell() tells one thing once, and again after it was replaced", async () => {
  const book = newBook();
  const { session, peer } = open();
  await book.tell(session, "subscribe", "unknown");
  book.add("subscribe", "t");
  await book.tell(session, "subscribe", "t");
  await book.tell(session, "subscribe", "t");
  book.add("subscribe", "t", last(7));
  await book.tell(session, "subscribe", "t");
  assertEquals(peer.received.map((one) => commandOf(one).msg_from), [0, 7]);
});

Deno.test("an announcement whose answer did not come can be told again and taken back", async () => {
  const book = newBook();
  const silent = open(() => null);
  book.add("subscribe", "t");
  const telling = assertRejects(() => book.tell(silent.session, "subscribe", "t"), TimeoutError);
  await silent.clock.advance(10_000);
  await telling;
  assertEquals(book.remove("subscribe", "t"), true);
  const next = open();
  await book.tellAll(next.session);
  assertEquals(next.peer.said, ["unsubscribe t"]);
});

Deno.test("remove() has the broker told, also by the next session, and only once", async () => {
  const book = newBook();
  const first = open();
  book.add("subscribe", "t");
  book.add("expose", "svc");
  await book.tellAll(first.session);
  assertEquals([book.remove("subscribe", "t"), book.remove("expose", "svc")], [true, true]);
  assertEquals(book.remove("subscribe", "t"), false);
  const second = open();
  await book.tellAll(second.session);
  assertEquals(second.peer.said, ["unsubscribe t", "unexpose svc"]);
  const third = open();
  await book.tellAll(third.session);
  assertEquals(third.peer.said, []);
});

Deno.test("remove() of what no broker was ever told needs no telling", async () => {
  const book = newBook();
  book.add("subscribe", "t");
  assertEquals(book.remove("subscribe", "t"), false);
  const { session, peer } = open();
  await book.tellAll(session);
  assertEquals(peer.said, []);
});

Deno.test("remove() is told when the topic was replaced while the broker was away", async () => {
  const book = newBook();
  const first = open();
  book.add("subscribe", "t");
  await book.tellAll(first.session);
  book.add("subscribe", "t", last(7));
  assertEquals(book.remove("subscribe", "t"), true);
  const second = open();
  await book.tellAll(second.session);
  assertEquals(second.peer.said, ["unsubscribe t"]);
});

Deno.test("join() keeps the longest reach that anybody asked for", async () => {
  const book = newBook();
  const { session, peer } = open();
  for (const from of [5, 3, 9]) {
    book.join("t", last(from));
    await book.tell(session, "subscribe", "t");
  }
  assertEquals(peer.received.map((one) => commandOf(one).msg_from), [5, 9]);
});

Deno.test("an infinite msg_from is a float in CBOR and a text in JSON", async () => {
  for (const [encoding, wanted] of [["cbor", Infinity], ["json", "inf"]] as const) {
    const book = newBook();
    book.add("subscribe", "t", { kind: "unreceived" });
    const { session, peer } = open(undefined, encoding);
    await book.tellAll(session);
    assertEquals(peer.received.map((one) => commandOf(one).msg_from), [wanted]);
  }
});

for (const kind of ["subscribe", "expose"] as const) {
  Deno.test(`add() takes as many topics to ${kind} as the limit, and one of them again`, () => {
    const book = newBook();
    for (let n = 0; n < ANNOUNCEMENTS_MAX[kind]; n++) book.add(kind, `t${n}`);
    book.add(kind, "t0", last(7));
    assertThrows(() => book.add(kind, "more"), LimitError, String(ANNOUNCEMENTS_MAX[kind]));
    book.remove(kind, "t0");
    book.add(kind, "more");
  });
}

Deno.test("add() and join() give what puts back the announcement before, with what was told of it", async () => {
  const book = newBook();
  const { session, peer } = open();
  book.add("subscribe", "t", last(5));
  await book.tell(session, "subscribe", "t");
  const undo = book.join("t", { kind: "last" });
  await book.tell(session, "subscribe", "t").catch(() => undefined);
  undo();
  await book.tellAll(session);
  assertEquals(peer.received.map((one) => commandOf(one).msg_from), [5]);
  const other = open();
  await book.tellAll(other.session);
  assertEquals(other.peer.received.map((one) => commandOf(one).msg_from), [Infinity]);
  book.join("t", last(3))();
  assertEquals(book.reachOf("t")?.from, last(5));
});

Deno.test("an undo does nothing when the announcement was replaced again or taken back", () => {
  const book = newBook();
  book.add("subscribe", "t", last(1));
  const undo = book.add("subscribe", "t", last(2));
  book.add("subscribe", "t", last(3));
  undo();
  assertEquals(book.reachOf("t")?.from, last(3));
  const late = book.add("subscribe", "t", last(4));
  book.remove("subscribe", "t");
  late();
  assertEquals(book.reachOf("t"), null);
});

Deno.test("reachOf() and isPast know only subscriptions that want more than what comes", () => {
  const book = newBook();
  book.add("subscribe", "now");
  book.add("expose", "svc");
  assertEquals([book.isPast, book.reachOf("now"), book.reachOf("svc")], [false, null, null]);
  book.add("subscribe", "t", { kind: "unreceived" });
  assertEquals([book.isPast, book.reachOf("t")?.from], [true, { kind: "unreceived" }]);
});

Deno.test("resume() has the broker begin where there was no room, and only once", async () => {
  const book = newBook();
  const { session, peer } = open();
  session.setCapable({ history: true, extras: true });
  book.add("subscribe", "t", { kind: "unreceived" });
  await book.tellAll(session);
  book.stall("t", 7);
  assertEquals([book.hasStalled, book.reachOf("t")?.isStalled], [true, true]);
  const resumed = book.resume(session);
  assertEquals(book.hasStalled, false);
  await Promise.all([resumed, book.resume(session)]);
  assertEquals(peer.received.map((one) => commandOf(one).from), [undefined, { offset: 7 }]);
  assertEquals(book.reachOf("t")?.isStalled, false);
});

Deno.test("resume() goes on with what comes when it is refused, and waits when nothing answers", async () => {
  let answer: FakeAnswer = [0, null];
  const book = newBook();
  const { clock, session } = open(() => answer);
  session.setCapable({ history: true, extras: true });
  book.add("subscribe", "t", { kind: "unreceived" });
  await book.tellAll(session);
  book.stall("t", 7);
  answer = null;
  const failed = assertRejects(() => book.resume(session), TimeoutError);
  await clock.advance(10_000);
  await failed;
  assertEquals([book.hasStalled, book.reachOf("t")?.isStalled], [true, true]);
  answer = [10, "no"];
  await book.resume(session);
  assertEquals([book.hasStalled, book.reachOf("t")?.isStalled], [false, false]);
});

Deno.test("stall() of what nobody subscribed does nothing, and remove() ends a stall", () => {
  const book = newBook();
  book.stall("t", 7);
  assertEquals(book.hasStalled, false);
  book.add("subscribe", "t", { kind: "unreceived" });
  book.stall("t", 7);
  book.remove("subscribe", "t");
  assertEquals([book.hasStalled, book.reachOf("t")], [false, null]);
});
