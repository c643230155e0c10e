import type { Clock } from "../util/clock.ts";

/** Offsets that the counter is ahead of by for each millisecond since the epoch. */
const OFFSETS_PER_MS = 1_024;
const NS_PER_MS = 1_000_000;

/** Where a message stands among all that this broker took. */
export interface Position {
  /** Grows with every message; never used twice, also not after a restart. */
  readonly offset: number;
  /** Receive time: whole milliseconds since the epoch. */
  readonly recvMs: number;
  /** Receive time: nanoseconds within that millisecond; keeps two messages apart (D10). */
  readonly recvNs: number;
  /** Whether the offset is one of the journal, where the message can be read again. */
  readonly isLogged: boolean;
}

/**
 * Numbers messages that are in no journal (D10). It starts at the time of day, since delivery ids are made
 * from offsets: a broker that started again at 1 would repeat ids that subscribers still remember.
 */
export class Sequence {
  readonly #clock: Clock;
  #offset: number;
  #recvMs = 0;
  #recvNs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#offset = Math.trunc(clock.wallMs()) * OFFSETS_PER_MS;
  }

  /** The position of the next message. Receive times never repeat and never run backwards. */
  next(): Position {
    const nowMs = Math.trunc(this.#clock.wallMs());
    if (nowMs > this.#recvMs) {
      this.#recvMs = nowMs;
      this.#recvNs = 0;
    } else if (++this.#recvNs === NS_PER_MS) {
      this.#recvMs++;
      this.#recvNs = 0;
    }
    return {
      offset: ++this.#offset,
      recvMs: this.#recvMs,
      recvNs: this.#recvNs,
      isLogged: false,
    };
  }
}

/** The position of a record of the journal. */
export function loggedPosition(offset: number, recvNs: bigint): Position {
  const nsPerMs = BigInt(NS_PER_MS);
  const recvMs = recvNs / nsPerMs;
  return {
    offset,
    recvMs: Number(recvMs),
    recvNs: Number(recvNs - recvMs * nsPerMs),
    isLogged: true,
  };
}

/** The receive time as one number of nanoseconds since the epoch. */
export function recvTime(position: Position): bigint {
  return BigInt(position.recvMs) * BigInt(NS_PER_MS) + BigInt(position.recvNs);
}
