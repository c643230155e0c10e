import type { BrokerProcess, ProcessUse } from "../bench/broker_process.ts";
import type { Component } from "../../src/peer/api.ts";
import type { QoS } from "../../src/protocol/packet.ts";

/** Lets time pass: the soak test is about time. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** How often each of many numbers came; small, since they are millions. */
export class Counts {
  #bytes = new Uint8Array(1_024);
  /** One more than the highest number. */
  end = 0;

  add(n: number): void {
    while (n >= this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[n] = Math.min(255, this.of(n) + 1);
    this.end = Math.max(this.end, n + 1);
  }

  of(n: number): number {
    return this.#bytes[n] ?? 0;
  }
}

/** One publisher: it counts up, several publications under way at a time. */
export class Stream {
  readonly name: string;
  readonly qos: QoS;
  /** Numbers of which the broker said that it has them. */
  readonly acknowledged = new Counts();
  /** How many numbers were given to publications. */
  sent = 0;
  /** Numbers whose publication failed: they may have arrived or not. */
  readonly unknown = new Set<number>();
  /** The last number that was acknowledged. */
  last: number | null = null;

  constructor(name: string, qos: QoS) {
    this.name = name;
    this.qos = qos;
  }

  /** Publishes until it is over, so many times a second. */
  async run(
    node: Component,
    { isOver, perSecond, inFlight }: {
      readonly isOver: () => boolean;
      readonly perSecond: number;
      readonly inFlight: number;
    },
  ): Promise<void> {
    const caller = node.with({ qos: this.qos });
    const pauseMs = inFlight * 1_000 / perSecond;
    const worker = async (): Promise<void> => {
      while (!isOver()) {
        const n = this.sent++;
        try {
          await caller.publish(`${this.name}/telemetry`, { temperature: n, pressure: this.qos });
          this.acknowledged.add(n);
          this.last = Math.max(this.last ?? 0, n);
        } catch {
          // The broker was away, or for too long: nothing is promised for this one.
          this.unknown.add(n);
        }
        await pause(pauseMs);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  }
}

/** What one subscriber got of all streams. */
export class Received {
  readonly name: string;
  /** Whether it is one object throughout, which knows ids of QoS 2 again. */
  readonly isSteady: boolean;
  readonly #counts: ReadonlyMap<string, Counts>;
  readonly #streams: readonly Stream[];
  readonly #disorder: string[] = [];

  constructor(
    name: string,
    streams: readonly Stream[],
    { isSteady }: { readonly isSteady: boolean },
  ) {
    this.name = name;
    this.isSteady = isSteady;
    this.#streams = streams;
    this.#counts = new Map(streams.map((stream) => [stream.name, new Counts()]));
  }

  take(topic: string, n: number): void {
    const stream = topic.slice(0, topic.indexOf("/"));
    const counts = this.#counts.get(stream);
    if (counts === undefined) throw new Error(`Cannot count "${topic}": expected a known stream`);
    if (counts.of(n) === 0 && n + 1 < counts.end && this.#disorder.length < 10) {
      this.#disorder.push(`${stream} ${n} came after ${counts.end - 1}`);
    }
    counts.add(n);
  }

  /** How many messages of QoS 1 and 2 that were acknowledged have not come. */
  get missing(): number {
    return this.#sum((stream, n, count) =>
      stream.qos > 0 && stream.acknowledged.of(n) > 0 && count === 0
    );
  }

  /** What it got that breaks a promise, in words. */
  broken(): string[] {
    const repeated = this.#sum((stream, _, count) => count > 1 && stream.qos === 2);
    const repeatedPlain = this.#sum((stream, _, count) => count > 1 && stream.qos === 0);
    return [
      ...this.missing > 0 ? [`${this.name} misses ${this.missing} acknowledged messages`] : [],
      ...this.isSteady && repeated > 0 ? [`${this.name} got ${repeated} of QoS 2 again`] : [],
      ...repeatedPlain > 0 ? [`${this.name} got ${repeatedPlain} of QoS 0 again`] : [],
      // A program that starts again may subscribe later than its broker, which knows it, sends.
      ...this.#disorder.map((text) => `${this.name}: ${text}`),
    ];
  }

  #sum(isCounted: (stream: Stream, n: number, count: number) => boolean): number {
    let sum = 0;
    for (const stream of this.#streams) {
      const counts = this.#counts.get(stream.name);
      for (let n = 0; n < stream.sent; n++) {
        if (isCounted(stream, n, counts?.of(n) ?? 0)) sum++;
      }
    }
    return sum;
  }
}

/** Rows of a table by key, as the answers to `upsert_` say that they must be. */
export class Keyed {
  /** Key -> values that it may have: one, or more after answers that did not come; `null` for no row. */
  readonly #allowed = new Map<string, ReadonlySet<string | null>>();

  get keys(): readonly string[] {
    return [...this.#allowed.keys()];
  }

  /** Writes one value. Never rejects. */
  async write(key: string, value: string, work: () => Promise<unknown>): Promise<void> {
    const before = this.#allowed.get(key) ?? [null];
    this.#allowed.set(key, new Set([...before, value]));
    try {
      await work();
      this.#allowed.set(key, new Set([value]));
    } catch {
      // Nobody said whether it was done: both are right.
    }
  }

  /** What is wrong with a row; `null` when there is none. */
  broken(key: string, value: string | null): string[] {
    const allowed = this.#allowed.get(key) ?? new Set();
    if (allowed.has(value)) return [];
    return [`sensor ${key}: expected ${[...allowed].join(" or ")}, got ${value ?? "no row"}`];
  }
}

/** The most memory that processes ever held, early and late. */
export class MemoryWatch {
  readonly #samples: { readonly ms: number; readonly broker: number; readonly tables: number }[] =
    [];
  readonly #fromMs = performance.now();

  async look(broker: BrokerProcess): Promise<void> {
    const [own, tables] = await Promise.all([broker.use(), broker.lakeUse()]);
    const bytes = (use: ProcessUse | null): number => use?.residentBytes ?? 0;
    this.#samples.push({
      ms: performance.now() - this.#fromMs,
      broker: bytes(own),
      tables: bytes(tables),
    });
  }

  /** The most within a part of the time, from 0 to 1. */
  most(of: "broker" | "tables", from = 0, to = 1): number {
    const lastMs = this.#samples.at(-1)?.ms ?? 0;
    return Math.max(
      0,
      ...this.#samples.filter(({ ms }) => ms >= from * lastMs && ms <= to * lastMs)
        .map((sample) => sample[of]),
    );
  }
}
