import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { Access } from "./access.ts";
import { CatchUp, type Followed } from "./catch_up.ts";
import type { Commits } from "./commits.ts";
import type { HistoryStart } from "./history_start.ts";
import type { Journal } from "./journal.ts";
import type { Entry, Ledger } from "./ledger.ts";
import { Progress, servedFrom } from "./progress.ts";
import type { Publication } from "./publication.ts";
import type { ServedTo } from "./state_store.ts";
import type { Subscription } from "./subscription.ts";

/** What a broker with a journal gives to whoever follows it. */
export interface FollowingParts {
  readonly journal: Journal;
  readonly commits: Commits;
  /** Where positions are remembered; `null` when they are not. */
  readonly ledger: Ledger | null;
  readonly access: Access;
  readonly clock: Clock;
  readonly log: Logger;
  /** Messages older than this, in milliseconds, are not delivered unless asked for by position. */
  readonly offlineMaxMs: number;
}

/** Who follows. */
export interface Follower {
  readonly name: string;
  readonly isBroker: boolean;
  /** Whether positions are remembered for it. */
  readonly isRemembered: boolean;
  /** Settles when more is wanted. `topics` gives the topics, as subscribed, of what is read now. */
  room(topics: () => readonly string[]): Promise<void>;
  /** Whether one more message of QoS 1/2 is taken now. */
  readonly hasRoom: boolean;
  /** Takes a message. */
  give(publication: Publication, subscription: Subscription): void;
}

/** How the subscriptions of one component follow the journal: live, or behind and catching up. */
export class Following {
  readonly #parts: FollowingParts;
  readonly #follower: Follower;
  readonly #catchUp: CatchUp;
  readonly #entries = new Map<Followed, Entry>();

  constructor(parts: FollowingParts, follower: Follower) {
    this.#parts = parts;
    this.#follower = follower;
    const { access } = parts;
    this.#catchUp = new CatchUp({
      ...parts,
      dispatched: () => parts.commits.dispatched,
      sink: {
        name: follower.name,
        isEchoed: follower.isBroker,
        mayReceive: (topic, publisher) => access.mayReceive(follower, topic, publisher),
        room: (topics) => follower.room(topics),
        give: (publication, subscription) => follower.give(publication, subscription),
        served: (subscription) => this.#changed(subscription),
        remembered: (subscriptions) => this.#remember(subscriptions),
      },
    });
  }

  /** A position for a subscription that is new: everything stored counts as missed, or nothing. */
  newProgress(from: "all" | "now"): Progress {
    const { next, logId } = this.#parts.journal;
    return new Progress(servedFrom(from === "all" ? 0 : next - 1), logId);
  }

  /** Begins anew at a place, whatever the subscription received. */
  rewind(subscription: Subscription, start: HistoryStart): void {
    if (!isFollowed(subscription)) return;
    const { journal, commits } = this.#parts;
    this.#catchUp.remove(subscription);
    subscription.progress.rewind(start, { next: journal.next, dispatched: commits.dispatched });
  }

  /** Whether a subscription wants more than what comes. */
  wantsMissed({ msgFrom, progress }: Subscription): boolean {
    return progress !== null && (progress.start !== null || this.#wantsHistory(msgFrom));
  }

  /** Finds out where a closed subscription would go on, if it was opened in a session that began at `since`. */
  prepare(subscription: Subscription, since: number): void {
    const { progress, msgFrom } = subscription;
    if (progress === null || progress.phase !== "closed" || progress.start !== null) return;
    if (this.#wantsHistory(msgFrom)) progress.start = startOf(msgFrom);
    else progress.attach(since);
  }

  /**
   * The component is ready for what comes, and for what it missed, if it wants that (D14). `since` is the offset that
   * the next message had when the session began.
   */
  open(subscription: Subscription, since: number): void {
    if (!isFollowed(subscription)) return;
    const { progress } = subscription;
    this.prepare(subscription, since);
    progress.open();
    if (progress.phase === "behind") this.#catchUp.add(subscription);
    this.#changed(subscription);
  }

  /** What has just come, and is in the journal, goes where it belongs. Returns whether it goes out now. */
  take(
    publication: Publication,
    subscription: Subscription,
    hasRoom: boolean = this.#follower.hasRoom,
  ): boolean {
    if (!isFollowed(subscription)) return true;
    const { progress } = subscription;
    const { position: { offset }, qos } = publication;
    if (qos === 0 && progress.phase === "closed") {
      // Of one that wants only what comes, nothing is read later (D14).
      return !this.#wantsHistory(subscription.msgFrom) && progress.start === null;
    }
    switch (qos === 0 ? progress.routeQos0(offset) : progress.route(offset)) {
      case "skip":
        return false;
      case "hold":
        this.#catchUp.hold(publication, subscription);
        return false;
      default:
    }
    if (qos === 0) return true;
    if (hasRoom) {
      progress.sent(offset);
      return true;
    }
    progress.fallBehind(offset);
    this.#catchUp.add(subscription);
    return false;
  }

  /** A message has arrived, or never will. */
  done(publication: Publication, subscription: Subscription): void {
    const { progress } = subscription;
    if (progress === null || !publication.position.isLogged) return;
    progress.done(publication.position.offset, publication.qos);
    this.#changed(subscription);
  }

  /** Runs something once the arrival of a message is remembered (D11). */
  covered(publication: Publication, subscription: Subscription, run: () => void): void {
    const { ledger } = this.#parts;
    const { position: { offset, isLogged } } = publication;
    if (
      ledger === null || !isLogged || !this.#follower.isRemembered || !isFollowed(subscription)
    ) {
      run();
      return;
    }
    ledger.covered(this.#entryOf(subscription), offset, run);
  }

  /** The component wants nothing for now, or is gone. `since` as in {@link open}. */
  close(subscriptions: Iterable<Subscription>, since: number): void {
    this.#catchUp.stop();
    for (const subscription of subscriptions) {
      if (isFollowed(subscription)) this.#close(subscription, since);
    }
  }

  /** A subscription was taken back. */
  forget(subscription: Subscription): void {
    if (!isFollowed(subscription)) return;
    this.#catchUp.remove(subscription);
    const entry = this.#entries.get(subscription);
    if (entry !== undefined) this.#parts.ledger?.forget(entry);
    this.#entries.delete(subscription);
  }

  /** How far a subscription was served. */
  served({ progress }: Subscription): ServedTo {
    return progress?.served(this.#parts.commits.dispatched) ?? servedFrom(0);
  }

  /** For an anonymous component nothing is kept: a window means nothing (spec 5.4). */
  #wantsHistory(msgFrom: number): boolean {
    return msgFrom !== 0 && this.#follower.isRemembered;
  }

  #close(subscription: Followed, since: number): void {
    const { journal, commits, ledger } = this.#parts;
    const { progress } = subscription;
    if (progress.isOpen) {
      progress.close({ next: journal.next, dispatched: commits.dispatched });
    } else if (this.wantsMissed(subscription)) {
      return;
    } else {
      this.prepare(subscription, since);
      progress.closeUnopened(journal.next);
    }
    if (ledger === null || !this.#follower.isRemembered) return;
    ledger.close(this.#entryOf(subscription), this.served(subscription));
  }

  async #remember(subscriptions: readonly Subscription[]): Promise<void> {
    const { ledger } = this.#parts;
    if (ledger === null || !this.#follower.isRemembered) return;
    await ledger.store(subscriptions.filter(isFollowed).map((one) => this.#entryOf(one)));
  }

  #changed(subscription: Subscription): void {
    const { ledger } = this.#parts;
    if (ledger === null || !this.#follower.isRemembered || !isFollowed(subscription)) return;
    if (!subscription.removed) ledger.changed(this.#entryOf(subscription));
  }

  #entryOf(subscription: Followed): Entry {
    const known = this.#entries.get(subscription);
    if (known !== undefined) return known;
    const { name } = this.#follower;
    const entry: Entry = {
      name,
      topic: subscription.topic,
      served: () => this.served(subscription),
    };
    this.#entries.set(subscription, entry);
    return entry;
  }
}

function isFollowed(subscription: Subscription): subscription is Followed {
  return subscription.progress !== null;
}

/** Where a subscription begins that asked for messages of the last so many nanoseconds (spec 5.4). */
function startOf(msgFrom: number): HistoryStart {
  return msgFrom === Infinity ? { kind: "unreceived" } : { kind: "window", ns: msgFrom };
}
