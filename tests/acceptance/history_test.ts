// Numbers 71-73 of the reference's acceptance list: what was published while a component was away. In memory:
// a broker with a log on a disk that is none. `tests/integration/history_test.ts` has the rest of PROTOCOL.md 11.4.
import { assertEquals } from "@std/assert";
import { type Component, type From, LAST_RECEIVED, NOW } from "../../src/peer/api.ts";
import type { Encoding } from "../../src/protocol/packet.ts";
import { eventually } from "../helpers/eventually.ts";
import { KeptBroker } from "../helpers/kept_broker.ts";
import { ManualClock } from "../helpers/manual_clock.ts";

const NS_PER_SECOND = 1e9;

/** Subscribes, says that it is ready, and notes the arguments of everything that comes. */
async function noting(component: Component, topic: string, from: From): Promise<unknown[][]> {
  const got: unknown[][] = [];
  await component.subscribe(topic, (...args: unknown[]) => void got.push(args), { from });
  await component.reactive();
  return got;
}

Deno.test("71 a message older than msg_from is not delivered; with LastReceived it is, exactly once", async () => {
  const clock = new ManualClock();
  await using kept = await KeptBroker.start({ broker: { clock }, log: { clock } });
  const pub = (await kept.connect("pub")).with({ qos: 1 });
  await pub.publish("t", "old");
  await clock.advance(2_000);

  // Each of them gets the message that follows, so that one that should not come would be seen in front of it.
  const windows: readonly (readonly [name: string, from: From, expected: unknown[]])[] = [
    ["now", NOW, []],
    ["narrow", 1 * NS_PER_SECOND, []],
    ["wide", 3 * NS_PER_SECOND, ["old"]],
    ["all", LAST_RECEIVED, ["old"]],
  ];
  const notes = await Promise.all(
    windows.map(async ([name, from]) => noting(await kept.connect(name), "t", from)),
  );
  await pub.publish("t", "next");
  for (const [i, [name, , expected]] of windows.entries()) {
    await eventually(() => assertEquals(notes[i], [...expected, "next"].map((one) => [one]), name));
  }
});

Deno.test("71 what was delivered once is not delivered again when the component comes back", async () => {
  await using kept = await KeptBroker.start();
  const pub = (await kept.connect("pub")).with({ qos: 1 });
  await pub.publish("t", 1);
  for (const value of [2, 3]) {
    const sub = await kept.connect("sub");
    const got = await noting(sub, "t", LAST_RECEIVED);
    await eventually(() => assertEquals(got, [[value - 1]]));
    // The broker has got the acknowledgement when it answers what came behind it.
    await sub.rpc("rid");
    await sub.close();
    await pub.publish("t", value);
  }
});

const ENCODINGS: readonly Encoding[] = ["cbor", "json"];

for (const encoding of ENCODINGS) {
  Deno.test(`72 LastReceived brings a map, two arguments and nothing as they were published (${encoding})`, async () => {
    await using kept = await KeptBroker.start();
    const payloads: readonly unknown[][] = [[{ name: "foo", value: 1.5 }], ["a", 2], []];
    const pub = await kept.connect("pub");
    for (const qos of [0, 1, 2] as const) {
      for (const args of payloads) await pub.with({ qos }).publish("t", ...args);
    }
    // A call is answered after everything that was sent before it, QoS 0 included.
    await pub.rpc("rid");
    const got = await noting(await kept.connect("sub", { encoding }), "t", LAST_RECEIVED);
    await eventually(() => assertEquals(got, [...payloads, ...payloads, ...payloads]));
  });
}

for (const encoding of ENCODINGS) {
  Deno.test(`73 what was published in JSON, plain, with a slot, and of QoS 1 and 2, is stored as it was (read in ${encoding})`, async () => {
    await using kept = await KeptBroker.start();
    const pub = await kept.connect("pub", { encoding: "json" });
    await pub.publish("t", { plain: true });
    await pub.with({ slot: 1_234 }).publish("t", "slot");
    await pub.with({ qos: 1 }).publish("t", 1);
    await pub.with({ qos: 2, slot: 5_678 }).publish("t", 2, "two");
    const sub = await kept.connect("sub", { encoding });
    const got: unknown[] = [];
    for await (const { args, slot, qos, from } of sub.messages("t", { from: "first" })) {
      got.push([args, slot, qos, from]);
      if (got.length === 4) break;
    }
    assertEquals(got, [
      [[{ plain: true }], null, 0, "pub"],
      [["slot"], 1_234, 0, "pub"],
      [[1], null, 1, "pub"],
      [[2, "two"], 5_678, 2, "pub"],
    ]);
  });
}
