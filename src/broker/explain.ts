import type { Access, Actor, Verdict } from "./access.ts";
import type { Exposers } from "./exposers.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** What can be asked about. */
export const ASKED_ACTIONS = [
  "publish",
  "subscribe",
  "receive",
  "history",
  "expose",
  "call",
  "direct",
  "query",
  "upsert",
  "delete",
  "admin",
] as const;
/** One of them. */
export type AskedAction = typeof ASKED_ACTIONS[number];

/** What explaining works on. */
export interface ExplainParts {
  readonly access: Access;
  readonly exposers: Exposers;
  readonly subscriptions: Subscriptions;
  /** The table that messages of a topic fill. */
  readonly tableOf: (topic: string) => string | null;
  /** Whether the broker itself answers a service. */
  readonly isOwnService: (topic: string) => boolean;
  /** Name of the broker. */
  readonly name: string;
}

/** Why somebody may do something or not, and what would follow. */
export interface Explanation extends Verdict {
  /** Who would receive a publication. */
  readonly receivers?: readonly string[];
  /** Who could answer a call. */
  readonly exposers?: readonly string[];
  /** The table that a publication would fill. */
  readonly table?: string;
}

/** A question about the rules. */
export interface Question {
  readonly actor: Actor;
  readonly action: AskedAction;
  /** The topic; a table for query, upsert and delete; a component for direct. */
  readonly topic: string;
}

/** Answers a question about the rules, by the gate that decides when it happens. */
export function explain(parts: ExplainParts, { actor, action, topic }: Question): Explanation {
  const { access } = parts;
  switch (action) {
    case "publish":
      return explainPublish(parts, actor, topic);
    case "subscribe":
    case "receive":
    case "expose":
      return access.judge(actor, action, topic);
    case "history":
      return access.judge(actor, "receive", topic);
    case "call":
      return explainCall(parts, actor, topic);
    case "query":
    case "upsert":
    case "delete":
      return explainCall(parts, actor, `${action}_${topic}`);
    case "direct":
      return access.sameTenant(actor.name, topic)
        ? {
          allowed: true,
          rule: "both are in one tenant; what is called there is judged as a call",
        }
        : { allowed: false, rule: `"${actor.name}" and "${topic}" are in different tenants` };
    case "admin":
      return actor.isAdmin === true
        ? { allowed: true, rule: `"${actor.name}" is an admin, once it has proved its name` }
        : { allowed: false, rule: `"${actor.name}" is no admin` };
    default:
      return action satisfies never;
  }
}

function explainPublish(parts: ExplainParts, actor: Actor, topic: string): Explanation {
  const { access, subscriptions, tableOf } = parts;
  const verdict = access.judge(actor, "publish", topic);
  if (!verdict.allowed) return verdict;
  const receivers = subscriptions.match(topic)
    .map(({ subscriber }) => subscriber)
    .filter((one) => one.name !== actor.name && access.mayReceive(one, topic, actor.name))
    .map(({ name }) => name);
  const table = tableOf(topic);
  return {
    ...verdict,
    receivers: [...new Set(receivers)],
    ...(table === null ? {} : { table }),
  };
}

function explainCall(parts: ExplainParts, actor: Actor, topic: string): Explanation {
  const { access, exposers, isOwnService, name } = parts;
  const verdict = access.judge(actor, "call", topic);
  if (!verdict.allowed) return verdict;
  const found = isOwnService(topic)
    ? [name]
    : exposers.of(topic).filter((one) => access.sameTenant(one, actor.name));
  return { ...verdict, exposers: found };
}
