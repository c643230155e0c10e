import { Broker } from "../../src/broker/broker.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";
import { NotingLogger } from "../helpers/noting_logger.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";
import { Ledger } from "./ledger.ts";
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

/** One simulation: a broker, some components, faults and time, all from one seed. */
class Scenario {
  readonly #random: SeededRandom;
  readonly #clock = new ManualClock();
  readonly #log = new NotingLogger();
  readonly #network: SimNetwork;
  readonly #ledger: Ledger;
  readonly #broker: Broker;
  readonly #components: readonly SimComponent[];
  #breaksLeft = BREAKS_MAX;

  constructor(seed: number) {
    const random = new SeededRandom(seed);
    this.#random = random;
    const names = ["ann", "bob", "cid", "dan"].slice(0, 2 + random.below(3));
    this.#ledger = new Ledger(names);
    this.#broker = new Broker({
      clock: this.#clock,
      logger: this.#log,
      random,
      drainMs: 0,
      policy: random.pick(["first_up", "round_robin", "less_busy"] as const),
      interceptors: [this.#ledger.witness(() => this.#broker)],
    });
    this.#network = new SimNetwork({
      clock: this.#clock,
      random,
      accept: (link) => this.#broker.accept(link),
    });
    this.#components = names.map((name) => this.#component(name));
  }

  /** Runs it to its end. */
  async run(): Promise<Outcome> {
    const faults = this.#faults();
    this.#network.faults = { ...NO_FAULTS, delayMs: faults.delayMs };
    for (const component of this.#components) component.connect();
    await this.#clock.advance(1_000);
    this.#network.faults = faults;
    await this.#act();
    // From here on nothing goes wrong any more, and everything that was promised must happen.
    this.#network.faults = { ...NO_FAULTS, delayMs: faults.delayMs };
    await this.#clock.advance(CALM_MS);
    const slowClosed = this.#broker.counters.slowClosed;
    await this.#clock.advance(REST_MS - CALM_MS);
    const { deadLetters } = this.#broker.counters;
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

  #component(name: string): SimComponent {
    const random = this.#random;
    const options = {
      network: this.#network,
      ledger: this.#ledger,
      name,
      encoding: random.float() < 0.7 ? "cbor" : "json",
      subscriptions: SUBSCRIPTIONS.filter(() => random.float() < 0.5),
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
      await this.#clock.advance(random.below(2 * BUSY_MS / ACTIONS));
      const component = random.pick(this.#components);
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
    await this.#clock.advance(1_000);
    this.#network.breakAll();
    const closing = this.#broker.close();
    await this.#clock.advance(1_000);
    await closing;
    await settle();
  }
}

/** Runs the simulation of a seed. */
export function simulate(seed: number): Promise<Outcome> {
  return new Scenario(seed).run();
}
