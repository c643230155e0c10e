import { LimitError, Status } from "../protocol/errors.ts";
import { checkName } from "../protocol/name.ts";
import type { Admin } from "../protocol/packet.ts";
import { checkTopic, isReserved, isSpace } from "../protocol/topic.ts";
import type { Access } from "./access.ts";
import type { Exposers } from "./exposers.ts";
import { SERVICES_MAX, SUBSCRIPTIONS_MAX } from "./limits.ts";
import { type Subscriber, type Subscription, subscriptionKey } from "./subscription.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Twin } from "./twin.ts";

/** The answer of an admin command. */
export interface AdminAnswer {
  readonly status: number;
  readonly data: unknown;
  /** What follows on the answer: deliveries must not overtake the OK that they wait for (spec 5.3). */
  readonly after?: () => void;
}

/** What admin commands work on. */
export interface AdminParts {
  readonly access: Access;
  readonly exposers: Exposers;
  readonly subscriptions: Subscriptions;
  /** Whether topics with `*` are spaces. */
  readonly spaces: boolean;
  /** Name of the broker, told with the capabilities. */
  readonly name: string;
}

/** Who sends a command. */
export interface Commander {
  readonly twin: Twin;
  readonly isAdmin: boolean;
  /** The peer negotiated capabilities (D3). */
  setCapabilities(capabilities: { readonly extras: boolean }): void;
}

/** Version of the capabilities that we know (D3). */
const CAPABILITIES_VERSION = 1;
const OK: AdminAnswer = { status: Status.OK, data: null };

type Command = (from: Commander, topic: string, data: Record<string, unknown>) => AdminAnswer;

/** Runs admin commands (spec 7; rembus-jl 6.10). Every one is answered; an unknown one with 47. */
export class AdminCommands {
  readonly #parts: AdminParts;
  /** `cmd` -> what it does. */
  readonly #commands: ReadonlyMap<string, Command>;

  constructor(parts: AdminParts) {
    this.#parts = parts;
    this.#commands = new Map<string, Command>([
      ["subscribe", ({ twin }, topic, data) => this.subscribe(twin, topic, data["msg_from"])],
      ["unsubscribe", ({ twin }, topic) => this.unsubscribe(twin, topic)],
      ["expose", ({ twin }, topic) => this.expose(twin, topic)],
      ["unexpose", ({ twin }, topic) => this.unexpose(twin, topic)],
      ["reactive", ({ twin }, _topic, data) => reactive(twin, data)],
      ["setup", ({ twin }, _topic, data) => this.#setup(twin, data)],
      ["capabilities", (from, _topic, data) => this.#capabilities(from, data)],
      ["private_topic", this.#forAdmins((topic) => void this.#parts.access.makePrivate(topic))],
      ["public_topic", this.#forAdmins((topic) => this.#parts.access.makePublic(topic))],
      [
        "authorize",
        this.#forAdmins((topic, cid) => this.#parts.access.authorize(cid, topic), true),
      ],
      [
        "unauthorize",
        this.#forAdmins((topic, cid) => this.#parts.access.unauthorize(cid, topic), true),
      ],
      ["private_topics_config", this.#report(() => this.#parts.access.list())],
      [
        "broker_config",
        this.#report(() => ({
          exposers: this.#parts.exposers.list(),
          subscribers: this.#parts.subscriptions.list(),
        })),
      ],
    ]);
  }

  /** Runs one command. */
  run(from: Commander, packet: Admin): AdminAnswer {
    const { data } = packet;
    if (!isRecord(data) || typeof data["cmd"] !== "string") {
      return no('Cannot run an admin command: "cmd" must be a text');
    }
    const command = this.#commands.get(data["cmd"]);
    if (command === undefined) {
      return { status: Status.UNKNOWN_ADMIN_CMD, data: data["cmd"] };
    }
    try {
      return command(from, packet.topic, data);
    } catch (error) {
      if (error instanceof LimitError) return no(error.message);
      throw error;
    }
  }

  /** Adds or replaces a subscription of a component. */
  subscribe(twin: Twin, topic: string, from: unknown): AdminAnswer {
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
    const known = twin.subscriptions.get(topic);
    const subscription = known ??
      newSubscription(twin, topic, this.#parts.spaces && isSpace(topic));
    subscription.msgFrom = msgFrom;
    if (known === undefined) {
      twin.subscriptions.set(topic, subscription);
      this.#parts.subscriptions.add(subscription);
    }
    return { ...OK, after: () => twin.announced(subscription) };
  }

  /** Removes a subscription; an unknown one is fine (D7). */
  unsubscribe(twin: Twin, topic: string): AdminAnswer {
    const subscription = twin.subscriptions.get(topic);
    if (subscription !== undefined) {
      twin.subscriptions.delete(topic);
      this.#parts.subscriptions.remove(subscription);
      twin.outbox.drop(subscription);
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
    twin.services.add(topic);
    this.#parts.exposers.add(topic, twin);
    return OK;
  }

  /** Removes an exposer; an unknown one is fine (D7). */
  unexpose(twin: Twin, topic: string): AdminAnswer {
    twin.services.delete(topic);
    this.#parts.exposers.remove(topic, twin);
    return OK;
  }

  #problem(twin: Twin, action: "subscribe" | "expose", topic: string): string | null {
    const problem = checkTopic(topic);
    if (problem !== null) return problem;
    if (isReserved(topic)) {
      return `Cannot ${action} "${topic}": names that start with "__" are reserved`;
    }
    return this.#parts.access.can(twin, action, topic) ? null : "unauthorized";
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
    return { ...first, after: () => twin.setReactive(true) };
  }

  #capabilities(from: Commander, data: Record<string, unknown>): AdminAnswer {
    if (data["v"] !== CAPABILITIES_VERSION) return OK;
    from.setCapabilities({ extras: data["extras"] === true });
    return { status: Status.OK, data: { v: CAPABILITIES_VERSION, name: this.#parts.name } };
  }

  #forAdmins(action: (topic: string, cid: string) => void, needsCid = false): Command {
    return ({ isAdmin }, topic, data) => {
      if (!isAdmin) return no("unauthorized");
      const problem = checkTopic(topic);
      if (problem !== null) return no(problem);
      const cid = data["cid"];
      if (needsCid && (typeof cid !== "string" || checkName(cid) !== null)) {
        return no(`Cannot change who may use "${topic}": "cid" must be the name of a component`);
      }
      action(topic, typeof cid === "string" ? cid : "");
      return OK;
    };
  }

  #report(make: () => unknown): Command {
    return ({ isAdmin }) => isAdmin ? { status: Status.OK, data: make() } : no("unauthorized");
  }
}

/** A subscription that is not open yet. */
export function newSubscription(
  subscriber: Subscriber,
  topic: string,
  space: boolean,
): Subscription {
  return {
    subscriber,
    topic,
    space,
    key: subscriptionKey(topic),
    msgFrom: 0,
    open: false,
    removed: false,
    parked: [],
  };
}

function reactive(twin: Twin, data: Record<string, unknown>): AdminAnswer {
  const status = data["status"];
  if (typeof status !== "boolean") return no('Cannot set reactive: "status" must be true or false');
  return { ...OK, after: () => twin.setReactive(status) };
}

/**
 * The window of a subscription in nanoseconds, or `null` for what is none. JSON peers cannot write infinity
 * and send null or a text (spec 3.4); Rembus.jl may leave it out, or send a boolean (rembus-jl 6.8).
 */
function readMsgFrom(value: unknown): number | null {
  switch (value) {
    case undefined:
    case false:
      return 0;
    case null:
    case "inf":
    case "Infinity":
      return Infinity;
    case true:
      return 1;
    default:
  }
  const window = typeof value === "bigint" ? Number(value) : value;
  return typeof window === "number" && window >= 0 ? window : null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Map);
}

function isTextList(value: unknown, max: number): value is string[] {
  return Array.isArray(value) && value.length <= max &&
    value.every((item) => typeof item === "string");
}

function no(reason: string): AdminAnswer {
  return { status: Status.ERROR, data: reason };
}
