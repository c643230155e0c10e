import type { HistoryFrom } from "../peer/history_from.ts";
import type { RequestOptions } from "../peer/requests.ts";
import { LimitError, refusalText, RembusError, Status } from "../protocol/errors.ts";
import type { Encoding, Response } from "../protocol/packet.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { negotiate } from "./login.ts";
import { Reach, type WireFrom } from "./reach.ts";
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
  /** Where a subscription begins and how far it came. Of no meaning for a service. */
  readonly reach: Reach;
  /** `false` when it was taken back, and the broker must be told. */
  readonly isWanted: boolean;
  /** The session that was told. */
  told: Session | null;
  /** Whether a broker may know the topic: it remembers a named component while that is away. */
  isKnown: boolean;
}

/** How an announcement is told. */
type TellOptions = Partial<RequestOptions>;

/** What {@link Announcements} need. */
export interface AnnouncementsParts {
  /** Whether the component has a name, so that its broker remembers what it received. */
  readonly isNamed: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

const NOTHING: HistoryFrom = { kind: "now" };
const ignore = (): void => {};

const RETRACTIONS = { subscribe: "unsubscribe", expose: "unexpose" } as const;

/**
 * Everything that a component subscribed and exposed at one broker, told again after each connect: no broker
 * is trusted to remember it (spec 4.4).
 */
export class Announcements {
  readonly #parts: AnnouncementsParts;
  /** Topic -> announcement, for each kind. */
  readonly #all: Readonly<Record<AnnouncementKind, Map<string, Announcement>>> = {
    subscribe: new Map(),
    expose: new Map(),
  };
  /** The session that is being asked to tell offsets, and its answer. */
  #asking: { readonly session: Session; readonly answer: Promise<void> } | null = null;
  /** Subscriptions that wait for room. */
  readonly #stalled = new Set<Announcement>();

  /** Makes an empty book. */
  constructor(parts: AnnouncementsParts) {
    this.#parts = parts;
  }

  /** Whether a subscription waits for room, and is not being resumed. */
  get hasStalled(): boolean {
    return this.#stalled.size > 0;
  }

  /** Whether a subscription reaches into the past: then the broker is asked to tell offsets. */
  get isPast(): boolean {
    return this.#all.subscribe.values().some(({ isWanted, reach }) => isWanted && reach.isPast);
  }

  /**
   * Notes an announcement, which replaces an earlier one of the same topic. Returns what puts back the earlier
   * one, if it was still wanted. Throws `LimitError` when there are too many, those included whose withdrawal
   * was not told yet.
   */
  add(kind: AnnouncementKind, topic: string, from: HistoryFrom = NOTHING): () => void {
    const table = this.#all[kind];
    const max = ANNOUNCEMENTS_MAX[kind];
    const known = table.get(topic);
    if (known === undefined && table.size >= max) {
      throw new LimitError(
        `Cannot ${kind} "${topic}": a component may ${kind} at most ${max} topics`,
      );
    }
    const isKnown = known?.isKnown ?? false;
    const reach = new Reach(from, this.#parts.clock.wallMs());
    const added: Announcement = { kind, topic, reach, isWanted: true, told: null, isKnown };
    table.set(topic, added);
    if (known === undefined) return ignore;
    this.#stalled.delete(known);
    return () => {
      if (!known.isWanted || table.get(topic) !== added) return;
      table.set(topic, known);
      if (known.reach.isStalled) this.#stalled.add(known);
    };
  }

  /**
   * Notes one more listener to a topic, which reaches back as far as any of them asked for. Returns what puts
   * back how it was.
   */
  join(topic: string, from: HistoryFrom): () => void {
    const known = this.#all.subscribe.get(topic);
    const isServed = known?.isWanted === true &&
      known.reach.covers(from, this.#parts.clock.wallMs());
    return isServed ? ignore : this.add("subscribe", topic, from);
  }

  /** How far a subscription came that reaches into the past; `null` for any other topic. */
  reachOf(topic: string): Reach | null {
    const known = this.#all.subscribe.get(topic);
    return known?.isWanted === true && known.reach.isPast ? known.reach : null;
  }

  /** A subscription has no room for what came: nothing of it is taken until {@link Announcements.resume}. */
  stall(topic: string, offset: number): void {
    const known = this.#all.subscribe.get(topic);
    if (known === undefined) return;
    known.reach.stall(offset);
    this.#stalled.add(known);
  }

  /**
   * There is room again: has the broker begin where there was none. Rejects when it does not answer; then it is
   * to be asked again, here or by the next session.
   */
  async resume(session: Session): Promise<void> {
    const stalled = [...this.#stalled];
    this.#stalled.clear();
    await Promise.all(stalled.map((one) => this.#resume(session, one)));
  }

  async #resume(session: Session, one: Announcement): Promise<void> {
    const isCurrent = one.reach.isStalled && this.#all.subscribe.get(one.topic) === one;
    if (!isCurrent) return;
    try {
      const refusal = await this.#send(session, one, {});
      if (refusal === null) return;
      // What lies between is lost; what comes is not.
      this.#refused(one, refusal);
      one.reach.accepted();
    } catch (error) {
      this.#stalled.add(one);
      throw error;
    }
  }

  /** Notes that an announcement was taken back. Returns whether the broker must be told. */
  remove(kind: AnnouncementKind, topic: string): boolean {
    const table = this.#all[kind];
    const known = table.get(topic);
    if (known === undefined || !known.isWanted) return false;
    this.#stalled.delete(known);
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
        this.#refused(one, refusal);
      });
    }
  }

  /** Returns why the broker refused, or `null`. Rejects when it did not answer. */
  async #send(
    session: Session,
    one: Announcement,
    options: TellOptions,
  ): Promise<RembusError | null> {
    const { kind, topic, isWanted, reach } = one;
    one.told = session;
    if (isWanted && reach.isPast && session.hasHistory && !session.hasExtras) {
      await this.#askExtras(session, one);
      // What was taken back or replaced meanwhile must not be told behind what took its place.
      if (this.#all[kind].get(topic) !== one) return null;
    }
    const wasKnown = one.isKnown;
    const command = isWanted ? kind : RETRACTIONS[kind];
    let from: WireFrom | null = null;
    try {
      if (command === "subscribe") from = this.#from(session, one);
    } catch (error) {
      if (error instanceof RembusError) return error;
      throw error;
    }
    one.isKnown = true;
    const data = from === null ? { cmd: command } : { cmd: command, ...written(from, session) };
    const { status, data: answer } = await this.#command(session, one, data, {
      ...options,
      onAnswer: (response) => {
        if (response.status === Status.OK) reach.accepted();
      },
    });
    if (!isWanted) this.#forget(one);
    if (status === Status.OK) return null;
    one.isKnown = wasKnown;
    return new RembusError(
      status,
      `Cannot ${command} "${topic}": ${refusalText(status, answer.value)}`,
    );
  }

  #from({ hasHistory }: Session, { topic, reach }: Announcement): WireFrom {
    const { isNamed, clock } = this.#parts;
    return reach.announcement({ topic, isNamed, hasHistory, nowMs: clock.wallMs() });
  }

  /** Has the broker tell the offset of each message, once for all that ask at the same time. */
  async #askExtras(session: Session, one: Announcement): Promise<void> {
    if (this.#asking?.session !== session) {
      this.#asking = { session, answer: negotiate(session, true) };
    }
    const asking = this.#asking;
    try {
      await asking.answer;
    } catch (error) {
      one.told = null;
      throw error;
    } finally {
      if (this.#asking === asking) this.#asking = null;
    }
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

  #refused({ kind, topic }: Announcement, { message }: RembusError): void {
    this.#parts.log.warn("announcement refused", { kind, topic, reason: message });
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
function written(from: WireFrom, { encoding }: { readonly encoding: Encoding }): object {
  return encoding === "json" && from.msg_from === Infinity ? { ...from, msg_from: "inf" } : from;
}
