import type { Clock } from "../util/clock.ts";

/** What ends a wait before its time. */
export interface WaitOptions {
  /** Time to wait at most, in milliseconds. @default {for ever} */
  readonly timeoutMs?: number;
  /** Ends the wait when aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Resolves when a node was closed (`null`: a wait for time alone), or after `timeoutMs`, or when `signal` is
 * aborted. Never rejects.
 */
export function waitUntil(
  closed: Promise<void> | null,
  clock: Clock,
  { timeoutMs, signal }: WaitOptions,
): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer?.cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = timeoutMs === undefined ? null : clock.setTimer(done, timeoutMs);
    signal?.addEventListener("abort", done, { once: true });
    void closed?.then(done);
  });
}
