import type { Clock, Timer } from "../util/clock.ts";
import { errorText } from "../util/error_text.ts";
import type { Logger } from "../util/log.ts";
import { TLS_CHECK_MS } from "./limits.ts";
import { type TlsContext, tlsContext, type TlsPair } from "./tls_stream.ts";

/** Where certificate and key of a listener come from, and how it is found out that they were renewed. */
export interface TlsSource {
  /** What the listener begins with; checked. */
  readonly pair: TlsPair;
  /** Something that is another text when the files are others. Rejects when they cannot be looked at. */
  stamp(): Promise<string>;
  /** Reads and checks the pair as it is now. Rejects with an error that says which file is wrong, and why. */
  read(): Promise<TlsPair>;
}

/** What a {@link TlsRenewal} needs. */
export interface TlsRenewalOptions {
  readonly source: TlsSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Keeps what handshakes are made with up to date (D32). A pair that cannot be used is reported once, and the one
 * before stays.
 */
export class TlsRenewal {
  readonly #options: TlsRenewalOptions;
  #context: TlsContext;
  /** Of the pair that was taken, or refused, last; `null` until the first look. */
  #known: string | null = null;
  /** Of the last look: files are read once they have stayed the same for a look. */
  #seen: string | null = null;
  #timer: Timer | null = null;
  #looking: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** What was reported last: a problem that lasts is reported once. */
  #reported = "";

  /** Takes the pair that the source begins with, and begins to look. */
  constructor(options: TlsRenewalOptions) {
    this.#options = options;
    this.#context = tlsContext(options.source.pair);
    this.#looking = this.#look();
  }

  /** What the next handshake is made with. */
  get context(): TlsContext {
    return this.#context;
  }

  /** Reads the pair now. Rejects when it cannot be used, after which the one before stays. */
  async reload(): Promise<void> {
    await this.#looking;
    const { source } = this.#options;
    const stamp = await source.stamp();
    try {
      this.#context = tlsContext(await source.read());
    } finally {
      this.#known = stamp;
      this.#seen = stamp;
    }
    this.#options.logger.info("certificate renewed");
  }

  /** Stops to look; resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    try {
      const stamp = await this.#options.source.stamp();
      this.#known ??= stamp;
      const isSettled = stamp === this.#seen;
      this.#seen = stamp;
      if (isSettled && stamp !== this.#known) {
        this.#known = stamp;
        this.#context = tlsContext(await this.#options.source.read());
        this.#options.logger.info("certificate renewed");
      }
    } catch (error) {
      this.#report(errorText(error));
    }
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.setTimer(() => this.#looking = this.#look(), TLS_CHECK_MS);
  }

  #report(reason: string): void {
    if (reason === this.#reported) return;
    this.#reported = reason;
    this.#options.logger.error("certificate not renewed", { reason });
  }
}
