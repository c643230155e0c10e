import type { Logger } from "../util/log.ts";
import { OUTBOUND_BYTES_MAX } from "./limits.ts";

/** Links with at least this much buffered are watched; less than this from each cannot add up. */
export const WATCHED_BYTES_MIN: number = 64 * 1024;
/** The total is added up again after so many more bytes were queued. */
const CHECK_BYTES: number = OUTBOUND_BYTES_MAX / 4;

/** A message whose payload bytes several queues hold together. */
export interface Shared {
  readonly data: { readonly byteLength: number };
  /** Queues that hold it. Owned by {@link OutboundMemory}. */
  holders: number;
}

/** A session that holds bytes for a peer. */
export interface Holder {
  readonly name: string;
  /** Bytes that the link of the session has not taken yet, without payloads that are shared. */
  readonly ownBytes: number;
  /** All bytes queued for the peer: those of the link, and deliveries that are not acknowledged. */
  readonly queuedBytes: number;
  /** Ends the session, so that its bytes become free. */
  close(code: number, reason: string): void;
}

/** What a watch over outbound memory needs. */
export interface OutboundMemoryParts {
  /** All outbound queues together may hold so much. Exceeded: the slowest session is closed (design.md 7). */
  readonly bytesMax: number;
  readonly log: Logger;
  /** All sessions. */
  readonly holders: () => Iterable<Holder>;
  /** Gives up deliveries to one component that is away. Returns `false` when there are none. */
  readonly shed: () => boolean;
}

/**
 * Keeps all outbound queues together below one limit. A payload counts once, however many queues hold it.
 * The total is added up only after a good deal more was queued, so that the hot path pays an addition and a
 * comparison.
 */
export class OutboundMemory {
  readonly #parts: OutboundMemoryParts;
  /** Sessions with a long queue in their link. */
  readonly #watched = new Set<Holder>();
  #held = 0;
  #heldAtCheck = 0;
  #queuedSinceCheck = 0;
  #isScheduled = false;

  constructor(parts: OutboundMemoryParts) {
    this.#parts = parts;
  }

  /** Bytes that are held and not freed, shared payloads counted once. */
  get heldBytes(): number {
    return this.#held;
  }

  /** One more queue holds a message, until {@link unshare}. */
  share(message: Shared): void {
    if (message.holders++ === 0) this.hold(message.data.byteLength);
  }

  /** One queue less holds a message. */
  unshare(message: Shared): void {
    if (--message.holders === 0) this.free(message.data.byteLength);
  }

  /** Bytes are kept until they are given to {@link free}. */
  hold(bytes: number): void {
    this.#held += bytes;
    if (this.#held - this.#heldAtCheck >= CHECK_BYTES) this.#schedule();
  }

  /** Bytes are not kept any more. */
  free(bytes: number): void {
    this.#held -= bytes;
    if (this.#held < this.#heldAtCheck) this.#heldAtCheck = this.#held;
  }

  /** The queue in the link of a session, which is long, got longer. */
  queued(holder: Holder, bytes: number): void {
    this.#watched.add(holder);
    this.#queuedSinceCheck += bytes;
    if (this.#queuedSinceCheck >= CHECK_BYTES) this.#schedule();
  }

  /** The queue in the link has drained, or the session is gone. */
  release(holder: Holder): void {
    this.#watched.delete(holder);
  }

  /** The check runs after this turn: closing a session inside a send would surprise the sender. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#check());
  }

  #check(): void {
    this.#isScheduled = false;
    this.#queuedSinceCheck = 0;
    const { bytesMax, log, shed } = this.#parts;
    while (this.#total() > bytesMax) {
      if (shed()) continue;
      const slowest = this.#slowest();
      if (slowest === null) break;
      log.warn("memory limit: slowest session closed", { name: slowest.name });
      this.#watched.delete(slowest);
      slowest.close(1013, "memory limit");
    }
    this.#heldAtCheck = this.#held;
  }

  #total(): number {
    let total = this.#held;
    for (const holder of this.#watched) total += holder.ownBytes;
    return total;
  }

  #slowest(): Holder | null {
    let slowest: Holder | null = null;
    let most = 0;
    for (const holder of this.#parts.holders()) {
      const bytes = holder.queuedBytes;
      if (bytes <= most) continue;
      most = bytes;
      slowest = holder;
    }
    return slowest;
  }
}
