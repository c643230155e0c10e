import { assertEquals, assertRejects } from "@std/assert";
import { QoS } from "../../src/protocol/packet.ts";
import { collect, startHarness, testMatrix } from "../helpers/harness.ts";
import { eventually } from "../helpers/eventually.ts";

testMatrix(
  "60 publish() reaches callbacks of the broker, with and without arguments",
  async (h) => {
    const none = await collect(h.broker.handle, "empty");
    const two = await collect(h.broker.handle, "pair");
    const cli = await h.connect("pub");
    await cli.publish("empty");
    await cli.publish("pair", "a", 1);
    await eventually(() => {
      assertEquals(none, [[]]);
      assertEquals(two, [["a", 1]]);
    });
  },
);

testMatrix("61 publish() does not come back to the publisher", async (h) => {
  const cli = await h.connect("self");
  const other = await h.connect("other");
  const own = await collect(cli, "t");
  const space = await collect(cli, "**");
  const others = await collect(other, "t");
  await cli.publish("t", 1);
  await other.publish("t", 2);
  await eventually(() => {
    assertEquals(own, [[2]]);
    assertEquals(space, [["t", 2]]);
    assertEquals(others, [[1]]);
  });
});

testMatrix("62 put() publishes below the name of the component", async (h) => {
  const got = await collect(await h.connect("panel"), "sensor/value");
  await (await h.connect("sensor")).put("value", 21);
  await eventually(() => assertEquals(got, [[21]]));
});

testMatrix("63 publish() keeps the slot end to end at every QoS", async (h) => {
  const sub = await h.connect("slots");
  const slots: unknown[] = [];
  await sub.subscribe("s", (qos: number, context: { slot: number | null; qos: number }) => {
    slots.push([qos, context.slot, context.qos]);
  }, { context: true });
  const pub = await h.connect("pub");
  for (const qos of [QoS.ZERO, QoS.ONE, QoS.TWO]) {
    await pub.with({ qos, slot: 1234 }).publish("s", qos);
  }
  await eventually(() => assertEquals(slots, [[0, 1234, 0], [1, 1234, 1], [2, 1234, 2]]));
});

testMatrix("66 publish() with QoS 1 and 2 is acknowledged and delivered once", async (h) => {
  const got = await collect(await h.connect("sub"), "q");
  const pub = await h.connect("pub");
  await pub.with({ qos: QoS.ONE }).publish("q", "one");
  await pub.with({ qos: QoS.TWO }).publish("q", "two");
  await eventually(() => assertEquals(got, [["one"], ["two"]]));
});

testMatrix("68 unsubscribe() ends delivery", async (h) => {
  const sub = await h.connect("sub");
  const got = await collect(sub, "t");
  const marker = await collect(sub, "marker");
  const pub = await h.connect("pub");
  await pub.publish("t", 1);
  await eventually(() => assertEquals(got.length, 1));
  await sub.unsubscribe("t");
  await pub.publish("t", 2);
  await pub.publish("marker");
  await eventually(() => assertEquals(marker.length, 1));
  assertEquals(got, [[1]]);
});

testMatrix("69 publish() on a topic that nobody knows is no error", async (h) => {
  const pub = await h.connect("pub");
  await pub.publish("nobody", 1);
  await pub.with({ qos: QoS.TWO }).publish("nobody", 1);
});

testMatrix("70 reactive() and unreactive() succeed", async (h) => {
  const cli = await h.connect("cli");
  await cli.reactive();
  await cli.unreactive();
});

testMatrix("72 publish() carries a map, two arguments and nothing", async (h) => {
  const got = await collect(await h.connect("sub"), "shapes");
  const pub = await h.connect("pub");
  await pub.publish("shapes", { a: 1, b: [true, null] });
  await pub.publish("shapes", "x", 2.5);
  await pub.publish("shapes");
  await eventually(() => assertEquals(got, [[{ a: 1, b: [true, null] }], ["x", 2.5], []]));
});

testMatrix("74 two subscribers of a space get the topic as first argument", async (h) => {
  const one = await collect(await h.connect("one"), "k/*/y");
  const two = await collect(await h.connect("two"), "k/*/y");
  await (await h.connect("pub")).publish("k/e/y", 7);
  await eventually(() => {
    assertEquals(one, [["k/e/y", 7]]);
    assertEquals(two, [["k/e/y", 7]]);
  });
});

testMatrix("75 a level with @ is not matched by a wildcard", async (h) => {
  const sub = await h.connect("sub");
  const wild = await collect(sub, "k/*/y");
  const literal = await collect(sub, "k/@e/*");
  await (await h.connect("pub")).publish("k/@e/y", 1);
  await eventually(() => assertEquals(literal, [["k/@e/y", 1]]));
  assertEquals(wild, []);
});

testMatrix("76 when one subscriber of a space closes, the others still receive", async (h) => {
  const leaving = await h.connect("leaving");
  const gone = await collect(leaving, "k/*");
  const stays = await collect(await h.connect("stays"), "k/*");
  const pub = await h.connect("pub");
  await pub.publish("k/1", 1);
  await eventually(() => assertEquals(gone.length + stays.length, 2));
  await leaving.close();
  await pub.publish("k/2", 2);
  await eventually(() => assertEquals(stays, [["k/1", 1], ["k/2", 2]]));
  assertEquals(gone, [["k/1", 1]]);
});

testMatrix("77 the broker subscribes to a space, is called once, and unsubscribes", async (h) => {
  const own = await collect(h.broker.handle, "k/*");
  const remote = await h.connect("remote");
  await collect(remote, "k/*");
  const marker = await collect(remote, "marker");
  const pub = await h.connect("pub");
  await pub.publish("k/1", 1);
  await eventually(() => assertEquals(own, [["k/1", 1]]));
  await h.broker.handle.unsubscribe("k/*");
  await pub.publish("k/2", 2);
  await pub.publish("marker");
  await eventually(() => assertEquals(marker.length, 1));
  assertEquals(own, [["k/1", 1]]);
});

testMatrix("a flat topic matches spaces without anybody having asked for **", async (h) => {
  const got = await collect(await h.connect("sub"), "tele*");
  await (await h.connect("pub")).publish("telemetry", 1);
  await eventually(() => assertEquals(got, [["telemetry", 1]]));
});

testMatrix("QoS and slot survive a space", async (h) => {
  const sub = await h.connect("sub");
  const got: unknown[] = [];
  await sub.subscribe("*/t", (topic: string, value: number, c: { qos: number; slot: number }) => {
    got.push([topic, value, c.qos, c.slot]);
  }, { context: true });
  await (await h.connect("pub")).with({ qos: QoS.TWO, slot: 9 }).publish("dn/t", 1);
  await eventually(() => assertEquals(got, [["dn/t", 1, 2, 9]]));
});

testMatrix("one copy per subscription when a topic and two spaces match", async (h) => {
  const sub = await h.connect("sub");
  const exact = await collect(sub, "a/b");
  const star = await collect(sub, "a/*");
  const all = await collect(sub, "**");
  await (await h.connect("pub")).with({ qos: QoS.ONE }).publish("a/b", 5);
  await eventually(() => {
    assertEquals(exact, [[5]]);
    assertEquals(star, [["a/b", 5]]);
    assertEquals(all, [["a/b", 5]]);
  });
});

testMatrix("topics that start with __ are refused", async (h) => {
  const pub = await h.connect("pub");
  await assertRejects(() => pub.with({ qos: QoS.ONE }).publish("__gap__", 1), Error, "reserved");
  await assertRejects(() => pub.subscribe("__config__", () => {}), Error, "reserved");
});

testMatrix("one failing handler of the broker does not stop remote delivery", async (h) => {
  await h.broker.handle.subscribe("t", () => {
    throw new Error("handler failed");
  });
  const got = await collect(await h.connect("sub"), "t");
  const pub = await h.connect("pub");
  await pub.publish("t", 1);
  await pub.publish("t", 2);
  await eventually(() => assertEquals(got, [[1], [2]]));
});

testMatrix("the broker handle publishes at every QoS, also to itself", async (h) => {
  const own = await collect(h.broker.handle, "news");
  const got = await collect(await h.connect("sub"), "news");
  for (const qos of [QoS.ZERO, QoS.ONE, QoS.TWO]) {
    await h.broker.handle.with({ qos }).publish("news", qos, "x");
  }
  await eventually(() => {
    assertEquals(got, [[0, "x"], [1, "x"], [2, "x"]]);
    assertEquals(own, got);
  });
});

testMatrix("messages() gives what is published, and ends with the loop", async (h) => {
  const sub = await h.connect("sub");
  const pub = await h.connect("pub");
  const got: unknown[] = [];
  const loop = (async () => {
    for await (const { topic, args, data } of sub.messages("*/t")) {
      got.push([topic, args, data]);
      break;
    }
  })();
  await eventually(async () => {
    await pub.publish("dn/t", 1, "a");
    assertEquals(got, [["dn/t", [1, "a"], 1]]);
  });
  await loop;
  assertEquals(h.broker.component("sub")?.subscriptions, []);
});

for (const transport of ["memory", "websocket"] as const) {
  Deno.test(`73 in JSON a publication is plain, with a slot, and of QoS 1 and 2 (${transport})`, async () => {
    await using h = await startHarness({ transport, encoding: "json" });
    const got = await collect(h.broker.handle, "t");
    const pub = await h.connect("pub");
    await pub.publish("t", { plain: true });
    await pub.with({ slot: 1_234 }).publish("t", "slot");
    await pub.with({ qos: QoS.ONE }).publish("t", 1);
    await pub.with({ qos: QoS.TWO, slot: 1_234 }).publish("t", 2);
    await eventually(() => assertEquals(got, [[{ plain: true }], ["slot"], [1], [2]]));
  });
}
