// Goal: a component of rembus.python misses nothing that our broker acknowledged or stored for it: not while it was
// away, not when the broker was restarted, and not when the broker was killed.
import { assert, assertEquals } from "@std/assert";
import { component } from "../../src/client/component.ts";
import type { Component, NodeHandle } from "../../src/peer/api.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import { type Clock, SYSTEM_CLOCK } from "../../src/util/clock.ts";
import { eventually } from "../helpers/eventually.ts";
import { freePort } from "../helpers/free_port.ts";
import { LakeBus } from "../helpers/lake_bus.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { README_SCHEMA } from "../helpers/lake_schema.ts";
import type { StoragePlace } from "../helpers/lake_storages.ts";
import { pythonTest } from "../helpers/python.ts";
import { CliProcess } from "../integration/cli_process.ts";
import { PYTHON, type TablePeer, TablePython } from "./python_storage_peer.ts";

function placeOf(directory: string): StoragePlace {
  return { directory, disk: { kind: "disk", directory, name: "broker", storage: "native" } };
}

/** A message of every shape, at every quality of service. */
const MESSAGES: readonly { readonly args: readonly unknown[]; readonly qos: QoS }[] = [
  { args: [{ temperature: 1.5 }], qos: 0 },
  { args: ["two", 2], qos: 1 },
  { args: [], qos: 2 },
  { args: [[1, [2]], null], qos: 2 },
  { args: ["ä"], qos: 1 },
  { args: [true], qos: 0 },
];

/** Publishes all of them on a topic; what a subscriber gets, with the topic in front for a space. */
async function publishAll(
  node: Pick<Component | NodeHandle, "with">,
  topic: string,
): Promise<(readonly unknown[])[]> {
  for (const { args, qos } of MESSAGES) await node.with({ qos }).publish(topic, ...args);
  return MESSAGES.map(({ args }) => args);
}

/** Subscribes as one does who wants everything that was missed. */
async function follow(peer: TablePeer): Promise<void> {
  await peer.subscribe("news", "last");
  await peer.subscribe("*/news", "last");
  await peer.reactive();
}

pythonTest(
  PYTHON.found,
  "python client that comes back in a new process gets all that it missed, once and in order",
  async (interpreter) => {
    await using directory = await temporaryDirectory();
    await using bus = await LakeBus.start(placeOf(directory.path));
    const [first, second] = await Promise.all([
      TablePython.start(interpreter),
      TablePython.start(interpreter),
    ]);
    await using _first = first;
    await using later = second;
    const url = `${bus.node.url}/panel`;
    const meter = await bus.connect("meter");
    const before = await publishAll(meter, "news");
    {
      const panel = await first.connect({ url });
      await follow(panel);
      // Also what was published before it ever subscribed.
      assertEquals(await panel.collect("news", before.length), before);
      await meter.publish("rome/news", "live");
      assertEquals(await panel.collect("*/news", 1), [["rome/news", "live"]]);
    }
    await first[Symbol.asyncDispose]();

    const missed = await publishAll(meter, "news");
    const inSpace = (await publishAll(meter, "oslo/news")).map((args) => ["oslo/news", ...args]);
    await meter.publish("a/b/news", "not for *");
    await using panel = await later.connect({ url });
    await follow(panel);
    assertEquals(await panel.collect("news", missed.length), missed);
    assertEquals(await panel.collect("*/news", inSpace.length), inSpace);
    await meter.publish("news", "live again");
    assertEquals(await panel.collect("news", missed.length + 1), [...missed, ["live again"]]);
    assertEquals(panel.received("*/news"), inSpace);
    await panel.close();

    await using again = await later.connect({ url });
    await follow(again);
    await meter.with({ qos: 1 }).publish("news", "the only one");
    assertEquals(await again.collect("news", 1), [["the only one"]]);
    assertEquals(again.received("*/news"), []);
  },
);

pythonTest(
  PYTHON.found,
  "python client gets what is not older than the nanoseconds that it names",
  async (interpreter) => {
    await using directory = await temporaryDirectory();
    let aheadMs = 0;
    const clock: Clock = { ...SYSTEM_CLOCK, wallMs: () => SYSTEM_CLOCK.wallMs() + aheadMs };
    await using bus = await LakeBus.start(placeOf(directory.path), { clock });
    await using python = await TablePython.start(interpreter);
    const meter = await bus.connect("meter");
    for (const text of ["two hours old", "one hour old", "new"]) {
      await meter.with({ qos: 1 }).publish("news", text);
      if (text !== "new") aheadMs += 3_600_000;
    }
    const all = [["two hours old"], ["one hour old"], ["new"]];
    const cases = [
      { name: "seconds", from: 60e9, wanted: [["new"]] },
      { name: "hours", from: 5_400e9, wanted: [["one hour old"], ["new"]] },
      { name: "last", from: "last", wanted: all },
      { name: "now", from: "now", wanted: [] },
      // In JSON 0.8.12 sends an infinite msg_from as null.
      { name: "json", from: "last", wanted: all, encoding: "json" },
    ] as const;
    const panels: TablePeer[] = [];
    for (const { name, from, ...options } of cases) {
      const panel = await python.connect({ url: `${bus.node.url}/${name}`, ...options });
      await panel.subscribe("news", from);
      await panel.reactive();
      panels.push(panel);
    }
    // What is live comes behind the past, so that nothing more is on its way then.
    await meter.with({ qos: 1 }).publish("news", "live");
    for (const [index, { name, wanted }] of cases.entries()) {
      const received = await panels[index]?.collect("news", wanted.length + 1);
      assertEquals(received, [...wanted, ["live"]], name);
    }
  },
);

pythonTest(
  PYTHON.found,
  "python client finds its services and subscriptions again after our broker was restarted",
  async (interpreter) => {
    await using directory = await temporaryDirectory();
    await using python = await TablePython.start(interpreter);
    await using bus = await LakeBus.start(placeOf(directory.path), { port: freePort() });
    await using panel = await python.connect({ url: `${bus.node.url}/panel` });
    await panel.expose("add", "add");
    await panel.expose("echo", "echo");
    await panel.subscribe("news", "last");
    await panel.subscribe("*/old");
    await panel.reactive();
    assertEquals(await bus.exposers(), { add: ["panel"], echo: ["panel"] });

    await restart(bus, panel);
    // 0.8.12 announces nothing when it logs in again: our broker remembers.
    assertEquals(await bus.exposers(), { add: ["panel"], echo: ["panel"] });
    const meter = await bus.connect("meter");
    assertEquals(await meter.rpc("add", 2, 3), 5);
    await meter.publish("news", "second");
    await meter.publish("x/old", "second");
    await panel.collect("news", 1);
    await panel.collect("*/old", 1);
    await panel.unexpose("add");
    await panel.expose("boom", "boom");
    await panel.unsubscribe("*/old");

    await restart(bus, panel);
    assertEquals(await bus.exposers(), { boom: ["panel"], echo: ["panel"] });
    const again = await bus.connect("meter");
    assertEquals(await again.rpc("echo", "ä"), "ä");
    await again.publish("x/old", "third");
    await again.with({ qos: 1 }).publish("news", "third");
    assertEquals(await panel.collect("news", 2), [["second"], ["third"]]);
    assertEquals(panel.received("*/old"), [["x/old", "second"]]);
  },
);

/** Restarts the broker on its port; the component in Python is there again by itself afterwards. */
async function restart(bus: LakeBus, panel: TablePeer): Promise<void> {
  await bus.node.close();
  await panel.waitOpen(false);
  await bus.restart();
  await panel.waitOpen(true);
}

/** Publishers that run at the same time; the odd ones with QoS 2. */
const PUBLISHERS = 4;
/** Publications that are acknowledged before the broker is killed, and again after it came back. */
const ACKNOWLEDGED = 40;

pythonTest(
  PYTHON.found,
  "python client loses no acknowledged publication when our broker is killed under it",
  async (interpreter) => {
    await using directory = await temporaryDirectory();
    await using python = await TablePython.start(interpreter);
    const port = freePort();
    const url = `ws://127.0.0.1:${port}`;
    const first = await startProcess(directory.path, port);
    await using meter = await python.connect({ url: `${url}/meter` });
    await using panel = await python.connect({ url: `${url}/panel` });
    await panel.subscribe("*/telemetry", "last");
    await panel.reactive();
    await panel.expose("add", "add");

    const publishers = new Publishers(meter);
    await publishers.atLeast(ACKNOWLEDGED);
    // Ends it with SIGKILL.
    await first[Symbol.asyncDispose]();
    await using _second = await startProcess(directory.path, port);
    // 0.8.12 connects again after 2 s; what was not acknowledged it sends again, with the same id.
    await meter.waitOpen(true);
    await publishers.atLeast(publishers.acknowledged.length + ACKNOWLEDGED);
    const sent = await publishers.stop();

    const answer = await meter.rpc("query_telemetry", [{ cols: ["dn", "temperature"] }]);
    const { dn, temperature } = (answer as { $frame: { dn: string[]; temperature: number[] } })
      .$frame;
    const stored = dn.map((name, index) => `${name} ${temperature[index]}`);
    assertEquals([...new Set(stored)].toSorted(), sent.toSorted());
    // Only QoS 1 may repeat what was stored but not acknowledged in time.
    const repeated = stored.filter((key, index) => stored.indexOf(key) !== index);
    assertEquals(repeated.filter(isExactlyOnce), []);

    // Nor does a subscriber in Python lose one, which subscribed before the broker was killed.
    await panel.waitOpen(true);
    await eventually(() => {
      const received = panel.received("*/telemetry").map(([topic, data]) =>
        `${String(topic).split("/")[0]} ${(data as { temperature: number }).temperature}`
      );
      assertEquals([...new Set(received)].toSorted(), sent.toSorted());
    });
    const ours = await component(`${url}/ours`);
    try {
      assertEquals(await ours.rpc("add", 2, 3), 5);
    } finally {
      await ours.close();
    }
  },
);

function isExactlyOnce(key: string): boolean {
  return Number(key.split(" ")[0]?.slice(1)) % 2 === 1;
}

/** A broker of the command line tool in a process of its own, with the tables of the README. */
async function startProcess(dir: string, port: number): Promise<CliProcess> {
  const schema = `${dir}/schema.json`;
  await Deno.writeTextFile(schema, JSON.stringify(README_SCHEMA));
  const process = new CliProcess([
    ...["broker", "--dir", dir, "--schema", schema, "--storage", "native"],
    ...["--ws", String(port)],
  ], { flags: ["-A"] });
  try {
    await process.line();
    return process;
  } catch (error) {
    await process[Symbol.asyncDispose]();
    throw error;
  }
}

/** Publishes without a pause until it is stopped, one message of each publisher under way at a time. */
class Publishers {
  /** What was acknowledged so far, in no order. */
  readonly acknowledged: string[] = [];
  readonly #running: Promise<unknown>;
  #isStopped = false;

  constructor(meter: TablePeer) {
    const names = Array.from({ length: PUBLISHERS }, (_, index) => index);
    this.#running = Promise.all(names.map((index) => this.#run(meter, index)));
  }

  async atLeast(count: number): Promise<void> {
    await Promise.race([
      eventually(() => assert(this.acknowledged.length >= count), 30_000),
      // Rejects when one of them failed; no publication ever does.
      this.#running,
    ]);
  }

  /** Lets them finish what is under way, and tells all that was acknowledged. */
  async stop(): Promise<readonly string[]> {
    this.#isStopped = true;
    await this.#running;
    return this.acknowledged;
  }

  async #run(meter: TablePeer, index: number): Promise<void> {
    const name = `p${index}`;
    const qos = index % 2 === 0 ? 1 : 2;
    for (let temperature = 0; !this.#isStopped; temperature++) {
      await meter.publish(`${name}/telemetry`, [{ temperature }], { qos });
      this.acknowledged.push(`${name} ${temperature}`);
    }
  }
}
