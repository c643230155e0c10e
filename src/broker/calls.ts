import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { Random } from "../util/random.ts";
import { Status } from "../protocol/errors.ts";
import type { Extras, MsgId, Response } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import type { Answer, Conversation, PendingCall } from "./conversation.ts";
import type { Counters } from "./counters.ts";
import { CALL_MS_DEFAULT, CALL_MS_MAX, CALLS_PENDING_MAX } from "./limits.ts";

/** A call that is to be sent to an exposer. */
export interface CallRequest {
  readonly exposer: Conversation;
  /** Who waits; `null` for the broker itself. */
  readonly caller: Conversation | null;
  readonly topic: string;
  readonly data: Payload;
  /** Time to live that the caller told, in milliseconds. */
  readonly ttlMs: number | null;
  readonly traceparent: string | null;
  readonly settle: (answer: Answer) => void;
}

/** Own ids start at a random 32-bit number and stay below 2^53: JSON peers in any language can echo them. */
const ID_START_BITS = 32;

/**
 * Calls under way (spec 6.4, 6.5; D17). Each has an id of the broker's own towards its exposer, so that
 * equal ids of two callers never meet; each is answered exactly once, or ends with its caller.
 */
export class Calls {
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #log: Logger;
  #nextId: bigint;
  #pending = 0;
  /** Exposers with calls under way, for the sweep. */
  readonly #busy = new Set<Conversation>();

  constructor(
    parts: {
      readonly clock: Clock;
      readonly random: Random;
      readonly counters: Counters;
      readonly log: Logger;
    },
  ) {
    this.#clock = parts.clock;
    this.#counters = parts.counters;
    this.#log = parts.log;
    this.#nextId = BigInt.asUintN(ID_START_BITS, parts.random.u64()) + 1n;
  }

  /** Calls that are not answered yet. */
  get pending(): number {
    return this.#pending;
  }

  /**
   * Sends a call to an exposer. Too many at one end, or no room for it, are answered 43 at once (D35, D6);
   * arguments that fit no frame, or have no form in the encoding of the exposer, 40.
   */
  forward(request: CallRequest): void {
    const { exposer, caller, topic, settle } = request;
    if (
      exposer.working.size >= CALLS_PENDING_MAX ||
      (caller !== null && caller.waiting.size >= CALLS_PENDING_MAX)
    ) {
      settle(unavailable(topic));
      return;
    }
    const ttlMs = Math.min(request.ttlMs ?? CALL_MS_DEFAULT, CALL_MS_MAX);
    const id = this.#nextId++ as MsgId;
    const extras = exposer.capable ? extrasOf(request, ttlMs) : null;
    const sent = exposer.offer({
      type: "rpc",
      id,
      topic,
      target: null,
      data: request.data,
      extras,
    });
    switch (sent) {
      case "sent":
        this.#keep({
          id,
          topic,
          exposer,
          caller,
          deadline: this.#clock.now() + ttlMs,
          settle,
        });
        return;
      case "full":
        settle(unavailable(topic));
        return;
      case "impossible":
        settle(brokerAnswer(
          Status.METHOD_EXCEPTION,
          `Cannot call "${topic}": expected arguments that fit a frame to its exposer, got larger ones`,
        ));
        return;
      default:
        sent satisfies never;
    }
  }

  /** An exposer answered. An answer to a call that is over is dropped. */
  answered(exposer: Conversation, packet: Response): boolean {
    const call = exposer.working.get(packet.id);
    if (call === undefined) return false;
    this.#settle(call, { status: packet.status, data: packet.data, fromPeer: true });
    return true;
  }

  /** A session ended: its callers learn it at once, its own calls are nobody's any more. */
  lost(conversation: Conversation): void {
    for (const call of [...conversation.waiting]) this.#remove(call);
    for (const call of [...conversation.working.values()]) {
      this.#settle(call, unavailable(call.topic));
    }
  }

  /** Answers the overdue ones. */
  sweep(): void {
    const now = this.#clock.now();
    for (const exposer of [...this.#busy]) {
      for (const call of [...exposer.working.values()]) {
        if (call.deadline > now) continue;
        this.#log.warn("call timed out", { topic: call.topic, exposer: exposer.name });
        this.#settle(call, unavailable(call.topic));
      }
    }
  }

  #keep(call: PendingCall): void {
    call.exposer.working.set(call.id, call);
    call.caller?.waiting.add(call);
    this.#busy.add(call.exposer);
    this.#pending++;
    this.#counters.calls++;
  }

  /** Answers a call. What its caller makes of it must not harm others. */
  #settle(call: PendingCall, answer: Answer): void {
    this.#remove(call);
    try {
      call.settle(answer);
    } catch (error) {
      this.#log.error("answer not delivered", { topic: call.topic, error });
    }
  }

  #remove(call: PendingCall): void {
    call.exposer.working.delete(call.id);
    call.caller?.waiting.delete(call);
    if (call.exposer.working.size === 0) this.#busy.delete(call.exposer);
    this.#pending--;
  }
}

/** What an exposer that understands it is told besides the call (D3). */
function extrasOf({ caller, traceparent }: CallRequest, ttlMs: number): Extras {
  return {
    ttl: ttlMs,
    ...(caller === null ? {} : { p: caller.name }),
    ...(traceparent === null ? {} : { tp: traceparent }),
  };
}

/** An answer that the broker gives itself. */
export function brokerAnswer(status: number, data: unknown): Answer {
  return { status, data: Payload.fromValue(data), fromPeer: false };
}

/** No exposer can answer (43). */
export function unavailable(topic: string): Answer {
  return brokerAnswer(Status.METHOD_UNAVAILABLE, topic);
}
