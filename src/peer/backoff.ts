/** Bounds of the pause between two attempts, in milliseconds. */
export interface Backoff {
  /** Ceiling of the first pause. */
  readonly minMs: number;
  /** Ceiling that is never exceeded. */
  readonly maxMs: number;
}

/** More doublings than this change nothing and would only leave the range of numbers. */
const DOUBLINGS_MAX = 30;

/**
 * Full-jitter pause after `attempt` failures (0 for the first), so that peers do not come back in step:
 * anything from 0 up to a ceiling that doubles each time.
 *
 * @param random Gives a number in [0, 1).
 */
export function backoffMs(
  attempt: number,
  { minMs, maxMs }: Backoff,
  random: () => number,
): number {
  const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(attempt, DOUBLINGS_MAX));
  return Math.floor(random() * ceiling);
}
