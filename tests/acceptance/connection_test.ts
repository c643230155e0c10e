import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { connect } from "../../src/client/connect.ts";
import { component } from "../../src/client/component.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import type { Link } from "../../src/link/link.ts";
import { ConnectionClosedError } from "../../src/protocol/errors.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { collect, type Harness, testMatrix } from "../helpers/harness.ts";
import { eventually } from "../helpers/eventually.ts";

Deno.test("14 a component whose broker restarts on the same port calls again by itself", async () => {
  const first = new Broker({ drainMs: 0 });
  const listener = await listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    onLink: (link) => first.accept(link),
  });
  await using cli = await component(`${listener.url}/cli`);
  const got = await collect(cli, "t");
  await cli.expose("own", () => "still here");
  assertEquals(await cli.rpc("rid"), "broker");
  await listener.close();
  await first.close();

  await using second = new Broker({ name: "second", drainMs: 0 });
  const again = await listenWebSocket({
    hostname: "127.0.0.1",
    port: listener.port ?? 0,
    onLink: (link) => second.accept(link),
  });
  await eventually(async () => assertEquals(await cli.rpc("rid"), "second"));
  await second.handle.publish("t", 1);
  await eventually(() => assertEquals(got, [[1]]));
  assertEquals(await second.handle.rpc("own"), "still here");
  await cli.close();
  await again.close();
});

testMatrix("15 of two connections with one name exactly the second fails", async (h) => {
  const first = await h.connect("twice");
  const error = await assertRejects(() => h.connect("twice"), Error);
  assert(/in use|IDENTIFICATION/.test(error.message), error.message);
  assertEquals(await first.rpc("rid"), "broker");
});

testMatrix("a holder that does not answer is replaced", async (h) => {
  const link = await h.link();
  const closed = Promise.withResolvers<number>();
  const open = Promise.withResolvers<void>();
  link.start({
    message: () => open.resolve(),
    drained: () => {},
    closed: ({ code }) => closed.resolve(code),
  });
  link.send(encodeCbor([0, new Uint8Array(8).fill(1), "stale"]));
  await open.promise;
  const second = await h.connect("stale");
  assertEquals(await second.rpc("rid"), "broker");
  const code = await closed.promise;
  assert(code === 1008 || code === 4008, String(code));
});

/** Sends raw frames and gives the code that the broker closed with. */
async function closeCodeAfter(h: Harness, frame: Uint8Array | string): Promise<number> {
  const link: Link = await h.link();
  const closed = Promise.withResolvers<number>();
  link.start({ message: () => {}, drained: () => {}, closed: ({ code }) => closed.resolve(code) });
  link.send(frame);
  return await closed.promise;
}

testMatrix(
  "17 invalid frames end that connection with the right code and nothing else",
  async (h) => {
    const witness = await h.connect("witness");
    const id = new Uint8Array(8).fill(9);
    const cases: [Uint8Array | string, number][] = [
      [encodeCbor([999]), 1002],
      [encodeCbor([2, id, "t"]), 1002],
      [encodeCbor([2, 5, "t", null, []]), 1002],
      [encodeCbor([2, new Uint8Array(8), "t", null, []]), 1002],
      [encodeCbor([7, id]), 1002],
      [encodeCbor([1, "t", []]).slice(0, -1), 1007],
      [new Uint8Array([0x83, 0x01, 0x61, 0xff, 0x80]), 1007],
      ["no json", 1007],
      ["[]", 1002],
      ['{"id":1,"method":"t","params":{"type":999}}', 1002],
      ['{"id":1,"result":{"type":77}}', 1002],
    ];
    for (const [frame, code] of cases) assertEquals(await closeCodeAfter(h, frame), code);
    assertEquals(await witness.rpc("rid"), "broker");
  },
);

testMatrix("18, 19 a response without data or with an unknown id is ignored", async (h) => {
  const link = await h.link();
  let closed = false;
  const answered = Promise.withResolvers<void>();
  link.start({
    message: () => answered.resolve(),
    drained: () => {},
    closed: () => closed = true,
  });
  const id = new Uint8Array(8).fill(3);
  link.send(encodeCbor([4, id, 0]));
  link.send(encodeCbor([4, id, 0, "late"]));
  link.send(encodeCbor([5, id]));
  link.send(encodeCbor([6, id]));
  link.send(encodeCbor([2, id, "rid", null, []]));
  await answered.promise;
  assertEquals(closed, false);
  link.close(1000, "");
  await eventually(() => assertEquals(closed, true));
});

testMatrix(
  "21 after close(), calls and publications fail at once; closing twice is harmless",
  async (h) => {
    const cli = await h.connect("cli");
    await cli.close();
    await cli.close();
    await assertRejects(() => cli.rpc("rid"), ConnectionClosedError, "connection down");
    await assertRejects(() => cli.publish("t"), ConnectionClosedError, "connection down");
    await assertRejects(() => cli.with({ qos: 1 }).publish("t"), ConnectionClosedError);
    await assertRejects(() => cli.subscribe("t", () => {}), ConnectionClosedError);
  },
);

Deno.test("23 a wrong policy is an argument error", () => {
  assertThrows(() => new Broker({ policy: "random" as "first_up" }), TypeError, "first_up");
});

testMatrix(
  "24 wait() returns when the component is closed elsewhere, and closes nothing itself",
  async (h) => {
    const cli = await h.connect("cli");
    await cli.wait({ timeoutMs: 1 });
    assertEquals(await cli.rpc("rid"), "broker");
    const waiting = cli.wait();
    await cli.close();
    await waiting;
  },
);

testMatrix("25 the broker knows its components by name", async (h) => {
  const cli = await h.connect("cli");
  await collect(cli, "t");
  await cli.expose("svc", () => 1);
  assertEquals(h.broker.component("cli"), {
    name: "cli",
    connected: true,
    open: ["t"],
    subscriptions: ["t"],
    services: ["svc"],
  });
  assertEquals(h.broker.component("nobody"), null);
  assertEquals(await h.broker.peer("cli").rpc("rid"), "cli");
});

Deno.test("connect() rejects when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assertRejects(() => connect(`ws://127.0.0.1:${port}/cli`));
  await assertRejects(() => component(`ws://127.0.0.1:${port}/cli`));
});

testMatrix("names that are not allowed are refused", async (h) => {
  for (const name of ["broker", "repl"]) await assertRejects(() => h.connect(name));
});
