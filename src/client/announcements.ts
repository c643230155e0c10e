import { LimitError, RembusError, Status, statusText } from "../protocol/errors.ts";
import type { Encoding, Response } from "../protocol/packet.ts";
import type { Logger } from "../util/log.ts";
import type { RequestOptions } from "../peer/requests.ts";
import type { Session } from "./session.ts";

/** Subscriptions and services of one component (D35). Exceeded: `LimitError`. */
export const ANNOUNCEMENTS_MAX = { subscribe: 10_000, expose: 1_000 } as const;
/** Announcements that wait for their answer at once, when all are made again. */
const PIPELINED_MAX = 256;

/** What a component tells its broker about itself. */
export type AnnouncementKind = keyof typeof ANNOUNCEMENTS_MAX;

interface Announcement {
  readonly kind: AnnouncementKind;
  readonly topic: string;
  /** `msg_from` of a subscription, in nanoseconds. */
  readonly from: number;
  /** `false` when it was taken back, and the broker must be told. */
  readonly isWanted: boolean;
  /** The session that was told. */
  told: Session | null;
  /** Whether a broker may know the topic: it remembers a named component while that is away. */
  isKnown: boolean;
}

/** How an announcement is told. */
type TellOptions = Partial<RequestOptions>;

const RETRACTIONS = { subscribe: "unsubscribe", expose: "unexpose" } as const;

/**
 * Everything that a component subscribed and exposed at one broker, told again after each connect: no broker
 * is trusted to remember it (spec 4.4).
 */
export class Announcements {
  readonly #log: Logger;
  /** Topic -> announcement, for each kind. */
  readonly #all: Readonly<Record<AnnouncementKind, Map<string, Announcement>>> = {
    subscribe: new Map(),
    expose: new Map(),
  };

  /** Makes an empty book. */
  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * Notes an announcement, which replaces an earlier one of the same topic. Throws `LimitError` when there
   * are too many, those included whose withdrawal was not told yet.
   */
  add(kind: AnnouncementKind, topic: string, from = 0): void {
    const table = this.#all[kind];
    const max = ANNOUNCEMENTS_MAX[kind];
    const known = table.get(topic);
    if (known === undefined && table.size >= max) {
      throw new LimitError(
        `Cannot ${kind} "${topic}": a component may ${kind} at most ${max} topics`,
      );
    }
    const isKnown = known?.isKnown ?? false;
    table.set(topic, { kind, topic, from, isWanted: true, told: null, isKnown });
  }

  /** Notes one more listener to a topic, which reaches back as far as any of them asked for. */
  join(topic: string, from: number): void {
    const known = this.#all.subscribe.get(topic);
    if (known === undefined || !known.isWanted || known.from < from) {
      this.add("subscribe", topic, from);
    }
  }

  /** Notes that an announcement was taken back. Returns whether the broker must be told. */
  remove(kind: AnnouncementKind, topic: string): boolean {
    const table = this.#all[kind];
    const known = table.get(topic);
    if (known === undefined || !known.isWanted) return false;
    if (known.isKnown) table.set(topic, { ...known, isWanted: false, told: null });
    else table.delete(topic);
    return known.isKnown;
  }

  /**
   * Tells one change. Rejects with `RembusError` when the broker refuses it, and when it does not answer.
   * The announcement stays until it is removed.
   */
  async tell(
    session: Session,
    kind: AnnouncementKind,
    topic: string,
    options: TellOptions = {},
  ): Promise<void> {
    const one = this.#all[kind].get(topic);
    if (one === undefined || one.told === session) return;
    const refusal = await this.#send(session, one, options);
    if (refusal !== null) throw refusal;
  }

  /**
   * Tells everything that this session was not told, until nothing is left, so that what is added meanwhile
   * is told, too. A refused one is reported and stays for the next connect.
   */
  async tellAll(session: Session): Promise<void> {
    for (;;) {
      const left = [...this.#untold(session).take(PIPELINED_MAX)];
      if (left.length === 0) return;
      const refusals = await Promise.all(left.map((one) => this.#send(session, one, {})));
      refusals.forEach((refusal, index) => {
        const one = left[index];
        if (refusal === null || one === undefined) return;
        this.#log.warn("announcement refused", {
          kind: one.kind,
          topic: one.topic,
          reason: refusal.message,
        });
      });
    }
  }

  /** Returns why the broker refused, or `null`. Rejects when it did not answer. */
  async #send(
    session: Session,
    one: Announcement,
    options: TellOptions,
  ): Promise<RembusError | null> {
    const wasKnown = one.isKnown;
    one.told = session;
    one.isKnown = true;
    const { kind, topic, from, isWanted } = one;
    const command = isWanted ? kind : RETRACTIONS[kind];
    const data = command === "subscribe"
      ? { cmd: command, msg_from: wireFrom(from, session.encoding) }
      : { cmd: command };
    const { status, data: answer } = await this.#command(session, one, data, options);
    if (!isWanted) this.#forget(one);
    if (status === Status.OK) return null;
    one.isKnown = wasKnown;
    return new RembusError(
      status,
      `Cannot ${command} "${topic}": ${statusText(status, answer.value)}`,
    );
  }

  async #command(
    session: Session,
    one: Announcement,
    data: Readonly<Record<string, unknown>>,
    options: TellOptions,
  ): Promise<Response> {
    try {
      return await session.command(one.topic, data, options);
    } catch (error) {
      // Whether the broker got it is unknown: it is told again when there is an occasion.
      one.told = null;
      throw error;
    }
  }

  *#untold(session: Session): Generator<Announcement, void> {
    for (const table of Object.values(this.#all)) {
      for (const one of table.values()) if (one.told !== session) yield one;
    }
  }

  #forget(one: Announcement): void {
    const table = this.#all[one.kind];
    if (table.get(one.topic) === one) table.delete(one.topic);
  }
}

/** JSON has no infinity: 0.8.12 reads this text (spec 3.4). */
function wireFrom(from: number, encoding: Encoding): number | string {
  return encoding === "json" && from === Infinity ? "inf" : from;
}
