import { assertEquals, assertRejects } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { component } from "../../src/client/component.ts";
import { memoryPair } from "../../src/link/memory.ts";
import {
  ConnectionClosedError,
  MethodExceptionError,
  TimeoutError,
} from "../../src/protocol/errors.ts";
import { eventually } from "../helpers/eventually.ts";

/** Two brokers and a pool over both. */
async function pool() {
  const brokers = [new Broker({ name: "a", drainMs: 0 }), new Broker({ name: "b", drainMs: 0 })];
  const node = await component(["ws://127.0.0.1:1/left", "ws://127.0.0.1:2/right"], {
    requestTimeoutMs: 5_000,
    dial: (url: string) => {
      const [ours, theirs] = memoryPair();
      brokers[url.includes(":1") ? 0 : 1]?.accept(theirs);
      return Promise.resolve(ours);
    },
  });
  return {
    brokers,
    node,
    async [Symbol.asyncDispose](): Promise<void> {
      await node.close();
      for (const one of brokers) await one.close();
    },
  };
}

Deno.test("57 a pool calls and calls directly; wrong arity raises, a slow service times out", async () => {
  await using p = await pool();
  await p.brokers[0]?.handle.expose("add", (x: number, y: number) => x + y);
  await p.brokers[0]?.handle.expose("slow", () => new Promise(() => {}));
  assertEquals(await p.node.rpc("add", 1, 2), 3);
  assertEquals(await p.node.direct("a", "add", 1, 2), 3);
  await assertRejects(() => p.node.rpc("add", 1), MethodExceptionError);
  await assertRejects(() => p.node.with({ timeoutMs: 20 }).rpc("slow"), TimeoutError);
});

Deno.test("58 a pool names itself, and after close everything is refused", async () => {
  await using p = await pool();
  assertEquals([p.node.rid, p.node.uid, p.node.isOpen], ["repl", "repl://:0/repl", true]);
  await p.node.close();
  await assertRejects(() => p.node.rpc("rid"), ConnectionClosedError);
  await assertRejects(() => p.node.publish("t"), ConnectionClosedError);
});

Deno.test("59 a pool subscribes and exposes everywhere, and publishes once", async () => {
  await using p = await pool();
  const got: unknown[] = [];
  await p.node.subscribe("t", (value: unknown) => void got.push(value));
  await p.node.expose("who", () => "pool");
  await p.node.reactive();
  await p.node.unreactive();
  await p.node.reactive();
  for (const [index, one] of p.brokers.entries()) {
    await one.handle.publish("t", index);
    assertEquals(await one.handle.rpc("who"), "pool");
  }
  await eventually(() => assertEquals(got, [0, 1]));
  const seen: unknown[] = [];
  for (const one of p.brokers) {
    await one.handle.subscribe("u", (value: unknown) => void seen.push(value));
  }
  await p.node.publish("u", 1);
  await p.node.put("u", 2);
  await eventually(() => assertEquals(seen, [1]));
});
