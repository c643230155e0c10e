import { assert, assertEquals } from "@std/assert";
import { newSubscription } from "../../../src/broker/admin.ts";
import type { Conversation } from "../../../src/broker/conversation.ts";
import {
  DELIVERIES_IN_FLIGHT_MAX,
  DELIVERY_ATTEMPTS_MAX,
  DELIVERY_BYTES,
  OUTBOUND_BYTES_MAX,
  PROGRESS_MS_MAX,
} from "../../../src/broker/limits.ts";
import { Outbox } from "../../../src/broker/outbox.ts";
import type { Publication } from "../../../src/broker/publication.ts";
import { type Delivery, deliveryId, type Subscription } from "../../../src/broker/subscription.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";
import { FakeConversation, publicationOf, twinParts } from "./fakes.ts";

const SUBSCRIBER = { name: "sub", isBroker: false, deliver() {} };

class Bench {
  readonly parts = twinParts();
  readonly outbox = new Outbox(this.parts);
  readonly subscription: Subscription = newSubscription(SUBSCRIBER, "t", false);
  conversation = new FakeConversation("sub");

  constructor(state: "connected" | "announced" = "announced") {
    this.outbox.attach(this.conversation);
    if (state === "announced") this.outbox.open(this.subscription);
  }

  add(
    args: unknown,
    options: { to?: Subscription; bytes?: number; publication?: Publication } = {},
  ) {
    const { to = this.subscription, publication = publicationOf({ args: [args] }) } = options;
    const delivery: Delivery = {
      publication,
      subscription: to,
      id: deliveryId(publication, to),
      bytes: options.bytes ?? publication.data.byteLength + DELIVERY_BYTES,
      attempts: 0,
      sessions: 0,
      conversation: null,
      tries: 0,
      sentAt: 0,
    };
    this.outbox.add(delivery);
    return delivery.id;
  }

  /** Arguments sent since the last call. */
  sent(): unknown[] {
    return this.conversation.publications.splice(0).map(({ args: [first] }) => first);
  }

  /** The component comes back over another connection. */
  reconnect(): void {
    this.outbox.detach();
    this.subscription.open = false;
    this.conversation = new FakeConversation("sub");
    this.outbox.attach(this.conversation);
  }
}

Deno.test("add() sends at once, in order, and keeps until the ACK", () => {
  const bench = new Bench();
  const ids = [bench.add("a"), bench.add("b")];
  assertEquals(bench.sent(), ["a", "b"]);
  assert(bench.parts.memory.held > 0 && bench.outbox.bytes > 0);
  for (const id of ids) assertEquals(bench.outbox.acknowledged(id)?.id, id);
  assertEquals([bench.outbox.bytes, bench.outbox.active, bench.parts.memory.held], [0, 0, 0]);
});

Deno.test("acknowledged() ignores an unknown id and a second ACK", () => {
  const bench = new Bench();
  const id = bench.add("a");
  assertEquals(bench.outbox.acknowledged(99n as MsgId), undefined);
  assert(bench.outbox.acknowledged(id) !== undefined);
  assertEquals(bench.outbox.acknowledged(id), undefined);
});

Deno.test("add() lets what is beyond 64 in flight wait for an ACK", () => {
  const bench = new Bench();
  const ids = Array.from({ length: DELIVERIES_IN_FLIGHT_MAX }, (_, n) => bench.add(n));
  assertEquals(bench.sent().length, DELIVERIES_IN_FLIGHT_MAX);
  bench.add("one more");
  assertEquals(bench.sent(), []);
  bench.outbox.acknowledged(ids[7] as MsgId);
  assertEquals(bench.sent(), ["one more"]);
});

Deno.test("the oldest delivery alone is sent again after 2, 4, 8 and 8 s", async () => {
  const bench = new Bench();
  const first = bench.add("a");
  const second = bench.add("b");
  bench.sent();
  const { clock } = bench.parts;
  for (const [seconds, before] of [[2, 1_999], [4, 3_999], [8, 7_999]] as const) {
    await clock.advance(before);
    assertEquals(bench.sent(), []);
    await clock.advance(1);
    assertEquals(bench.sent(), ["a"], `after ${seconds} s`);
  }
  bench.outbox.acknowledged(first);
  // That one was lost, perhaps, and so may be the next: it has long been due.
  await clock.advance(0);
  assertEquals(bench.sent(), ["b"]);
  bench.outbox.acknowledged(second);
  await clock.advance(60_000);
  assertEquals([bench.sent(), clock.pending], [[], 0]);
  assertEquals(bench.parts.counters.resent, 4);
});

Deno.test("nothing is repeated to a subscriber that works one by one and keeps in step", async () => {
  const bench = new Bench();
  const ids = [1, 2, 3, 4, 5].map((value) => bench.add(value));
  assertEquals(bench.sent(), [1, 2, 3, 4, 5]);
  for (const id of ids) {
    await bench.parts.clock.advance(1_900);
    bench.outbox.acknowledged(id);
  }
  assertEquals([bench.sent(), bench.outbox.active], [[], 0]);
});

Deno.test("a delivery that is not acknowledged is repeated although others behind it are", async () => {
  const bench = new Bench();
  bench.add("slow");
  for (let tenths = 0; tenths < 20; tenths++) {
    assertEquals(bench.sent().includes("slow"), tenths === 0);
    const other = bench.add("other");
    await bench.parts.clock.advance(100);
    bench.outbox.acknowledged(other);
  }
  assertEquals(bench.sent(), ["other", "slow"]);
});

Deno.test("a session without any ACK is closed after 22 s, not before", async () => {
  const bench = new Bench();
  bench.add("a");
  await bench.parts.clock.advance(PROGRESS_MS_MAX - 1);
  assertEquals(bench.conversation.closes, []);
  await bench.parts.clock.advance(1);
  assertEquals(bench.conversation.closes, [[1013, "no acknowledgement"]]);
  assert(bench.outbox.bytes > 0, "the delivery stays");
});

Deno.test("an ACK of any delivery starts the 22 s anew, and idle time does not count", async () => {
  const bench = new Bench();
  await bench.parts.clock.advance(60_000);
  const first = bench.add("a");
  bench.add("b");
  await bench.parts.clock.advance(PROGRESS_MS_MAX - 1);
  bench.outbox.acknowledged(first);
  await bench.parts.clock.advance(PROGRESS_MS_MAX - 1);
  assertEquals(bench.conversation.closes, []);
  await bench.parts.clock.advance(1);
  assertEquals(bench.conversation.closes.length, 1);
});

Deno.test("detach() keeps what is not acknowledged; it flows again in order once opened, with its ids", () => {
  const bench = new Bench();
  const ids = [bench.add("a"), bench.add("b"), bench.add("c")];
  bench.outbox.acknowledged(ids[1] as MsgId);
  bench.reconnect();
  assertEquals(bench.sent(), []);
  bench.add("d");
  bench.outbox.open(bench.subscription);
  assertEquals(bench.conversation.publications.map(({ id, args: [a] }) => [a, id]).slice(0, 2), [
    ["a", ids[0]],
    ["c", ids[2]],
  ]);
  assertEquals(bench.sent(), ["a", "c", "d"]);
});

Deno.test("detach() stops the timer", () => {
  const bench = new Bench();
  bench.add("a");
  assertEquals(bench.parts.clock.pending, 1);
  bench.outbox.detach();
  assertEquals(bench.parts.clock.pending, 0);
});

Deno.test("a delivery is given up after 11 attempts over several sessions, counted and told", async () => {
  const bench = new Bench();
  const publication = publicationOf({ args: ["poison"] });
  bench.add("poison", { publication });
  const { clock, counters } = bench.parts;
  let attempts = 0;
  for (let session = 0; session < 10 && bench.outbox.active > 0; session++) {
    if (session > 0) {
      bench.reconnect();
      bench.outbox.open(bench.subscription);
    }
    await clock.advance(PROGRESS_MS_MAX);
    attempts += bench.sent().length;
  }
  assertEquals([attempts, counters.deadLetters], [DELIVERY_ATTEMPTS_MAX, 1]);
  assertEquals(bench.conversation.gaps, [["t", publication.position.offset]]);
  assertEquals([bench.outbox.bytes, bench.parts.memory.held], [0, 0]);
});

Deno.test("a delivery is not given up on one session, as long as others are acknowledged", async () => {
  const bench = new Bench();
  bench.add("slow");
  for (let n = 0; n < DELIVERY_ATTEMPTS_MAX + 3; n++) {
    const other = bench.add("other");
    await bench.parts.clock.advance(8_000);
    bench.outbox.acknowledged(other);
  }
  assertEquals([bench.parts.counters.deadLetters, bench.outbox.active], [0, 1]);
  assertEquals(bench.conversation.closes, []);
});

Deno.test("what has no room waits until the link has drained, and nothing overtakes it", () => {
  const bench = new Bench();
  bench.conversation.outcome = "full";
  bench.add("a");
  bench.conversation.outcome = "sent";
  bench.add("b");
  assertEquals(bench.sent(), ["a", "b"]);
  bench.conversation.outcome = "full";
  bench.add("c");
  bench.conversation.outcome = "sent";
  bench.outbox.pump();
  assertEquals(bench.sent(), ["c"]);
});

Deno.test("a repeat that has no room is tried again after its pause", async () => {
  const bench = new Bench();
  bench.add("a");
  bench.sent();
  bench.conversation.outcome = "full";
  await bench.parts.clock.advance(2_000);
  bench.conversation.outcome = "sent";
  await bench.parts.clock.advance(1_999);
  assertEquals(bench.sent(), []);
  await bench.parts.clock.advance(1);
  assertEquals(bench.sent(), ["a"]);
});

Deno.test("what fits no frame is given up and stops nothing behind it", () => {
  const bench = new Bench();
  bench.conversation.outcome = "impossible";
  const publication = publicationOf({ args: ["huge"] });
  bench.add("huge", { publication });
  bench.conversation.outcome = "sent";
  bench.add("b");
  assertEquals(bench.sent(), ["b"]);
  assertEquals(bench.parts.counters.deadLetters, 1);
  assertEquals(bench.conversation.gaps, [["t", publication.position.offset]]);
});

Deno.test("a delivery that fits no frame any more when it is repeated is given up", async () => {
  const bench = new Bench();
  bench.add("a");
  bench.conversation.outcome = "impossible";
  await bench.parts.clock.advance(2_000);
  assertEquals([bench.parts.counters.deadLetters, bench.outbox.active], [1, 0]);
});

Deno.test("16 MiB besides the largest may be unacknowledged; one byte more closes the session", () => {
  const bench = new Bench();
  bench.add("huge", { bytes: 3 * OUTBOUND_BYTES_MAX });
  bench.add("a", { bytes: OUTBOUND_BYTES_MAX });
  assertEquals(bench.conversation.closes, []);
  bench.add("b", { bytes: 1 });
  assertEquals(bench.conversation.closes, [[1013, "slow consumer"]]);
});

Deno.test("a delivery of any size is taken, also behind others", () => {
  const bench = new Bench();
  bench.add("a", { bytes: 100 });
  bench.add("huge", { bytes: 3 * OUTBOUND_BYTES_MAX });
  bench.add("c", { bytes: OUTBOUND_BYTES_MAX - 100 });
  assertEquals(bench.conversation.closes, []);
});

Deno.test("parked deliveries beyond the limit are given up, the oldest of the subscription first", () => {
  const bench = new Bench("connected");
  const half = OUTBOUND_BYTES_MAX / 2;
  for (const name of ["a", "b", "c"]) bench.add(name, { bytes: half });
  assertEquals(bench.parts.counters.deadLetters, 0);
  bench.add("d", { bytes: half });
  assertEquals([bench.parts.counters.deadLetters, bench.conversation.gaps.length], [1, 1]);
  assertEquals(bench.conversation.closes, []);
  bench.outbox.open(bench.subscription);
  assertEquals(bench.sent(), ["b", "c", "d"]);
});

Deno.test("parked deliveries of many subscriptions stay below the limit together", () => {
  const bench = new Bench("connected");
  for (let n = 0; n < 10; n++) {
    bench.add(n, {
      to: newSubscription(SUBSCRIBER, `t${n}`, false),
      bytes: OUTBOUND_BYTES_MAX / 2,
    });
  }
  assertEquals(bench.parts.counters.deadLetters, 7);
  assert(bench.outbox.bytes <= 2 * OUTBOUND_BYTES_MAX);
});

Deno.test("drop() drops what is parked and what waits; nothing is repeated for nobody", async () => {
  const bench = new Bench();
  bench.conversation.outcome = "full";
  bench.add("waits");
  const other = newSubscription(SUBSCRIBER, "other", false);
  bench.add("parked", { to: other });
  bench.outbox.drop(bench.subscription);
  bench.outbox.drop(other);
  bench.conversation.outcome = "sent";
  bench.outbox.pump();
  assertEquals([bench.sent(), bench.outbox.bytes, bench.parts.memory.held], [[], 0, 0]);
  assertEquals(bench.parts.counters.deadLetters, 0);
  await bench.parts.clock.advance(60_000);
  assertEquals(bench.conversation.closes, []);
});

Deno.test("drop() of a subscription whose delivery is in flight lets its ACK count, and repeats nothing", async () => {
  const bench = new Bench();
  const first = bench.add("a");
  bench.add("b");
  bench.sent();
  bench.outbox.drop(bench.subscription);
  assert(bench.outbox.acknowledged(first) !== undefined);
  await bench.parts.clock.advance(60_000);
  assertEquals([bench.sent(), bench.conversation.closes, bench.outbox.bytes], [[], [], 0]);
});

Deno.test("pause() puts what waits back in front of what is parked", () => {
  const bench = new Bench();
  bench.conversation.outcome = "full";
  bench.add("a");
  bench.add("b");
  bench.subscription.open = false;
  bench.outbox.pause();
  bench.conversation.outcome = "sent";
  bench.add("c");
  assertEquals(bench.sent(), []);
  bench.outbox.open(bench.subscription);
  assertEquals(bench.sent(), ["a", "b", "c"]);
});

Deno.test("detach() puts what was in flight in front of what was parked behind it", () => {
  const bench = new Bench();
  bench.add("a");
  bench.subscription.open = false;
  bench.outbox.pause();
  bench.add("b");
  bench.reconnect();
  bench.outbox.open(bench.subscription);
  assertEquals(bench.sent(), ["a", "b"]);
});

Deno.test("takeOver() moves everything to the subscriptions of the new name, in order", () => {
  const bench = new Bench();
  const ids = [bench.add("a"), bench.add("b")];
  bench.conversation.outcome = "full";
  bench.add("c");
  bench.conversation.outcome = "sent";
  bench.sent();
  const named = new Outbox(bench.parts);
  named.attach(bench.conversation);
  const now = newSubscription(SUBSCRIBER, "t", false);
  now.open = true;
  named.takeOver(bench.outbox, [[bench.subscription, now]]);
  assertEquals(bench.sent(), ["a", "b", "c"]);
  assertEquals(bench.outbox.bytes, 0);
  assert(named.acknowledged(ids[0] as MsgId) !== undefined);
  assertEquals(named.active, 2);
});

Deno.test("clear() gives up what is kept for a component that is away", () => {
  const bench = new Bench();
  bench.add("a");
  bench.outbox.detach();
  bench.outbox.clear([bench.subscription]);
  assertEquals([bench.outbox.bytes, bench.parts.memory.held], [0, 0]);
  assertEquals(bench.parts.counters.deadLetters, 1);
});

Deno.test("a payload that several components wait for counts once", () => {
  const parts = twinParts();
  const publication = publicationOf({ args: ["x".repeat(10_000)] });
  const subscription = newSubscription(SUBSCRIBER, "t", false);
  const size = publication.data.byteLength;
  const boxes = [new Outbox(parts), new Outbox(parts), new Outbox(parts)];
  const id = deliveryId(publication, subscription);
  for (const outbox of boxes) {
    outbox.attach(new FakeConversation());
    subscription.open = true;
    outbox.add({
      publication,
      subscription,
      id,
      bytes: size + DELIVERY_BYTES,
      attempts: 0,
      sessions: 0,
      conversation: null,
      tries: 0,
      sentAt: 0,
    });
  }
  assertEquals(parts.memory.held, size + 3 * DELIVERY_BYTES);
  boxes[0]?.acknowledged(id);
  assertEquals(parts.memory.held, size + 2 * DELIVERY_BYTES);
  for (const outbox of boxes) outbox.acknowledged(id);
  assertEquals(parts.memory.held, 0);
  for (const outbox of boxes) outbox.detach();
});

Deno.test("two deliveries of one id are sent one after the other", () => {
  const bench = new Bench();
  const publication = publicationOf({ args: ["same"] });
  const id = bench.add("same", { publication });
  bench.add("same", { publication });
  assertEquals(bench.sent(), ["same"]);
  bench.outbox.acknowledged(id);
  assertEquals(bench.sent(), ["same"]);
});

Deno.test("a session that ends inside a send harms nothing", () => {
  const bench = new Bench();
  const closing: Conversation = Object.assign(bench.conversation, {
    sendPublication() {
      bench.outbox.detach();
      return "full" as const;
    },
  });
  assert(closing.isOpen);
  bench.add("a");
  assertEquals(bench.outbox.active, 0);
  assertEquals(bench.subscription.parked.length, 1);
});
