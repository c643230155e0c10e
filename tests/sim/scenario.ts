import { Broker } from "../../src/broker/broker.ts";
import type { Interceptor } from "../../src/broker/interceptors.ts";
import type { Link } from "../../src/link/link.ts";
import type { MessageLog } from "../../src/log/message_log.ts";
import { openLogReader } from "../../src/log/log_reader.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import { decodeCbor } from "../../src/protocol/cbor.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import { SimDisk } from "../helpers/log_sim_files.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";
import { MemoryStateStore } from "../helpers/memory_state_store.ts";
import { NotingLogger } from "../helpers/noting_logger.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";
import { keyOf, Ledger } from "./ledger.ts";
import { type Faults, NO_FAULTS, SimNetwork } from "./network.ts";
import { OurComponent } from "./our_component.ts";
import { RawComponent } from "./raw_component.ts";

const TOPICS = ["a", "a/b", "c"];
const SUBSCRIPTIONS = ["a", "a/b", "a/*", "**", "c"];
const SERVICES = ["s", "t"];
/** How long components publish, call, and lose their connections, in milliseconds. */
const BUSY_MS = 15_000;
/** How long everything has to come to rest afterwards: a call without an answer takes a minute. */
const REST_MS = 70_000;
/** The longest pause between two copies of a delivery; what was lost before may still close a session. */
const CALM_MS = 10_000;
/** What components do in one scenario. */
const ACTIONS = 70;
/** Publications at once that are more than may be in flight to one subscriber, and how often they come. */
const BURST = 100;
const BURST_CHANCE = 0.004;
/** Connections that break in one scenario: a delivery is given up after 11 attempts, which is not the point. */
const BREAKS_MAX = 5;

/** What a simulation found. */
export interface Outcome {
  /** Broken promises, as sentences. */
  readonly broken: readonly string[];
  /** Copies that subscribers were owed. */
  readonly owed: number;
  /** Deliveries that the broker gave up. */
  readonly deadLetters: number;
  /** QoS 1/2 publications, and those that were never acknowledged. */
  readonly published: number;
  readonly unacknowledged: number;
}

type SimComponent = RawComponent | OurComponent;

/** What kind of broker is simulated. */
export interface ScenarioOptions {
  /** Whether it keeps what passes in a log, and dies now and then. */
  readonly isKept: boolean;
}

/** A broker that can die and be started again on what it kept. */
interface Life {
  readonly broker: Broker;
  readonly log: MessageLog | null;
  readonly disk: SimDisk;
  readonly state: MemoryStateStore;
}

/** Crashes in one scenario with a log. */
const CRASHES_MAX = 3;
const CRASH_CHANCE = 0.05;
/** With a log, time goes on in steps, between which the disk gets its turns. */
const STEP_MS = 25;
const DISK_TURNS = 2;

/** One simulation: a broker, some components, faults and time, all from one seed. */
class Scenario {
  readonly #random: SeededRandom;
  readonly #clock = new ManualClock();
  readonly #log = new NotingLogger();
  readonly #network: SimNetwork;
  readonly #ledger: Ledger;
  readonly #options: ScenarioOptions;
  readonly #policy: "first_up" | "round_robin" | "less_busy";
  readonly #witness: Interceptor;
  #life: Life | null = null;
  readonly #components: readonly SimComponent[];
  #breaksLeft = BREAKS_MAX;
  #crashesLeft = CRASHES_MAX;
  #deadLetters = 0;

  constructor(seed: number, options: ScenarioOptions) {
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#options = options;
    const names = ["ann", "bob", "cid", "dan"].slice(0, 2 + random.below(3));
    const missed = new Map(
      names.map((name) => [
        name,
        new Set(SUBSCRIPTIONS.filter(() => options.isKept && random.float() < 0.5)),
      ]),
    );
    this.#ledger = new Ledger(names, missed);
    this.#policy = random.pick(["first_up", "round_robin", "less_busy"] as const);
    this.#witness = this.#ledger.witness(() => this.#broker);
    this.#network = new SimNetwork({
      clock: this.#clock,
      random,
      accept: (link) => this.#accept(link),
    });
    this.#components = names.map((name) => this.#component(name, missed.get(name) ?? new Set()));
  }

  get #broker(): Broker {
    if (this.#life === null) throw new Error("the broker is dead");
    return this.#life.broker;
  }

  /** A dead broker takes nobody. */
  #accept(link: Link): void {
    if (this.#life !== null) this.#life.broker.accept(link);
    else link.start({ message: () => {}, drained: () => {}, closed: () => {} });
  }

  async #start(disk: SimDisk, state: MemoryStateStore): Promise<void> {
    const log = this.#options.isKept
      ? await openMessageLog({
        files: disk.files(),
        clock: this.#clock,
        random: this.#random,
        segmentBytes: 16 * 1024,
      })
      : null;
    const broker = new Broker({
      clock: this.#clock,
      logger: this.#log,
      random: this.#random,
      drainMs: 0,
      policy: this.#policy,
      interceptors: [this.#witness],
      ...(log === null ? {} : { journal: log, state }),
    });
    await broker.recall();
    this.#life = { broker, log, disk, state };
  }

  /** The broker dies without a word, and comes back a little later. */
  async #crash(): Promise<void> {
    const life = this.#life;
    if (life === null || life.log === null) return;
    this.#crashesLeft--;
    const disk = life.disk.durableCopy();
    const state = life.state.reopen();
    const durable = await this.#durable(disk);
    this.#ledger.crashed(durable, life.broker);
    this.#deadLetters += life.broker.counters.deadLetters;
    this.#life = null;
    this.#network.breakAll();
    await this.#bury(life);
    await this.#advance(this.#random.below(1_000));
    await this.#start(disk, state);
    // Whoever dialled in the meantime waits for an answer that does not come.
    this.#network.breakAll();
  }

  /** The messages that are on a disk. */
  async #durable(disk: SimDisk): Promise<Set<string>> {
    await using reader = await openLogReader({ files: disk.files() });
    reader.advance(await reader.findEnd());
    const durable = new Set<string>();
    for await (const { records } of reader.read({ from: { offset: 1 } })) {
      for (const { data } of records) {
        const [publisher, number] = decodeCbor(data) as [string, number];
        durable.add(keyOf({ publisher, number }));
      }
    }
    return durable;
  }

  /** What is left of a dead broker is put away; nobody sees what it does. */
  async #bury({ broker, log }: Life): Promise<void> {
    let isBuried = false;
    const end = async (): Promise<void> => {
      await broker.close();
      await log?.close();
      isBuried = true;
    };
    const ended = end();
    while (!isBuried) await this.#advance(STEP_MS);
    await ended;
  }

  async #advance(ms: number): Promise<void> {
    if (!this.#options.isKept) {
      await this.#clock.advance(ms);
      return;
    }
    // Long rests go by in larger steps.
    const step = Math.max(STEP_MS, ms / 100);
    for (let left = ms; left > 0; left -= step) {
      await this.#clock.advance(Math.min(left, step));
      for (let turn = 0; turn < DISK_TURNS; turn++) await aTurn();
    }
  }

  /** Runs it to its end. */
  async run(): Promise<Outcome> {
    const faults = this.#faults();
    await this.#start(
      new SimDisk(),
      new MemoryStateStore({ isLazy: true, wallMs: () => this.#clock.wallMs() }),
    );
    this.#network.faults = { ...NO_FAULTS, delayMs: faults.delayMs };
    for (const component of this.#components) component.connect();
    await this.#advance(1_000);
    this.#network.faults = faults;
    await this.#act();
    // From here on nothing goes wrong any more, and everything that was promised must happen.
    this.#network.faults = { ...NO_FAULTS, delayMs: faults.delayMs };
    await this.#advance(CALM_MS);
    const slowClosed = this.#broker.counters.slowClosed;
    await this.#advance(REST_MS - CALM_MS);
    const deadLetters = this.#deadLetters + this.#broker.counters.deadLetters;
    const broken = [
      ...this.#ledger.broken({ isOrdered: faults.losePublish === 0, deadLetters }),
      ...this.#unsettled(),
    ];
    // What was lost is repeated long before a session counts as dead.
    if (this.#broker.counters.slowClosed > slowClosed) broken.push("a living session was closed");
    await this.#end();
    const { owedCount: owed, published, unacknowledged } = this.#ledger;
    return { broken, owed, deadLetters, published, unacknowledged };
  }

  #component(name: string, missed: ReadonlySet<string>): SimComponent {
    const random = this.#random;
    const options = {
      network: this.#network,
      ledger: this.#ledger,
      name,
      encoding: random.float() < 0.7 ? "cbor" : "json",
      subscriptions: SUBSCRIPTIONS.filter(() => random.float() < 0.5),
      missed,
      services: SERVICES.filter(() => random.float() < 0.4),
    } as const;
    return random.float() < 0.6 ? new RawComponent(options) : new OurComponent(options);
  }

  /** Some scenarios lose frames above the links, others only break links, some do nothing wrong. */
  #faults(): Faults {
    const random = this.#random;
    const some = (most: number): number => random.float() < 0.5 ? 0 : random.float() * most;
    return {
      losePublish: some(0.15),
      loseQos0: some(0.3),
      loseAck: some(0.2),
      repeatPublish: some(0.2),
      repeatAck: some(0.2),
      delayMs: 1 + random.below(200),
    };
  }

  async #act(): Promise<void> {
    const random = this.#random;
    for (let left = ACTIONS; left > 0; left--) {
      await this.#advance(random.below(2 * BUSY_MS / ACTIONS));
      const component = random.pick(this.#components);
      if (this.#crashesLeft > 0 && this.#options.isKept && random.float() < CRASH_CHANCE) {
        await this.#crash();
        continue;
      }
      const chance = random.float();
      if (chance < 0.08) this.#breakLink(component);
      else if (chance < 0.2) component.call(random.pick(SERVICES));
      else this.#publish(component);
    }
  }

  #publish(component: SimComponent): void {
    const random = this.#random;
    const qos = random.pick<QoS>([0, 1, 1, 2, 2]);
    const slot = random.float() < 0.2 ? 1 + random.below(1_000) : null;
    const topic = random.pick(TOPICS);
    // Often several at once, so that they are under way together; now and then more than may be in flight.
    const isBurst = random.float() < BURST_CHANCE;
    for (let left = isBurst ? BURST : 1 + random.below(4); left > 0; left--) {
      component.publish(topic, qos, slot);
    }
    if (isBurst) this.#breakLink(random.pick(this.#components));
  }

  #breakLink(component: SimComponent): void {
    if (this.#breaksLeft === 0) return;
    this.#breaksLeft--;
    if (this.#random.float() < 0.6) component.break();
    else component.halfBreak();
  }

  /** What should have come to rest and has not. */
  #unsettled(): string[] {
    const busy = this.#components.filter(({ isIdle }) => !isIdle).map(({ name }) =>
      `${name} has something under way that does not end`
    );
    const away = this.#components.filter(({ name }) =>
      this.#broker.component(name)?.connected !== true
    ).map(({ name }) => `${name} did not come back`);
    const errors = this.#log.events.filter((event) => event.startsWith("error"));
    return [...busy, ...away, ...errors];
  }

  async #end(): Promise<void> {
    for (const component of this.#components) component.stop();
    await this.#advance(1_000);
    this.#network.breakAll();
    const life = this.#life;
    if (life !== null) await this.#bury(life);
    await settle();
  }
}

/** One turn of the event loop: readers of the log give others theirs. */
function aTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Runs the simulation of a seed. */
export function simulate(
  seed: number,
  options: ScenarioOptions = { isKept: false },
): Promise<Outcome> {
  return new Scenario(seed, options).run();
}
