import { type HistoryFrom, OFFSET_FIRST } from "../peer/history_from.ts";
import { RembusError, Status } from "../protocol/errors.ts";

/** Nanoseconds in a millisecond. */
const NS_PER_MS = 1_000_000n;

/** What decides how a subscription is announced. */
export interface Listener {
  /** For the error. */
  readonly topic: string;
  /** Whether the component has a name, so that its broker remembers what it received. */
  readonly isNamed: boolean;
  /** Whether the broker can be asked for a place among the messages that it keeps. */
  readonly hasHistory: boolean;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** A place among the messages that a broker keeps, as the command `subscribe` says it. */
export type WirePlace = { readonly offset: number } | { readonly time: bigint } | "last";

/** Members of the command `subscribe` that say where it begins. */
export interface WireFrom {
  /** Nanoseconds; `Infinity` for everything that was not received (spec 5.4). */
  readonly msg_from: number;
  /** Only for a broker with history. It goes before `msg_from`. */
  readonly from?: WirePlace;
}

/** How far one subscription reaches back, what of that came already, and from where to go on (D8, D14). */
export class Reach {
  readonly from: HistoryFrom;
  /** When it was asked for: what is to be since then does not move with later announcements. */
  readonly #askedNs: bigint;
  /** Whether the broker took it once. */
  #isAccepted = false;
  /** The highest offset that was taken, if any was told. */
  #last: number | null = null;
  /** Whether nothing came since it was announced last: the log may be another one. */
  #isFresh = true;
  /** The lowest offset that was not taken for want of room, and with it nothing behind it. */
  #stalledAt: number | null = null;

  /** Begins. `nowMs` is the time since the epoch. */
  constructor(from: HistoryFrom, nowMs: number) {
    this.from = from;
    this.#askedNs = BigInt(Math.round(nowMs)) * NS_PER_MS;
  }

  /** Whether it wants more than what comes. */
  get isPast(): boolean {
    return this.from.kind !== "now";
  }

  /** Whether nothing is taken until the broker begins again where there was no room. */
  get isStalled(): boolean {
    return this.#stalledAt !== null;
  }

  /** Whether a second listener that asks for `from` is served without a new announcement. */
  covers(from: HistoryFrom, nowMs: number): boolean {
    if (from.kind === "now") return true;
    // Whoever names a place gets what lies behind it, also when others had it.
    if (from.kind === "offset" || from.kind === "time" || from.kind === "last") return false;
    const ns = from.kind === "unreceived" ? Infinity : from.ns;
    const own = this.from;
    switch (own.kind) {
      case "now":
      case "last":
        return false;
      case "unreceived":
        return true;
      case "window":
        return own.ns >= ns;
      case "time":
        return ns === Infinity || own.timeNs <= nanoseconds(nowMs) - BigInt(Math.round(ns));
      case "offset":
        return ns === Infinity || own.offset <= OFFSET_FIRST;
      default:
        return own satisfies never;
    }
  }

  /** How to announce it. Throws `RembusError` when the broker keeps no messages and no other form will do. */
  announcement(listener: Listener): WireFrom {
    const { isNamed, hasHistory } = listener;
    if (!this.isPast) return { msg_from: 0 };
    if (!hasHistory) return this.#isAccepted ? { msg_from: Infinity } : this.#plain(listener);
    if (this.#stalledAt !== null) return at({ offset: this.#stalledAt });
    if (this.#isAccepted) {
      // The broker knows what a component with a name received, and goes on there.
      if (isNamed) return { msg_from: Infinity };
      if (this.#last !== null) return at({ offset: this.#last + 1 });
      if (this.from.kind === "unreceived") return at({ time: this.#askedNs });
    }
    return this.#placed(isNamed);
  }

  /** The broker took the announcement: what comes now is what was asked for. */
  accepted(): void {
    this.#isAccepted = true;
    this.#isFresh = true;
    this.#stalledAt = null;
  }

  /** A message was taken. */
  took(offset: number | null): void {
    if (offset === null) return;
    this.#last = this.#isFresh || this.#last === null ? offset : Math.max(this.#last, offset);
    this.#isFresh = false;
  }

  /** A message was not taken, and all behind it will not be, until it is announced again. */
  stall(offset: number | null): void {
    if (offset === null) return;
    this.#stalledAt = Math.min(this.#stalledAt ?? offset, offset);
  }

  #placed(isNamed: boolean): WireFrom {
    const { from } = this;
    switch (from.kind) {
      case "now":
        return { msg_from: 0 };
      case "unreceived":
        return { msg_from: Infinity };
      case "window":
        return isNamed ? { msg_from: from.ns } : at({ time: this.#since(from.ns) });
      case "offset":
        return at({ offset: from.offset });
      case "time":
        return at({ time: from.timeNs });
      case "last":
        return at("last");
      default:
        return from satisfies never;
    }
  }

  /** As any broker understands it. */
  #plain({ topic, isNamed, nowMs }: Listener): WireFrom {
    const { from } = this;
    if (from.kind === "now") return { msg_from: 0 };
    if (from.kind === "unreceived") return { msg_from: Infinity };
    if (!isNamed) {
      throw refusal(topic, "the broker keeps no messages for a component without a name");
    }
    switch (from.kind) {
      case "window":
        return { msg_from: from.ns };
      case "time":
        return { msg_from: Math.max(0, Number(nanoseconds(nowMs) - from.timeNs)) };
      case "offset":
        if (from.offset <= OFFSET_FIRST) return { msg_from: Infinity };
        throw refusal(topic, "the broker keeps no messages by offset");
      case "last":
        throw refusal(topic, "the broker keeps no last messages");
      default:
        return from satisfies never;
    }
  }

  #since(ns: number): bigint {
    const since = this.#askedNs - BigInt(Math.round(ns));
    return since > 0n ? since : 0n;
  }
}

function at(from: WirePlace): WireFrom {
  // A component with a name goes on from there at its next connect.
  return { msg_from: Infinity, from };
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms)) * NS_PER_MS;
}

function refusal(topic: string, reason: string): RembusError {
  return new RembusError(Status.ERROR, `Cannot subscribe "${topic}": ${reason}`);
}
