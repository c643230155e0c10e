import { assertEquals } from "@std/assert";
import { newSubscription } from "../../../src/broker/admin.ts";
import { SERVICES_MAX, SUBSCRIPTIONS_MAX } from "../../../src/broker/limits.ts";
import type { Subscription } from "../../../src/broker/subscription.ts";
import { Twin } from "../../../src/broker/twin.ts";
import { FakeConversation, publicationOf, twinParts } from "./fakes.ts";

function setUp(options: { readonly strictReactive?: boolean } = {}) {
  const parts = twinParts(options);
  const twin = new Twin({ name: "sub", anonymous: false }, parts);
  const conversation = new FakeConversation("sub");
  twin.attach(conversation);
  const subscribe = (topic: string): Subscription => {
    const subscription = newSubscription(twin, topic, false);
    twin.subscriptions.set(topic, subscription);
    twin.announced(subscription);
    return subscription;
  };
  const sent = (): unknown[] => conversation.publications.splice(0).map(({ args: [one] }) => one);
  return { parts, twin, conversation, subscribe, sent };
}

Deno.test("deliver() of QoS 0 goes to the link, and is counted when it has no room", () => {
  const { parts: { counters }, twin, conversation, subscribe, sent } = setUp();
  const subscription = subscribe("t");
  twin.deliver(publicationOf({ qos: 0, args: [1] }), subscription);
  conversation.outcome = "full";
  const lost = publicationOf({ qos: 0, args: [2] });
  twin.deliver(lost, subscription);
  assertEquals([sent(), counters.delivered, counters.dropped], [[1], 1, 1]);
  assertEquals(conversation.gaps, [["t", lost.position.offset]]);
});

Deno.test("deliver() of QoS 0 uses the slot as id, and none in slot 0", () => {
  const { twin, conversation, subscribe } = setUp();
  const subscription = subscribe("t");
  for (const slot of [null, 0, 7]) twin.deliver(publicationOf({ qos: 0, slot }), subscription);
  assertEquals(conversation.publications.map(({ id }) => id), [null, null, 7n]);
});

Deno.test("deliver() keeps nothing of what comes while the component is away", () => {
  const { twin, subscribe, parts } = setUp();
  const subscription = subscribe("t");
  twin.detach();
  twin.deliver(publicationOf({ qos: 1 }), subscription);
  twin.deliver(publicationOf({ qos: 0 }), subscription);
  assertEquals([twin.outbox.bytes, parts.counters.delivered], [0, 0]);
});

Deno.test("after a login QoS 1/2 waits for subscribe or reactive, QoS 0 does not", () => {
  const { twin, subscribe } = setUp();
  const subscription = subscribe("t");
  const other = subscribe("other");
  twin.detach();
  const back = new FakeConversation("sub");
  twin.attach(back);
  const got = (): unknown[] => back.publications.splice(0).map(({ args: [one] }) => one);
  twin.deliver(publicationOf({ qos: 1, args: ["one"] }), subscription);
  twin.deliver(publicationOf({ qos: 1, args: ["two"] }), other);
  twin.deliver(publicationOf({ qos: 0, args: ["zero"] }), subscription);
  assertEquals(got(), ["zero"]);
  twin.announced(subscription);
  assertEquals(got(), ["one"]);
  twin.setReactive(true);
  assertEquals(got(), ["two"]);
});

Deno.test("setReactive(false) holds nothing back by default", () => {
  const { twin, subscribe, sent } = setUp();
  const subscription = subscribe("t");
  twin.setReactive(true);
  twin.setReactive(false);
  for (const qos of [0, 1] as const) {
    twin.deliver(publicationOf({ qos, args: [qos] }), subscription);
  }
  assertEquals(sent(), [0, 1]);
});

Deno.test("where reactive is strict nothing is pushed before it, nor after it was taken back", () => {
  const { twin, conversation, subscribe, sent } = setUp({ strictReactive: true });
  const subscription = subscribe("t");
  const deliver = (value: number): void => {
    for (const qos of [0, 1] as const) {
      twin.deliver(publicationOf({ qos, args: [`${value} at ${qos}`] }), subscription);
    }
  };
  deliver(1);
  assertEquals(sent(), []);
  twin.setReactive(true);
  assertEquals(sent(), ["1 at 1"]);
  deliver(2);
  assertEquals(sent(), ["2 at 0", "2 at 1"]);
  conversation.outcome = "full";
  deliver(3);
  twin.setReactive(false);
  conversation.outcome = "sent";
  twin.outbox.pump();
  deliver(4);
  assertEquals(sent(), []);
  twin.setReactive(true);
  assertEquals(sent(), ["3 at 1", "4 at 1"]);
});

Deno.test("takesSubscription() and takesService() say no to one more than the limit", () => {
  const { twin } = setUp();
  const fill = newSubscription(twin, "t", false);
  for (let n = 0; n < SUBSCRIPTIONS_MAX - 1; n++) twin.subscriptions.set(`t${n}`, fill);
  for (let n = 0; n < SERVICES_MAX - 1; n++) twin.services.add(`s${n}`);
  assertEquals([twin.takesSubscription("new"), twin.takesService("new")], [true, true]);
  twin.subscriptions.set("last", fill);
  twin.services.add("last");
  assertEquals([twin.takesSubscription("new"), twin.takesService("new")], [false, false]);
  assertEquals([twin.takesSubscription("t0"), twin.takesService("s0")], [true, true]);
});
