import { assert, assertEquals, assertRejects } from "@std/assert";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { TimeoutError } from "../../src/protocol/errors.ts";
import type { Interceptor } from "../../src/broker/interceptors.ts";
import type { MsgId, Publish } from "../../src/protocol/packet.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { eventually } from "../helpers/eventually.ts";
import { collect, startHarness } from "../helpers/harness.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import { RawSession } from "../helpers/raw_session.ts";

const CELL = { transport: "memory", encoding: "cbor" } as const;
const ADMIN_ID = new Uint8Array(8).fill(7);

/** Swallows the first `count` publications, as if they or their ACKs were lost. */
function losing(count: number): Interceptor & { lost: number } {
  return {
    name: "losing",
    lost: 0,
    intercept({ packet }, next) {
      if (packet.type === "publish" && this.lost < count) this.lost++;
      else next(packet);
    },
  };
}

function publication(id: bigint, qos: 1 | 2, value: unknown): Publish {
  return {
    type: "publish",
    id: id as MsgId,
    topic: "t",
    qos,
    slot: null,
    data: Payload.fromValue([value]),
    extras: null,
    frame: null,
  };
}

Deno.test("64 a lost acknowledgement leads to a retransmission and success", async () => {
  const plugin = losing(1);
  await using h = await startHarness(CELL, { interceptors: [plugin] });
  const got = await collect(h.broker.handle, "t");
  const pub = await h.connect("pub", { ackTimeoutMs: 20 });
  await pub.with({ qos: 1 }).publish("t", 1);
  await eventually(() => assertEquals(got, [[1]]));
  assertEquals(plugin.lost, 1);
});

Deno.test("65 without retries a lost acknowledgement is a timeout", async () => {
  await using h = await startHarness(CELL, { interceptors: [losing(1)] });
  const pub = await h.connect("pub", { ackTimeoutMs: 20, sendRetries: 0 });
  await assertRejects(() => pub.with({ qos: 1 }).publish("t", 1), TimeoutError);
});

Deno.test("67 repeats of one QoS 2 id are delivered once, exactly and through a space", async () => {
  await using h = await startHarness(CELL);
  const sub = await h.connect("sub");
  const exact = await collect(sub, "t");
  const space = await collect(sub, "*");
  await using raw = new RawSession(await h.link());
  for (let i = 0; i < 3; i++) {
    raw.send(publication(77n, 2, "once"));
    assertEquals((await raw.next()).packet, { type: "ack", id: 77n as MsgId });
  }
  raw.send(publication(78n, 2, "next"));
  await eventually(() => {
    assertEquals(exact, [["once"], ["next"]]);
    assertEquals(space, [["t", "once"], ["t", "next"]]);
  });
});

Deno.test("a QoS 2 id is remembered by name across connections", async () => {
  await using h = await startHarness(CELL);
  const got = await collect(await h.connect("sub"), "t");
  for (let i = 0; i < 2; i++) {
    await using raw = new RawSession(await h.link());
    raw.sendRaw(encodeCbor([0, ADMIN_ID, "pub"]));
    await raw.next();
    raw.send(publication(5n, 2, "once"));
    assertEquals((await raw.next()).packet.type, "ack");
  }
  await eventually(() => assertEquals(got.length, 1));
});

/** A raw named subscriber of topic `t` that acknowledges nothing by itself. */
async function rawSubscriber(
  h: Awaited<ReturnType<typeof startHarness>>,
  again = false,
): Promise<RawSession> {
  const raw = new RawSession(await h.link());
  raw.sendRaw(encodeCbor([0, ADMIN_ID, "sub"]));
  await raw.next();
  raw.sendRaw(
    again
      ? encodeCbor([3, ADMIN_ID, "__config__", { cmd: "reactive", status: true }])
      : encodeCbor([3, ADMIN_ID, "t", { cmd: "subscribe", msg_from: 0 }]),
  );
  await raw.next();
  return raw;
}

Deno.test("the broker resends only the oldest delivery after 2, 4 and 8 s, then closes with 1013", async () => {
  const clock = new ManualClock();
  await using h = await startHarness(CELL, { clock, drainMs: 0 });
  const raw = await rawSubscriber(h);
  await h.broker.handle.with({ qos: 1 }).publish("t", "a");
  await h.broker.handle.with({ qos: 1 }).publish("t", "b");
  const [first, second] = [(await raw.next()).packet, (await raw.next()).packet];
  assert(first.type === "publish" && second.type === "publish");
  for (const seconds of [2, 4, 8]) {
    await clock.advance(seconds * 1_000 - 1);
    assertEquals(raw.untaken, 0);
    await clock.advance(1);
    const { packet } = await raw.next();
    assertEquals(packet.type === "publish" ? packet.id : null, first.id);
  }
  await clock.advance(8_000);
  assertEquals((await raw.closed).code, 1013);
});

Deno.test("unacknowledged deliveries follow a named subscriber to its next connection, with their ids", async () => {
  await using h = await startHarness(CELL, { drainMs: 0 });
  const raw = await rawSubscriber(h);
  await h.broker.handle.with({ qos: 2 }).publish("t", "a");
  await h.broker.handle.with({ qos: 2, slot: 3 }).publish("t", "b");
  const ids = [(await raw.next()).packet, (await raw.next()).packet].map((p) =>
    p.type === "publish" ? p.id : null
  );
  raw.terminate();
  await raw.closed;
  const back = await rawSubscriber(h, true);
  const again = [(await back.next()).packet, (await back.next()).packet];
  assertEquals(again.map((p) => p.type === "publish" ? p.id : null), ids);
  for (const packet of again) {
    if (packet.type !== "publish" || packet.id === null) throw new Error(packet.type);
    back.send({ type: "ack", id: packet.id });
    assertEquals((await back.next()).packet, { type: "ack2", id: packet.id });
  }
  await using _ = back;
});

Deno.test("at most 64 deliveries are unacknowledged at once", async () => {
  await using h = await startHarness(CELL, { drainMs: 0 });
  await using raw = await rawSubscriber(h);
  for (let i = 0; i < 65; i++) await h.broker.handle.with({ qos: 1 }).publish("t", i);
  const first = (await raw.next()).packet;
  for (let i = 1; i < 64; i++) await raw.next();
  assertEquals(raw.untaken, 0);
  if (first.type !== "publish" || first.id === null) throw new Error(first.type);
  raw.send({ type: "ack", id: first.id });
  const { packet } = await raw.next();
  assertEquals(packet.type === "publish" ? packet.data.args : null, [64]);
});
