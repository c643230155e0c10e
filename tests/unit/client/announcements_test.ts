import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Announcements, ANNOUNCEMENTS_MAX } from "../../../src/client/announcements.ts";
import { Session } from "../../../src/client/session.ts";
import { memoryPair } from "../../../src/link/memory.ts";
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

Deno.test("tellAll() tells everything once to each session", async () => {
  const book = new Announcements(SILENT);
  book.add("subscribe", "a", 5);
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
  const book = new Announcements(SILENT);
  book.add("subscribe", "a");
  const { session, peer } = open((packet) => {
    if (packet.type === "admin" && packet.topic === "a") book.add("subscribe", "late");
    return [0, null];
  });
  await book.tellAll(session);
  assertEquals(peer.said, ["subscribe a", "subscribe late"]);
});

Deno.test("tellAll() tells 10,000 subscriptions with at most 256 unanswered", async () => {
  const book = new Announcements(SILENT);
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
  const book = new Announcements(SILENT);
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
  const book = new Announcements(SILENT);
  const { session } = open(() => [10, "unauthorized"]);
  book.add("expose", "svc");
  const error = await assertRejects(
    () => book.tell(session, "expose", "svc"),
    RembusError,
    'Cannot expose "svc": internal error:unauthorized',
  );
  assertEquals([error.status, book.remove("expose", "svc")], [10, false]);
});

Deno.test("tell() tells one thing once, and again after it was replaced", async () => {
  const book = new Announcements(SILENT);
  const { session, peer } = open();
  await book.tell(session, "subscribe", "unknown");
  book.add("subscribe", "t");
  await book.tell(session, "subscribe", "t");
  await book.tell(session, "subscribe", "t");
  book.add("subscribe", "t", 7);
  await book.tell(session, "subscribe", "t");
  assertEquals(peer.received.map((one) => commandOf(one).msg_from), [0, 7]);
});

Deno.test("an announcement whose answer did not come can be told again and taken back", async () => {
  const book = new Announcements(SILENT);
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
  const book = new Announcements(SILENT);
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
  const book = new Announcements(SILENT);
  book.add("subscribe", "t");
  assertEquals(book.remove("subscribe", "t"), false);
  const { session, peer } = open();
  await book.tellAll(session);
  assertEquals(peer.said, []);
});

Deno.test("remove() is told when the topic was replaced while the broker was away", async () => {
  const book = new Announcements(SILENT);
  const first = open();
  book.add("subscribe", "t");
  await book.tellAll(first.session);
  book.add("subscribe", "t", 7);
  assertEquals(book.remove("subscribe", "t"), true);
  const second = open();
  await book.tellAll(second.session);
  assertEquals(second.peer.said, ["unsubscribe t"]);
});

Deno.test("join() keeps the longest reach that anybody asked for", async () => {
  const book = new Announcements(SILENT);
  const { session, peer } = open();
  for (const from of [5, 3, 9]) {
    book.join("t", from);
    await book.tell(session, "subscribe", "t");
  }
  assertEquals(peer.received.map((one) => commandOf(one).msg_from), [5, 9]);
});

Deno.test("an infinite msg_from is a float in CBOR and a text in JSON", async () => {
  for (const [encoding, wanted] of [["cbor", Infinity], ["json", "inf"]] as const) {
    const book = new Announcements(SILENT);
    book.add("subscribe", "t", Infinity);
    const { session, peer } = open(undefined, encoding);
    await book.tellAll(session);
    assertEquals(peer.received.map((one) => commandOf(one).msg_from), [wanted]);
  }
});

for (const kind of ["subscribe", "expose"] as const) {
  Deno.test(`add() takes as many topics to ${kind} as the limit, and one of them again`, () => {
    const book = new Announcements(SILENT);
    for (let n = 0; n < ANNOUNCEMENTS_MAX[kind]; n++) book.add(kind, `t${n}`);
    book.add(kind, "t0", 7);
    assertThrows(() => book.add(kind, "more"), LimitError, String(ANNOUNCEMENTS_MAX[kind]));
    book.remove(kind, "t0");
    book.add(kind, "more");
  });
}
