import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { OUTBOUND_BYTES_MAX, REST_MS, Session } from "../../../src/client/session.ts";
import type { Link, LinkClose, LinkHandler } from "../../../src/link/link.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { REQUESTS_MAX } from "../../../src/peer/requests.ts";
import { ConnectionClosedError, LimitError, TimeoutError } from "../../../src/protocol/errors.ts";
import { FRAME_BYTES_MAX } from "../../../src/protocol/limits.ts";
import type { Encoding, MsgId, Packet } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { SILENT } from "../../../src/util/log.ts";
import { type FakeAnswer, FakeSession, idle } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

const PING = { type: "admin", topic: "t", data: { cmd: "ping" } } as const;

function sessionOver(
  link: Link,
  encoding: Encoding = "cbor",
  options: { readonly requestTimeoutMs?: number } = {},
) {
  const clock = new ManualClock();
  const packets: Packet[] = [];
  const session = new Session({
    link,
    encoding,
    clock,
    random: new SeededRandom(1),
    log: SILENT,
    requestTimeoutMs: 10_000,
    heartbeatMs: 30_000,
    heartbeatTimeoutMs: 10_000,
    onPacket: (packet) => void packets.push(packet),
    ...options,
  });
  return { clock, packets, session };
}

function open(answer: (packet: Packet) => FakeAnswer = () => [0, "fine"], encoding?: Encoding) {
  const [ours, theirs] = memoryPair();
  const peer = new FakeSession(theirs, answer);
  return { peer, ...sessionOver(ours, encoding) };
}

/** A link whose transport takes nothing until it is told to. */
class StuckLink implements Link {
  readonly remote = "stuck";
  bufferedBytes = 0;
  sent = 0;
  handler: LinkHandler = { message: () => {}, drained: () => {}, closed: () => {} };
  start(handler: LinkHandler): void {
    this.handler = handler;
  }
  send(): void {
    this.sent++;
  }
  limitMessages(): void {}

  pause(): void {}
  resume(): void {}
  close(code: number, reason: string): void {
    const close: LinkClose = { code, reason };
    queueMicrotask(() => this.handler.closed(close));
  }
  terminate(): void {
    this.close(1006, "");
  }
}

function publication(bytes: number): Packet {
  return {
    type: "publish",
    id: null,
    topic: "t",
    qos: 0,
    slot: null,
    data: Payload.fromCbor(new Uint8Array(bytes)),
    extras: null,
    frame: null,
  };
}

Deno.test("request() resolves with the answer to it, whatever its status", async () => {
  const { session, packets, clock } = open(() => [10, "refused"]);
  const { status, data } = await session.request(PING);
  assertEquals([status, data.value, session.pending], [10, "refused", 0]);
  assertEquals(packets, []);
  session.close(1000, "");
  assertEquals(clock.pending, 0);
});

Deno.test("request() times out after the default or its own time", async () => {
  const { session, clock } = open(() => null);
  const byDefault = assertRejects(() => session.request(PING), TimeoutError);
  const own = assertRejects(() => session.request(PING, { timeoutMs: 5 }), TimeoutError);
  await clock.advance(5);
  await own;
  assertEquals(session.pending, 1);
  await clock.advance(9_995);
  await byDefault;
  session.close(1000, "");
});

Deno.test("request() sends nothing when too many wait, or its signal is aborted", async () => {
  const { session, peer } = open(() => null);
  const waiting = Array.from({ length: REQUESTS_MAX }, () => session.request(PING));
  await assertRejects(() => session.request(PING), LimitError);
  await idle();
  assertEquals(peer.received.length, REQUESTS_MAX);
  const settled = Promise.allSettled(waiting);
  session.close(1000, "");
  assert(
    (await settled).every((one) =>
      one.status === "rejected" && one.reason instanceof ConnectionClosedError
    ),
  );
  const other = open();
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => other.session.request(PING, { signal }), Error, "enough");
  await idle();
  assertEquals(other.peer.received, []);
  other.session.close(1000, "");
});

Deno.test("a lost link fails every request at once, and everything after", async () => {
  const { session, peer, clock } = open(() => null);
  const waiting = assertRejects(() => session.request(PING), ConnectionClosedError, "down");
  await idle();
  peer.cut();
  await waiting;
  assertEquals([(await session.ended).code, session.isOpen, clock.pending], [1006, false, 0]);
  await assertRejects(() => session.request(PING), ConnectionClosedError);
  assertThrows(() => session.assertRoom("publish"), ConnectionClosedError);
  session.send(publication(1));
});

Deno.test("close() fails what waits, and lets leave what was sent", async () => {
  const { session, peer } = open(() => null);
  const waiting = assertRejects(() => session.request(PING), ConnectionClosedError);
  session.close(1000, "bye");
  await waiting;
  assertEquals(await peer.closed, { code: 1000, reason: "bye" });
  assertEquals(peer.received.length, 1);
});

Deno.test("what is no answer to a request goes to its owner", async () => {
  const { session, peer, packets } = open(() => null);
  peer.send({ type: "ack", id: 5n as MsgId });
  peer.respond(6n as MsgId, 0, null);
  await idle();
  assertEquals(packets.map(({ type }) => type), ["ack", "response"]);
  session.close(1000, "");
});

Deno.test("a challenge that nothing asked for is kept for the login, and is nobody else's", async () => {
  const { session, peer, packets } = open();
  peer.respond(7n as MsgId, 11, new Uint8Array([1]));
  peer.respond(8n as MsgId, 11, new Uint8Array([2]));
  const { id } = await session.challenged;
  assertEquals([id, packets], [7n, []]);
});

Deno.test("request() sends the id that is given", async () => {
  const { session, peer } = open();
  const signature = new Uint8Array([1]);
  await session.request({ type: "attestation", cid: "me", signature, id: 7n as MsgId });
  assertEquals(peer.received, [{ type: "attestation", id: 7n as MsgId, cid: "me", signature }]);
});

Deno.test("bounded() waits for work no longer than for an answer, nor than the link lives", async () => {
  const { session, peer, clock } = open();
  const before = clock.pending;
  assertEquals(await session.bounded(Promise.resolve(1), "late"), 1);
  await assertRejects(
    () => session.bounded(Promise.reject(new Error("bad")), "late"),
    Error,
    "bad",
  );
  const never = new Promise<never>(() => {});
  const late = assertRejects(() => session.bounded(never, "too late"), TimeoutError, "too late");
  await clock.advance(10_000);
  await late;
  const lost = assertRejects(() => session.bounded(never, "late"), ConnectionClosedError);
  peer.cut();
  await lost;
  await assertRejects(() => session.bounded(never, "late"), ConnectionClosedError);
  assertEquals([before, clock.pending], [1, 0]);
});

Deno.test("a silent peer is asked nothing while its challenge is waited for", async () => {
  const [ours, theirs] = memoryPair();
  const peer = new FakeSession(theirs, () => null);
  const { session, clock } = sessionOver(ours, "cbor", { requestTimeoutMs: 100_000 });
  const late = assertRejects(
    () => session.bounded(new Promise(() => {}), "late"),
    TimeoutError,
  );
  await clock.advance(99_999);
  assertEquals([peer.said, session.isOpen], [[], true]);
  await clock.advance(1);
  await late;
  await clock.advance(30_000);
  assertEquals(peer.said, ["rpc rid"]);
  session.close(1000, "");
});

Deno.test("a silent peer is asked for its rid, and the link is cut when it does not answer", async () => {
  const { session, peer, clock } = open(() => null);
  await clock.advance(30_000);
  assertEquals(peer.said, ["rpc rid"]);
  await clock.advance(9_999);
  assertEquals(session.isOpen, true);
  await clock.advance(1);
  assertEquals([session.isOpen, (await session.ended).code], [false, 1006]);
});

Deno.test("a peer that answers the heartbeat keeps its link", async () => {
  const { session, peer, clock } = open();
  await clock.advance(300_000);
  assertEquals([session.isOpen, peer.said.length > 5], [true, true]);
  session.close(1000, "");
});

for (const encoding of ["cbor", "json"] as const) {
  Deno.test(`send() takes a frame of 60 MiB and refuses a larger one (${encoding})`, () => {
    const link = new StuckLink();
    const { session } = sessionOver(link, encoding);
    const text = (length: number): Packet => ({
      type: "response",
      id: 1n as MsgId,
      status: 0,
      data: Payload.fromValue("a".repeat(length)),
    });
    // The header of a frame is counted with 128 bytes, the length of a text takes 5 in CBOR, 2 in JSON.
    const most = FRAME_BYTES_MAX - 128 - (encoding === "cbor" ? 5 : 2);
    session.send(text(most));
    assertThrows(() => session.send(text(most + 1)), LimitError, String(FRAME_BYTES_MAX));
    assertEquals(link.sent, 1);
    session.close(1000, "");
  });
}

Deno.test("a JSON publication counts twice, as it is written", () => {
  const link = new StuckLink();
  const { session } = sessionOver(link, "json");
  const data = Payload.fromValue(["a".repeat(FRAME_BYTES_MAX / 2)]);
  assertThrows(() => session.send({ ...publication(0), data } as Packet), LimitError);
  session.close(1000, "");
});

Deno.test("assertRoom() lets 16 MiB wait for the link, and not a byte more", () => {
  const link = new StuckLink();
  const { session } = sessionOver(link);
  link.bufferedBytes = OUTBOUND_BYTES_MAX;
  session.assertRoom("publish");
  link.bufferedBytes++;
  assertThrows(() => session.assertRoom('publish on "t"'), LimitError, 'Cannot publish on "t"');
  session.close(1000, "");
});

Deno.test("drained() waits while the link is full, until it drains, is lost, or the signal is aborted", async () => {
  const link = new StuckLink();
  const { session } = sessionOver(link);
  link.bufferedBytes = 64 * 1024;
  await session.drained();
  link.bufferedBytes++;
  const controller = new AbortController();
  const states: string[] = [];
  const note = (name: string, waiting: Promise<void>) =>
    waiting.then(() => states.push(name), () => states.push(`${name} failed`));
  const all = [
    note("plain", session.drained()),
    note("aborted", session.drained(controller.signal)),
    note("patient", session.drained(new AbortController().signal)),
  ];
  await idle();
  assertEquals(states, []);
  controller.abort(new Error("enough"));
  await idle();
  assertEquals(states, ["aborted failed"]);
  link.bufferedBytes = 0;
  link.handler.drained();
  await Promise.all(all);
  assertEquals(states.length, 3);
  link.bufferedBytes = 100_000;
  const waiting = session.drained();
  session.terminate("test");
  await waiting;
});

Deno.test("rest() reads nothing for 100 ms, and reads on for a request", async () => {
  const { clock, packets, peer, session } = open();
  session.rest();
  session.rest();
  peer.send(publication(1));
  await clock.advance(REST_MS - 1);
  assertEquals(packets.length, 0);
  await clock.advance(1);
  assertEquals(packets.length, 1);
  session.rest();
  peer.send(publication(1));
  assertEquals((await session.request(PING)).data.value, "fine");
  assertEquals(packets.length, 2);
  session.close(1000, "");
  assertEquals(clock.pending, 0);
});

Deno.test("rest() does nothing while an answer is waited for, and its pause ends with the session", async () => {
  const { clock, packets, peer, session } = open(() => null);
  const failed = assertRejects(() => session.request(PING), ConnectionClosedError);
  session.rest();
  peer.send(publication(1));
  await idle();
  assertEquals(packets.length, 1);
  session.close(1000, "");
  await failed;
  const other = open();
  other.session.rest();
  other.session.close(1000, "");
  other.session.rest();
  await other.session.ended;
  assertEquals([clock.pending, other.clock.pending], [0, 0]);
});
