import { assert, assertEquals } from "@std/assert";
import { OUTBOUND_BYTES_MAX, PROGRESS_MS_MAX } from "../../../src/broker/limits.ts";
import { encodeCbor } from "../../../src/protocol/cbor.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { BenchBroker } from "../../helpers/bench_broker.ts";
import { as, publishPacket } from "./fakes.ts";

const MIB = 1024 * 1024;
const CAPABILITIES = { cmd: "capabilities", v: 1 };

Deno.test("QoS 1 and 2 are acknowledged under the id of the publisher, QoS 0 is not", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  await peer.send(publishPacket("t"));
  assertEquals(peer.take(), []);
  for (const qos of [1, 2] as const) {
    await peer.send(publishPacket("t", { qos, id: 5n }));
    assertEquals(peer.take(), [{ type: "ack", id: 5n as MsgId }]);
  }
});

Deno.test("an ACK of a QoS 2 delivery is answered with ACK2, one of QoS 1 or of nothing is not", async () => {
  await using bench = new BenchBroker();
  const sub = bench.peer();
  await sub.subscribe("t");
  for (const qos of [1, 2] as const) {
    await bench.broker.handle.with({ qos }).publish("t", qos);
    await settle();
    const delivery = as(sub.take()[0], "publish");
    await sub.ack(delivery);
    assertEquals(sub.take().map(({ type }) => type), qos === 2 ? ["ack2"] : []);
    await sub.ack(delivery);
    assertEquals(sub.take(), []);
  }
});

Deno.test("an ACK from another session counts for nothing", async () => {
  await using bench = new BenchBroker();
  const [sub, other] = [bench.peer(), bench.peer()];
  await sub.subscribe("t");
  await bench.broker.handle.with({ qos: 2 }).publish("t");
  await settle();
  const delivery = as(sub.take()[0], "publish");
  await other.ack(delivery);
  assertEquals([other.take(), sub.take()], [[], []]);
  await sub.ack(delivery);
  assertEquals(sub.take().length, 1);
});

Deno.test("keys are answered with 10, ACK2 and late answers with nothing", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  const id = 1n as MsgId;
  for (
    const packet of [
      { type: "unregister", id },
      { type: "attestation", id, cid: "alice", signature: new Uint8Array([1]) },
      { type: "register", id, cid: "alice", pin: "1", publicKey: new Uint8Array(1), keyType: 1 },
    ] as const
  ) assertEquals((await peer.ask(packet)).status, 10, packet.type);
  await peer.send({ type: "ack2", id });
  await peer.respond(id, "late");
  assertEquals([peer.take(), peer.close], [[], null]);
});

Deno.test("a bad frame closes its sender with the code of its fault, and nobody else", async () => {
  await using bench = new BenchBroker();
  const witness = bench.peer();
  await witness.subscribe("**");
  for (
    const [frame, code] of [
      [new Uint8Array(), 1007],
      [encodeCbor([99]), 1002],
      [encodeCbor([1, "t"]), 1002],
      [encodeCbor([1, "t", []]).slice(0, -1), 1007],
      ["{", 1007],
      ["[]", 1002],
    ] as const
  ) {
    const peer = bench.peer();
    peer.link.send(frame);
    await settle();
    assertEquals(peer.close?.code, code, String(frame));
  }
  assertEquals([witness.takePublications(), witness.close], [[], null]);
});

Deno.test("what a peer sends behind a bad frame is not read", async () => {
  await using bench = new BenchBroker();
  const witness = bench.peer();
  await witness.subscribe("t");
  const peer = bench.peer();
  peer.link.send(encodeCbor([99]));
  peer.link.send(encodeCbor([1, "t", []]));
  await settle();
  assertEquals(witness.takePublications(), []);
});

Deno.test("the broker writes to each peer in the encoding that it used last", async () => {
  await using bench = new BenchBroker();
  const [cbor, json] = [bench.peer(), bench.peer({ encoding: "json" })];
  for (const peer of [cbor, json]) await peer.subscribe("t");
  await bench.broker.handle.publish("t", 1);
  await settle();
  assertEquals([typeof cbor.lastFrame, typeof json.lastFrame], ["object", "string"]);
  json.link.send(encodeCbor([1, "x", []]));
  await settle();
  await bench.broker.handle.publish("t", 2);
  await settle();
  assertEquals(typeof json.lastFrame, "object");
});

Deno.test("a subscriber that does not read loses QoS 0, is told how much, and holds up nobody", async () => {
  await using bench = new BenchBroker();
  const [slow, quick] = [bench.peer(), bench.peer()];
  for (const peer of [slow, quick]) {
    await peer.admin("__config__", CAPABILITIES);
    await peer.subscribe("t");
  }
  slow.link.pause();
  const count = 40;
  for (let n = 0; n < count; n++) {
    await bench.broker.handle.publish("t", n, new Uint8Array(MIB));
    await settle();
  }
  assertEquals(quick.takePublications().length, count);
  const { dropped } = bench.broker.counters;
  assert(dropped > 0);
  slow.link.resume();
  await settle();
  const came = slow.takePublications();
  const notices = came.filter(({ topic }) => topic === "__gap__");
  const told = notices.flatMap(({ data }) => data.args as { count: number }[]);
  assertEquals(told.reduce((sum, gap) => sum + gap.count, 0), dropped);
  assertEquals(came.length - notices.length, count - dropped);
});

Deno.test("a caller that does not read its answers is closed with 1013", async () => {
  await using bench = new BenchBroker();
  await bench.broker.handle.expose("big", () => new Uint8Array(MIB));
  const cli = bench.peer();
  cli.link.pause();
  for (let n = 0; n < 16; n++) await cli.call("big");
  cli.link.resume();
  await settle();
  assertEquals([cli.take().length, cli.close], [16, null]);
  cli.link.pause();
  for (let n = 0; n < 20; n++) await cli.call("big");
  cli.link.resume();
  await settle();
  assertEquals([cli.close?.code, bench.broker.counters.slowClosed], [1013, 1]);
});

Deno.test("an exposer whose queue is full gets no new call: 43 at once", async () => {
  await using bench = new BenchBroker();
  const srv = await bench.named("srv");
  await srv.expose("svc");
  srv.link.pause();
  const cli = bench.peer();
  for (let n = 0; n < 2; n++) await cli.call("svc", [new Uint8Array(OUTBOUND_BYTES_MAX - 100)]);
  const id = await cli.call("svc", [new Uint8Array(1_000)]);
  assertEquals(cli.answerTo(id).status, 43);
  srv.link.resume();
  await settle();
  assertEquals([srv.take().length, srv.close], [2, null]);
});

Deno.test("QoS 1 waits in memory for a subscriber that does not read, then closes it with 1013", async () => {
  await using bench = new BenchBroker();
  const sub = await bench.named("sub");
  await sub.subscribe("t");
  sub.link.pause();
  for (let n = 0; n < 16; n++) {
    await bench.broker.handle.with({ qos: 1 }).publish("t", new Uint8Array(MIB));
  }
  assertEquals(bench.broker.component("sub")?.connected, true);
  for (let n = 0; n < 2; n++) {
    await bench.broker.handle.with({ qos: 1 }).publish("t", new Uint8Array(MIB));
  }
  assertEquals(bench.broker.component("sub")?.connected, false);
  sub.link.resume();
  await settle();
  assertEquals(sub.close?.code, 1013);
});

Deno.test("a named subscriber gets what was under way on its next connection", async () => {
  await using bench = new BenchBroker();
  const before = await bench.named("sub");
  await before.subscribe("t");
  await bench.broker.handle.with({ qos: 2 }).publish("t", 1);
  await settle();
  const [first] = before.takePublications();
  before.link.terminate();
  await settle();
  // What is published meanwhile is not kept.
  await bench.broker.handle.with({ qos: 2 }).publish("t", 2);
  const after = await bench.named("sub");
  await after.subscribe("t");
  const again = after.takePublications();
  assertEquals(again.map(({ id, data }) => [id, data.args]), [[first?.id, [1]]]);
});

Deno.test("a QoS 2 id is known by name across connections, and not to others", async () => {
  await using bench = new BenchBroker();
  const witness = bench.peer();
  await witness.subscribe("t");
  const packet = publishPacket("t", { qos: 2, id: 5n });
  for (const name of ["pub", "pub", "other"]) {
    const peer = await bench.named(name);
    await peer.send(packet);
    assertEquals(peer.take().map(({ type }) => type), ["ack"]);
    peer.link.terminate();
    await settle();
  }
  assertEquals(witness.takePublications().length, 2);
});

Deno.test("a subscriber that acknowledges nothing for 22 s is closed with 1013", async () => {
  await using bench = new BenchBroker();
  const sub = bench.peer();
  await sub.subscribe("t");
  await bench.broker.handle.with({ qos: 1 }).publish("t");
  await bench.clock.advance(PROGRESS_MS_MAX - 1);
  assertEquals(sub.close, null);
  await bench.clock.advance(1);
  assertEquals(sub.close?.code, 1013);
});

Deno.test("extras on deliveries come only to who asked for them", async () => {
  await using bench = new BenchBroker();
  const [asked, capable, plain] = [bench.peer(), bench.peer(), bench.peer()];
  await asked.admin("__config__", { ...CAPABILITIES, extras: true });
  await capable.admin("__config__", CAPABILITIES);
  for (const peer of [asked, capable, plain]) await peer.subscribe("t");
  const pub = await bench.named("pub");
  await pub.send({
    ...publishPacket("t", { args: [1] }),
    extras: { p: "somebody else", o: 1, tp: "00-aa" },
  });
  const [extras, ...others] = [asked, capable, plain].map((peer) =>
    peer.takePublications()[0]?.extras
  );
  assertEquals([extras?.p, typeof extras?.o, typeof extras?.t], ["pub", "number", "bigint"]);
  assertEquals(others, [null, null]);
});

Deno.test("JSON peers get slots only when they understand them", async () => {
  await using bench = new BenchBroker();
  const [plain, capable] = [bench.peer({ encoding: "json" }), bench.peer({ encoding: "json" })];
  await capable.admin("__config__", CAPABILITIES);
  for (const peer of [plain, capable]) await peer.subscribe("t");
  for (const qos of [0, 1] as const) {
    await bench.broker.handle.with({ qos, slot: 1234 }).publish("t", 1);
  }
  await settle();
  assertEquals(plain.takePublications().map(({ qos, slot }) => [qos, slot]), [[0, null], [
    1,
    null,
  ]]);
  assertEquals(capable.takePublications().map(({ qos, slot }) => [qos, slot]), [
    [0, 1234],
    [1, 1234],
  ]);
});

Deno.test("QoS 0 goes through as the bytes that came; a space gets the same payload bytes", async () => {
  await using bench = new BenchBroker();
  const [exact, space] = [bench.peer(), bench.peer()];
  await exact.subscribe("t");
  await space.subscribe("*");
  // [1, "t", [tag 1001 (1.5 as half float)]]
  const frame = Uint8Array.fromHex("830161748" + "1d903e9f93e00");
  bench.peer().link.send(frame);
  await settle();
  assertEquals(exact.lastFrame, frame);
  assertEquals(space.lastFrame, Uint8Array.fromHex("8301612a826174d903e9f93e00"));
});

Deno.test("what an interceptor changes is what is delivered, also at QoS 0", async () => {
  await using bench = new BenchBroker({
    interceptors: [{
      name: "renames",
      intercept({ packet }, next) {
        next(packet.type === "publish" ? { ...packet, topic: `seen/${packet.topic}` } : packet);
      },
    }],
  });
  const sub = bench.peer();
  await sub.subscribe("seen/t");
  await bench.peer().send(publishPacket("t", { args: [1] }));
  assertEquals(sub.takePublications().map(({ topic, data }) => [topic, data.args]), [
    ["seen/t", [1]],
  ]);
});

Deno.test("an interceptor may answer in place of the broker, and sees who sends", async () => {
  const seen: unknown[] = [];
  await using bench = new BenchBroker({
    interceptors: [{
      name: "guard",
      intercept({ packet, from, answer }, next) {
        seen.push([packet.type, from.anonymous]);
        if (packet.type === "admin") {
          answer({ type: "response", id: packet.id, status: 10, data: publishPacket("t").data });
        } else next(packet);
      },
    }],
  });
  const peer = bench.peer();
  assertEquals((await peer.subscribe("t")).status, 10);
  await peer.send(publishPacket("t", { qos: 1, id: 5n }));
  assertEquals(peer.take().map(({ type }) => type), ["ack"]);
  assertEquals(seen, [["admin", true], ["publish", true]]);
});

Deno.test("a connection that ends is gone for everybody, and forgotten when it was anonymous", async () => {
  await using bench = new BenchBroker();
  const peer = bench.peer();
  await peer.subscribe("t");
  await peer.expose("svc");
  assertEquals(bench.broker.sessionCount, 1);
  peer.link.close(1000, "");
  await settle();
  assertEquals(bench.broker.sessionCount, 0);
  const cli = bench.peer();
  assertEquals(cli.answerTo(await cli.call("svc")).status, 43);
});
