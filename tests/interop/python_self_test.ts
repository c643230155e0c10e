// Goal: the drivers of rembus.python work, so that a failure of the other interoperation tests is ours.
// Method: its client against its own broker, nothing of this repository in between.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import {
  PYTHON_FRAME,
  PythonDriver,
  PythonError,
  startPythonBroker,
  startPythonClient,
} from "./python_peer.ts";

const python = await pythonForTests();

function selfTest(name: string, run: (python: string) => Promise<void>): void {
  pythonTest(python, `python driver ${name}`, run);
}

selfTest("publishes and subscribes with QoS 0, 1 and 2", async (python) => {
  await using broker = await startPythonBroker({ python });
  await using driver = await PythonDriver.start({ python });
  const publisher = await driver.connect({ url: `${broker.url}/publisher` });
  const subscriber = await driver.connect({ url: `${broker.url}/subscriber` });
  await subscriber.subscribe("weather");
  await subscriber.reactive();
  await publisher.publish("weather", ["zero", 0]);
  await publisher.publish("weather", ["one", 1.5], { qos: 1 });
  await publisher.publish("weather", ["two", { $bytes: "00ff" }], {
    qos: 2,
    slot: 7,
  });
  assertEquals(await subscriber.collect("weather", 3), [
    ["zero", 0],
    ["one", 1.5],
    ["two", { $bytes: "00ff" }],
  ]);
});

selfTest(
  "receives the topic of a space, and nothing after unsubscribe",
  async (python) => {
    await using broker = await startPythonBroker({ python });
    await using driver = await PythonDriver.start({ python });
    const publisher = await driver.connect({ url: broker.url });
    const subscriber = await driver.connect({
      url: `${broker.url}/subscriber`,
    });
    await subscriber.subscribe("*/weather");
    await subscriber.subscribe("end");
    await publisher.publish("rome/weather", [21]);
    assertEquals(await subscriber.collect("*/weather", 1), [[
      "rome/weather",
      21,
    ]]);
    await subscriber.unsubscribe("*/weather");
    await publisher.publish("rome/weather", [22]);
    await publisher.publish("end");
    await subscriber.collect("end", 1);
    assertEquals(subscriber.received("*/weather").length, 1);
  },
);

selfTest("calls services of a broker and of a component", async (python) => {
  await using broker = await startPythonBroker({ python });
  await using driver = await PythonDriver.start({ python });
  const server = await driver.connect({ url: `${broker.url}/server` });
  const caller = await driver.connect({ url: `${broker.url}/caller` });
  await server.expose("sum", "add");
  await server.expose("fail", "boom");
  assertEquals(await caller.rpc("add", [1, 2]), 3);
  assertEquals(await caller.rpc("sum", [3, 4]), 7);
  assertEquals(await caller.direct("server", "sum", [5, 6]), 11);
  assertEquals(await caller.rpc("sum", [{ $bigint: "9007199254740993" }, 1]), {
    $bigint: "9007199254740994",
  });
  await assertRejects(
    () => caller.rpc("fail"),
    PythonError,
    "boom from python",
  );
  await assertRejects(() => caller.rpc("nobody"), PythonError, "nobody");
  await server.unexpose("sum");
  await assertRejects(() => caller.rpc("sum", [1, 2]), PythonError);
});

selfTest("moves dataframes", async (python) => {
  await using broker = await startPythonBroker({ python });
  await using driver = await PythonDriver.start({ python });
  const publisher = await driver.connect({ url: `${broker.url}/publisher` });
  const subscriber = await driver.connect({ url: `${broker.url}/subscriber` });
  await subscriber.subscribe("frames");
  await subscriber.expose("frame", "frame");
  await publisher.publish("frames", [PYTHON_FRAME], { qos: 1 });
  assertEquals(await subscriber.collect("frames", 1), [[PYTHON_FRAME]]);
  assertEquals(await publisher.rpc("frame"), PYTHON_FRAME);
});

selfTest("speaks JSON", async (python) => {
  await using broker = await startPythonBroker({ python });
  await using caller = await startPythonClient({
    python,
    url: `${broker.url}/caller`,
    encoding: "json",
  });
  await caller.expose("sum", "add");
  assertEquals(await caller.rpc("add", [1, 2]), 3);
  assertEquals(await caller.rpc("sum", [1, 2]), 3);
  await caller.publish("to_broker", ["lost"], { qos: 1 });
  // 0.8.12 loses the payload of a JSON publication (spec 3.4).
  assertEquals(await broker.collect("to_broker", 1), [[null]]);
});

selfTest("injects a context", async (python) => {
  await using broker = await startPythonBroker({ python });
  await using driver = await PythonDriver.start({ python });
  const publisher = await driver.connect({ url: `${broker.url}/publisher` });
  const subscriber = await driver.connect({ url: `${broker.url}/subscriber` });
  await subscriber.inject({ unit: "C" });
  await subscriber.subscribe("weather");
  await publisher.put("weather", [1]);
  await publisher.publish("weather", [2]);
  await subscriber.collect("weather", 1);
  assertEquals(
    subscriber.messages().map(({ args, ctx, node }) => ({ args, ctx, node })),
    [
      { args: [2], ctx: { unit: "C" }, node: "subscriber" },
    ],
  );
});

selfTest("sees a broker go, and the next on its port", async (python) => {
  const dir = await Deno.makeTempDir({ prefix: "rembus-python-" });
  try {
    const broker = await startPythonBroker({ python, dir });
    await using driver = await PythonDriver.start({ python });
    const client = await driver.connect({ url: `${broker.url}/client` });
    assert(await client.isOpen());
    await broker[Symbol.asyncDispose]();
    await client.waitOpen(false);
    await using again = await startPythonBroker({ python, dir, port: broker.port });
    // A new component: the old one closes for good when its first login meets a broker that is
    // still starting (weakness 31), which a busy machine brings about.
    const next = await driver.connect({ url: `${again.url}/next` });
    await next.waitOpen(true);
    assertEquals(await next.rpc("add", [1, 2]), 3);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
