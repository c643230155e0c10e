import type { Clock, Timer } from "../util/clock.ts";
import { Fifo } from "../util/fifo.ts";
import type { Logger } from "../util/log.ts";
import type { Caller } from "../peer/api.ts";
import type { Contract } from "../peer/contract.ts";
import { Handlers } from "../peer/handlers.ts";
import type { Counters } from "./counters.ts";
import { Following, type FollowingParts } from "./following.ts";
import { LOCAL_BYTES_MAX, LOCAL_DELIVERIES_MAX, LOCAL_RETRY_MS } from "./limits.ts";
import type { Publication } from "./publication.ts";
import { recvTime } from "./sequence.ts";
import type { Subscriber, Subscription } from "./subscription.ts";

/** What the local node needs from its broker. */
export interface LocalParts {
  readonly name: string;
  readonly contract: Contract;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly log: Logger;
  /** The peer of that name as handlers may use it. */
  readonly callerOf: (name: string) => Caller;
  /** The journal and what belongs to it; `null` when what passes is not kept. */
  readonly following?: FollowingParts | null;
}

/** The broker as one of its own subscribers and exposers: what its handle subscribed and exposed. */
export class LocalNode implements Subscriber {
  readonly name: string;
  readonly isBroker = true;
  readonly handlers: Handlers;
  /** How its subscriptions read what is stored; `null` when nothing is. */
  readonly following: Following | null;
  readonly #parts: LocalParts;
  /** Subscription -> QoS 1/2 messages that its loops had no room for, in order. */
  readonly #backlog = new Map<Subscription, Fifo<Publication>>();
  /** Pauses before messages are offered again. */
  readonly #pauses = new Set<Timer>();
  #deliveries = 0;
  #calls = 0;
  #bytes = 0;
  #isClosed = false;

  constructor(parts: LocalParts) {
    this.name = parts.name;
    this.#parts = parts;
    this.handlers = new Handlers({ contract: parts.contract, log: parts.log });
    this.following = parts.following ? this.#follow(parts.following) : null;
  }

  /** Messages and calls at work. */
  get running(): number {
    return this.#deliveries + this.#calls;
  }

  /** Whether so much is at work that no further message is taken. */
  get isBusy(): boolean {
    return this.#deliveries >= LOCAL_DELIVERIES_MAX || this.#bytes >= LOCAL_BYTES_MAX;
  }

  /** Whether a call with so many bytes of arguments is taken now. */
  takesCall(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= LOCAL_BYTES_MAX;
  }

  /** The peer of that name as handlers may use it. */
  callerOf(name: string): Caller {
    return this.#parts.callerOf(name);
  }

  /** A call began to run here. */
  began(bytes: number): void {
    this.#calls++;
    this.#bytes += bytes;
  }

  /** A call that ran here has ended. */
  ended(bytes: number): void {
    this.#calls--;
    this.#bytes -= bytes;
  }

  /** Runs the handler of a subscription, after this turn: remote subscribers come first. */
  deliver(publication: Publication, subscription: Subscription): void {
    const { qos, position: { isLogged } } = publication;
    if (isLogged && this.following?.take(publication, subscription, this.#hasRoom) === false) {
      return;
    }
    if (qos === 0 && !this.handlers.hasRoom(subscription.topic, qos)) {
      this.#parts.counters.dropped++;
      this.handlers.countDropped(subscription.topic);
      return;
    }
    // What was acknowledged is taken: while too much is at work, no more is.
    if (this.isBusy && !(isLogged && qos !== 0)) {
      this.#drop(publication);
      return;
    }
    this.#give(publication, subscription);
  }

  #give(publication: Publication, subscription: Subscription): void {
    this.#deliveries++;
    this.#bytes += publication.data.byteLength;
    this.#parts.counters.delivered++;
    queueMicrotask(() => void this.#run(publication, subscription));
  }

  /** Whether one more message is taken now. */
  get #hasRoom(): boolean {
    return !this.isBusy && !this.#isClosed;
  }

  #follow(parts: FollowingParts): Following {
    const hasRoom = (): boolean => this.#hasRoom;
    return new Following(parts, {
      name: this.name,
      isBroker: true,
      isRemembered: false,
      get hasRoom() {
        return hasRoom();
      },
      room: async (topics) => {
        const isFull = (): boolean =>
          this.isBusy || topics().some((topic) => !this.handlers.hasRoom(topic, 0));
        while (!this.#isClosed && isFull()) await this.#pause();
      },
      give: (publication, subscription) => this.#give(publication, subscription),
    });
  }

  /** Nothing is offered again any more. */
  close(): void {
    this.#isClosed = true;
    this.following?.close([], 0);
    for (const pause of this.#pauses) pause.cancel();
    this.#pauses.clear();
    for (const [subscription, waiting] of this.#backlog) {
      for (const publication of waiting.drain()) this.#done(publication, subscription);
      this.#backlog.delete(subscription);
    }
  }

  async #run(publication: Publication, subscription: Subscription): Promise<void> {
    const waiting = this.#backlog.get(subscription);
    if (waiting !== undefined && publication.qos !== 0) {
      waiting.push(publication);
      return;
    }
    const taken = await this.#offer(publication, subscription);
    if (taken || this.#isClosed) this.#done(publication, subscription);
    else this.#wait(publication, subscription);
  }

  /** Gives a message to the handlers. Resolves to `false` when a loop had no room for it. */
  async #offer(publication: Publication, subscription: Subscription): Promise<boolean> {
    try {
      const data = subscription.space ? publication.spaceData : publication.data;
      return await this.handlers.deliver(subscription.topic, data.args, {
        topic: publication.topic,
        from: publication.publisher,
        slot: publication.slot,
        qos: publication.qos,
        offset: publication.position.offset,
        recvNs: recvTime(publication.position),
        node: this.callerOf(publication.publisher),
      });
    } catch (error) {
      this.#parts.log.error("local delivery failed", { topic: publication.topic, error });
      return true;
    }
  }

  /** A loop is slower than its publishers: the message was acknowledged, so that it is offered again. */
  #wait(publication: Publication, subscription: Subscription): void {
    const waiting = this.#backlog.get(subscription);
    if (waiting !== undefined) {
      waiting.push(publication);
      return;
    }
    const backlog = new Fifo<Publication>();
    backlog.push(publication);
    this.#backlog.set(subscription, backlog);
    void this.#workOff(subscription, backlog);
  }

  /** Offers what waits for a subscription until nothing is left. */
  async #workOff(subscription: Subscription, waiting: Fifo<Publication>): Promise<void> {
    for (;;) {
      const publication = waiting.peek();
      if (publication === undefined) break;
      const taken = await this.#offer(publication, subscription);
      if (this.#isClosed) return;
      if (taken) {
        waiting.shift();
        this.#done(publication, subscription);
      } else await this.#pause();
    }
    this.#backlog.delete(subscription);
  }

  /** Does not end when the node is closed meanwhile. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const pause = this.#parts.clock.setTimer(() => {
        this.#pauses.delete(pause);
        resolve();
      }, LOCAL_RETRY_MS);
      this.#pauses.add(pause);
    });
  }

  #done(publication: Publication, subscription: Subscription): void {
    this.following?.done(publication, subscription);
    this.#deliveries--;
    this.#bytes -= publication.data.byteLength;
  }

  #drop({ topic }: Publication): void {
    this.#parts.counters.dropped++;
    this.#parts.log.warn("message for a busy handler dropped", { topic });
  }
}
