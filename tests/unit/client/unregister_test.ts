import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ClientKeys } from "../../../src/identity/client_keys.ts";
import { component } from "../../../src/client/component.ts";
import { memoryKeys } from "../../../src/identity/memory_keys.ts";
import { ConnectionClosedError, RembusError, TimeoutError } from "../../../src/protocol/errors.ts";
import { type FakeAnswer, FakeBroker, idle } from "../../helpers/fake_broker.ts";
import { startFake } from "../../helpers/fake_component.ts";

const SECRET = new TextEncoder().encode("shared");

function brokerThat(answer: FakeAnswer): FakeBroker {
  const broker = new FakeBroker();
  broker.answer = ({ type }) => type === "unregister" ? answer : undefined;
  return broker;
}

async function keysOf(...names: readonly string[]): Promise<ClientKeys> {
  const keys = memoryKeys();
  for (const name of names) await keys.save(name, SECRET);
  return keys;
}

for (const encoding of ["cbor", "json"] as const) {
  Deno.test(`unregister() removes the key when the broker forgot the name (${encoding})`, async () => {
    const keys = await keysOf("alice", "bob");
    const broker = brokerThat([0, null]);
    await using it = await startFake("alice", { broker, keys, encoding });
    await it.node.unregister();
    assertEquals(broker.last.said.at(-1), "unregister");
    assertEquals([await keys.load("alice"), await keys.load("bob")], [null, SECRET]);
    assertEquals(it.node.isOpen, true);
  });
}

Deno.test("unregister() keeps the key when the broker refuses", async () => {
  const keys = await keysOf("alice");
  await using it = await startFake("alice", {
    broker: brokerThat([10, "invalid operation"]),
    keys,
  });
  const error = await assertRejects(
    () => it.node.unregister(),
    RembusError,
    'Cannot unregister "alice": invalid operation',
  );
  assertEquals([error.status, await keys.load("alice")], [10, SECRET]);
});

Deno.test("unregister() keeps the key when no answer comes", async () => {
  const keys = await keysOf("alice");
  await using it = await startFake("alice", { broker: brokerThat(null), keys });
  const late = assertRejects(
    () => it.node.with({ timeoutMs: 5 }).unregister(),
    TimeoutError,
  );
  await it.clock.advance(5);
  await late;
  const lost = assertRejects(() => it.node.unregister(), ConnectionClosedError);
  await idle();
  it.broker.last.cut();
  await lost;
  await assertRejects(() => it.node.unregister(), ConnectionClosedError);
  assertEquals(await keys.load("alice"), SECRET);
});

Deno.test("unregister() works without a key store, and says when a key could not be removed", async () => {
  await using plain = await startFake("alice", { broker: brokerThat([0, null]) });
  await plain.node.unregister();
  const keys: ClientKeys = {
    ...memoryKeys(),
    remove: () => Promise.reject(new Error("the disk is gone")),
  };
  await using it = await startFake("alice", { broker: brokerThat([0, null]), keys });
  await assertRejects(() => it.node.unregister(), RembusError, "The broker has forgotten the name");
});

Deno.test("unregister() of an anonymous or closed component rejects", async () => {
  await using it = await startFake("", { broker: brokerThat([0, null]) });
  await assertRejects(() => it.node.unregister(), TypeError, "expected a component with a name");
  assert(!it.broker.last.said.includes("unregister"));
  await using closed = await startFake("alice");
  await closed.node.close();
  await assertRejects(() => closed.node.unregister(), ConnectionClosedError);
});

Deno.test("unregister() of a pool removes the keys when all brokers forgot the names", async () => {
  for (const answer of [[0, null], [10, "no"]] as const) {
    const keys = await keysOf("left", "right");
    const left = brokerThat([0, null]);
    const right = brokerThat(answer);
    const isRefused = answer[0] === 10;
    await using node = await component(["ws://left:1/left", "ws://right:1/right"], {
      keys,
      heartbeatMs: 0,
      dial: (url) => url.startsWith("ws://left") ? left.dial() : right.dial(),
    });
    if (isRefused) await assertRejects(() => node.unregister(), RembusError, '"right"');
    else await node.unregister();
    const kept = isRefused ? SECRET : null;
    assertEquals([await keys.load("left"), await keys.load("right")], [kept, kept]);
  }
});
