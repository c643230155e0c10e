/** What a broker counts since its start. Every message that is not delivered is in one of them. */
export interface Counters {
  /** Publications taken from peers and from the broker itself. */
  published: number;
  /** QoS 1/2 publications that could not be stored, and were not acknowledged. */
  lost: number;
  /** Publications refused: not allowed, or a bad topic. */
  refused: number;
  /** Repeated QoS 2 publications that were acknowledged and not handled again. */
  duplicates: number;
  /** Copies handed to subscribers. */
  delivered: number;
  /** QoS 0 copies dropped since a subscriber was too slow. */
  dropped: number;
  /** QoS 1/2 deliveries sent again. */
  resent: number;
  /** QoS 1/2 deliveries given up. */
  deadLetters: number;
  /** Calls forwarded to exposers. */
  calls: number;
  /** Sessions closed since they were too slow. */
  slowClosed: number;
}

/** Counters at zero. */
export function newCounters(): Counters {
  return {
    published: 0,
    lost: 0,
    refused: 0,
    duplicates: 0,
    delivered: 0,
    dropped: 0,
    resent: 0,
    deadLetters: 0,
    calls: 0,
    slowClosed: 0,
  };
}
