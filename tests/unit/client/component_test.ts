import { assert, assertEquals, assertRejects } from "@std/assert";
import { anonymous, component } from "../../../src/client/component.ts";
import { memoryKeys } from "../../../src/identity/memory_keys.ts";
import { secretVerifier } from "../../../src/identity/verifier.ts";
import type { Link } from "../../../src/link/link.ts";
import type { HandlerContext } from "../../../src/peer/api.ts";
import { ConnectionClosedError, LoginError, RembusError } from "../../../src/protocol/errors.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { eventually } from "../../helpers/eventually.ts";
import { FakeBroker, type FakeSession, idle } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";
import type { ComponentOptions } from "../../../src/client/options.ts";
import type { Component } from "../../../src/peer/api.ts";

const LEFT = "ws://left:1/left";
const RIGHT = "ws://right:1/right";

/** What {@link poolOf} made. */
interface PoolSetUp extends AsyncDisposable {
  readonly left: FakeBroker;
  readonly right: FakeBroker;
  readonly clock: ManualClock;
  readonly node: Component;
}

/** Two brokers, and how to dial them. */
function brokers() {
  const left = new FakeBroker();
  const right = new FakeBroker();
  const dial = (url: string): Promise<Link> =>
    url.startsWith("ws://left") ? left.dial() : right.dial();
  return { left, right, dial };
}

async function poolOf(options: ComponentOptions = {}, made = brokers()): Promise<PoolSetUp> {
  const { left, right, dial } = made;
  const clock = new ManualClock();
  const random = new SeededRandom(1);
  const node = await component([LEFT, RIGHT], { dial, clock, random, heartbeatMs: 0, ...options });
  return { left, right, clock, node, [Symbol.asyncDispose]: () => node.close() };
}

const SECRET = new TextEncoder().encode("shared");

/** A broker that asks each connection for another proof that it knows {@link SECRET}. */
function askingBroker(): FakeBroker {
  const broker = new FakeBroker();
  const challenge = () => new Uint8Array([broker.dials]);
  broker.answer = (packet) => {
    if (packet.type === "identity") return [11, challenge()];
    if (packet.type !== "attestation") return undefined;
    const { id, cid, signature } = packet;
    const session = broker.last;
    const asked = session.received.some(({ type }) => type === "identity") ? broker.dials : 1;
    void secretVerifier(SECRET).verify(new Uint8Array([asked]), cid, signature)
      .then((isProof) => session.respond(id, isProof ? 0 : 10, null));
    return null;
  };
  return broker;
}

function signatureOf({ received }: FakeSession): string | undefined {
  return received.flatMap((one) => one.type === "attestation" ? [String(one.signature)] : [])[0];
}

function said(broker: FakeBroker): string[] {
  return broker.last.said.slice(3);
}

Deno.test("component() completes a bare name by the base URL", async () => {
  const dialled: string[] = [];
  const broker = new FakeBroker();
  const dial = (url: string): Promise<Link> => {
    dialled.push(url);
    return broker.dial();
  };
  await using one = await component("me", { dial });
  await using other = await component("me", { dial, baseUrl: "wss://host:9/ignored" });
  assertEquals(dialled, ["ws://127.0.0.1:8338/", "wss://host:9/"]);
  assertEquals([one.uid, other.uid], ["ws://127.0.0.1:8338/me", "wss://host:9/me"]);
});

Deno.test("anonymous() connects to the base URL without a name", async () => {
  const broker = new FakeBroker();
  await using node = await anonymous({ dial: broker.dial, baseUrl: "ws://host:9/someone" });
  assertEquals(broker.last.said, ["capabilities", "reactive true"]);
  assertEquals(node.uid, `ws://host:9/${node.rid}`);
});

Deno.test("component() rejects when the broker is away, and tries no more", async () => {
  const broker = new FakeBroker();
  broker.isUp = false;
  const clock = new ManualClock();
  await assertRejects(
    () => component("me", { dial: broker.dial, clock }),
    ConnectionClosedError,
    'Cannot connect to "ws://127.0.0.1:8338/me": nobody there',
  );
  await clock.advance(60_000);
  assertEquals([broker.dials, clock.pending], [1, 0]);
});

Deno.test("component() with startAnyway starts without a broker, and connects when there is one", async () => {
  const broker = new FakeBroker();
  broker.isUp = false;
  const clock = new ManualClock();
  const options = { dial: broker.dial, clock, startAnyway: true, heartbeatMs: 0 };
  await using node = await component("me", options);
  assertEquals(node.isOpen, false);
  await node.subscribe("t", () => {});
  await node.expose("svc", () => 1);
  const published = node.with({ qos: 1 }).publish("early");
  await assertRejects(() => node.rpc("svc"), ConnectionClosedError);
  broker.isUp = true;
  await clock.advance(1_000);
  await idle();
  await published;
  assertEquals(broker.last.said, [
    "identity me",
    "capabilities",
    "subscribe t",
    "expose svc",
    "reactive true",
    "publish early",
  ]);
});

Deno.test("component() with startAnyway goes on after a login that was refused", async () => {
  const broker = new FakeBroker();
  broker.answer = (packet) => packet.type === "identity" ? [20, "in use"] : undefined;
  const clock = new ManualClock();
  await using node = await component("me", { dial: broker.dial, clock, startAnyway: true });
  broker.answer = () => undefined;
  await clock.advance(1_000);
  await idle();
  assertEquals(node.isOpen, true);
});

Deno.test("component() rejects without a key, and tries no more", async () => {
  const broker = askingBroker();
  const clock = new ManualClock();
  const error = await assertRejects(
    () => component("me", { dial: broker.dial, clock, keys: memoryKeys() }),
    LoginError,
    '"rembus register"',
  );
  await clock.advance(60_000);
  assertEquals([error.status, broker.dials, clock.pending], [11, 1, 0]);
});

Deno.test("component() with startAnyway is in as soon as there is a key", async () => {
  const broker = askingBroker();
  const clock = new ManualClock();
  const keys = memoryKeys();
  const options = { dial: broker.dial, clock, keys, startAnyway: true, heartbeatMs: 0 };
  await using node = await component("me", options);
  await clock.advance(30_000);
  assertEquals(node.isOpen, false);
  await keys.save("me", SECRET);
  await clock.advance(10_000);
  await eventually(() => assertEquals(node.isOpen, true));
});

Deno.test("a component proves its name anew after each connect", async () => {
  const broker = askingBroker();
  const clock = new ManualClock();
  const keys = memoryKeys();
  await keys.save("me", SECRET);
  await using node = await component("me", { dial: broker.dial, clock, keys, heartbeatMs: 0 });
  for (let time = 0; time < 3; time++) {
    const signatures = broker.sessions.map(signatureOf);
    assertEquals(new Set(signatures).size, time + 1);
    broker.last.cut();
    await idle();
    await clock.advance(10_000);
    await eventually(() => assertEquals(node.isOpen, true));
  }
});

Deno.test("a component never gives up for a key that is gone or refused, and says so each time", async () => {
  const broker = askingBroker();
  const clock = new ManualClock();
  const keys = memoryKeys();
  await keys.save("me", SECRET);
  await using node = await component("me", { dial: broker.dial, clock, keys, heartbeatMs: 0 });
  await using events = node.events();
  const nextError = async (): Promise<Error> => {
    for await (const event of { [Symbol.asyncIterator]: () => ({ next: () => events.next() }) }) {
      if (event.type === "retrying") return event.error;
    }
    throw new Error("no more events");
  };
  await keys.save("me", new TextEncoder().encode("wrong"));
  broker.last.cut();
  assert((await nextError()) instanceof ConnectionClosedError);
  await clock.advance(10_000);
  const refused = await nextError();
  assertEquals([refused.name, refused instanceof LoginError && refused.status], ["LoginError", 10]);
  await keys.remove("me");
  await clock.advance(10_000);
  const missing = await nextError();
  assertEquals([missing.name, missing instanceof LoginError && missing.status], ["LoginError", 11]);
  await keys.save("me", SECRET);
  await clock.advance(10_000);
  await eventually(() => assertEquals(node.isOpen, true));
});

Deno.test("a component in mode authenticated sends nothing before the challenge, and must have a name", async () => {
  const broker = askingBroker();
  const keys = memoryKeys();
  await keys.save("me", SECRET);
  const options = { dial: broker.dial, keys, connectionMode: "authenticated" } as const;
  const starting = component("me", options);
  await idle();
  assertEquals(broker.last.said, []);
  broker.last.respond(1n as MsgId, 11, new Uint8Array([1]));
  await using _node = await starting;
  assertEquals(broker.last.said, ["attestation", "capabilities", "reactive true"]);
  for (const url of ["", "ws://host", "ws://host/__noname__"]) {
    await assertRejects(() => component(url, options), TypeError, '"authenticated", got none');
  }
  await assertRejects(() => component([LEFT, "ws://right:1"], options), TypeError);
  assertEquals(broker.dials, 1);
});

Deno.test("a component without a name tells that its broker wants one", async () => {
  const broker = new FakeBroker();
  const logger = new NotingLogger();
  await using _node = await anonymous({ dial: broker.dial, logger });
  broker.last.respond(1n as MsgId, 11, new Uint8Array([1]));
  await idle();
  assert(logger.events.includes("warn broker wants a name"));
});

Deno.test("component() takes no URL, option or name that cannot be honoured", async () => {
  const { dial } = new FakeBroker();
  for (const url of ["http://host/name", "host:8338", "a..b", "ws://h:0/x", "repl"]) {
    await assertRejects(() => component(url, { dial }), TypeError);
  }
  await assertRejects(() => component([], { dial }), TypeError, "expected URLs, got none");
  await assertRejects(
    () => component(["me", "ws://127.0.0.1:8338/me"], { dial }),
    TypeError,
    "twice",
  );
  await assertRejects(() => component("me", { dial, sendRetries: -1 }), RangeError);
});

Deno.test("a signal closes a component: before it starts, while it does, and later", async () => {
  const broker = new FakeBroker();
  const { dial } = broker;
  const early = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => component("me", { dial, signal: early }), Error, "enough");
  assertEquals(broker.dials, 0);

  for (const startAnyway of [false, true]) {
    const starting = new AbortController();
    const { signal } = starting;
    const failed = assertRejects(
      () => component("me", { dial: () => new Promise(() => {}), signal, startAnyway }),
      Error,
      "enough",
    );
    starting.abort(new Error("enough"));
    await failed;
  }

  const later = new AbortController();
  const node = await component("me", { dial, signal: later.signal });
  later.abort();
  await node.wait();
  await broker.last.closed;
  await assertRejects(() => node.rpc("svc"), ConnectionClosedError);
});

Deno.test("a pool has one name, and another one at each broker", async () => {
  await using it = await poolOf();
  const { node, left, right } = it;
  assertEquals([node.rid, node.uid, String(node)], ["repl", "repl://:0/repl", "repl"]);
  assertEquals([left.last.said[0], right.last.said[0]], ["identity left", "identity right"]);
  for (const broker of [left, right]) {
    broker.last.send({
      type: "rpc",
      id: 1n as MsgId,
      topic: "rid",
      target: null,
      data: Payload.fromValue(["ignored"]),
      extras: null,
    });
  }
  await idle();
  const answers = [left, right].map(({ last }) =>
    last.received.flatMap((one) => one.type === "response" ? [one.data.value] : [])
  );
  assertEquals(answers, [["left"], ["right"]]);
});

Deno.test("a pool subscribes, exposes and is reactive everywhere, and calls and publishes once", async () => {
  await using it = await poolOf();
  const { node, left, right } = it;
  await node.subscribe("t", () => {});
  await node.expose("svc", () => 1);
  await node.unreactive();
  await using _stream = node.messages("s");
  await idle();
  const everywhere = ["subscribe t", "expose svc", "reactive false", "subscribe s"];
  assertEquals([said(left), said(right)], [everywhere, everywhere]);
  await node.rpc("svc");
  await node.publish("t");
  await node.with({ qos: 1 }).put("t");
  assertEquals(said(left).slice(4), ["rpc svc", "publish t", "publish repl/t"]);
  assertEquals(said(right).slice(4), []);
});

Deno.test("a pool goes on over another connection while one is away, which is told everything on its return", async () => {
  await using it = await poolOf();
  const { node, left, right, clock } = it;
  left.isUp = false;
  left.last.cut();
  await idle();
  assertEquals(node.isOpen, true);
  await node.subscribe("t", () => {});
  assertEquals(await node.rpc("svc"), "svc");
  await node.with({ qos: 2 }).publish("t");
  assertEquals(said(right), ["subscribe t", "rpc svc", "publish t"]);
  left.isUp = true;
  await clock.advance(20_000);
  await idle();
  assertEquals(left.last.said, ["identity left", "capabilities", "subscribe t", "reactive true"]);
});

Deno.test("a pool without any connection fails calls at once; QoS 1 waits for the one lost last", async () => {
  await using it = await poolOf();
  const { node, left, right, clock } = it;
  for (const broker of [left, right]) {
    broker.isUp = false;
    broker.last.cut();
    await clock.advance(10);
  }
  await idle();
  assertEquals(node.isOpen, false);
  await assertRejects(() => node.rpc("svc"), ConnectionClosedError);
  await assertRejects(() => node.publish("t"), ConnectionClosedError);
  const waiting = node.with({ qos: 1 }).publish("t");
  right.isUp = true;
  await clock.advance(20_000);
  await waiting;
  assertEquals(right.last.said.at(-1), "publish t");
});

Deno.test("round_robin spreads the calls of a pool", async () => {
  await using it = await poolOf({ policy: "round_robin" });
  for (let n = 0; n < 4; n++) await it.node.rpc("svc");
  assertEquals([said(it.left).length, said(it.right).length], [2, 2]);
});

Deno.test("less_busy gives a call to the broker with the fewest under way", async () => {
  await using it = await poolOf({ policy: "less_busy" });
  const { node, left, right } = it;
  left.answer = (packet) => packet.type === "rpc" ? null : undefined;
  const slow = assertRejects(() => node.rpc("slow"), ConnectionClosedError);
  await node.rpc("svc");
  await node.rpc("svc");
  assertEquals([said(left), said(right)], [["rpc slow"], ["rpc svc", "rpc svc"]]);
  await node.close();
  await slow;
});

Deno.test("a pool starts with the brokers that are there, and rejects when none is", async () => {
  const one = brokers();
  one.left.isUp = false;
  await using it = await poolOf({}, one);
  assertEquals([it.node.isOpen, await it.node.rpc("svc")], [true, "svc"]);
  const none = brokers();
  none.left.answer = (packet) => packet.type === "identity" ? [20, "in use"] : undefined;
  none.right.isUp = false;
  await assertRejects(() => poolOf({}, none), LoginError, "in use");
});

Deno.test("a subscription that one broker refuses is taken back everywhere", async () => {
  await using it = await poolOf();
  const { node, left, right } = it;
  right.answer = () => [10, "unauthorized"];
  await assertRejects(() => node.subscribe("t", () => {}), RembusError, "unauthorized");
  await idle();
  assertEquals([said(left), said(right)], [["subscribe t", "unsubscribe t"], ["subscribe t"]]);
});

Deno.test("admin verbs of a pool go to every broker, and fail when one is away", async () => {
  await using it = await poolOf();
  const { node, left, right } = it;
  await node.privateTopic("t");
  assertEquals([said(left), said(right)], [["private_topic t"], ["private_topic t"]]);
  right.isUp = false;
  right.last.cut();
  await idle();
  await assertRejects(() => node.privateTopic("u"), ConnectionClosedError);
});

Deno.test("admin() of a pool asks one broker that is open", async () => {
  await using it = await poolOf();
  const { node, left, right } = it;
  left.answer = () => [0, ["left"]];
  assertEquals(await node.admin("list_admins"), ["left"]);
  assertEquals([said(left), said(right)], [["list_admins __config__"], []]);
  left.isUp = false;
  left.last.cut();
  await idle();
  assertEquals(await node.admin("list_admins"), null);
  right.isUp = false;
  right.last.cut();
  await idle();
  await assertRejects(() => node.admin("list_admins"), ConnectionClosedError);
});

Deno.test("a handler answers over the broker that its call came from", async () => {
  await using it = await poolOf();
  const { node, left, right } = it;
  await node.expose("svc", ({ node: caller }: HandlerContext) => caller.publish("event"), {
    context: true,
  });
  right.last.send({
    type: "rpc",
    id: 1n as MsgId,
    topic: "svc",
    target: null,
    data: Payload.fromValue([]),
    extras: null,
  });
  await idle();
  assertEquals([said(left), said(right)], [["expose svc"], [
    "expose svc",
    "publish event",
    "response",
  ]]);
});

Deno.test("a pool tells which connection an event is about, and is closed once", async () => {
  const it = await poolOf();
  const events = it.node.events();
  it.right.isUp = false;
  it.right.last.cut();
  await idle();
  await it.node.close();
  const seen: unknown[] = [];
  for await (const event of events) {
    seen.push("url" in event ? `${event.type} ${event.url}` : event.type);
  }
  assertEquals(seen, [`disconnected ${RIGHT}`, `retrying ${RIGHT}`, "closed"]);
  assertEquals(it.clock.pending, 0);
});
