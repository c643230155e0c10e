import { assertEquals } from "@std/assert";
import { newSubscription } from "../../../src/broker/admin.ts";
import { MATCHES_CACHED_MAX } from "../../../src/broker/limits.ts";
import type { Subscriber, Subscription } from "../../../src/broker/subscription.ts";
import { Subscriptions } from "../../../src/broker/subscriptions.ts";

function subscriber(name: string): Subscriber {
  return { name, isBroker: false, deliver() {} };
}

function make(topic: string, name = "sub", space = topic.includes("*")): Subscription {
  return newSubscription(subscriber(name), topic, space);
}

Deno.test("match() gives exact subscriptions in order, then spaces", () => {
  const all = new Subscriptions();
  const [star, one, two] = [make("a/*"), make("a/b", "one"), make("a/b", "two")];
  for (const subscription of [star, one, two, make("other")]) all.add(subscription);
  assertEquals(all.match("a/b"), [one, two, star]);
});

Deno.test("match() sees each change, although results are kept", () => {
  const all = new Subscriptions();
  const one = make("t");
  assertEquals(all.match("t"), []);
  all.add(one);
  assertEquals(all.match("t"), [one]);
  const space = make("**");
  all.add(space);
  assertEquals(all.match("t"), [one, space]);
  all.remove(one);
  all.remove(space);
  assertEquals(all.match("t"), []);
});

Deno.test("match() takes the text of a pattern for a topic like any other", () => {
  const all = new Subscriptions();
  const space = make("a/*");
  all.add(space);
  assertEquals(all.match("a/*"), [space]);
  assertEquals(all.exact("a/*"), []);
});

Deno.test("match() takes * literally where spaces are off", () => {
  const all = new Subscriptions();
  const literal = make("a/*", "sub", false);
  all.add(literal);
  assertEquals(all.match("a/b"), []);
  assertEquals(all.match("a/*"), [literal]);
});

Deno.test("match() works for more topics than it keeps", () => {
  const all = new Subscriptions();
  const space = make("t*");
  all.add(space);
  for (let n = 0; n <= MATCHES_CACHED_MAX; n++) assertEquals(all.match(`t${n}`), [space]);
});

Deno.test("match() copes with very many subscribers of one pattern", () => {
  const all = new Subscriptions();
  for (let n = 0; n < 200_000; n++) all.add(make("**", `s${n}`));
  assertEquals(all.match("t").length, 200_000);
});

Deno.test("remove() ignores what is not there", () => {
  const all = new Subscriptions();
  all.remove(make("t"));
  all.remove(make("**"));
  assertEquals(all.match("t"), []);
});

Deno.test("list() names the subscribers of each topic as subscribed", () => {
  const all = new Subscriptions();
  for (const [topic, name] of [["t", "one"], ["t", "two"], ["a/*", "one"]] as const) {
    all.add(make(topic, name));
  }
  assertEquals({ ...all.list() }, { t: ["one", "two"], "a/*": ["one"] });
});
