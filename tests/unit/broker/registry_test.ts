import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { newSubscription } from "../../../src/broker/admin.ts";
import { Exposers } from "../../../src/broker/exposers.ts";
import {
  DELIVERIES_KEEP_MS,
  NAME_ENTRIES_MAX,
  NAME_KEEP_MS,
  NAMES_MAX,
  WINDOW_IDS_MAX,
} from "../../../src/broker/limits.ts";
import { Registry } from "../../../src/broker/registry.ts";
import { Subscriptions } from "../../../src/broker/subscriptions.ts";
import type { Twin } from "../../../src/broker/twin.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";
import { FakeConversation, publicationOf, twinParts } from "./fakes.ts";

function setUp() {
  const parts = twinParts();
  const subscriptions = new Subscriptions();
  const exposers = new Exposers("first_up");
  const registry = new Registry({ ...parts, subscriptions, exposers });
  const enter = (name: string, anonymous = false): Twin => {
    const twin = registry.enter({ name, anonymous });
    twin.attach(new FakeConversation(name));
    return twin;
  };
  const subscribe = (twin: Twin, topic: string): void => {
    const subscription = newSubscription(twin, topic, false);
    twin.subscriptions.set(topic, subscription);
    subscriptions.add(subscription);
    twin.announced(subscription);
  };
  /** One delivery under way to the twin, on topic t. */
  const deliver = (twin: Twin, args: unknown[] = []): void => {
    const subscription = twin.subscriptions.get("t");
    if (subscription !== undefined) twin.deliver(publicationOf({ qos: 1, args }), subscription);
  };
  return { parts, registry, subscriptions, exposers, enter, subscribe, deliver };
}

Deno.test("leave() remembers a named component with everything, and enter() gives it back", () => {
  const { registry, subscriptions, enter, subscribe } = setUp();
  const twin = enter("alice");
  subscribe(twin, "t");
  registry.leave(twin);
  assertEquals([registry.awayCount, registry.get("alice")?.conversation], [1, null]);
  assertEquals(subscriptions.match("t").length, 1);
  assertStrictEquals(enter("alice"), twin);
  assertEquals(registry.awayCount, 0);
});

Deno.test("leave() remembers a name that has nothing, too", () => {
  const { registry, enter } = setUp();
  registry.leave(enter("bare"));
  assert(registry.get("bare") !== undefined);
});

Deno.test("leave() forgets an anonymous component at once", () => {
  const { parts, registry, subscriptions, exposers, enter, subscribe, deliver } = setUp();
  const twin = enter("uuid", true);
  subscribe(twin, "t");
  twin.services.add("svc");
  exposers.add("svc", twin);
  deliver(twin);
  registry.leave(twin);
  assertEquals(registry.get("uuid"), undefined);
  assertEquals(subscriptions.match("t"), []);
  assertEquals(exposers.choose("svc").kind, "unavailable");
  assertEquals(parts.memory.held, 0);
});

Deno.test("sweep() gives up kept deliveries and QoS 2 ids after ten minutes", async () => {
  const { parts, registry, enter, subscribe, deliver } = setUp();
  const twin = enter("alice");
  subscribe(twin, "t");
  deliver(twin);
  twin.window.add(1n as MsgId, parts.clock.now());
  registry.leave(twin);
  await parts.clock.advance(DELIVERIES_KEEP_MS - 1);
  registry.sweep();
  assert(twin.outbox.bytes > 0);
  await parts.clock.advance(1);
  registry.sweep();
  assertEquals([twin.outbox.bytes, twin.window.size, parts.counters.deadLetters], [0, 0, 1]);
  assertEquals(twin.subscriptions.size, 1);
});

Deno.test("sweep() keeps the deliveries of one that came back in time", async () => {
  const { parts, registry, enter, subscribe, deliver } = setUp();
  const twin = enter("alice");
  subscribe(twin, "t");
  deliver(twin);
  registry.leave(twin);
  enter("alice");
  await parts.clock.advance(DELIVERIES_KEEP_MS);
  registry.sweep();
  assertEquals(parts.counters.deadLetters, 0);
});

Deno.test("sweep() forgets a name after 30 days", async () => {
  const { parts, registry, subscriptions, enter, subscribe } = setUp();
  const twin = enter("alice");
  subscribe(twin, "t");
  registry.leave(twin);
  await parts.clock.advance(NAME_KEEP_MS - 1);
  registry.sweep();
  assert(registry.get("alice") !== undefined);
  await parts.clock.advance(1);
  registry.sweep();
  assertEquals([registry.get("alice"), subscriptions.match("t")], [undefined, []]);
});

Deno.test("leave() forgets the name that is away longest when there is one too many", () => {
  const { registry, enter } = setUp();
  for (let n = 0; n < NAMES_MAX; n++) registry.leave(enter(`c${n}`));
  assert(registry.get("c0") !== undefined);
  registry.leave(enter("one-more"));
  assertEquals([registry.get("c0"), registry.awayCount], [undefined, NAMES_MAX]);
  assert(registry.get("c1") !== undefined);
});

Deno.test("leave() forgets the name that is away longest when all remember too much together", () => {
  const { registry, enter } = setUp();
  const full = Math.floor(NAME_ENTRIES_MAX / WINDOW_IDS_MAX);
  for (let n = 0; n <= full; n++) {
    const twin = enter(`c${n}`);
    const ids = n < full ? WINDOW_IDS_MAX : NAME_ENTRIES_MAX - full * WINDOW_IDS_MAX;
    for (let id = 1; id <= ids; id++) twin.window.add(BigInt(id) as MsgId, 0);
    registry.leave(twin);
  }
  assert(registry.get("c0") !== undefined);
  const last = enter("last");
  last.services.add("svc");
  registry.leave(last);
  assertEquals(registry.get("c0"), undefined);
  assert(registry.get("c1") !== undefined && registry.get("last") !== undefined);
});

Deno.test("shed() gives up the deliveries of the component that is away longest", () => {
  const { registry, parts, enter, subscribe, deliver } = setUp();
  for (const name of ["one", "two"]) {
    const twin = enter(name);
    subscribe(twin, "t");
    deliver(twin, [name]);
    registry.leave(twin);
  }
  assertEquals(registry.shed(), true);
  assertEquals([registry.get("one")?.outbox.bytes, parts.counters.deadLetters], [0, 1]);
  assert((registry.get("two")?.outbox.bytes ?? 0) > 0);
  assertEquals([registry.shed(), registry.shed()], [true, false]);
});
