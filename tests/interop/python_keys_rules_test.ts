// Goal: an admin of rembus.python rules over the private topics of our broker, and the rules hold for the others.
// Method: everybody is a component of rembus.python; what must not arrive is waited for by what must, after it.
import { assertEquals, assertRejects } from "@std/assert";
import { component } from "../../src/client/component.ts";
import type { Link } from "../../src/link/link.ts";
import { memoryPair } from "../../src/link/memory.ts";
import type { Component } from "../../src/peer/api.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { PythonError, type PythonNode } from "./python_peer.ts";
import { ENCODINGS, type KeysSetting, startKeysSetting } from "./python_keys_setting.ts";

const python = await pythonForTests();

interface Rules extends KeysSetting {
  /** The admin. */
  readonly boss: PythonNode;
}

/** Registers a test with a broker that has an admin, in both encodings. */
function rulesTest(
  name: string,
  run: (rules: Rules, encoding: "cbor" | "json") => Promise<void>,
): void {
  for (const encoding of ENCODINGS) {
    pythonTest(python, `python client ${name}, in ${encoding}`, async (python) => {
      await using setting = await startKeysSetting(python, { admins: ["boss", "chief", "root"] });
      await using boss = await setting.login("boss", { encoding });
      await run({ ...setting, boss }, encoding);
    });
  }
}

/** A component that says its name, and does not prove it. */
function free(
  { ours, theirs }: Rules,
  name: string,
  encoding: "cbor" | "json",
): Promise<PythonNode> {
  return theirs.connect({ url: `${ours.url}/${name}`, encoding });
}

/** An admin of this process. */
function insider({ ours: { broker } }: Rules): Promise<Component> {
  const dial = (): Promise<Link> => {
    const [inner, outer] = memoryPair();
    void broker.accept(inner, { trusted: true });
    return Promise.resolve(outer);
  };
  return component("root", { dial });
}

async function assertRefused(run: () => Promise<unknown>, text = "unauthorized"): Promise<void> {
  await assertRejects(run, PythonError, text);
}

rulesTest("is an admin by its name and its key, not by one of them", async (rules, encoding) => {
  const { boss, login } = rules;
  await using ann = await login("ann", { encoding });
  // It is listed, and has no key.
  await using chief = await free(rules, "chief", encoding);
  await boss.privateTopic("secret");
  await boss.authorize("ann", "secret");
  for (const node of [ann, chief]) {
    await assertRefused(() => node.privateTopic("weather"));
    await assertRefused(() => node.publicTopic("secret"));
    await assertRefused(() => node.authorize("chief", "secret"));
    await assertRefused(() => node.unauthorize("ann", "secret"));
  }
  await using root = await insider(rules);
  // A registered name of an admin is not to be had without its key.
  await assertRefused(() => free(rules, "boss", encoding), "login failed");
  assertEquals(await root.admin("private_topics_config"), { secret: ["ann"] });
  await boss.unauthorize("ann", "secret");
  assertEquals(await root.admin("private_topics_config"), { secret: [] });
  await boss.publicTopic("secret");
  assertEquals(await root.admin("private_topics_config"), {});
});

rulesTest("calls a private service only when it is authorized", async (rules, encoding) => {
  const { boss, login } = rules;
  await using server = await login("server", { encoding });
  await using ann = await login("ann", { encoding });
  await using bob = await login("bob", { encoding });
  await server.expose("sum", "add");
  assertEquals(await bob.rpc("sum", [1, 2]), 3);
  await boss.privateTopic("sum");
  await boss.authorize("server", "sum");
  await boss.authorize("ann", "sum");
  assertEquals(await ann.rpc("sum", [1, 2]), 3);
  assertEquals(await ann.direct("server", "sum", [1, 2]), 3);
  await assertRefused(() => bob.rpc("sum", [1, 2]), "METHOD_NOT_FOUND:sum");
  await assertRejects(() => bob.direct("server", "sum", [1, 2]), PythonError);
  await assertRejects(() => bob.expose("sum", "boom"), PythonError);
  await boss.unauthorize("ann", "sum");
  await assertRefused(() => ann.rpc("sum", [1, 2]), "METHOD_NOT_FOUND:sum");
  await boss.publicTopic("sum");
  assertEquals(await ann.rpc("sum", [1, 2]), 3);
  assertEquals(await bob.rpc("sum", [1, 2]), 3);
});

rulesTest(
  "publishes to and receives from a private topic only when it is authorized",
  async (rules, encoding) => {
    const { boss, login } = rules;
    await using ann = await login("ann", { encoding });
    await using reader = await login("reader", { encoding });
    await using eve = await login("eve", { encoding });
    await using bob = await login("bob", { encoding });
    for (const node of [reader, eve]) {
      for (const topic of ["plant/alarm", "**", "end"]) await node.subscribe(topic);
      await node.reactive();
    }
    await boss.privateTopic("plant/alarm");
    await boss.authorize("ann", "plant/alarm");
    await boss.authorize("reader", "plant/alarm");
    await assertRejects(() => eve.subscribe("plant/alarm"), PythonError);
    for (const qos of [0, 1, 2] as const) {
      await bob.publish("plant/alarm", ["forged", qos], { qos });
      await ann.publish("plant/alarm", ["real", qos], { qos });
      // Each has its order: what must not have arrived would have, before this.
      for (const node of [ann, bob]) await node.publish("end", [qos], { qos });
      const wanted = Array.from({ length: qos + 1 }, (_, n) => ["real", n]);
      for (const node of [reader, eve]) await node.collect("end", 2 * (qos + 1));
      assertEquals(await reader.collect("plant/alarm", qos + 1), wanted);
    }
    const spaces = (node: PythonNode) => node.received("**").filter(([topic]) => topic !== "end");
    assertEquals(spaces(reader), [0, 1, 2].map((qos) => ["plant/alarm", "real", qos]));
    assertEquals([eve.received("plant/alarm"), spaces(eve)], [[], []]);

    await boss.publicTopic("plant/alarm");
    await bob.publish("plant/alarm", ["public"], { qos: 1 });
    assertEquals((await reader.collect("plant/alarm", 4)).at(-1), ["public"]);
    await eve.subscribe("plant/alarm");
    await ann.publish("plant/alarm", ["to all"], { qos: 1 });
    assertEquals((await eve.collect("plant/alarm", 1)).at(-1), ["to all"]);
  },
);
