/** A timer that can still be stopped. */
export interface Timer {
  /** Stops the timer. Idempotent, and harmless once it has fired. */
  cancel(): void;
}

/** The longest time that a timer of the platform can be set to, in milliseconds. Exceeded: `RangeError`. */
export const TIMEOUT_MS_MAX: number = 2 ** 31 - 1;

/** Time as an argument, so that the whole of a broker runs under a seeded clock in tests. */
export interface Clock {
  /** Milliseconds that never run backwards; only differences mean something. */
  now(): number;
  /** Milliseconds since the epoch, as the wall clock has it. */
  wallMs(): number;
  /** Calls `callback` once, `ms` milliseconds from now. */
  setTimer(callback: () => void, ms: number): Timer;
}

/** The clock of the machine. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer(callback: () => void, ms: number): Timer {
    const handle = setTimeout(callback, ms);
    return { cancel: () => clearTimeout(handle) };
  },
};
