import type { HistoryStart } from "./history_start.ts";
import type { RememberedSubscription, ServedTo } from "./state_store.ts";

/**
 * Where a subscription stands towards the journal.
 *
 *     closed ──▶ behind ──▶ joining ──▶ live        opened; read up to the end; what came meanwhile given
 *       ▲          ▲           │          │
 *       │          └───────────┴──────────┘         the outbox is full, or more came than is held
 *       └── the session ended, or wants nothing for now
 */
export type Phase =
  /** Nothing is pushed. */
  | "closed"
  /** It is fed from the journal. */
  | "behind"
  /** It is fed from the journal up to an offset; what comes from there on is held. */
  | "joining"
  /** It gets what comes. */
  | "live";

/** What is done with a message that has just come. */
export type Route =
  /** It goes to the subscriber. */
  | "give"
  /** It waits until the journal was read. */
  | "hold"
  /** It is read from the journal later, or was already. */
  | "skip";

/** Offsets that are none of a subscription's business, between others that are. */
interface Gap {
  readonly from: number;
  readonly to: number;
}

/** How one subscription is served from a journal: what it got, what it gets next, and from where (D8, D10, D14). */
export class Progress {
  #phase: Phase = "closed";
  /** The next offset to read. */
  next: number;
  /** Where to begin, when that is not known as an offset yet. */
  start: HistoryStart | null = null;
  /** QoS 0 up to this offset was handed out. */
  #seen: number;
  /** As above, but as it is remembered: written before anything is handed out, so that a crash repeats nothing. */
  #seenAhead = 0;
  /** The last offset that came while the component was connected. */
  #until: number | null;
  /** Messages from here on go out, or are held, when they come. */
  #liveFrom = Infinity;
  /** Whether QoS 0 is read from the journal, too, instead of going out when it comes. */
  #readsQos0 = false;
  #gap: Gap | null = null;
  /** Offsets on the way to the subscriber. */
  readonly #onTheWay = new Set<number>();

  /**
   * What makes the ids of deliveries differ from those of another journal, whose offsets may be the same: subscribers
   * remember ids for a while.
   */
  readonly salt: string;

  constructor(served: ServedTo, salt = "") {
    this.salt = salt;
    this.next = served.mark + 1;
    this.#seen = served.seen ?? served.mark;
    this.#until = served.until;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Whether anything is pushed. */
  get isOpen(): boolean {
    return this.#phase !== "closed";
  }

  /** Takes the place of another one, that was served so far, and wants what comes. */
  takeOver({ mark }: ServedTo, next: number): void {
    this.next = mark + 1;
    this.#seen = next - 1;
    this.#until = next - 1;
  }

  /** Whether it is fed from the journal at the moment. */
  get isBehind(): boolean {
    return this.#phase === "behind" || this.#phase === "joining";
  }

  /** Whether QoS 0 goes through the journal at the moment. */
  get readsQos0(): boolean {
    return this.#readsQos0;
  }

  /** How far it was served, to be remembered. `dispatched` is the last offset that went to live ones. */
  served(dispatched: number): ServedTo {
    let mark = this.#phase === "live" ? dispatched : this.next - 1;
    for (const offset of this.#onTheWay) if (offset <= mark) mark = offset - 1;
    const isCurrent = this.isOpen && (!this.#readsQos0 || this.#seenAhead === Infinity);
    const seen = isCurrent ? null : Math.max(this.#seen, this.isOpen ? this.#seenAhead : 0);
    return { mark, seen, until: this.isOpen ? null : this.#until };
  }

  /** Says where to begin at the next opening, whatever was served before. */
  rewind(
    start: HistoryStart,
    now: { readonly next: number; readonly dispatched: number },
  ): void {
    this.close(now);
    this.start = start;
  }

  /** The component is ready for what comes, and for what was missed, if it wants that (D14). */
  open(): void {
    if (this.#phase !== "closed") return;
    this.#readsQos0 = this.start !== null;
    this.#seenAhead = 0;
    this.#liveFrom = Infinity;
    this.#phase = "behind";
  }

  /**
   * A session began: a subscription that wants only what comes gets what was on its way when the last session
   * ended, and what comes from now on. `next` is the offset that the next message gets.
   */
  attach(next: number): void {
    const until = this.#until ?? this.next - 1;
    if (until < this.next) this.next = Math.max(this.next, next);
    else this.#gap = { from: until + 1, to: next - 1 };
  }

  /** The session ended. */
  close({ next, dispatched }: { readonly next: number; readonly dispatched: number }): void {
    if (this.#phase === "closed") return;
    const { mark } = this.served(dispatched);
    if (!this.#readsQos0) this.#seen = next - 1;
    this.next = mark + 1;
    this.#until = next - 1;
    this.#phase = "closed";
    this.#readsQos0 = false;
    this.#liveFrom = Infinity;
    this.#gap = null;
    this.#onTheWay.clear();
  }

  /** The session ended before it was opened, of one that wants only what comes: that waits for the next one. */
  closeUnopened(next: number): void {
    this.#seen = next - 1;
    this.#until = next - 1;
  }

  /** The outbox is full: the message at `offset`, and all behind it, are read from the journal later. */
  fallBehind(offset: number): void {
    this.next = offset;
    this.#gap = null;
    this.#readsQos0 = false;
    this.#liveFrom = Infinity;
    this.#phase = "behind";
  }

  /** It has read everything there is: what comes from `liveFrom` on is held. */
  join(liveFrom: number): void {
    this.#liveFrom = liveFrom;
    this.#phase = "joining";
  }

  /** More came than is held: it goes on reading. */
  unjoin(): void {
    if (this.#phase !== "joining") return;
    this.#seenAhead = this.#seen;
    this.#liveFrom = Infinity;
    this.#phase = "behind";
  }

  /** It has read up to where what comes is held. */
  goLive(): void {
    if (this.#liveFrom === Infinity) this.#liveFrom = this.next;
    this.#readsQos0 = false;
    this.#gap = null;
    this.#phase = "live";
  }

  /** What is done with a message of QoS 1/2 that was committed. */
  route(offset: number): Route {
    switch (this.#phase) {
      case "closed":
      case "behind":
        return "skip";
      case "joining":
        return offset >= this.#liveFrom ? "hold" : "skip";
      case "live":
        return offset >= this.#liveFrom ? "give" : "skip";
      default:
        return this.#phase satisfies never;
    }
  }

  /** What is done with a message of QoS 0 that has just come. */
  routeQos0(offset: number): Route {
    if (this.#readsQos0) return this.route(offset);
    return this.#phase === "closed" ? "skip" : "give";
  }

  /** Whether a record of the journal is given. */
  wants(offset: number, qos: number): boolean {
    if (offset < this.next) return false;
    if (qos === 0 && (!this.#readsQos0 || offset <= this.#seen)) return false;
    const gap = this.#gap;
    return gap === null || offset < gap.from || offset > gap.to;
  }

  /** Everything before `next` was read. */
  advance(next: number): void {
    if (next > this.next) this.next = next;
  }

  /** Begins at an offset, as the start is known now. With `isFresh` nothing of it counts as handed out. */
  beginAt(offset: number, isFresh: boolean): void {
    this.start = null;
    this.next = offset;
    if (isFresh) this.#seen = offset - 1;
  }

  /** Messages of QoS 0 up to an offset are about to be handed out; Infinity for all that comes. */
  willHandOut(offset: number): void {
    this.#seenAhead = Math.max(this.#seenAhead, offset);
  }

  /** Whether that was noted before. */
  mayHandOut(offset: number): boolean {
    return offset <= this.#seenAhead;
  }

  /** A message is on its way to the subscriber. */
  sent(offset: number): void {
    this.#onTheWay.add(offset);
  }

  /** A message has arrived, or never will. */
  done(offset: number, qos: number): void {
    this.#onTheWay.delete(offset);
    if (qos === 0 && offset > this.#seen) this.#seen = offset;
  }
}

/** How far a new subscription counts as served: `last` is the last offset that was given. */
export function servedFrom(last: number): ServedTo {
  return { mark: last, seen: last, until: null };
}

/**
 * How far a subscription was served when the broker ended. One that was connected when the broker died got
 * everything of QoS 0 that it will get, and had a right to all that came.
 */
export function servedAtStart(
  remembered: RememberedSubscription,
  last: number,
): ServedTo {
  return {
    mark: Math.min(remembered.mark, last),
    seen: remembered.seen ?? last,
    until: remembered.until ?? last,
  };
}
