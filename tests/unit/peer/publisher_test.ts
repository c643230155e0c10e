import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ACK2_WAITING_MAX,
  OUTBOX_BYTES_MAX,
  PUBLICATIONS_IN_FLIGHT_MAX,
  Publisher,
  type ReliablePublish,
} from "../../../src/peer/publisher.ts";
import {
  ConnectionClosedError,
  LimitError,
  RembusError,
  TimeoutError,
} from "../../../src/protocol/errors.ts";
import type { MsgId, Packet } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

function publication(id: number, { qos = 1, bytes = 1 } = {}): ReliablePublish {
  return {
    type: "publish",
    id: BigInt(id) as MsgId,
    topic: "t",
    qos: qos as 1 | 2,
    slot: null,
    data: Payload.fromCbor(new Uint8Array(bytes)),
    extras: null,
    frame: null,
  };
}

/** A link that remembers what it was given. */
function recorder() {
  const sent: Packet[] = [];
  return {
    sent,
    bufferedBytes: 0,
    send: (packet: Packet) => void sent.push(packet),
    /** `publish 1`, `ack2 1` and so on, since the last look. */
    take: () => sent.splice(0).map((packet) => `${packet.type} ${packet.id}`),
  };
}

function publisher(options: { readonly isNamed?: boolean; readonly sendRetries?: number } = {}) {
  const clock = new ManualClock();
  const made = new Publisher({
    clock,
    ackTimeoutMs: 2_000,
    sendRetries: 10,
    isNamed: true,
    ...options,
  });
  return { clock, made };
}

Deno.test("publish() resolves on ACK; of QoS 2 it sends ACK2", async () => {
  const { made, clock } = publisher();
  const link = recorder();
  made.attach(link);
  const one = made.publish(publication(1));
  const two = made.publish(publication(2, { qos: 2 }));
  assertEquals(made.acknowledged(1n as MsgId), true);
  assertEquals(made.acknowledged(2n as MsgId), true);
  await Promise.all([one, two]);
  await clock.advance(100);
  assertEquals(link.take(), ["publish 1", "publish 2", "ack2 2"]);
  assertEquals(made.acknowledged(2n as MsgId), false, "a repeated ACK is nobody's");
  assertEquals([made.size, clock.pending], [0, 0]);
});

Deno.test("publish() sends eleven copies, two seconds apart, and then times out", async () => {
  const { made, clock } = publisher();
  const link = recorder();
  made.attach(link);
  const waiting = assertRejects(() => made.publish(publication(1)), TimeoutError);
  for (let copies = 1; copies <= 11; copies++) {
    assertEquals(link.sent.length, copies);
    await clock.advance(1_999);
    assertEquals([link.sent.length, made.size], [copies, 1]);
    await clock.advance(1);
  }
  await waiting;
  assertEquals([link.sent.length, made.size, clock.pending], [11, 0, 0]);
});

Deno.test("publish() without retries times out after one copy", async () => {
  const { made, clock } = publisher({ sendRetries: 0 });
  const link = recorder();
  made.attach(link);
  const waiting = assertRejects(() => made.publish(publication(1)), TimeoutError);
  await clock.advance(2_000);
  await waiting;
  assertEquals(link.sent.length, 1);
});

Deno.test("publish() gives up after the time of the call", async () => {
  const { made, clock } = publisher();
  made.attach(recorder());
  const waiting = assertRejects(
    () => made.publish(publication(1), { timeoutMs: 500 }),
    TimeoutError,
  );
  await clock.advance(500);
  await waiting;
});

Deno.test("publish() rejects with the reason of its signal", async () => {
  const { made, clock } = publisher();
  const controller = new AbortController();
  const { signal } = controller;
  const waiting = assertRejects(() => made.publish(publication(1), { signal }), Error, "enough");
  controller.abort(new Error("enough"));
  await waiting;
  await assertRejects(() => made.publish(publication(2), { signal }), Error, "enough");
  assertEquals([made.size, clock.pending], [0, 0]);
});

Deno.test("answered() settles a publication: OK as done, anything else as refused", async () => {
  const { made } = publisher();
  made.attach(recorder());
  const done = made.publish(publication(1));
  const refused = assertRejects(
    () => made.publish(publication(2)),
    RembusError,
    'Cannot publish on "t": unauthorized',
  );
  const answer = { type: "response", id: 1n as MsgId, status: 0, data: Payload.fromValue(null) };
  assertEquals(made.answered({ ...answer, type: "response" }), true);
  const refusal = { id: 2n as MsgId, status: 10, data: Payload.fromValue("unauthorized") };
  assertEquals(made.answered({ ...refusal, type: "response" }), true);
  assertEquals(made.answered({ ...refusal, type: "response" }), false);
  await done;
  assertEquals((await refused).status, 10);
});

Deno.test("publish() keeps 1,024 in flight and refuses one more", async () => {
  const { made } = publisher();
  const waiting: Promise<void>[] = [];
  for (let n = 1; n <= PUBLICATIONS_IN_FLIGHT_MAX; n++) waiting.push(made.publish(publication(n)));
  await assertRejects(() => made.publish(publication(5_000)), LimitError, "1024 publications");
  made.acknowledged(1n as MsgId);
  waiting.push(made.publish(publication(5_000)));
  const settled = Promise.allSettled(waiting);
  made.failAll(() => new ConnectionClosedError());
  await settled;
});

Deno.test("publish() keeps 16 MiB, but takes one publication of any size", async () => {
  const { made } = publisher();
  const half = OUTBOX_BYTES_MAX / 2;
  const waiting = [
    made.publish(publication(1, { bytes: half })),
    made.publish(publication(2, { bytes: half })),
  ];
  await assertRejects(() => made.publish(publication(3)), LimitError, `${OUTBOX_BYTES_MAX} bytes`);
  const settled = Promise.allSettled(waiting);
  made.failAll(() => new ConnectionClosedError());
  await settled;
  const huge = assertRejects(
    () => made.publish(publication(4, { bytes: OUTBOX_BYTES_MAX + 1 })),
    ConnectionClosedError,
  );
  await assertRejects(() => made.publish(publication(5)), LimitError);
  made.failAll(() => new ConnectionClosedError());
  await huge;
});

Deno.test("a named publisher sends again over the next link, in order and with its ids", async () => {
  const { made, clock } = publisher();
  const first = recorder();
  made.attach(first);
  const waiting = [1, 2, 3].map((id) => made.publish(publication(id, { qos: id === 2 ? 2 : 1 })));
  made.acknowledged(1n as MsgId);
  made.detach();
  await clock.advance(5_000);
  const later = made.publish(publication(4));
  const second = recorder();
  made.attach(second);
  assertEquals(second.take(), ["publish 2", "publish 3", "publish 4"]);
  for (const id of [2n, 3n, 4n]) made.acknowledged(id as MsgId);
  await Promise.all([...waiting, later]);
  await clock.advance(100);
  assertEquals(second.take(), ["ack2 2"]);
});

Deno.test("ACK2 waits for a pause of 100 ms, for the 1,024th of them, and not for another link", async () => {
  const { made, clock } = publisher();
  const link = recorder();
  made.attach(link);
  const publish = async (id: number): Promise<void> => {
    const waiting = made.publish(publication(id, { qos: 2 }));
    made.acknowledged(BigInt(id) as MsgId);
    await waiting;
  };
  const released = (): number => link.take().filter((one) => one.startsWith("ack2")).length;
  await publish(1);
  await clock.advance(99);
  await publish(2);
  await clock.advance(99);
  assertEquals(released(), 0);
  await clock.advance(1);
  assertEquals(released(), 2);
  for (let id = 3; id < 3 + ACK2_WAITING_MAX - 1; id++) await publish(id);
  assertEquals(released(), 0);
  await publish(5_000);
  assertEquals([released(), clock.pending], [ACK2_WAITING_MAX, 0]);
  await publish(5_001);
  made.detach();
  assertEquals([released(), clock.pending], [0, 0]);
});

Deno.test("the deadline of a publication does not move when the link is lost", async () => {
  const { made, clock } = publisher();
  made.attach(recorder());
  const waiting = assertRejects(() => made.publish(publication(1)), TimeoutError);
  await clock.advance(10_000);
  made.detach();
  await clock.advance(10_000);
  made.attach(recorder());
  await clock.advance(1_999);
  assertEquals(made.size, 1);
  await clock.advance(1);
  await waiting;
});

Deno.test("an anonymous publisher fails QoS 2 that was sent, and repeats everything else", async () => {
  const { made } = publisher({ isNamed: false });
  made.attach(recorder());
  const lost = assertRejects(
    () => made.publish(publication(1, { qos: 2 })),
    ConnectionClosedError,
    "outcome unknown",
  );
  const kept = made.publish(publication(2));
  made.detach();
  await lost;
  const unsent = made.publish(publication(3, { qos: 2 }));
  made.detach();
  const second = recorder();
  made.attach(second);
  assertEquals(second.take(), ["publish 2", "publish 3"]);
  for (const id of [2n, 3n]) made.acknowledged(id as MsgId);
  await Promise.all([kept, unsent]);
});

Deno.test("no copy is sent while the link still holds the earlier one", async () => {
  const { made, clock } = publisher();
  const link = { ...recorder(), bufferedBytes: 1024 * 1024 + 1 };
  made.attach(link);
  const waiting = made.publish(publication(1));
  await clock.advance(6_000);
  assertEquals(link.take(), ["publish 1"]);
  link.bufferedBytes = 1024 * 1024;
  await clock.advance(2_000);
  assertEquals(link.take(), ["publish 1"]);
  made.acknowledged(1n as MsgId);
  await waiting;
});

Deno.test("publish() rejects when the link cannot encode it, and does not try again", async () => {
  const { made, clock } = publisher();
  made.attach({
    bufferedBytes: 0,
    send: () => {
      throw new TypeError("no form");
    },
  });
  await assertRejects(() => made.publish(publication(1)), TypeError, "no form");
  assert(made.size === 0 && clock.pending === 0);
});
