import { assert, assertEquals } from "@std/assert";
import { Status } from "../../src/protocol/errors.ts";
import { memoryPair } from "../../src/link/memory.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import { type GateActor, GateOracle } from "../helpers/gate_oracle.ts";
import { GatePeer, type Reply } from "../helpers/gate_peer.ts";
import * as worlds from "../helpers/gate_world.ts";
import { KeptBroker } from "../helpers/kept_broker.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

/**
 * Goal: nobody gets, does or learns what the rules keep from him, and nobody is refused who may.
 * Method: worlds by chance, each one broker in memory with tenants, keys, admins and tables; peers of every sort
 * at every door; and each answer and each delivery compared with what the oracle says. Between the rounds an
 * admin changes the rules over the wire, while subscriptions and exposers stay.
 */
const WORLDS = 30;
const CASES_MIN = 10_000;
const ROUNDS = 3;
/** Who reads the history in each round. */
const READERS = 6;
/** How long what must come may take, in milliseconds. */
const WAIT_MS = 5_000;

const DOORS = [
  ...["login", "subscribe", "space", "publish", "exact delivery", "space delivery", "history"],
  ...["expose", "rpc", "direct", "query", "upsert", "delete", "admin", "component_info", "why"],
] as const;

interface Message {
  readonly topic: string;
  readonly publisher: GatePeer;
}

/** Door -> cases. */
type Tally = Map<string, { allowed: number; refused: number }>;

/** One world under test. */
class Trial {
  readonly #random: SeededRandom;
  readonly #world: worlds.MadeWorld;
  readonly #oracle: GateOracle;
  readonly #broker: KeptBroker;
  readonly #tally: Tally;
  readonly #peers: GatePeer[] = [];
  /** Everything that was published, by its number. */
  readonly #messages: Message[] = [];
  /** Numbers of those that were taken. */
  readonly #taken = new Set<number>();
  /** Peer -> what it subscribed. */
  readonly #subscriptions = new Map<GatePeer, Set<string>>();
  /** Service -> who exposes it. */
  readonly #exposers = new Map<string, GatePeer[]>();
  #where: string;

  constructor(
    parts: {
      readonly seed: number;
      readonly world: worlds.MadeWorld;
      readonly broker: KeptBroker;
      readonly random: SeededRandom;
      readonly tally: Tally;
    },
  ) {
    this.#random = parts.random;
    this.#world = parts.world;
    this.#oracle = new GateOracle(parts.world);
    this.#broker = parts.broker;
    this.#tally = parts.tally;
    this.#where = `seed ${parts.seed}`;
  }

  async run(): Promise<void> {
    for (const name of this.#world.names) await this.#logIn(name, name);
    await this.#logIn("nobody", null);
    await this.#logIn("nobody else", null);
    const impostor = this.#random.pick([...this.#world.registered]);
    await this.#logIn(`impostor of ${impostor}`, impostor, "a guess");
    for (let round = 0; round < ROUNDS; round++) {
      for (let change = 0; change < 5; change++) await this.#changeRules();
      for (const peer of this.#peers) await this.#announce(peer);
      for (const peer of this.#peers) await this.#call(peer);
      for (const topic of worlds.TOPICS) await this.#publish(topic);
      await this.#readHistory();
      await this.#askWhy();
    }
    for (const peer of this.#peers) await peer[Symbol.asyncDispose]();
  }

  /** Compares, counts, and fails with everything that is needed to see why. */
  #check(door: typeof DOORS[number], what: string, expected: boolean, actual: boolean): void {
    const counts = this.#tally.get(door) ?? { allowed: 0, refused: 0 };
    counts[expected ? "allowed" : "refused"]++;
    this.#tally.set(door, counts);
    if (expected === actual) return;
    const { rules, tenants, admins, registered, authenticated, shared } = this.#world;
    throw new Error(
      `${this.#where}: ${expected ? "wrong refusal" : "LEAK"} at "${door}": ${what}\n` +
        Deno.inspect({ rules, tenants, admins, registered, authenticated, shared }, { depth: 5 }),
    );
  }

  #checkReply(
    door: typeof DOORS[number],
    what: string,
    reply: Reply,
    expected: { readonly allowed: boolean; readonly refusal?: number },
  ): void {
    const { status, data } = reply;
    this.#check(door, `${what}: ${status} ${String(data)}`, expected.allowed, status === Status.OK);
    if (expected.allowed) return;
    // Whoever is not in learns nothing but that.
    const wanted = expected.refusal ?? Status.ERROR;
    assert(
      status === wanted || (this.#world.authenticated && status === Status.ERROR),
      `${this.#where}: ${what} was refused with ${status} ${String(data)}, not ${wanted}`,
    );
  }

  #connect(label: string): GatePeer {
    const [ours, theirs] = memoryPair();
    this.#broker.broker.accept(theirs);
    return new GatePeer(ours, label);
  }

  async #logIn(label: string, name: string | null, secret?: string): Promise<void> {
    const peer = this.#connect(label);
    this.#peers.push(peer);
    this.#subscriptions.set(peer, new Set());
    if (name !== null) {
      const status = await peer.login(name, secret ?? worlds.secretOf(name));
      const isRegistered = this.#world.registered.has(name);
      const allowed = isRegistered ? secret === undefined : !this.#world.authenticated;
      this.#checkReply("login", label, { status, data: null }, { allowed });
    }
    await peer.admin("__config__", { cmd: "reactive", status: true });
    // Who comes is told to its tenant, and to nobody else.
    if (name === null || peer.name === null) return;
    for (const other of this.#peers) {
      const { allowed } = await this.#told(other, peer);
      if (other === peer || !this.#subscriptions.get(other)?.has("component_info")) continue;
      const came = other.delivered.some(({ wire, number }) =>
        wire === "component_info" && isAbout(number, name)
      );
      this.#check("component_info", `${label} to ${other.label}`, allowed, came);
    }
    await this.#subscribe(peer, "component_info");
  }

  async #told(other: GatePeer, peer: GatePeer): Promise<{ readonly allowed: boolean }> {
    await other.barrier();
    return { allowed: this.#oracle.mayReceive(other, "component_info", peer) };
  }

  async #changeRules(): Promise<void> {
    const change = worlds.makeChange(this.#random, this.#world);
    const { topic, ...data } = change;
    const by = this.#random.float() < 0.5 ? this.#peers[0] : this.#random.pick(this.#peers);
    if (by === undefined) return;
    const allowed = this.#oracle.mayAdminister(by);
    const reply = await by.admin(topic, data);
    this.#checkReply("admin", `${change.cmd} by ${by.label}`, reply, { allowed });
    if (allowed) worlds.applyChange(this.#world, change);
    for (const cmd of ["private_topics_config", "list_users", "list_tenants", "broker_config"]) {
      const asker = this.#random.pick(this.#peers);
      const reply = await asker.admin("__config__", { cmd });
      this.#checkReply("admin", `${cmd} by ${asker.label}`, reply, {
        allowed: this.#oracle.mayAdminister(asker),
      });
    }
  }

  async #announce(peer: GatePeer): Promise<void> {
    for (const topic of [...worlds.TOPICS, ...worlds.SPACES]) {
      if (this.#random.float() < 0.25) await this.#subscribe(peer, topic);
    }
    for (const topic of worlds.SERVICES) {
      if (this.#random.float() < 0.2) await this.#expose(peer, topic);
    }
  }

  async #subscribe(peer: GatePeer, topic: string): Promise<void> {
    const reply = await peer.admin(topic, { cmd: "subscribe", msg_from: 0 });
    const door = topic.includes("*") ? "space" : "subscribe";
    const allowed = this.#oracle.maySubscribe(peer, topic);
    this.#checkReply(door, `${topic} by ${peer.label}`, reply, { allowed });
    if (allowed) this.#subscriptions.get(peer)?.add(topic);
  }

  async #expose(peer: GatePeer, topic: string): Promise<void> {
    const before = this.#exposers.get(topic) ?? [];
    const reply = await peer.admin(topic, { cmd: "expose" });
    const allowed = this.#oracle.mayExpose(peer, topic, before);
    this.#checkReply("expose", `${topic} by ${peer.label}`, reply, { allowed });
    if (allowed && !before.includes(peer)) this.#exposers.set(topic, [...before, peer]);
  }

  async #call(peer: GatePeer): Promise<void> {
    const topic = this.#random.pick(worlds.SERVICES);
    await this.#callAny(peer, topic);
    await this.#callOne(peer, topic, this.#random.pick(this.#peers));
    const table = this.#random.pick(worlds.TABLES);
    for (const verb of ["query", "upsert", "delete"] as const) {
      const service = `${verb}_${table.name}`;
      const allowed = this.#oracle.mayAsk(peer, table, service);
      const reply = await peer.call(service);
      this.#checkReply(verb, `${service} by ${peer.label}`, reply, { allowed });
    }
  }

  async #callAny(peer: GatePeer, topic: string): Promise<void> {
    const exposers = this.#exposers.get(topic) ?? [];
    const own = exposers.filter((exposer) => this.#oracle.together(exposer, peer));
    const mayCall = this.#oracle.mayUse(peer, topic);
    const reply = await peer.call(topic);
    this.#checkReply("rpc", `${topic} by ${peer.label}`, reply, {
      allowed: mayCall && own.length > 0,
      refusal: mayCall && exposers.length > 0 ? Status.METHOD_UNAVAILABLE : Status.METHOD_NOT_FOUND,
    });
    if (reply.status !== Status.OK) return;
    const isOwn = own.some(({ label }) => label === reply.data);
    this.#check("rpc", `${topic} by ${peer.label} answered by ${String(reply.data)}`, true, isOwn);
  }

  async #callOne(peer: GatePeer, topic: string, target: GatePeer): Promise<void> {
    const { name } = target;
    if (name === null) return;
    const mayCall = this.#oracle.mayUse(peer, topic);
    const reply = await peer.call(topic, name);
    this.#checkReply("direct", `${topic} of ${target.label} by ${peer.label}`, reply, {
      allowed: mayCall && this.#oracle.together(peer, target),
      refusal: mayCall ? Status.TARGET_NOT_FOUND : Status.METHOD_NOT_FOUND,
    });
    if (reply.status === Status.OK) assertEquals(reply.data, target.label, this.#where);
  }

  /** Everybody publishes on a topic; then everybody has what he may have, and nothing else. */
  async #publish(topic: string): Promise<void> {
    const first = this.#messages.length;
    for (const publisher of this.#peers) {
      const number = this.#messages.length;
      this.#messages.push({ topic, publisher });
      const qos = this.#random.pick<QoS>([0, 1, 2]);
      const allowed = this.#oracle.mayUse(publisher, topic);
      const reply = await publisher.publish(topic, number, qos);
      if (allowed) this.#taken.add(number);
      if (qos !== 0) {
        this.#checkReply("publish", `${topic} by ${publisher.label}`, reply, { allowed });
      }
    }
    // What QoS 0 had no answer for is taken now.
    for (const publisher of this.#peers) await publisher.barrier();
    for (const peer of this.#peers) {
      const wanted = [...this.#subscriptions.get(peer) ?? []].filter((one) =>
        worlds.isMeant(one, topic)
      );
      const expected = new Set<string>();
      for (const subscribed of wanted) {
        for (const number of this.#taken) {
          if (number < first) continue;
          const { publisher } = this.#messages[number] ?? { publisher: peer };
          if (publisher === peer || !this.#oracle.mayReceive(peer, topic, publisher)) continue;
          expected.add(`${subscribed} ${number}`);
        }
      }
      const from = (): string[] =>
        peer.delivered.filter(({ wire, number }) =>
          wire !== "component_info" && typeof number === "number" && number >= first
        ).map(({ wire, number }) => `${wire} ${number}`);
      await this.#settled(peer, () => from().length >= expected.size);
      const came = from();
      for (const subscribed of wanted) {
        for (let number = first; number < this.#messages.length; number++) {
          const key = `${subscribed} ${number}`;
          const times = came.filter((one) => one === key).length;
          assert(times <= 1, `${this.#where}: ${key} came ${times} times to ${peer.label}`);
          const door = subscribed.includes("*") ? "space delivery" : "exact delivery";
          const what = `${topic} of ${
            this.#messages[number]?.publisher.label
          } to ${peer.label} by ${subscribed}`;
          this.#check(door, what, expected.has(key), times === 1);
        }
      }
      assertEquals(came.filter((key) => !expected.has(key)), [], `${this.#where}: ${peer.label}`);
    }
  }

  /** Some read from the beginning, whether they subscribed before or not. */
  async #readHistory(): Promise<void> {
    for (let count = 0; count < READERS; count++) {
      const reader = this.#random.pick(this.#peers);
      const subscribed = this.#random.pick([...worlds.TOPICS, ...worlds.SPACES]);
      const allowed = this.#oracle.maySubscribe(reader, subscribed);
      const first = reader.delivered.length;
      const reply = await reader.admin(subscribed, { cmd: "subscribe", from: { offset: 1 } });
      this.#checkReply("history", `${subscribed} by ${reader.label}`, reply, { allowed });
      if (!allowed) continue;
      await this.#compareHistory(reader, subscribed, first);
      this.#subscriptions.get(reader)?.add(subscribed);
    }
  }

  async #compareHistory(reader: GatePeer, subscribed: string, first: number): Promise<void> {
    const stored = [...this.#taken].flatMap((number) => {
      const message = this.#messages[number];
      return message === undefined || !worlds.isMeant(subscribed, message.topic) ||
          message.publisher === reader
        ? []
        : [{ number, ...message }];
    });
    const expected = stored.filter(({ topic, publisher }) =>
      this.#oracle.mayReceive(reader, topic, publisher)
    );
    const came = () => reader.delivered.slice(first);
    await this.#settled(reader, () => came().length >= expected.length);
    // Reading goes on in turns of its own: what must not come gets its chance.
    for (let turn = 0; turn < 3; turn++) await this.#settled(reader, () => false, 1);
    const numbers = new Set(came().map(({ number }) => number));
    for (const { number, topic, publisher } of stored) {
      const what = `${topic} of ${publisher.label} to ${reader.label} by ${subscribed}`;
      const isMeant = this.#oracle.mayReceive(reader, topic, publisher);
      this.#check("history", what, isMeant, numbers.has(number));
    }
    assertEquals(came().length, expected.length, `${this.#where}: history of ${reader.label}`);
  }

  /** The broker tells of somebody who proved his name what happens when he tries. */
  async #askWhy(): Promise<void> {
    const [root] = this.#peers;
    if (root === undefined) return;
    const name = this.#random.pick(this.#world.names);
    const actor = { name, isProven: true };
    const topic = this.#random.pick(worlds.TOPICS);
    const space = this.#random.pick(worlds.SPACES);
    const table = this.#random.pick(worlds.TABLES);
    const other = this.#random.pick(this.#world.names);
    const questions: readonly (readonly [action: string, topic: string, allowed: boolean])[] = [
      ["publish", topic, this.#oracle.mayUse(actor, topic)],
      ["history", topic, this.#oracle.mayUse(actor, topic)],
      ["subscribe", space, this.#oracle.maySubscribe(actor, space)],
      ["query", table.name, this.#oracle.mayAsk(actor, table, `query_${table.name}`)],
      ["direct", other, this.#oracle.together(actor, { name: other, isProven: true })],
      ["admin", "__config__", this.#oracle.mayAdminister(actor)],
    ];
    for (const [action, subject, allowed] of questions) {
      const { data } = await root.admin("__config__", {
        ...{ cmd: "why", cid: name, action, topic: subject },
      });
      const answer = data as { readonly allowed?: boolean; readonly receivers?: readonly string[] };
      const what = `${name} ${action} ${subject}: ${Deno.inspect(data)}`;
      this.#check("why", what, allowed, answer.allowed === true);
      if (action !== "publish" || !allowed) continue;
      const told = answer.receivers?.filter((one) => this.#world.names.includes(one)) ?? [];
      assertEquals(told.toSorted(), this.#receiversOf(actor, topic), `${this.#where}: ${what}`);
    }
  }

  /** Names of those who would get a message. */
  #receiversOf(publisher: GateActor, topic: string): string[] {
    return this.#peers.flatMap((peer) => {
      const { name } = peer;
      const subscribed = [...this.#subscriptions.get(peer) ?? []];
      const isMeant = subscribed.some((one) => worlds.isMeant(one, topic));
      const isReceiver = name !== publisher.name && isMeant &&
        this.#oracle.mayReceive(peer, topic, publisher);
      return isReceiver && name !== null ? [name] : [];
    }).toSorted();
  }

  /** Waits for what must come, and then for what must not. */
  async #settled(peer: GatePeer, isThere: () => boolean, waitMs = WAIT_MS): Promise<void> {
    const until = performance.now() + waitMs;
    while (!isThere() && performance.now() < until) {
      await peer.barrier();
      if (!isThere()) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    await peer.barrier();
  }
}

function isAbout(event: unknown, name: string): boolean {
  return typeof event === "object" && event !== null && "cid" in event && event.cid === name;
}

Deno.test("the gate lets everybody do exactly what the oracle says, at every door", async () => {
  const tally: Tally = new Map();
  const startSeed = Number(Deno.env.get("GATE_SEED") ?? 1);
  for (let seed = startSeed; seed < startSeed + WORLDS; seed++) {
    const random = new SeededRandom(seed);
    const world = worlds.makeWorld(random);
    await using broker = await KeptBroker.start({ broker: world.options });
    await new Trial({ seed, world, broker, random, tally }).run();
  }
  let cases = 0;
  for (const door of DOORS) {
    const { allowed, refused } = tally.get(door) ?? { allowed: 0, refused: 0 };
    assert(allowed > 0 && refused > 0, `${door}: ${allowed} allowed, ${refused} refused`);
    cases += allowed + refused;
  }
  assert(cases >= CASES_MIN, `only ${cases} cases`);
});
