import type { Clock } from "../util/clock.ts";

const NS_PER_MS = 1_000_000n;

/** The wall clock in nanoseconds since the epoch. */
export function wallNs(clock: Clock): bigint {
  return BigInt(Math.trunc(clock.wallMs())) * NS_PER_MS;
}

/** Receive times: the wall clock, but each is later than the one before (D10). */
export class ReceiveTimes {
  readonly #clock: Clock;
  #lastNs: bigint;
  #nowMs = 0;
  #nowNs = 0n;

  /** Makes a source of times that are later than `lastNs`. */
  constructor(clock: Clock, lastNs: bigint) {
    this.#clock = clock;
    this.#lastNs = lastNs;
  }

  /** The time given last, in nanoseconds since the epoch. */
  get lastNs(): bigint {
    return this.#lastNs;
  }

  /** The next time, in nanoseconds since the epoch. */
  next(): bigint {
    const nowMs = Math.trunc(this.#clock.wallMs());
    // Many records share a millisecond, and making a big number costs more than comparing a small one.
    if (nowMs !== this.#nowMs) {
      this.#nowMs = nowMs;
      this.#nowNs = BigInt(nowMs) * NS_PER_MS;
    }
    this.#lastNs = this.#nowNs > this.#lastNs ? this.#nowNs : this.#lastNs + 1n;
    return this.#lastNs;
  }
}
