// Goal: whoever subscribes, logs in, leaves, publishes, exposes and calls in whatever order, each component
// gets exactly the messages and answers that a naive model says.
// Method: random commands over memory links, each run against the broker and against the model, whose
// expectations are compared after every command. fast-check shrinks a failure and prints its seed.
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Broker } from "../../src/broker/broker.ts";
import { POLICIES, type Policy } from "../../src/broker/options.ts";
import { memoryPair } from "../../src/link/memory.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import type { MsgId, Packet, QoS } from "../../src/protocol/packet.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { Peer } from "../helpers/bench_broker.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { matchesSpace } from "../helpers/naive_space.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

/** Sequences of commands for each policy. */
const RUNS = Math.ceil(countFromEnv("REMBUS_FUZZ_FRAMES", 30_000) / 50);
const SEED = countFromEnv("REMBUS_FUZZ_SEED", 1);

/** How long they are. Without the size fast-check keeps them much shorter. */
const SEQUENCE = { minLength: 20, maxLength: 100, size: "max" } as const;

const SLOTS = 4;
const NAMES = ["alice", "bob", "carol"];
const TOPICS = ["a", "a/b", "a/c", "a/@x", "b/a/c", "a/*"];
const SUBSCRIPTIONS = ["a", "a/b", "a/*", "**", "*/b", "a/**", "a/@*", "*"];
const SERVICES = ["s", "t"];

type Command =
  | { readonly type: "connect"; readonly slot: number }
  | { readonly type: "leave" | "reactive" | "repeat"; readonly slot: number }
  | { readonly type: "login"; readonly slot: number; readonly name: string }
  | { readonly type: "subscribe" | "unsubscribe"; readonly slot: number; readonly topic: string }
  | { readonly type: "expose" | "unexpose" | "call"; readonly slot: number; readonly topic: string }
  | { readonly type: "direct"; readonly slot: number; readonly name: string }
  | { readonly type: "publish"; readonly slot: number; readonly topic: string; readonly qos: QoS };

const slot = fc.nat({ max: SLOTS - 1 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant("connect" as const), slot }) },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constantFrom("leave", "reactive", "repeat", "repeat"), slot }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("login" as const),
      slot,
      name: fc.constantFrom(...NAMES),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("subscribe", "subscribe", "unsubscribe"),
      slot,
      topic: fc.constantFrom(...SUBSCRIPTIONS),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom("expose", "expose", "unexpose", "call", "call"),
      slot,
      topic: fc.constantFrom(...SERVICES),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("direct" as const),
      slot,
      name: fc.constantFrom(...NAMES, "nobody"),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("publish" as const),
      slot,
      topic: fc.constantFrom(...TOPICS),
      qos: fc.constantFrom<QoS>(0, 1, 2),
    }),
  },
);

/** A message as a subscriber sees it. */
type Seen = readonly [wireTopic: string, qos: QoS, ...args: unknown[]];

/** A publication as it was made, so that it can be repeated. */
interface Made {
  readonly topic: string;
  readonly qos: QoS;
  readonly value: number;
}

interface ModelSubscription {
  open: boolean;
  parked: Seen[];
}

/** What the model knows of one component. */
interface Component {
  readonly name: string | null;
  slot: number | null;
  readonly subscriptions: Map<string, ModelSubscription>;
  /** QoS 2 messages that it published. */
  readonly window: Set<number>;
}

/** The broker as simple as it can be said. */
class Model {
  readonly #policy: Policy;
  readonly #named = new Map<string, Component>();
  readonly #slots: (Component | null)[] = Array(SLOTS).fill(null);
  /** Service -> exposers in order, and whose turn it is. */
  readonly #services = new Map<string, { exposers: Component[]; next: number }>();
  /** Slot -> what it is expected to have seen since it was asked. */
  readonly seen: Seen[][] = Array.from({ length: SLOTS }, () => []);

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  isConnected(at: number): boolean {
    return this.#slots[at] !== null;
  }

  connect(at: number): void {
    this.#slots[at] = { name: null, slot: at, subscriptions: new Map(), window: new Set() };
  }

  leave(at: number): void {
    const gone = this.#at(at);
    this.#slots[at] = null;
    gone.slot = null;
    for (const subscription of gone.subscriptions.values()) subscription.open = false;
    if (gone.name === null) this.#forget(gone);
  }

  /** The expected status; 20 for a name in use leaves the slot empty. */
  login(at: number, name: string): number {
    const before = this.#at(at);
    if (before.name !== null) return before.name === name ? 0 : 20;
    const known = this.#named.get(name);
    if (known !== undefined && known.slot !== null) {
      this.leave(at);
      return 20;
    }
    const twin = known ?? { name, slot: at, subscriptions: new Map(), window: new Set<number>() };
    this.#named.set(name, twin);
    twin.slot = at;
    this.#slots[at] = twin;
    for (const topic of before.subscriptions.keys()) this.#subscribe(twin, topic);
    for (const [topic, { exposers }] of this.#services) {
      if (exposers.includes(before)) this.#expose(twin, topic);
    }
    for (const value of before.window) twin.window.add(value);
    before.slot = null;
    this.#forget(before);
    return 0;
  }

  subscribe(at: number, topic: string): void {
    this.#subscribe(this.#at(at), topic);
  }

  unsubscribe(at: number, topic: string): void {
    this.#at(at).subscriptions.delete(topic);
  }

  reactive(at: number): void {
    const component = this.#at(at);
    for (const topic of component.subscriptions.keys()) this.#subscribe(component, topic);
  }

  publish(at: number, { topic, qos, value }: Made): void {
    const publisher = this.#at(at);
    if (qos === 2 && publisher.window.has(value)) return;
    if (qos === 2) publisher.window.add(value);
    for (const component of this.#slots) {
      if (component === null || component === publisher || component.slot === null) continue;
      for (const [wire, subscription] of component.subscriptions) {
        const isSpace = wire.includes("*");
        if (isSpace ? !matchesSpace(wire, topic) : wire !== topic) continue;
        const seen: Seen = isSpace ? [wire, qos, topic, value] : [wire, qos, value];
        if (qos === 0 || subscription.open) this.seen[component.slot]?.push(seen);
        else subscription.parked.push(seen);
      }
    }
  }

  expose(at: number, topic: string): void {
    this.#expose(this.#at(at), topic);
  }

  unexpose(at: number, topic: string): void {
    this.#unexpose(this.#at(at), topic);
  }

  /** The slot that gets the call, or the status. */
  call(topic: string): { readonly slot: number } | { readonly status: number } {
    const service = this.#services.get(topic);
    if (service === undefined) return { status: 42 };
    const { exposers } = service;
    const start = this.#policy === "round_robin" ? service.next : 0;
    for (let step = 0; step < exposers.length; step++) {
      const index = (start + step) % exposers.length;
      const found = exposers[index]?.slot ?? null;
      if (found === null) continue;
      service.next = (index + 1) % exposers.length;
      return { slot: found };
    }
    return { status: 43 };
  }

  direct(name: string): { readonly slot: number } | { readonly status: number } {
    const known = this.#named.get(name);
    if (known === undefined) return { status: 45 };
    return known.slot === null ? { status: 46 } : { slot: known.slot };
  }

  #at(at: number): Component {
    const component = this.#slots[at];
    if (component === undefined || component === null) throw new Error(`Slot ${at} is empty`);
    return component;
  }

  #subscribe(component: Component, topic: string): void {
    const subscription = component.subscriptions.get(topic) ?? { open: false, parked: [] };
    component.subscriptions.set(topic, subscription);
    subscription.open = true;
    if (component.slot !== null) this.seen[component.slot]?.push(...subscription.parked);
    subscription.parked = [];
  }

  #expose(component: Component, topic: string): void {
    const service = this.#services.get(topic) ?? { exposers: [], next: 0 };
    this.#services.set(topic, service);
    if (!service.exposers.includes(component)) service.exposers.push(component);
  }

  #unexpose(component: Component, topic: string): void {
    const service = this.#services.get(topic);
    const index = service?.exposers.indexOf(component) ?? -1;
    if (service === undefined || index === -1) return;
    service.exposers.splice(index, 1);
    if (service.next > index) service.next--;
    if (service.next >= service.exposers.length) service.next = 0;
  }

  #forget(component: Component): void {
    component.subscriptions.clear();
    for (const topic of this.#services.keys()) this.#unexpose(component, topic);
  }
}

/** The broker with a peer in each slot, which acknowledges and answers by itself. */
class Bench {
  readonly model: Model;
  readonly #broker: Broker;
  readonly #clock = new ManualClock();
  readonly #peers: (Peer | null)[] = Array(SLOTS).fill(null);
  /** Slot -> the last publication made in it. */
  readonly #made: Made[] = [];
  #values = 0;

  constructor(policy: Policy, seed: number) {
    this.model = new Model(policy);
    this.#broker = new Broker({
      policy,
      clock: this.#clock,
      random: new SeededRandom(seed),
      drainMs: 0,
    });
  }

  async run(step: Command): Promise<void> {
    const { model } = this;
    const at = step.slot;
    if (step.type === "connect") {
      if (!model.isConnected(at)) {
        model.connect(at);
        const [ours, theirs] = memoryPair();
        this.#broker.accept(theirs);
        this.#peers[at] = new Peer(ours);
      }
      return;
    }
    const peer = this.#peers[at];
    if (!model.isConnected(at) || peer === null || peer === undefined) return;
    await this.#act(step, peer);
    await this.#compare();
  }

  async close(): Promise<void> {
    for (const peer of this.#peers) peer?.link.terminate();
    await settle();
    await this.#broker.close();
  }

  async #act(step: Exclude<Command, { type: "connect" }>, peer: Peer): Promise<void> {
    const { model } = this;
    switch (step.type) {
      case "leave":
        model.leave(step.slot);
        peer.link.terminate();
        await settle();
        return;
      case "login":
        await this.#login(step, peer);
        return;
      case "reactive":
        model.reactive(step.slot);
        await this.#admin(peer, "__config__", { cmd: "reactive", status: true });
        return;
      case "subscribe":
      case "unsubscribe":
      case "expose":
      case "unexpose":
        model[step.type](step.slot, step.topic);
        await this.#admin(peer, step.topic, { cmd: step.type });
        return;
      case "call":
        await this.#call(peer, { topic: step.topic, target: null }, model.call(step.topic));
        return;
      case "direct":
        await this.#call(peer, { topic: "any", target: step.name }, model.direct(step.name));
        return;
      case "publish": {
        const made = { topic: step.topic, qos: step.qos, value: this.#values++ };
        this.#made[step.slot] = made;
        await this.#publish(step.slot, peer, made);
        return;
      }
      case "repeat": {
        const made = this.#made[step.slot];
        if (made !== undefined && made.qos !== 0) await this.#publish(step.slot, peer, made);
        return;
      }
      default:
        step satisfies never;
    }
  }

  async #publish(at: number, peer: Peer, made: Made): Promise<void> {
    this.model.publish(at, made);
    const { topic, qos, value } = made;
    const id = qos === 0 ? null : BigInt(1_000_000 + value) as MsgId;
    const data = Payload.fromCbor(encodeCbor([value]));
    const rest = { slot: null, data, extras: null, frame: null };
    await peer.send({ type: "publish", id, topic, qos, ...rest });
    if (id !== null) this.#take(peer, (one) => one.type === "ack" && one.id === id);
  }

  async #login(
    { slot: at, name }: { readonly slot: number; readonly name: string },
    peer: Peer,
  ): Promise<void> {
    const status = this.model.login(at, name);
    const id = peer.id();
    await peer.send({ type: "identity", id, cid: name });
    // The holder of the name is asked, and answers.
    await this.#answerCalls();
    assertEquals(peer.answerTo(id).status, status);
    if (status === 20 && !this.model.isConnected(at)) assertEquals(peer.close?.code, 1008);
    else assertEquals(peer.close, null);
  }

  async #admin(peer: Peer, topic: string, data: unknown): Promise<void> {
    const { status } = await peer.admin(topic, data);
    assertEquals(status, 0);
  }

  async #call(
    peer: Peer,
    { topic, target }: { readonly topic: string; readonly target: string | null },
    expected: { readonly slot: number } | { readonly status: number },
  ): Promise<void> {
    const id = await peer.call(topic, [], target);
    await this.#answerCalls();
    const { status, data } = peer.answerTo(id);
    if ("slot" in expected) assertEquals([status, data.value], [0, expected.slot]);
    else assertEquals(status, expected.status);
  }

  /** Each peer answers what it was called for with its slot. */
  async #answerCalls(): Promise<void> {
    for (const [at, peer] of this.#peers.entries()) {
      if (peer === null) continue;
      for (const packet of peer.inbox.filter(({ type }) => type === "rpc")) {
        if (packet.type !== "rpc") continue;
        peer.inbox.splice(peer.inbox.indexOf(packet), 1);
        await peer.respond(packet.id, at);
      }
    }
  }

  #take(peer: Peer, isWanted: (packet: Packet) => boolean): void {
    const at = peer.inbox.findIndex(isWanted);
    if (at === -1) throw new Error("an expected packet did not come");
    peer.inbox.splice(at, 1);
  }

  /** Everything that came must be what the model expects, in any order; all of it is acknowledged. */
  async #compare(): Promise<void> {
    for (const [at, peer] of this.#peers.entries()) {
      const expected = this.model.seen[at]?.splice(0) ?? [];
      const came: Seen[] = [];
      if (peer !== null && this.model.isConnected(at)) {
        for (const packet of peer.takePublications()) {
          came.push([packet.topic, packet.qos, ...packet.data.args]);
          if (packet.id === null) continue;
          await peer.ack(packet);
          if (packet.qos === 2) {
            this.#take(peer, (one) => one.type === "ack2" && one.id === packet.id);
          }
        }
        assertEquals(peer.inbox, [], `slot ${at} got what nobody expects`);
      }
      assertEquals(sorted(came), sorted(expected), `slot ${at}`);
    }
  }
}

function sorted(seen: readonly Seen[]): string[] {
  return seen.map((one) => JSON.stringify(one)).sort();
}

for (const policy of POLICIES) {
  Deno.test(`the router does what a naive model does, ${policy}`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, SEQUENCE), async (commands) => {
        const bench = new Bench(policy, SEED);
        // All begin connected, so that few commands are wasted.
        for (let at = 0; at < SLOTS; at++) await bench.run({ type: "connect", slot: at });
        try {
          for (const step of commands) await bench.run(step);
        } finally {
          await bench.close();
        }
      }),
      { numRuns: RUNS, seed: SEED },
    );
  });
}
