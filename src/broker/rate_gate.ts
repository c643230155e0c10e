import type { Clock } from "../util/clock.ts";
import type { RateLimit } from "./options.ts";

const MS_PER_SECOND = 1_000;

/** What is left of one limit; below zero what was taken in advance. */
interface Bucket {
  readonly perSecond: number;
  left: number;
}

/**
 * Holds one component to its limit (issue 4): what it sends is never dropped, but reading from it pauses until
 * it is within the limit again. One second's worth may come at once.
 */
export class RateGate {
  readonly #clock: Clock;
  readonly #messages: Bucket;
  readonly #bytes: Bucket;
  #filledMs: number;

  /** Throws `RangeError` for a limit that is not above zero. */
  constructor(limit: RateLimit, clock: Clock) {
    this.#clock = clock;
    this.#messages = bucketOf("messages", limit.messages);
    this.#bytes = bucketOf("bytes", limit.bytes);
    this.#filledMs = clock.now();
  }

  /** One message of so many bytes came. Returns how long to pause reading, in milliseconds; 0 is: go on. */
  take(bytes: number): number {
    const nowMs = this.#clock.now();
    const passedMs = nowMs - this.#filledMs;
    this.#filledMs = nowMs;
    return Math.max(
      takeFrom(this.#messages, 1, passedMs),
      takeFrom(this.#bytes, bytes, passedMs),
    );
  }
}

function bucketOf(name: keyof RateLimit, perSecond: number = Infinity): Bucket {
  if (!(perSecond > 0)) {
    throw new RangeError(
      `Cannot limit the rate as "rateLimit.${name}" must be > 0: current value is ${perSecond}`,
    );
  }
  return { perSecond, left: perSecond };
}

function takeFrom(bucket: Bucket, amount: number, passedMs: number): number {
  const { perSecond } = bucket;
  if (perSecond === Infinity) return 0;
  const filled = Math.min(perSecond, bucket.left + passedMs * perSecond / MS_PER_SECOND);
  bucket.left = filled - amount;
  return bucket.left >= 0 ? 0 : Math.ceil(-bucket.left * MS_PER_SECOND / perSecond);
}
