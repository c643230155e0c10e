// Publishers and subscribers that outlive their broker, and what must be true of them at the end.
import { assertEquals } from "@std/assert";
import { component } from "../../src/client/component.ts";
import type { Component } from "../../src/peer/api.ts";
import { LAST_RECEIVED } from "../../src/peer/api.ts";
import type { SeededRandom } from "./seeded_random.ts";
import type { BrokerChild } from "./broker_child.ts";

/** The table that the messages fill: no key, so that a row too many is seen. */
export const READING_SCHEMA = {
  tables: [{
    table: "reading",
    topic: ":dn/reading",
    columns: [
      { col: "dn", type: "TEXT", nullable: false },
      { col: "seq", type: "BIGINT", nullable: false },
      { col: "pad", type: "TEXT" },
    ],
  }],
} as const;

/** Publications of one publisher that wait for their acknowledgement. */
const IN_FLIGHT = 32;
/** Bytes of most messages, and of one in {@link PAD_RARE}, so that writes end anywhere. */
const PAD_BYTES_MAX = 300;
const PAD_RARE_BYTES_MAX = 60_000;
const PAD_RARE = 50;
/** Longest pause between two bursts, in milliseconds: the rest of the machine works, too. */
const PAUSE_MS_MAX = 8;

/** The topic of a publisher. */
export function topicOf(publisher: string): string {
  return `${publisher}/reading`;
}

/** Sequence numbers of one publisher, in the order that somebody saw them. */
export type Seen = Map<string, number[]>;

/** Notes that a sequence number of a publisher was seen. */
export function note(seen: Seen, publisher: string, seq: number): void {
  const list = seen.get(publisher);
  if (list === undefined) seen.set(publisher, [seq]);
  else list.push(seq);
}

/** One named component that publishes an endless sequence, each number once. */
export class LoadPublisher {
  readonly name: string;
  readonly qos: 1 | 2;
  /** Numbers whose publication resolved. */
  readonly acknowledged = new Set<number>();
  /** Numbers whose publication was rejected, and why. */
  readonly rejected = new Map<number, unknown>();
  /** Longest time between two acknowledgements, in milliseconds, since {@link LoadPublisher.watch}. */
  pauseMs = 0;
  #lastAt = 0;
  #next = 1;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();
  readonly #node: Component;
  readonly #random: SeededRandom;

  private constructor(node: Component, qos: 1 | 2, random: SeededRandom) {
    this.#node = node;
    this.name = node.rid;
    this.qos = qos;
    this.#random = random;
  }

  static async connect(
    child: BrokerChild,
    { name, qos, random }: {
      readonly name: string;
      readonly qos: 1 | 2;
      readonly random: SeededRandom;
    },
  ): Promise<LoadPublisher> {
    return new LoadPublisher(await connectChild(child, name), qos, random);
  }

  /** Numbers that were published. */
  get published(): number {
    return this.#next - 1;
  }

  /** Starts to publish. */
  start(): void {
    this.#isStopped = false;
    this.#running = this.#run();
  }

  /** Publishes no more, and settles when all that was published is acknowledged or rejected. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Begins to measure pauses anew. */
  watch(): void {
    this.pauseMs = 0;
    this.#lastAt = performance.now();
  }

  /** Ends the component. */
  close(): Promise<void> {
    return this.#node.close();
  }

  async #run(): Promise<void> {
    const underWay = new Set<Promise<void>>();
    while (!this.#isStopped) {
      const burst = 1 + this.#random.below(IN_FLIGHT);
      for (let i = 0; i < burst && underWay.size < IN_FLIGHT; i++) {
        const one: Promise<void> = this.#publish(this.#next++).finally(() => underWay.delete(one));
        underWay.add(one);
      }
      if (underWay.size === IN_FLIGHT) await Promise.race(underWay);
      // Load, not a wait for something: the pause is part of it.
      await new Promise((resolve) => setTimeout(resolve, this.#random.below(PAUSE_MS_MAX)));
    }
    await Promise.all(underWay);
  }

  async #publish(seq: number): Promise<void> {
    const bytes = this.#random.below(PAD_RARE) === 0 ? PAD_RARE_BYTES_MAX : PAD_BYTES_MAX;
    const pad = "x".repeat(this.#random.below(bytes));
    try {
      await this.#node.with({ qos: this.qos }).publish(topicOf(this.name), { seq, pad });
      this.acknowledged.add(seq);
      const now = performance.now();
      this.pauseMs = Math.max(this.pauseMs, now - this.#lastAt);
      this.#lastAt = now;
    } catch (error) {
      this.rejected.set(seq, error);
    }
  }
}

/** A component of the broker in the child, which finds each of its lives. */
export function connectChild(child: BrokerChild, name: string): Promise<Component> {
  return component(child.url(name), {
    dial: child.dial,
    reconnectMinMs: 5,
    reconnectMaxMs: 50,
    requestTimeoutMs: 30_000,
  });
}

/** Two publishers at QoS 1 and two at QoS 2. */
export async function connectPublishers(
  child: BrokerChild,
  random: SeededRandom,
): Promise<readonly LoadPublisher[]> {
  const publishers: LoadPublisher[] = [];
  for (const [name, qos] of [["one-a", 1], ["one-b", 1], ["two-a", 2], ["two-b", 2]] as const) {
    publishers.push(await LoadPublisher.connect(child, { name, qos, random }));
  }
  return publishers;
}

/** Subscribes the topic of each publisher, and everything; what comes is noted. */
export async function followAll(
  node: Component,
  publishers: readonly LoadPublisher[],
): Promise<{ readonly exact: Seen; readonly space: Seen }> {
  const exact: Seen = new Map();
  const space: Seen = new Map();
  const from = LAST_RECEIVED;
  for (const { name } of publishers) {
    await node.subscribe(topicOf(name), ({ seq }: { seq: number }) => note(exact, name, seq), {
      from,
    });
  }
  await followSpace(node, space);
  return { exact, space };
}

/** Subscribes everything; what publishers of load publish is noted. */
export function followSpace(node: Component, seen: Seen): Promise<void> {
  return node.subscribe("**", (topic: string, value: unknown) => {
    const [publisher = "", last] = topic.split("/");
    if (last === "reading") note(seen, publisher, (value as { seq: number }).seq);
  }, { from: LAST_RECEIVED });
}

/** Whether everything that was acknowledged was seen, nothing was that never was sent, in order, QoS 2 once. */
export function assertDelivered(
  seen: Seen,
  publishers: readonly LoadPublisher[],
  where: string,
): void {
  for (const publisher of publishers) {
    const list = seen.get(publisher.name) ?? [];
    const { qos, name, published, acknowledged } = publisher;
    const firsts = [...new Set(list)];
    const what = `${name} at QoS ${qos}, ${where}`;
    const all = new Set(list);
    assertEquals([...acknowledged].filter((seq) => !all.has(seq)), [], `lost: ${what}`);
    assertEquals(list.filter((seq) => seq < 1 || seq > published), [], `invented: ${what}`);
    assertEquals(disorder(firsts), [], `out of order: ${what}`);
    if (qos === 2) assertEquals(repeats(list), [], `twice: ${what}`);
  }
}

/** Whether everything that was acknowledged was seen by now; cheap, for waiting. */
export function missing(seen: Seen, publishers: readonly LoadPublisher[]): number {
  let count = 0;
  for (const { name, acknowledged } of publishers) {
    const list = new Set(seen.get(name));
    for (const seq of acknowledged) if (!list.has(seq)) count++;
  }
  return count;
}

/** Numbers that are behind a larger one. */
function disorder(list: readonly number[]): number[] {
  let last = 0;
  return list.filter((seq) => {
    const isLate = seq < last;
    last = Math.max(last, seq);
    return isLate;
  });
}

/** Numbers that are there more than once. */
function repeats(list: readonly number[]): number[] {
  const seen = new Set<number>();
  return list.filter((seq) => {
    const isRepeat = seen.has(seq);
    seen.add(seq);
    return isRepeat;
  });
}
