import { assert, assertEquals } from "@std/assert";
import { newAccess } from "../../helpers/access.ts";
import { newSubscription } from "../../../src/broker/admin.ts";
import { newCounters } from "../../../src/broker/counters.ts";
import { IdWindow } from "../../../src/broker/id_window.ts";
import { WINDOW_MS } from "../../../src/broker/limits.ts";
import type { Publication } from "../../../src/broker/publication.ts";
import { type Publisher, Publishing, replyTo } from "../../../src/broker/publishing.ts";
import { Sequence } from "../../../src/broker/sequence.ts";
import type { Subscriber } from "../../../src/broker/subscription.ts";
import { Subscriptions } from "../../../src/broker/subscriptions.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";
import { as, publishPacket } from "./fakes.ts";

class Noting implements Subscriber {
  readonly got: [to: string, args: readonly unknown[]][] = [];
  readonly name: string;
  readonly isBroker: boolean;
  constructor(name: string, isBroker = false) {
    this.name = name;
    this.isBroker = isBroker;
  }
  deliver({ data }: Publication, { topic }: { readonly topic: string }): void {
    this.got.push([topic, data.args]);
  }
}

function setUp() {
  const clock = new ManualClock();
  const access = newAccess();
  const counters = newCounters();
  const log = new NotingLogger();
  const subscriptions = new Subscriptions();
  const state = { busy: false };
  const publishing = new Publishing({
    access,
    clock,
    counters,
    log,
    sequence: new Sequence(clock),
    subscriptions,
    localIsBusy: () => state.busy,
  });
  const subscribe = (subscriber: Subscriber, topic: string): void => {
    subscriptions.add(newSubscription(subscriber, topic, topic.includes("*")));
  };
  const publisher = (name = "pub"): Publisher & Noting =>
    Object.assign(new Noting(name), { window: new IdWindow() });
  return { clock, access, counters, log, publishing, subscribe, publisher, state };
}

Deno.test("publish() gives one copy to each matching subscription", () => {
  const { publishing, subscribe, publisher, counters } = setUp();
  const sub = new Noting("sub");
  for (const topic of ["a/b", "a/*", "**", "other"]) subscribe(sub, topic);
  const outcome = publishing.publish(publisher(), publishPacket("a/b", { args: [1] }));
  assertEquals(outcome.kind, "accepted");
  assertEquals(sub.got, [["a/b", [1]], ["a/*", [1]], ["**", [1]]]);
  assertEquals(counters.published, 1);
});

Deno.test("publish() gives the publisher nothing of its own, by topic or by space", () => {
  const { publishing, subscribe, publisher } = setUp();
  const pub = publisher();
  subscribe(pub, "t");
  subscribe(pub, "**");
  publishing.publish(pub, publishPacket("t"));
  assertEquals(pub.got, []);
});

Deno.test("publish() without subscribers is accepted", () => {
  const { publishing, publisher } = setUp();
  const packet = publishPacket("nobody", { qos: 1, id: 1n });
  assertEquals(replyTo(packet, publishing.publish(publisher(), packet))?.type, "ack");
});

Deno.test("publish() of a known QoS 2 id is acknowledged and reaches nobody, spaces included", async () => {
  const { clock, publishing, subscribe, publisher, counters } = setUp();
  const sub = new Noting("sub");
  subscribe(sub, "t");
  subscribe(sub, "*");
  const pub = publisher();
  const packet = publishPacket("t", { qos: 2, id: 5n });
  assertEquals(publishing.publish(pub, packet).kind, "accepted");
  assertEquals(publishing.publish(pub, packet).kind, "duplicate");
  assertEquals(replyTo(packet, { kind: "duplicate" }), { type: "ack", id: packet.id });
  assertEquals([sub.got.length, counters.duplicates], [2, 1]);
  // Another publisher may have the same id; and after ten minutes so may this one.
  assertEquals(publishing.publish(publisher("other"), packet).kind, "accepted");
  await clock.advance(WINDOW_MS);
  assertEquals(publishing.publish(pub, packet).kind, "accepted");
});

Deno.test("publish() of a repeated QoS 1 id is delivered again", () => {
  const { publishing, subscribe, publisher } = setUp();
  const sub = new Noting("sub");
  subscribe(sub, "t");
  const pub = publisher();
  for (let n = 0; n < 2; n++) publishing.publish(pub, publishPacket("t", { qos: 1, id: 5n }));
  assertEquals(sub.got.length, 2);
});

for (
  const [topic, text] of [
    ["", "expected 1 byte"],
    ["__gap__", "reserved"],
    ["x".repeat(1_025), "1024 bytes"],
    ["/".repeat(64), "64 levels"],
    ["secret", "unauthorized"],
  ] as const
) {
  Deno.test(`publish() refuses ${topic.slice(0, 10)} (${text}), and tells QoS 1/2 why`, () => {
    const { access, publishing, subscribe, publisher, counters } = setUp();
    access.topics.makePrivate("secret");
    const sub = new Noting("sub");
    subscribe(sub, "**");
    const packet = publishPacket(topic, { qos: 2, id: 5n });
    const pub = publisher();
    const reply = as(replyTo(packet, publishing.publish(pub, packet)), "response");
    assertEquals(reply.status, 10);
    assert(String(reply.data.value).includes(text), String(reply.data.value));
    const quiet = publishPacket(topic);
    assertEquals(replyTo(quiet, publishing.publish(pub, quiet)), null);
    assertEquals([sub.got, counters.refused, pub.window?.size], [[], 2, 0]);
  });
}

Deno.test("publish() takes topics at the limits", () => {
  const { publishing, publisher } = setUp();
  for (const topic of ["x".repeat(1_024), "/".repeat(63), "_one"]) {
    assertEquals(publishing.publish(publisher(), publishPacket(topic)).kind, "accepted");
  }
});

Deno.test("publish() judges each subscriber of a private topic, also through spaces", () => {
  const { access, publishing, subscribe, publisher } = setUp();
  const [friend, spy] = [new Noting("friend"), new Noting("spy")];
  for (const sub of [friend, spy]) {
    subscribe(sub, "secret");
    subscribe(sub, "**");
  }
  access.topics.authorize("pub", "secret");
  access.topics.authorize("friend", "secret");
  publishing.publish(publisher(), publishPacket("secret"));
  assertEquals([friend.got.length, spy.got.length], [2, 0]);
});

Deno.test("publish() goes on behind a subscriber that fails", () => {
  const { publishing, subscribe, publisher, log } = setUp();
  const broken: Subscriber = {
    name: "broken",
    isBroker: false,
    deliver() {
      throw new Error("broken");
    },
  };
  const sub = new Noting("sub");
  subscribe(broken, "t");
  subscribe(sub, "t");
  const packet = publishPacket("t", { qos: 1, id: 1n });
  assertEquals(replyTo(packet, publishing.publish(publisher(), packet))?.type, "ack");
  assertEquals(sub.got.length, 1);
  assertEquals(log.events, ["error delivery failed"]);
});

Deno.test("publish() takes no QoS 1/2 for handlers of the broker that are busy, and remembers nothing", () => {
  const { publishing, subscribe, publisher, state } = setUp();
  const [local, remote] = [new Noting("broker", true), new Noting("remote")];
  subscribe(local, "t");
  subscribe(remote, "t");
  subscribe(remote, "other");
  state.busy = true;
  const pub = publisher();
  const packet = publishPacket("t", { qos: 2, id: 1n });
  const outcome = publishing.publish(pub, packet);
  assertEquals([outcome.kind, replyTo(packet, outcome)], ["busy", null]);
  assertEquals([local.got, remote.got, pub.window?.size], [[], [], 0]);
  // QoS 0, and topics that the broker itself does not listen to, go on.
  assertEquals(publishing.publish(pub, publishPacket("t")).kind, "accepted");
  assertEquals(
    publishing.publish(pub, publishPacket("other", { qos: 1, id: 2n })).kind,
    "accepted",
  );
  state.busy = false;
  assertEquals(publishing.publish(pub, packet).kind, "accepted");
});

Deno.test("announce() reaches exact subscriptions only, not whom it is about", () => {
  const { publishing, subscribe } = setUp();
  const [one, about] = [new Noting("one"), new Noting("about")];
  for (const sub of [one, about]) subscribe(sub, "component_info");
  subscribe(one, "*");
  publishing.announce("component_info", Payload.fromValue([1]), {
    name: "broker",
    about: "about",
    except: about,
  });
  assertEquals([one.got, about.got], [[["component_info", [1]]], []]);
});
