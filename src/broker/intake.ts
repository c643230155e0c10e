import type { Packet, Publish } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { type Clock, TIMEOUT_MS_MAX, type Timer } from "../util/clock.ts";
import { Fifo } from "../util/fifo.ts";
import type { Logger } from "../util/log.ts";
import type { Journal } from "./journal.ts";
import { STALLED_BYTES_MAX } from "./limits.ts";
import type { RateLimit } from "./options.ts";
import { RateGate } from "./rate_gate.ts";

/** The session whose peer is read from. */
export interface IntakeOwner {
  readonly name: string;
  readonly isOpen: boolean;
  /** Takes a publication. Returns `false` when the journal takes no more for now. */
  tryPublish(packet: Publish): boolean;
  /** Stops and starts reading. */
  readonly reading: { pause(): void; resume(): void };
  /** Ends the session. */
  close(code: number, reason: string): void;
}

/** What an {@link Intake} works with. */
export interface IntakeParts {
  readonly clock: Clock;
  readonly journal: Journal | null;
  readonly logger: Logger;
  readonly rateLimit: RateLimit;
}

/** Why a peer is not read from. */
type Reason = "journal" | "rate";

/**
 * Reads from one peer no faster than the journal takes its publications and its rate allows. Nothing is dropped: the
 * link is paused, and what was read before waits.
 */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #owner: IntakeOwner;
  readonly #rate: RateGate | null;
  readonly #pauses = new Set<Reason>();
  #ratePause: Timer | null = null;
  /** Publications that wait until the journal takes more; `null` while it does. */
  #stalled: Fifo<Publish> | null = null;
  #stalledBytes = 0;
  /** Ends the wait for it. */
  readonly #ending = new AbortController();

  /** Reads as fast as it comes until something is too much. */
  constructor(parts: IntakeParts, owner: IntakeOwner) {
    this.#parts = parts;
    this.#owner = owner;
    this.#rate = isLimited(parts.rateLimit) ? new RateGate(parts.rateLimit, parts.clock) : null;
  }

  /** A packet came: it counts for the rate of the component. */
  count(packet: Packet): void {
    if (this.#rate === null) return;
    const bytes = "data" in packet && packet.data instanceof Payload ? packet.data.byteLength : 0;
    const pauseMs = this.#rate.take(bytes);
    if (pauseMs === 0) return;
    this.#ratePause?.cancel();
    this.#pause("rate");
    this.#ratePause = this.#parts.clock.setTimer(() => {
      this.#ratePause = null;
      this.#resume("rate");
    }, Math.min(pauseMs, TIMEOUT_MS_MAX));
  }

  /** A publication came: it is taken now, or in its order once the journal has room. */
  publish(packet: Publish): void {
    if (this.#stalled === null) {
      if (!this.#owner.tryPublish(packet)) this.#stall(packet);
      return;
    }
    this.#stalled.push(packet);
    this.#stalledBytes += packet.data.byteLength;
    // The link is not read from: only what was read before comes.
    if (this.#stalledBytes > STALLED_BYTES_MAX) this.#owner.close(1013, "disk too slow");
  }

  /** The session is over: nothing is waited for any more. */
  end(): void {
    this.#ending.abort();
    this.#ratePause?.cancel();
  }

  #pause(reason: Reason): void {
    this.#pauses.add(reason);
    this.#owner.reading.pause();
  }

  #resume(reason: Reason): void {
    this.#pauses.delete(reason);
    if (this.#pauses.size === 0) this.#owner.reading.resume();
  }

  /** The journal is full: the peer is not read from until it has room again. */
  #stall(packet: Publish): void {
    const stalled = new Fifo<Publish>();
    stalled.push(packet);
    this.#stalled = stalled;
    this.#stalledBytes = packet.data.byteLength;
    this.#pause("journal");
    void this.#workOff(stalled);
  }

  /** Never rejects. */
  async #workOff(stalled: Fifo<Publish>): Promise<void> {
    const { journal, logger } = this.#parts;
    const owner = this.#owner;
    try {
      for (let next = stalled.peek(); next !== undefined && owner.isOpen; next = stalled.peek()) {
        if (owner.tryPublish(next)) {
          stalled.shift();
          this.#stalledBytes -= next.data.byteLength;
        } else await journal?.writable(this.#ending.signal);
      }
    } catch (error) {
      if (owner.isOpen) {
        logger.error("publications not taken", { name: owner.name, error });
        owner.close(1011, "internal error");
      }
      return;
    }
    this.#stalled = null;
    this.#resume("journal");
  }
}

function isLimited({ messages = Infinity, bytes = Infinity }: RateLimit): boolean {
  return messages !== Infinity || bytes !== Infinity;
}
