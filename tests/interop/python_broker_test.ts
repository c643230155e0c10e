// Goal: our component is a good client of rembus.python's own broker, which has none of our additions.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { component } from "../../src/client/component.ts";
import { connect } from "../../src/client/connect.ts";
import type { ComponentOptions } from "../../src/client/options.ts";
import { LAST_RECEIVED } from "../../src/peer/api.ts";
import {
  ConnectionClosedError,
  MethodExceptionError,
  MethodNotFoundError,
  RembusError,
  TimeoutError,
} from "../../src/protocol/errors.ts";
import { collect } from "../helpers/harness.ts";
import { CliProcess, runCli } from "../integration/cli_process.ts";
import { eventually } from "../helpers/eventually.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import {
  type PythonBroker,
  PythonDriver,
  startPythonBroker,
  startPythonClient,
} from "./python_peer.ts";

const python = await pythonForTests();

/** Registers a test with a broker of rembus.python. */
function brokerTest(
  name: string,
  run: (theirs: PythonBroker, python: string) => Promise<void>,
): void {
  pythonTest(python, `python broker ${name}`, async (python) => {
    await using broker = await startPythonBroker({ python });
    await run(broker, python);
  });
}

for (const encoding of ["cbor", "json"] as const) {
  brokerTest(`moves our publications with QoS 0, 1 and 2 in ${encoding}`, async (theirs) => {
    await using meter = await component(`${theirs.url}/meter`, { encoding });
    await using panel = await component(`${theirs.url}/panel`, { encoding });
    const received = await collect(panel, "weather");
    const spaces = await collect(panel, "*/telemetry");
    await meter.publish("weather", "rome", 1);
    await meter.with({ qos: 1 }).publish("weather", "rome", 2);
    await meter.with({ qos: 2 }).publish("weather", "rome", 3);
    // Towards a peer without capabilities JSON carries no slot: 0.8.12 would take it for a call.
    await meter.with({ qos: 1, slot: 7 }).publish("weather", "rome", 4);
    await meter.with({ slot: 7 }).publish("weather", "rome", 5);
    await meter.with({ qos: 1 }).put("telemetry", { temperature: 21.5 });
    await meter.publish("weather");
    const wanted = [...[1, 2, 3, 4, 5].map((level) => ["rome", level]), []];
    await eventually(() => assertEquals(received, wanted));
    await eventually(() => assertEquals(spaces, [["meter/telemetry", { temperature: 21.5 }]]));
    await panel.unsubscribe("weather");
    await meter.with({ qos: 1 }).publish("weather", "rome", 6);
    await meter.with({ qos: 1 }).put("telemetry", "end");
    await eventually(() => assertEquals(spaces.length, 2));
    assertEquals(received.length, wanted.length);
  });

  brokerTest(`carries our calls in ${encoding}`, async (theirs) => {
    await using server = await component(`${theirs.url}/server`, { encoding });
    await using caller = await component(`${theirs.url}/caller`, { encoding });
    await server.expose("upper", (text: string) => text.toUpperCase());
    await server.expose("fail", () => {
      throw new Error("boom from deno");
    });
    assertEquals(await caller.rpc("add", 1, 2), 3);
    assertEquals(await caller.rpc("rid"), "broker");
    assertStringIncludes(String(await caller.rpc("version")), "python_");
    assertEquals(await caller.rpc("upper", "straße"), "STRASSE");
    await assertRejects(() => caller.rpc("fail"), MethodExceptionError, "boom from deno");
    await assertRejects(() => caller.rpc("nobody"), MethodNotFoundError, "nobody");
    await assertRejects(() => caller.rpc("add", 1), MethodExceptionError);
    // 0.8.12 loses the target of a call in JSON (spec 3.4).
    if (encoding === "cbor") assertEquals(await caller.direct("server", "upper", "x"), "X");
    await server.unexpose("upper");
    await assertRejects(() => caller.rpc("upper", "x"), RembusError);
  });
}

brokerTest("moves messages between our component and one of its own", async (theirs, python) => {
  await using deno = await component(`${theirs.url}/deno`);
  await using client = await startPythonClient({ python, url: `${theirs.url}/python` });
  const received = await collect(deno, "python/telemetry");
  await client.subscribe("deno/telemetry");
  await client.expose("sum", "add");
  await deno.expose("product", (x: number, y: number) => x * y);
  await client.put("telemetry", [1, { $bytes: "00ff" }], { qos: 2, slot: 3 });
  await eventually(() => assertEquals(received, [[1, Uint8Array.of(0, 255)]]));
  await deno.with({ qos: 2, slot: 3 }).put("telemetry", 2n ** 64n - 1n, Infinity);
  assertEquals(await client.collect("deno/telemetry", 1), [[
    { $bigint: "18446744073709551615" },
    { $float: "inf" },
  ]]);
  assertEquals(await deno.rpc("sum", 1, 2), 3);
  assertEquals(await deno.direct("python", "sum", 3, 4), 7);
  assertEquals(await client.rpc("product", [3, 4]), 12);
  assertEquals(await client.direct("deno", "product", [5, 6]), 30);
});

brokerTest("hears our component, and is heard by it", async (theirs) => {
  await using deno = await component(`${theirs.url}/deno`);
  await using anonymous = await component(theirs.url);
  await deno.with({ qos: 1 }).publish("to_broker", "x", [1, null]);
  await anonymous.publish("to_broker", "y");
  assertEquals(await theirs.collect("to_broker", 2), [["x", [1, null]], ["y"]]);
  const received = await collect(anonymous, "from_broker");
  await theirs.publish("from_broker", ["hello"]);
  await eventually(() => assertEquals(received, [["hello"]]));
});

brokerTest("gives our component what it missed, exactly once", async (theirs) => {
  await using meter = await component(`${theirs.url}/meter`);
  {
    await using panel = await component(`${theirs.url}/panel`);
    await panel.subscribe("news", () => {}, { from: LAST_RECEIVED });
  }
  await meter.with({ qos: 1 }).publish("news", "missed");
  const received: unknown[][] = [];
  await using panel = await component(`${theirs.url}/panel`, {
    // What 0.8.12 has in its write buffer is not found: it is asked again until it is there.
    reconnectMinMs: 10,
  });
  await panel.subscribe("news", (...args: unknown[]) => void received.push(args), {
    from: LAST_RECEIVED,
  });
  await eventually(async () => {
    await panel.reactive();
    assertEquals(received, [["missed"]]);
  });
  await meter.with({ qos: 1 }).publish("news", "live");
  await eventually(() => assertEquals(received, [["missed"], ["live"]]));
});

brokerTest("refuses a name in use, and our component says so", async (theirs) => {
  await using holder = await component(`${theirs.url}/deno`);
  const options: ComponentOptions = { requestTimeoutMs: 3_000 };
  // 0.8.12 closes the connection without an answer.
  for (const start of [component, connect]) {
    await assertRejects(
      () => start(`${theirs.url}/deno`, options),
      ConnectionClosedError,
      "may be in use",
    );
  }
  assertEquals(await holder.rpc("add", 1, 2), 3);
});

brokerTest("serves the command line tool", async (theirs) => {
  const target = ["--url", theirs.url];
  await using sub = new CliProcess(["sub", "*/x", ...target, "--info", "--count", "1"]);
  await sub.logLine("subscribed");
  const published = await runCli(["pub", "a/x", "1", ...target, "--enc", "json", "--qos", "1"]);
  assertEquals(published, { code: 0, stdout: [], stderr: [] });
  assertEquals((await sub.end()).stdout, ["a/x 1"]);
  assertEquals((await runCli(["rpc", "add", "1", "2", ...target])).stdout, ["3"]);
  const plan = ["--messages", "200", "--calls", "20", "--subscribers", "2", "--qos", "2"];
  const { code, stdout } = await runCli(["bench", ...target, ...plan, "--json"]);
  const [measured, called] = stdout.map((line) => JSON.parse(line));
  assertEquals([code, measured.delivered, measured.lost, called.calls], [0, 400, 0, 20]);
});

brokerTest("lets calls of ours run into their own timeout", async (theirs) => {
  await using server = await component(`${theirs.url}/server`);
  await using caller = await component(`${theirs.url}/caller`);
  await server.expose("never", () => new Promise(() => {}));
  await assertRejects(() => caller.with({ timeoutMs: 200 }).rpc("never"), TimeoutError);
  assertEquals(await caller.rpc("add", 1, 2), 3);
});

pythonTest(
  python,
  "python broker that came back has our subscriptions and services again",
  async (python) => {
    const dir = await Deno.makeTempDir({ prefix: "rembus-python-" });
    try {
      const first = await startPythonBroker({ python, dir });
      await using deno = await component(`${first.url}/deno`, { reconnectMaxMs: 200 });
      await using anonymous = await component(first.url, { reconnectMaxMs: 200 });
      const events = deno.events();
      const named = await collect(deno, "news");
      const unnamed = await collect(anonymous, "news");
      await deno.expose("who", () => "deno");
      // A crash: nothing of ours was stored there.
      await first.kill();
      await eventually(() => assert(!deno.isOpen && !anonymous.isOpen));

      await using second = await startPythonBroker({ python, dir, port: first.port });
      await eventually(() => assert(deno.isOpen && anonymous.isOpen), 30_000);
      await using driver = await PythonDriver.start({ python });
      const client = await driver.connect({ url: `${second.url}/python` });
      await client.publish("news", ["back"], { qos: 1 });
      await eventually(() => assertEquals([named, unnamed], [[["back"]], [["back"]]]));
      assertEquals(await client.rpc("who"), "deno");
      assertEquals(await deno.rpc("add", 1, 2), 3);
      const seen: string[] = [];
      for await (const { type } of events) {
        seen.push(type);
        if (type === "connected") break;
      }
      assertEquals([seen[0], seen.at(-1)], ["disconnected", "connected"]);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);
