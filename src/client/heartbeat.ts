import type { Clock, Timer } from "../util/clock.ts";

/** What a {@link Heartbeat} needs. */
export interface HeartbeatOptions {
  readonly clock: Clock;
  /** Silence after which the peer is asked, in milliseconds; 0 never asks. */
  readonly intervalMs: number;
  /** Time that the peer has for a sign of life, in milliseconds. */
  readonly timeoutMs: number;
  /** Asks the peer for a sign of life. */
  readonly probe: () => void;
  /** The peer gave none. */
  readonly onDead: () => void;
}

/**
 * Notices that a peer is gone though its link looks open (D18). Whatever the peer sends is a sign of life;
 * only after silence it is asked for one.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #heardAt: number;
  #timer: Timer | null = null;

  /** Starts to listen. */
  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#heardAt = options.clock.now();
    if (options.intervalMs > 0) this.#watch(options.intervalMs);
  }

  /** The peer sent something. */
  heard(): void {
    this.#heardAt = this.#options.clock.now();
  }

  /** Ends it. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #watch(ms: number): void {
    this.#timer = this.#options.clock.setTimer(() => this.#onTimer(), ms);
  }

  #onTimer(): void {
    const { clock, intervalMs, timeoutMs, probe, onDead } = this.#options;
    const left = this.#heardAt + intervalMs - clock.now();
    if (left > 0) {
      this.#watch(left);
      return;
    }
    const askedAt = clock.now();
    this.#timer = clock.setTimer(() => {
      if (this.#heardAt >= askedAt) this.#onTimer();
      else onDead();
    }, timeoutMs);
    probe();
  }
}
