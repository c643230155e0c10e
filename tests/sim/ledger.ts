import type { Broker } from "../../src/broker/broker.ts";
import type { Interceptor } from "../../src/broker/interceptors.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import { matchesSpace } from "../helpers/naive_space.ts";

/** One message, named by who published it and how many that one had published before. */
export interface Mark {
  readonly publisher: string;
  readonly number: number;
}

/** A message as a handler saw it. */
export interface Handled extends Mark {
  readonly subscriber: string;
  /** The topic or pattern as subscribed. */
  readonly wireTopic: string;
  readonly topic: string;
  readonly qos: QoS;
}

/** A call and what became of it. */
export interface CallRecord {
  readonly caller: string;
  readonly number: number;
  answers: number;
  /** The connection of the caller ended first: nobody owes an answer. */
  isAbandoned: boolean;
}

/** Names a message. */
export function keyOf({ publisher, number }: Mark): string {
  return `${publisher}:${number}`;
}

/** Everything that was promised and everything that happened in one simulation. */
export class Ledger {
  /** Message -> `subscriber|topic as subscribed` that must get it. */
  readonly #owed = new Map<string, Set<string>>();
  /** Those of them that were owed when the broker took the first copy: later copies may be out of order. */
  readonly #owedAtOnce = new Set<string>();
  readonly #qosOf = new Map<string, QoS>();
  readonly #handled: Handled[] = [];
  readonly #calls: CallRecord[] = [];
  /** Service call -> how often an exposer was asked. */
  readonly #served = new Map<string, number>();
  /** QoS 1/2 publications that were made, and those that nobody acknowledged. */
  published = 0;
  unacknowledged = 0;
  /** Subscribers whose messages are followed. */
  readonly #subscribers: ReadonlySet<string>;

  /** Component -> subscriptions that get what they missed. */
  readonly #missed: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(
    subscribers: readonly string[],
    missed: ReadonlyMap<string, ReadonlySet<string>> = new Map(),
  ) {
    this.#subscribers = new Set(subscribers);
    this.#missed = missed;
  }

  /**
   * The broker died: what was not durable was promised to nobody yet, and may be published as new. Nothing is owed to
   * a connected subscriber that had not announced itself (D14), unless it gets what it missed.
   */
  crashed(durable: ReadonlySet<string>, broker: Broker): void {
    for (const [key, receivers] of this.#owed) {
      if (!durable.has(key)) this.#owed.delete(key);
      for (const receiver of receivers) {
        const [name = "", wire = ""] = receiver.split("|");
        const component = broker.component(name);
        if (component === null || !component.connected || component.open.includes(wire)) continue;
        if (this.#missed.get(name)?.has(wire) !== true) receivers.delete(receiver);
      }
    }
  }

  /** Copies that somebody was owed. */
  get owedCount(): number {
    return [...this.#owed.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Notes, at the moment that the broker takes a QoS 1/2 message, who is connected and subscribed. A repeated
   * QoS 2 id promises nothing new.
   */
  witness(broker: () => Broker): Interceptor {
    return {
      name: "witness",
      intercept: ({ packet, from }, next) => {
        if (packet.type === "publish" && packet.qos !== 0) {
          const [publisher, number] = packet.data.args as [string, number];
          const mark = { publisher, number };
          const isRepeat = this.#owed.has(keyOf(mark));
          this.#qosOf.set(keyOf(mark), packet.qos);
          if (packet.qos === 1 || !isRepeat) {
            const receivers = this.#matching(broker(), packet.topic, from.name);
            this.#owe(mark, receivers);
            if (!isRepeat) {
              for (const receiver of receivers) this.#owedAtOnce.add(`${keyOf(mark)} ${receiver}`);
            }
          }
        }
        next(packet);
      },
    };
  }

  /** A handler ran. */
  handled(message: Handled): void {
    this.#handled.push(message);
  }

  /** A call was made. */
  called(caller: string, number: number): CallRecord {
    const record = { caller, number, answers: 0, isAbandoned: false };
    this.#calls.push(record);
    return record;
  }

  /** An exposer was asked. */
  served(key: string): void {
    this.#served.set(key, (this.#served.get(key) ?? 0) + 1);
  }

  /**
   * What was broken of the promises, as sentences. `deadLetters` deliveries may be missing: the broker says
   * that it gave them up.
   */
  broken(options: { readonly isOrdered: boolean; readonly deadLetters: number }): string[] {
    return [
      ...this.#missing(options.deadLetters),
      ...this.#repeated(),
      ...this.#echoed(),
      ...(options.isOrdered ? this.#disordered() : []),
      ...this.#unanswered(),
    ];
  }

  #matching(broker: Broker, topic: string, publisher: string): string[] {
    const found: string[] = [];
    for (const name of this.#subscribers) {
      const component = broker.component(name);
      if (component === null || name === publisher) continue;
      for (const wire of component.subscriptions) {
        if (!component.connected && this.#missed.get(name)?.has(wire) !== true) continue;
        const matches = wire.includes("*") ? matchesSpace(wire, topic) : wire === topic;
        if (matches) found.push(`${name}|${wire}`);
      }
    }
    return found;
  }

  #owe(mark: Mark, receivers: readonly string[]): void {
    const owed = this.#owed.get(keyOf(mark)) ?? new Set();
    this.#owed.set(keyOf(mark), owed);
    for (const receiver of receivers) owed.add(receiver);
  }

  /** QoS 1 and 2: at least once to whoever was connected. */
  #missing(deadLetters: number): string[] {
    const seen = new Set(
      this.#handled.map((one) => `${keyOf(one)} ${one.subscriber}|${one.wireTopic}`),
    );
    const missing: string[] = [];
    for (const [key, receivers] of this.#owed) {
      for (const receiver of receivers) {
        if (!seen.has(`${key} ${receiver}`)) {
          missing.push(`QoS ${this.#qosOf.get(key)} ${key} did not reach ${receiver}`);
        }
      }
    }
    return missing.length <= deadLetters ? [] : missing;
  }

  /** QoS 0: at most once. QoS 2: exactly once per id. */
  #repeated(): string[] {
    const counts = new Map<string, number>();
    for (const one of this.#handled) {
      if (one.qos === 1) continue;
      const key = `QoS ${one.qos} ${keyOf(one)} at ${one.subscriber}|${one.wireTopic}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return [...counts].filter(([, count]) => count > 1).map(([key, count]) =>
      `${key} was handled ${count} times`
    );
  }

  #echoed(): string[] {
    return this.#handled.filter(({ publisher, subscriber }) => publisher === subscriber).map((
      one,
    ) => `${keyOf(one)} came back to its publisher`);
  }

  /** First deliveries come in the order of publishing, per publisher, topic, QoS and subscription. */
  #disordered(): string[] {
    const last = new Map<string, number>();
    const seen = new Set<string>();
    const broken: string[] = [];
    for (const one of this.#handled) {
      const receiver = `${one.subscriber}|${one.wireTopic}`;
      if (one.qos !== 0 && !this.#owedAtOnce.has(`${keyOf(one)} ${receiver}`)) continue;
      const line = `${one.publisher} ${one.topic} ${one.qos} ${receiver}`;
      if (seen.has(`${line} ${one.number}`)) continue;
      seen.add(`${line} ${one.number}`);
      const before = last.get(line) ?? -1;
      if (one.number < before) {
        broken.push(`QoS ${one.qos} ${keyOf(one)} came behind ${before} at ${line}`);
      }
      last.set(line, Math.max(before, one.number));
    }
    return broken;
  }

  /** Calls are answered once, and reach an exposer at most once. */
  #unanswered(): string[] {
    const broken: string[] = [];
    for (const { caller, number, answers, isAbandoned } of this.#calls) {
      if (answers > 1) broken.push(`call ${caller}:${number} was answered ${answers} times`);
      if (answers === 0 && !isAbandoned) broken.push(`call ${caller}:${number} was not answered`);
    }
    for (const [key, count] of this.#served) {
      if (count > 1) broken.push(`call ${key} reached an exposer ${count} times`);
    }
    return broken;
  }
}
