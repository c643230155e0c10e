import { component } from "../../src/client/component.ts";
import type { Component, HandlerContext } from "../../src/peer/api.ts";
import { TimeoutError } from "../../src/protocol/errors.ts";
import type { Encoding, QoS } from "../../src/protocol/packet.ts";
import type { Ledger } from "./ledger.ts";
import type { SimNetwork, SimPair } from "./network.ts";

/** What an {@link OurComponent} is. */
export interface OurOptions {
  readonly network: SimNetwork;
  readonly ledger: Ledger;
  readonly name: string;
  readonly encoding: Encoding;
  readonly subscriptions: readonly string[];
  /** Those of them that also want what they missed. */
  readonly missed: ReadonlySet<string>;
  readonly services: readonly string[];
}

/** Our own component in a simulation, behind the verbs of a `RawComponent`. */
export class OurComponent {
  readonly #options: OurOptions;
  readonly #node: Promise<Component>;
  #pair: SimPair | null = null;
  #published = 0;
  #called = 0;
  #pending = 0;

  constructor(options: OurOptions) {
    this.#options = options;
    const { network, name, encoding } = options;
    this.#node = component(`ws://sim/${name}`, {
      startAnyway: true,
      encoding,
      clock: network.clock,
      random: network.random,
      reconnectMinMs: 20,
      reconnectMaxMs: 2_000,
      heartbeatMs: 5_000,
      heartbeatTimeoutMs: 2_000,
      dial: () => {
        this.#pair = network.connect();
        return Promise.resolve(this.#pair.peerEnd);
      },
    });
  }

  get name(): string {
    return this.#options.name;
  }

  /** Whether nothing of its own is under way. */
  get isIdle(): boolean {
    return this.#pending === 0;
  }

  /** Subscribes and exposes. What is refused or lost is told again by the component itself. */
  connect(): void {
    const { subscriptions, missed, services, ledger } = this.#options;
    for (const wireTopic of subscriptions) {
      this.#do((node) =>
        node.subscribe(wireTopic, (...given: unknown[]) => {
          const { topic, qos } = given.at(-1) as HandlerContext;
          const [publisher, number] = given.slice(-3) as [string, number];
          ledger.handled({ subscriber: this.name, wireTopic, topic, qos, publisher, number });
        }, { context: true, from: missed.has(wireTopic) ? Infinity : 0 })
      );
    }
    for (const service of services) {
      this.#do((node) =>
        node.expose(service, (caller: string, number: number) => {
          ledger.served(`${caller}:${number}`);
          return number;
        })
      );
    }
  }

  /** Cuts the connection. */
  break(): void {
    this.#pair?.break();
  }

  /** Loses the connection without the broker noticing. */
  halfBreak(): void {
    this.#pair?.halfBreak();
  }

  /** Ends it for good. */
  stop(): void {
    void this.#node.then((node) => node.close());
  }

  /** Publishes `[name, number]`. */
  publish(topic: string, qos: QoS, slot: number | null): void {
    const number = this.#published++;
    const options = slot === null ? { qos } : { qos, slot };
    const { ledger } = this.#options;
    if (qos !== 0) ledger.published++;
    this.#do(async (node) => {
      try {
        await node.with(options).publish(topic, this.name, number);
      } catch (error) {
        if (error instanceof TimeoutError) ledger.unacknowledged++;
      }
    });
  }

  /** Calls a service with `[name, number]`. A call that fails was answered, too: by an error. */
  call(service: string): void {
    const number = this.#called++;
    const record = this.#options.ledger.called(this.name, number);
    const answered = (): void => void record.answers++;
    void this.#node.then((node) => node.rpc(service, this.name, number)).then(answered, answered);
  }

  /** What fails because the connection is lost is the business of the scenario, not an error. */
  #do(action: (node: Component) => Promise<void>): void {
    this.#pending++;
    const done = (): void => void this.#pending--;
    void this.#node.then(action).then(done, done);
  }
}
