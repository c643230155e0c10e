// Goal: what goes wrong around a rembus.python client is told to it, or harms only who did it.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { dialWebSocket } from "../../src/link/whatwg.ts";
import { MethodUnavailableError } from "../../src/protocol/errors.ts";
import { collect } from "../helpers/harness.ts";
import { eventually } from "../helpers/eventually.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { RawSession } from "../helpers/raw_session.ts";
import { hexToBytes } from "../helpers/vectors.ts";
import { startOurBroker } from "./our_broker.ts";
import { PythonDriver, PythonError, startPythonClient } from "./python_peer.ts";

const python = await pythonForTests();

/** rembus.python waits 10 s for an answer: what comes sooner was answered. In milliseconds. */
const ANSWERED_MS = 6_000;

/** How long something takes, in milliseconds. */
async function timed(action: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await action();
  return performance.now() - startMs;
}

pythonTest(
  python,
  "python client works again after our broker restarted on its port",
  async (python) => {
    const first = await startOurBroker();
    await using client = await startPythonClient({ python, url: `${first.url}/python` });
    await first.broker.handle.expose("where", () => "first");
    assertEquals(await client.rpc("where"), "first");
    await first[Symbol.asyncDispose]();
    await client.waitOpen(false);

    await using second = await startOurBroker({ port: first.port });
    await second.broker.handle.expose("where", () => "second");
    await client.waitOpen(true);
    assertEquals(await client.rpc("where"), "second");
    // 0.8.12 announces nothing again, and our broker has no memory across a restart yet.
    const deno = await second.connect("deno");
    await client.subscribe("news");
    await deno.with({ qos: 1 }).publish("news", "back");
    assertEquals(await client.collect("news", 1), [["back"]]);
  },
);

pythonTest(python, "python client is refused at once when its name is in use", async (python) => {
  await using ours = await startOurBroker();
  await using driver = await PythonDriver.start({ python });
  const holder = await driver.connect({ url: `${ours.url}/python` });
  const took = await timed(() =>
    assertRejects(() => driver.connect({ url: `${ours.url}/python` }), PythonError, "login failed")
  );
  assert(took < ANSWERED_MS, `took ${took} ms`);
  // The holder of the name is not disturbed.
  assertEquals(await holder.rpc("rid"), "broker");
  const deno = await ours.connect("deno");
  await deno.expose("who", () => "deno");
  await assertRejects(
    () => driver.connect({ url: `${ours.url}/deno` }),
    PythonError,
    "login failed",
  );
  assertEquals(await holder.rpc("who"), "deno");
});

pythonTest(
  python,
  "python client is told at once that the exposer of its call is lost",
  async (python) => {
    await using ours = await startOurBroker();
    await using client = await startPythonClient({ python, url: `${ours.url}/python` });
    const server = await ours.connect("server");
    const called = Promise.withResolvers<void>();
    await server.expose("slow", () => {
      called.resolve();
      return new Promise(() => {});
    });
    const took = await timed(async () => {
      const call = assertRejects(() => client.rpc("slow"), PythonError, "METHOD_UNAVAILABLE:slow");
      await called.promise;
      await server.close();
      await call;
    });
    assert(took < ANSWERED_MS, `took ${took} ms`);
    await assertRejects(() => client.rpc("slow"), PythonError, "METHOD_UNAVAILABLE:slow");
  },
);

pythonTest(python, "our component is told when the exposer in python is gone", async (python) => {
  await using ours = await startOurBroker();
  const deno = await ours.connect("deno");
  {
    await using client = await startPythonClient({ python, url: `${ours.url}/python` });
    await client.expose("add", "add");
    assertEquals(await deno.rpc("add", 1, 2), 3);
  }
  await assertRejects(() => deno.rpc("add", 1, 2), MethodUnavailableError);
  await using again = await startPythonClient({ python, url: `${ours.url}/python` });
  await again.expose("add", "add");
  assertEquals(await deno.rpc("add", 1, 2), 3);
});

/** Frames of a publication on `news` whose payload a 0.8.12 client cannot decode. */
const HOSTILE: readonly { readonly name: string; readonly payload: string }[] = [
  { name: "a date that is none", payload: "81c0656e6576 6572" },
  { name: "a date of the wrong type", payload: "81c00a" },
  { name: "a bignum around a text", payload: "81c26161" },
  { name: "text that is not UTF-8", payload: "8161ff" },
  { name: "a text that ends early", payload: "816561" },
  { name: "a shared value that does not exist", payload: "81d81d05" },
  { name: "a regular expression that is none", payload: "81d8236128" },
  { name: "a UUID of the wrong length", payload: "81d8254100" },
  { name: "lists within lists without end", payload: "81".repeat(2_000) + "80" },
  { name: "bytes behind the end", payload: "8000" },
];

pythonTest(python, "python client outlives payloads that it cannot decode", async (python) => {
  await using ours = await startOurBroker();
  await using client = await startPythonClient({ python, url: `${ours.url}/python` });
  const deno = await ours.connect("deno");
  await client.subscribe("news");
  await client.subscribe("**");
  for (const { name, payload } of HOSTILE) {
    const link = await dialWebSocket(ours.url, { signal: AbortSignal.timeout(5_000) });
    await using hostile = new RawSession(link);
    hostile.sendRaw(hexToBytes(`8301646e657773${payload.replaceAll(" ", "")}`));
    assertEquals((await hostile.closed).code, 1007, name);
  }
  await deno.with({ qos: 1 }).publish("news", "still here");
  assertEquals(await client.collect("news", 1), [["still here"]]);
  assertEquals(await client.collect("**", 1), [["news", "still here"]]);
  assertEquals(await client.rpc("rid"), "broker");
});

pythonTest(
  python,
  "python client neither delays nor loses anything for our components",
  async (python) => {
    await using ours = await startOurBroker();
    await using client = await startPythonClient({ python, url: `${ours.url}/python` });
    const [meter, panel] = [await ours.connect("meter"), await ours.connect("panel")];
    const received = await collect(panel, "bulk");
    await client.subscribe("bulk");
    const count = 500;
    const numbers = Array.from({ length: count }, (_, index) => [index]);
    for (const [index] of numbers) void meter.with({ qos: 1 }).publish("bulk", index);
    await eventually(() => assertEquals(received, numbers));
    assertEquals(await client.collect("bulk", count), numbers);
  },
);
