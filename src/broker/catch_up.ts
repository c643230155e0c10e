import type { Clock, Timer } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { Payload } from "../protocol/payload.ts";
import type { HistoryStart } from "./history_start.ts";
import type { Journal, JournalRecord } from "./journal.ts";
import { CATCH_UP_RETRY_MS, HELD_BYTES_MAX, HELD_MESSAGES_MAX } from "./limits.ts";
import type { Progress } from "./progress.ts";
import { Publication } from "./publication.ts";
import { loggedPosition } from "./sequence.ts";
import type { Subscription } from "./subscription.ts";
import { Subscriptions } from "./subscriptions.ts";

/** Whom the messages of a journal are given to. */
export interface CatchUpSink {
  /** Name of the component. */
  readonly name: string;
  /** Whether it gets its own messages: only a broker does. */
  readonly isEchoed: boolean;
  /** Whether it may receive a message of a topic now, by who published it. */
  mayReceive(topic: string, publisher: string): boolean;
  /** Settles when more is wanted. `topics` gives the topics, as subscribed, of what is read now. */
  room(topics: () => readonly string[]): Promise<void>;
  /** Takes a message that was stored, or held. */
  give(publication: Publication, subscription: Subscription): void;
  /** Takes note that a subscription was served further. */
  served(subscription: Subscription): void;
  /** Settles when it is remembered how far these subscriptions are served. Rejects when it cannot be. */
  remembered(subscriptions: readonly Subscription[]): Promise<void>;
}

/** What catching up needs. */
export interface CatchUpParts {
  readonly journal: Journal;
  /** The last offset that went to live subscriptions. */
  readonly dispatched: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Messages older than this, in milliseconds, are not delivered unless asked for by position. */
  readonly offlineMaxMs: number;
  readonly sink: CatchUpSink;
}

/** A subscription that has a journal. */
export interface Followed extends Subscription {
  readonly progress: Progress;
}

interface Held {
  readonly publication: Publication;
  readonly subscription: Followed;
}

const NS_PER_MS = 1_000_000n;

/**
 * Feeds the subscriptions of one component from the journal until they have what is there, then lets them live. One
 * reader serves all of them, in the order of the journal; nothing is read before the component has room for it.
 */
export class CatchUp {
  readonly #parts: CatchUpParts;
  readonly #behind = new Set<Followed>();
  /** The same, by topic. */
  #matcher = new Subscriptions();
  /** What came for joining ones. */
  #held: Held[] = [];
  #heldBytes = 0;
  /** Ends the reader that runs now. */
  #abort: AbortController | null = null;
  /** Whether somebody came or went, so that the reader has to look where to read on. */
  #isChanged = false;
  #pause: Timer | null = null;

  readonly #topics = (): readonly string[] => [...this.#behind].map(({ topic }) => topic);

  constructor(parts: CatchUpParts) {
    this.#parts = parts;
  }

  /** Feeds a subscription whose phase is "behind". One that misses nothing is live at once. */
  add(subscription: Followed): void {
    const { progress } = subscription;
    if (this.#behind.has(subscription)) {
      this.#isChanged = true;
      return;
    }
    if (!progress.readsQos0 && progress.next > this.#parts.dispatched()) {
      progress.goLive();
      return;
    }
    this.#behind.add(subscription);
    this.#matcher.add(subscription);
    this.#isChanged = true;
    if (this.#abort === null) {
      this.#abort = new AbortController();
      void this.#run(this.#abort.signal);
    }
  }

  /** Feeds a subscription no more. */
  remove(subscription: Followed): void {
    if (!this.#behind.delete(subscription)) return;
    this.#matcher.remove(subscription);
    this.#isChanged = true;
    this.#drop((held) => held.subscription === subscription);
    if (this.#behind.size === 0) this.stop();
  }

  /** Ends the feeding of all. */
  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#pause?.cancel();
    this.#behind.clear();
    this.#matcher = new Subscriptions();
    this.#held = [];
    this.#heldBytes = 0;
  }

  /** A message came for a joining subscription. Too many, and all of them go on reading. */
  hold(publication: Publication, subscription: Followed): void {
    this.#held.push({ publication, subscription });
    this.#heldBytes += publication.data.byteLength;
    if (this.#held.length <= HELD_MESSAGES_MAX && this.#heldBytes <= HELD_BYTES_MAX) return;
    for (const { progress } of this.#behind) progress.unjoin();
    this.#drop(() => true);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { log, sink } = this.#parts;
    while (!signal.aborted) {
      try {
        await this.#round(signal);
      } catch (error) {
        if (signal.aborted) return;
        // A disk that fails may work again; what waits is in the journal.
        log.warn("stored messages not read", { subscriber: sink.name, error });
        await this.#pauseFor(CATCH_UP_RETRY_MS);
      }
    }
  }

  /** Reads on to what is durable, or, from there, joins. */
  async #round(signal: AbortSignal): Promise<void> {
    const { journal } = this.#parts;
    this.#isChanged = false;
    // Who joined and was not released, since somebody else came, goes on reading.
    for (const { progress } of this.#behind) progress.unjoin();
    this.#drop(() => true);
    const starting = [...this.#behind].filter(({ progress }) => progress.start !== null);
    for (const subscription of starting) await this.#begin(subscription, signal);
    const readers = [...this.#behind].filter(({ progress }) => progress.start === null);
    if (signal.aborted || readers.length === 0) return;
    const end = journal.durable + 1;
    const from = Math.min(...readers.map(({ progress }) => progress.next));
    if (from < end) {
      await this.#read(readers, { from, to: end, signal });
      return;
    }
    const liveFrom = journal.next;
    for (const { progress } of readers) progress.join(liveFrom);
    if (liveFrom - 1 > journal.durable) await journal.flush();
    await this.#willHandOut(readers, Infinity);
    if (signal.aborted) return;
    if (from < liveFrom) await this.#read(readers, { from, to: liveFrom, signal });
    if (!signal.aborted) this.#release(liveFrom);
  }

  /** Gives what lies between two offsets. Ends early when somebody else has to be read for, too. */
  async #read(
    list: readonly Followed[],
    { from, to, signal }: {
      readonly from: number;
      readonly to: number;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { journal, sink } = this.#parts;
    const readers = new Map<Subscription, Followed>(list.map((one) => [one, one]));
    const topics = (topic: string): boolean => this.#matcher.match(topic).length > 0;
    for await (const batch of journal.read({ from: { offset: from }, to, topics, signal })) {
      if (batch.records.some(({ qos }) => qos === 0)) await this.#willHandOut(list, batch.next - 1);
      for (const record of batch.records) {
        await sink.room(this.#topics);
        if (signal.aborted) return;
        this.#give(record, readers);
      }
      this.#advance(list, batch.next);
      if (this.#isChanged) return;
    }
    this.#advance(list, to);
  }

  /** Of QoS 0, nothing may be handed out again after a crash: what is about to be is remembered first. */
  async #willHandOut(list: readonly Followed[], offset: number): Promise<void> {
    const receivers = list.filter(({ progress }) =>
      progress.readsQos0 && !progress.mayHandOut(offset)
    );
    if (receivers.length === 0) return;
    for (const { progress } of receivers) progress.willHandOut(offset);
    await this.#parts.sink.remembered(receivers);
  }

  #advance(readers: readonly Followed[], next: number): void {
    for (const reader of readers) {
      if (!this.#behind.has(reader) || reader.progress.start !== null) continue;
      reader.progress.advance(next);
      this.#parts.sink.served(reader);
    }
  }

  #give(record: JournalRecord, readers: ReadonlyMap<Subscription, Followed>): void {
    const { sink } = this.#parts;
    const { offset, qos, topic, publisher } = record;
    if (record.kind !== "publication" || !sink.mayReceive(topic, publisher)) return;
    const isOwn = !sink.isEchoed && publisher === sink.name;
    let publication: Publication | null = null;
    for (const match of this.#matcher.match(topic)) {
      const reader = readers.get(match);
      if (reader === undefined || !this.#behind.has(reader)) continue;
      const { progress } = reader;
      if (!progress.isBehind || progress.start !== null || !progress.wants(offset, qos)) continue;
      progress.advance(offset + 1);
      if (isOwn) continue;
      publication ??= publicationOf(record);
      progress.sent(offset);
      sink.give(publication, reader);
    }
  }

  /** Finds the offset where a subscription begins. */
  async #begin(subscription: Followed, signal: AbortSignal): Promise<void> {
    const { progress } = subscription;
    const { start } = progress;
    if (start === null) return;
    if (start.kind === "last") {
      await this.#beginWithLast(subscription, signal);
      return;
    }
    const offset = await this.#offsetOf(start, progress.next);
    // It may have been asked for from elsewhere meanwhile.
    if (progress.start !== start) return;
    progress.beginAt(offset, start.kind === "offset" || start.kind === "time");
  }

  async #offsetOf(
    start: Exclude<HistoryStart, { readonly kind: "last" }>,
    next: number,
  ): Promise<number> {
    const { clock, journal, offlineMaxMs } = this.#parts;
    const nowNs = BigInt(Math.trunc(clock.wallMs())) * NS_PER_MS;
    const since = (ns: number): Promise<number> =>
      journal.offsetAt(nowNs - BigInt(Math.trunc(Math.min(ns, Number(nowNs)))));
    switch (start.kind) {
      case "offset":
        // An offset of another journal may be far behind the end.
        return Math.max(1, Math.min(start.offset, journal.next));
      case "time":
        return await journal.offsetAt(start.timeNs);
      case "window":
        return Math.max(next, await since(Math.min(start.ns, offlineMaxMs * Number(NS_PER_MS))));
      case "unreceived":
        return offlineMaxMs === Infinity
          ? next
          : Math.max(next, await since(offlineMaxMs * Number(NS_PER_MS)));
      default:
        return start satisfies never;
    }
  }

  /** Gives the last message of each topic; then it goes on behind what is durable now. */
  async #beginWithLast(subscription: Followed, signal: AbortSignal): Promise<void> {
    const { journal, sink } = this.#parts;
    const { progress } = subscription;
    const { start } = progress;
    const end = journal.durable + 1;
    const matcher = new Subscriptions();
    matcher.add(subscription);
    const topics = (topic: string): boolean => matcher.match(topic).length > 0;
    for await (const { records } of journal.last({ topics, signal })) {
      for (const record of records) {
        await sink.room(this.#topics);
        if (signal.aborted || progress.start !== start) return;
        const isOwn = !sink.isEchoed && record.publisher === sink.name;
        const isPast = record.offset < end && record.kind === "publication";
        if (isOwn || !isPast || !sink.mayReceive(record.topic, record.publisher)) continue;
        progress.sent(record.offset);
        sink.give(publicationOf(record), subscription);
      }
    }
    if (progress.start === start) progress.beginAt(end, true);
  }

  /** Those that have read everything are live, and get what was held for them. */
  #release(liveFrom: number): void {
    const { sink } = this.#parts;
    for (const subscription of [...this.#behind]) {
      const { progress } = subscription;
      if (progress.phase !== "joining" || progress.next < liveFrom) continue;
      this.#behind.delete(subscription);
      this.#matcher.remove(subscription);
      progress.goLive();
      sink.served(subscription);
    }
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    for (const one of held) {
      const { publication, subscription } = one;
      const { offset } = publication.position;
      const { progress } = subscription;
      if (progress.phase === "joining") {
        this.#held.push(one);
        this.#heldBytes += publication.data.byteLength;
      } else if (progress.phase === "live") {
        progress.sent(offset);
        sink.give(publication, subscription);
      }
    }
    if (this.#behind.size === 0) this.stop();
  }

  #drop(isDropped: (held: Held) => boolean): void {
    this.#held = this.#held.filter((held) => !isDropped(held));
    this.#heldBytes = this.#held.reduce(
      (sum, { publication }) => sum + publication.data.byteLength,
      0,
    );
  }

  #pauseFor(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pause = this.#parts.clock.setTimer(resolve, ms);
    });
  }
}

/** The message of a record, as when it came. Its bytes are copied: they pin no larger buffer. */
function publicationOf(record: JournalRecord): Publication {
  const { id, topic, qos, slot, publisher, offset, recvNs, data } = record;
  return new Publication(
    {
      type: "publish",
      id,
      topic,
      qos,
      slot,
      data: Payload.fromCbor(data.slice()),
      extras: null,
      frame: null,
    },
    publisher,
    loggedPosition(offset, recvNs),
  );
}
