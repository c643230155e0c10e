import { assertEquals } from "@std/assert";
import { DataFrame } from "../../client.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import type { MsgId } from "../../src/protocol/packet.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { RawSession } from "../helpers/raw_session.ts";
import { startHarness } from "../helpers/harness.ts";
import { hexToBytes, loadVectors } from "../helpers/vectors.ts";

const CELL = { transport: "memory", encoding: "cbor" } as const;
const ID = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);

async function subscribed(link: Promise<unknown>, topic: string): Promise<RawSession> {
  const session = new RawSession(await link as ConstructorParameters<typeof RawSession>[0]);
  session.sendRaw(encodeCbor([3, ID, topic, { cmd: "subscribe", msg_from: 0 }]));
  await session.next();
  return session;
}

Deno.test("a relayed publication has the bytes that came, whatever they are", async () => {
  await using h = await startHarness(CELL);
  await using sub = await subscribed(h.link(), "v");
  await using space = await subscribed(h.link(), "**");
  await using pub = new RawSession(await h.link());
  const values = loadVectors().frames.filter(({ name }) =>
    name.startsWith("value:") && !name.includes("depth 65")
  );
  for (const { name, hex } of values) {
    const bytes = hexToBytes(hex);
    pub.sendRaw(bytes);
    assertEquals((await sub.next()).frame, bytes, name);
    const { frame } = await space.next();
    // [1, "**", ["v", argument]]: the bytes of the argument are the last ones of both frames.
    assertEquals((frame as Uint8Array).subarray(-(bytes.length - 5)), bytes.subarray(5), name);
  }
});

Deno.test("QoS deliveries have a new header in front of the same payload bytes", async () => {
  await using h = await startHarness(CELL);
  await using sub = await subscribed(h.link(), "v");
  await using pub = new RawSession(await h.link());
  const payload = hexToBytes("82fa47c35040d903e9a1616101"); // [100000.5 as float32, tag 1001]
  const head = hexToBytes("8411480102030405060708" + "6176");
  pub.sendRaw(new Uint8Array([...head, ...payload]));
  const { frame, packet } = await sub.next();
  assertEquals(packet.type, "publish");
  assertEquals((frame as Uint8Array).subarray(-payload.length), payload);
});

Deno.test("50 data frames are relayed as they came: as argument, as result, and in a list", async () => {
  await using h = await startHarness(CELL);
  const srv = await h.connect("srv");
  await srv.expose("echo", (...args: unknown[]) => args.length === 1 ? args[0] : args);
  const cli = await h.connect("cli");
  const frame = DataFrame.fromColumns({ a: [1, 2] });
  assertEquals(await cli.rpc("echo", frame), frame);
  assertEquals(await cli.rpc("echo", frame, frame), [frame, frame]);
});

Deno.test("a JSON subscriber gets bytes and frames degraded, others as they are", async () => {
  await using h = await startHarness(CELL);
  const json = await h.connect("json", { encoding: "json" });
  const cbor = await h.connect("cbor");
  const gotJson = Promise.withResolvers<unknown>();
  const gotCbor = Promise.withResolvers<unknown>();
  await json.subscribe("t", (value: unknown) => gotJson.resolve(value));
  await cbor.subscribe("t", (value: unknown) => gotCbor.resolve(value));
  await (await h.connect("pub")).publish("t", { bytes: new Uint8Array([1, 2]), big: 2n ** 60n });
  assertEquals(await gotJson.promise, { bytes: "AQI=", big: 2n ** 60n });
  assertEquals(await gotCbor.promise, { bytes: new Uint8Array([1, 2]), big: 2n ** 60n });
});

Deno.test("56 an admin message without cmd gets 10, an unknown one 47, and nothing is disturbed", async () => {
  await using h = await startHarness(CELL);
  await using raw = new RawSession(await h.link());
  const cases: [unknown, number][] = [
    [{}, 10],
    [null, 10],
    [[1], 10],
    [{ cmd: "nonsense" }, 47],
    [{ cmd: "subscribe", msg_from: "soon" }, 10],
    [{ cmd: "subscribe" }, 0],
    [{ cmd: "subscribe", msg_from: null }, 0],
    [{ cmd: "reactive" }, 10],
    [{ cmd: "unsubscribe" }, 0],
    [{ cmd: "unexpose" }, 0],
    [{ cmd: "authorize", cid: "x" }, 10],
  ];
  for (const [data, status] of cases) {
    raw.sendRaw(encodeCbor([3, ID, "t", data]));
    const { packet } = await raw.next();
    assertEquals(packet.type === "response" ? packet.status : packet.type, status, String(data));
  }
});

Deno.test("an RPC forwarded to an exposer has an id of the broker's own; equal ids never meet", async () => {
  await using h = await startHarness(CELL);
  await using srv = new RawSession(await h.link());
  srv.sendRaw(encodeCbor([3, ID, "svc", { cmd: "expose" }]));
  await srv.next();
  await using one = new RawSession(await h.link());
  await using two = new RawSession(await h.link());
  one.sendRaw(encodeCbor([2, ID, "svc", null, ["one"]]));
  two.sendRaw(encodeCbor([2, ID, "svc", null, ["two"]]));
  const asked = [(await srv.next()).packet, (await srv.next()).packet];
  for (const packet of asked.reverse()) {
    if (packet.type !== "rpc") throw new Error(packet.type);
    srv.send({
      type: "response",
      id: packet.id,
      status: 0,
      data: Payload.fromValue(packet.data.args[0]),
    });
  }
  const answers = [await one.next(), await two.next()].map(({ packet }) =>
    packet.type === "response" ? [packet.id, packet.data.value] : packet.type
  );
  const id = 0x0807060504030201n as MsgId;
  assertEquals(answers, [[id, "one"], [id, "two"]]);
});
