import { assert, assertEquals } from "@std/assert";
import { LAST_RECEIVED } from "../../src/peer/api.ts";
import type { Component } from "../../src/peer/api.ts";
import { eventually } from "../helpers/eventually.ts";
import { KeptBroker } from "../helpers/kept_broker.ts";

/** Subscribes and notes the first argument of everything that comes. */
async function noting(
  component: Component,
  topic: string,
  from?: number,
): Promise<unknown[]> {
  const got: unknown[] = [];
  await component.subscribe(
    topic,
    (...args: unknown[]) => void got.push(topic.includes("*") ? args[1] : args[0]),
    from === undefined ? {} : { from },
  );
  return got;
}

for (const qos of [0, 1, 2] as const) {
  Deno.test(`a named component gets what it missed, QoS ${qos}, once and in order`, async () => {
    await using kept = await KeptBroker.start();
    const pub = (await kept.connect("pub")).with({ qos });
    const first = await kept.connect("sub");
    const got1 = await noting(first, "a/b", LAST_RECEIVED);
    const space1 = await noting(first, "a/*", LAST_RECEIVED);
    await pub.publish("a/b", 1);
    await eventually(() => assertEquals([got1, space1], [[1], [1]]));
    await first.close();
    for (const value of [2, 3, 4]) await pub.publish("a/b", value);
    await pub.publish("other", 5);
    const second = await kept.connect("sub");
    const got2 = await noting(second, "a/b", LAST_RECEIVED);
    const space2 = await noting(second, "a/*", LAST_RECEIVED);
    await second.reactive();
    await eventually(() => assertEquals([got2, space2], [[2, 3, 4], [2, 3, 4]]));
    await pub.publish("a/b", 6);
    await eventually(() => assertEquals([got2, space2], [[2, 3, 4, 6], [2, 3, 4, 6]]));
  });
}

Deno.test("a component with Now gets nothing of what it missed", async () => {
  await using kept = await KeptBroker.start();
  const pub = (await kept.connect("pub")).with({ qos: 1 });
  const first = await kept.connect("sub");
  await noting(first, "a");
  await first.close();
  await pub.publish("a", 1);
  const second = await kept.connect("sub");
  const got = await noting(second, "a");
  await pub.publish("a", 2);
  await eventually(() => assertEquals(got, [2]));
});

Deno.test("what was missed survives a restart and a power loss of the broker", async () => {
  let kept = await KeptBroker.start();
  const sub = await kept.connect("sub");
  const got1 = await noting(sub, "**", LAST_RECEIVED);
  const pub1 = (await kept.connect("pub")).with({ qos: 1 });
  await pub1.publish("a", 1);
  await eventually(() => assertEquals(got1, [1]));
  await sub.close();
  await pub1.publish("a", 2);
  kept = await kept.restart();
  const pub2 = (await kept.connect("pub")).with({ qos: 2 });
  await pub2.publish("b", 3);
  kept = await kept.crash();
  await using last = kept;
  const again = await last.connect("sub");
  const got2 = await noting(again, "**", LAST_RECEIVED);
  await eventually(() => assertEquals(got2, [2, 3]));
});

Deno.test("no echo and no unauthorized message in history", async () => {
  await using kept = await KeptBroker.start({ broker: { admins: ["admin"] } });
  const admin = await kept.connect("admin");
  const sub = (await kept.connect("sub")).with({ qos: 1 });
  await sub.subscribe("**", () => {}, { from: LAST_RECEIVED });
  await sub.close();
  const own = (await kept.connect("sub")).with({ qos: 1 });
  await own.publish("a", "own");
  await own.close();
  await admin.privateTopic("secret");
  await admin.authorize("admin", "secret");
  await admin.with({ qos: 1 }).publish("secret", "hidden");
  await admin.with({ qos: 1 }).publish("a", "open");
  const again = await kept.connect("sub");
  const got = await noting(again, "**", LAST_RECEIVED);
  await eventually(() => assertEquals(got, ["open"]));
});

Deno.test("live messages queue behind a long history without gap or repeat", async () => {
  await using kept = await KeptBroker.start();
  const sub = await kept.connect("sub");
  await noting(sub, "n", LAST_RECEIVED);
  await sub.close();
  const pub = await kept.connect("pub");
  const total = 6_000;
  for (let n = 0; n < 3_000; n++) await pub.with({ qos: n % 3 === 0 ? 1 : 0 }).publish("n", n);
  const again = await kept.connect("sub");
  const got = await noting(again, "n", LAST_RECEIVED);
  for (let n = 3_000; n < total; n++) await pub.with({ qos: n % 3 === 0 ? 1 : 0 }).publish("n", n);
  await eventually(() => assertEquals(got.length, total), 30_000);
  for (const isAcknowledged of [true, false]) {
    const ofClass = (got as number[]).filter((n) => (n % 3 === 0) === isAcknowledged);
    assert(ofClass.every((n, i) => i === 0 || n > (ofClass[i - 1] ?? 0)), "out of order");
  }
  assertEquals(new Set(got).size, total);
});

for (const qos of [0, 1, 2] as const) {
  Deno.test(`a program that starts again and subscribes late gets all in order, QoS ${qos}`, async () => {
    await using kept = await KeptBroker.start();
    const pub = (await kept.connect("pub")).with({ qos });
    const first = await kept.connect("sub");
    await noting(first, "n", LAST_RECEIVED);
    await first.close();
    const all = Array.from({ length: 300 }, (_, n) => n);
    for (const n of all) await pub.publish("n", n);
    const again = await kept.connect("sub");
    // The broker knows the subscription, the component has no handler for it yet.
    await again.rpc("rid");
    await kept.log.flush();
    await again.rpc("rid");
    const got = await noting(again, "n", LAST_RECEIVED);
    await eventually(() => assertEquals(got, all));
  });
}

Deno.test("a message whose handler lets the component close is acknowledged, and not sent again", async () => {
  await using kept = await KeptBroker.start();
  for (let round = 0; round < 20; round++) {
    const sub = await kept.connect("sub");
    const got = Promise.withResolvers<number>();
    await sub.subscribe("t", async (value: number) => {
      await Promise.resolve();
      got.resolve(value);
    });
    await kept.broker.handle.with({ qos: 1 }).publish("t", round);
    assertEquals(await got.promise, round);
    await sub.close();
  }
});
