import type { Clock, Timer } from "../util/clock.ts";
import { PONG_MS_MAX } from "./limits.ts";

/** What {@link KeepAlive} needs. */
export interface KeepAliveOptions {
  /** What pauses are measured with. */
  readonly clock: Clock;
  /** Pause between pings, in milliseconds; 0 sends none and cuts nobody. */
  readonly intervalMs: number;
  /** Sends a ping. */
  readonly ping: () => void;
  /** Nothing came for the pause and 20 s. */
  readonly onSilent: () => void;
}

/** A longer timer would fire at once. */
const TIMER_MS_MAX: number = 2 ** 31 - 1;

/** Pings a peer, and notices when nothing comes from it any more. */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  #timer: Timer | null = null;
  #heardMs = 0;
  #pingMs = 0;

  /** Makes one that does nothing until it is started. */
  constructor(options: KeepAliveOptions) {
    this.#options = options;
  }

  /** Starts, or starts anew: the peer counts as heard now. */
  start(): void {
    const { clock, intervalMs } = this.#options;
    this.stop();
    if (intervalMs === 0) return;
    this.heard();
    this.#pingMs = clock.now() + intervalMs;
    this.#wait();
  }

  /** Something came. */
  heard(): void {
    this.#heardMs = this.#options.clock.now();
  }

  /** Stops. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  get #deadMs(): number {
    return this.#heardMs + this.#options.intervalMs + PONG_MS_MAX;
  }

  #wait(): void {
    const { clock } = this.#options;
    const leftMs = Math.min(this.#pingMs, this.#deadMs) - clock.now();
    const waitMs = Math.min(Math.max(0, leftMs), TIMER_MS_MAX);
    this.#timer = clock.setTimer(() => this.#due(), waitMs);
  }

  #due(): void {
    const { clock, intervalMs, ping, onSilent } = this.#options;
    const nowMs = clock.now();
    if (nowMs >= this.#deadMs) {
      this.#timer = null;
      onSilent();
      return;
    }
    if (nowMs >= this.#pingMs) {
      this.#pingMs = nowMs + intervalMs;
      ping();
    }
    this.#wait();
  }
}
