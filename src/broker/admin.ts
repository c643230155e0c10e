import { Status } from "../protocol/errors.ts";
import type { Admin } from "../protocol/packet.ts";
import { checkTopic, isReserved, isSpace } from "../protocol/topic.ts";
import type { Access } from "./access.ts";
import { isRecord, isTextList, readMsgFrom, readStart } from "./admin_values.ts";
import type { Exposers } from "./exposers.ts";
import type { HistoryStart } from "./history_start.ts";
import type { AdminAnswer, Commander } from "./admin_answer.ts";
import type { RuleCommands } from "./rule_commands.ts";
import { SERVICES_MAX, SUBSCRIPTIONS_MAX } from "./limits.ts";
import type { Progress } from "./progress.ts";
import type { StateChange, StateStore } from "./state_store.ts";
import { type Subscriber, type Subscription, subscriptionKey } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Twin } from "./twin.ts";

/** What admin commands work on. */
export interface AdminParts {
  readonly access: Access;
  /** Commands for admins only. */
  readonly rules: RuleCommands;
  readonly exposers: Exposers;
  /** A component that must give way to another, and lost a service. */
  readonly twinOf: (name: string) => Twin | undefined;
  readonly subscriptions: Subscriptions;
  /** Whether topics with `*` are spaces. */
  readonly spaces: boolean;
  /** Name of the broker, told with the capabilities. */
  readonly name: string;
  /** Where it is remembered who is who; `null` when it is not. */
  readonly state?: StateStore | null;
  /** Whether stored messages can be asked for. */
  readonly hasHistory?: boolean;
}

/** Version of the capabilities that we know (D3). */
const CAPABILITIES_VERSION = 1;
const OK: AdminAnswer = { status: Status.OK, data: null };
const STORED: AdminAnswer = { ...OK, isStored: true };

type Command = (from: Commander, topic: string, data: Record<string, unknown>) => AdminAnswer;

/** Runs admin commands (spec 7; rembus-jl 6.10). Every one is answered; an unknown one with 47. */
export class AdminCommands {
  readonly #parts: AdminParts;
  /** `cmd` -> what it does. */
  readonly #commands: ReadonlyMap<string, Command>;

  constructor(parts: AdminParts) {
    this.#parts = parts;
    this.#commands = new Map<string, Command>([
      ["subscribe", ({ twin }, topic, data) => this.#subscribe(twin, topic, data)],
      ["unsubscribe", ({ twin }, topic) => this.unsubscribe(twin, topic)],
      ["expose", ({ twin }, topic) => this.expose(twin, topic)],
      ["unexpose", ({ twin }, topic) => this.unexpose(twin, topic)],
      ["reactive", ({ twin }, _topic, data) => this.#reactive(twin, data)],
      ["setup", ({ twin }, _topic, data) => this.#setup(twin, data)],
      ["capabilities", (from, _topic, data) => this.#capabilities(from, data)],
    ]);
  }

  /** Runs one command. Neither throws nor rejects for what a peer sent. */
  run(from: Commander, packet: Admin): AdminAnswer | Promise<AdminAnswer> {
    const { data } = packet;
    if (!isRecord(data) || typeof data["cmd"] !== "string") {
      return no('Cannot run an admin command: "cmd" must be a text');
    }
    const command = this.#commands.get(data["cmd"]);
    return command === undefined
      ? this.#parts.rules.run(from, packet.topic, { ...data, cmd: data["cmd"] })
      : command(from, packet.topic, data);
  }

  /** As {@link subscribe}, with a place to begin at that our own components may ask for. */
  #subscribe(twin: Twin, topic: string, data: Record<string, unknown>): AdminAnswer {
    if (data["from"] === undefined) return this.subscribe(twin, topic, data["msg_from"]);
    const start = readStart(data["from"]);
    if (start === null) {
      return no(
        `Cannot subscribe "${topic}": "from" must be {offset}, {time} in nanoseconds, or "last"`,
      );
    }
    if (this.#parts.hasHistory !== true) {
      return no(`Cannot subscribe "${topic}" from the past: this broker keeps no messages`);
    }
    // When it comes back, it goes on where it was.
    return this.subscribe(twin, topic, twin.anonymous ? 0 : Infinity, start);
  }

  /** Adds or replaces a subscription of a component. */
  subscribe(
    twin: Twin,
    topic: string,
    from: unknown,
    start: HistoryStart | null = null,
  ): AdminAnswer {
    const msgFrom = readMsgFrom(from);
    if (msgFrom === null) {
      return no(`Cannot subscribe "${topic}": "msg_from" must be a number of nanoseconds`);
    }
    const problem = this.#problem(twin, "subscribe", topic);
    if (problem !== null) return no(problem);
    if (!twin.takesSubscription(topic)) {
      return no(
        `Cannot subscribe "${topic}": a component may have ${SUBSCRIPTIONS_MAX} subscriptions`,
      );
    }
    const { subscription, isNew } = this.#subscription(twin, topic, msgFrom);
    const isChanged = isNew || subscription.msgFrom !== msgFrom;
    subscription.msgFrom = msgFrom;
    if (start !== null) twin.rewind(subscription, start);
    return {
      ...this.#storeSubscription(twin, subscription, isChanged || start !== null),
      after: () => twin.announced(subscription),
    };
  }

  #subscription(
    twin: Twin,
    topic: string,
    msgFrom: number,
  ): { readonly subscription: Subscription; readonly isNew: boolean } {
    const known = twin.subscriptions.get(topic);
    if (known !== undefined) return { subscription: known, isNew: false };
    const space = this.#parts.spaces && isSpace(topic);
    const from = msgFrom === 0 || twin.anonymous ? "now" : "all";
    const progress = twin.following?.newProgress(from) ?? null;
    const subscription = newSubscription(twin, topic, space, progress);
    twin.subscriptions.set(topic, subscription);
    this.#parts.subscriptions.add(subscription);
    return { subscription, isNew: true };
  }

  /** While a component is connected, what comes is its: that, too, is remembered before it is told OK. */
  #storeSubscription(twin: Twin, subscription: Subscription, isChanged: boolean): AdminAnswer {
    const { state = null } = this.#parts;
    if (state === null || twin.anonymous) return OK;
    const { topic, msgFrom, progress } = subscription;
    if (!isChanged && progress?.isOpen === true) return OK;
    twin.prepare(subscription);
    const { mark, seen } = twin.following?.served(subscription) ?? { mark: 0, seen: 0 };
    state.put({
      kind: "subscribed",
      name: twin.name,
      subscription: { topic, msgFrom, mark, seen, until: null },
    });
    return STORED;
  }

  /** Removes a subscription; an unknown one is fine (D7). */
  unsubscribe(twin: Twin, topic: string): AdminAnswer {
    const subscription = twin.subscriptions.get(topic);
    if (subscription !== undefined) {
      twin.subscriptions.delete(topic);
      this.#parts.subscriptions.remove(subscription);
      twin.dropped(subscription);
      return this.#store(twin, { kind: "unsubscribed", name: twin.name, topic });
    }
    return OK;
  }

  /** Adds an exposer of a service. */
  expose(twin: Twin, topic: string): AdminAnswer {
    const problem = this.#problem(twin, "expose", topic);
    if (problem !== null) return no(problem);
    if (!twin.takesService(topic)) {
      return no(`Cannot expose "${topic}": a component may have ${SERVICES_MAX} services`);
    }
    const isNew = !twin.services.has(topic);
    this.#giveWay(twin, topic);
    twin.services.add(topic);
    this.#parts.exposers.add(topic, twin);
    return isNew ? this.#store(twin, { kind: "exposed", name: twin.name, topic }) : OK;
  }

  /** Who could not prove its name loses a service to who can. */
  #giveWay(twin: Twin, topic: string): void {
    for (const name of this.#parts.access.givingWay(topic, twin.name)) {
      const other = this.#parts.twinOf(name);
      if (other !== undefined) this.unexpose(other, topic);
    }
  }

  /** Removes an exposer; an unknown one is fine (D7). */
  unexpose(twin: Twin, topic: string): AdminAnswer {
    this.#parts.exposers.remove(topic, twin);
    if (!twin.services.delete(topic)) return OK;
    return this.#store(twin, { kind: "unexposed", name: twin.name, topic });
  }

  #store(twin: Twin, change: StateChange): AdminAnswer {
    const { state = null } = this.#parts;
    if (state === null || twin.anonymous) return OK;
    state.put(change);
    return STORED;
  }

  #reactive(twin: Twin, data: Record<string, unknown>): AdminAnswer {
    const status = data["status"];
    if (typeof status !== "boolean") {
      return no('Cannot set reactive: "status" must be true or false');
    }
    // Subscriptions that this opens are those of a connected component from now on.
    const opened = status
      ? [...twin.subscriptions.values()].filter((one) =>
        one.progress?.isOpen === false && twin.opensWhenReactive(one)
      )
      : [];
    const stored = opened.map((one) => this.#storeSubscription(twin, one, true));
    return { ...(stored[0] ?? OK), after: () => twin.setReactive(status) };
  }

  #problem(twin: Twin, action: "subscribe" | "expose", topic: string): string | null {
    const problem = checkTopic(topic);
    if (problem !== null) return problem;
    if (isReserved(topic)) {
      return `Cannot ${action} "${topic}": names that start with "__" are reserved`;
    }
    const verdict = this.#parts.access.judge(twin, action, topic);
    if (verdict.allowed) return null;
    return action === "expose" && this.#parts.access.ownerOf(topic, twin.name) !== null
      ? `unauthorized: ${verdict.rule}`
      : "unauthorized";
  }

  /** Everything at once after a reconnect of Rembus.jl (rembus-jl 7.2). */
  #setup(twin: Twin, data: Record<string, unknown>): AdminAnswer {
    const { exposers, subscribers } = data;
    if (!isTextList(exposers, SERVICES_MAX) || !isTextList(subscribers, SUBSCRIPTIONS_MAX)) {
      return no(
        'Cannot set up: "exposers" and "subscribers" must be lists of at most ' +
          `${SERVICES_MAX} and ${SUBSCRIPTIONS_MAX} texts`,
      );
    }
    const answers = [
      ...exposers.map((topic) => this.expose(twin, topic)),
      ...subscribers.map((topic) =>
        this.subscribe(twin, topic, twin.subscriptions.get(topic)?.msgFrom)
      ),
    ];
    const first = answers.find(({ status }) => status !== Status.OK) ?? OK;
    const isStored = answers.some((answer) => answer.isStored === true);
    return { ...first, isStored, after: () => twin.setReactive(true) };
  }

  #capabilities(from: Commander, data: Record<string, unknown>): AdminAnswer {
    if (data["v"] !== CAPABILITIES_VERSION) return OK;
    from.setCapabilities({ extras: data["extras"] === true });
    return { status: Status.OK, data: this.#capabilityMap };
  }

  get #capabilityMap(): Record<string, unknown> {
    const { name, hasHistory = false } = this.#parts;
    return { v: CAPABILITIES_VERSION, name, ...(hasHistory ? { history: true } : {}) };
  }
}

/** A subscription that is not open yet. */
export function newSubscription(
  subscriber: Subscriber,
  topic: string,
  space: boolean,
  progress: Progress | null = null,
): Subscription {
  return {
    subscriber,
    progress,
    topic,
    space,
    key: subscriptionKey(progress === null ? topic : `${topic}\n${progress.salt}`),
    msgFrom: 0,
    open: false,
    removed: false,
    parked: [],
  };
}

function no(reason: string): AdminAnswer {
  return { status: Status.ERROR, data: reason };
}
