import { isSpace } from "../protocol/topic.ts";
import type { BrokerTable } from "./options.ts";
import { PrivateTopics } from "./private_topics.ts";
import type { Tenant } from "./state_store.ts";
import { ruleTouchesTable } from "./table_rights.ts";
import { ROOT_TENANT, Tenants } from "./tenants.ts";

/** What an actor wants to do with a topic. */
export type Action = "publish" | "subscribe" | "receive" | "expose" | "call";

/** Who asks. */
export interface Actor {
  /** Name of the component; the broker-given id of an anonymous one. */
  readonly name: string;
  /** The broker's own handle: it may do everything. */
  readonly isBroker: boolean;
  /** Whether it has the rights of an admin. @default {false} */
  readonly isAdmin?: boolean;
}

/** What a gate decided, and by which rule. */
export interface Verdict {
  readonly allowed: boolean;
  /** The rule in words, for the operator. */
  readonly rule: string;
}

/** What an {@link Access} judges by. */
export interface AccessParts {
  /** Name of the broker. */
  readonly name: string;
  /** Whether topics with `*` are spaces. */
  readonly spaces: boolean;
  /** Tenants by the settings. */
  readonly tenants: readonly Tenant[];
  /** Tables, with the topics that fill them. */
  readonly tables: readonly BrokerTable[];
  /** Services that several authenticated components may expose: topics or patterns. */
  readonly sharedServices: readonly string[];
  /** Whether a name is registered, so that only the owner of its key can have it. */
  readonly isRegistered: (name: string) => boolean;
  /** Names of the components that expose a service. */
  readonly exposersOf: (topic: string) => readonly string[];
}

/** Services that bring code to the broker or to a component: for admins only (spec 12.4 #44). */
const CODE_SERVICES = /^deno_(?:service|subscriber)_/;
const TABLE_SERVICES = /^(?:query|upsert|delete)_/;

const PUBLIC: Verdict = { allowed: true, rule: "the topic is public" };

/**
 * The one gate for every door (design.md section 6): private topics and who may use them (spec 5.7), tenants, tables,
 * services that belong to somebody, and code. An admin is not implicitly authorized.
 */
export class Access {
  /** Private topics. */
  readonly topics: PrivateTopics;
  /** Tenants. */
  readonly tenants: Tenants;
  readonly #parts: AccessParts;
  /** Service of a table -> the topic that fills it. */
  readonly #tables = new Map<string, BrokerTable>();
  readonly #shared: PrivateTopics;

  /** Makes a gate that lets everything pass. */
  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.tenants = new Tenants(parts.tenants);
    this.topics = new PrivateTopics({ spaces: parts.spaces });
    // The same matching: a shared service is a topic or a pattern.
    this.#shared = new PrivateTopics({ spaces: true });
    for (const topic of parts.sharedServices) this.#shared.makePrivate(topic);
    for (const table of parts.tables) {
      for (const verb of ["query", "upsert", "delete"]) {
        this.#tables.set(`${verb}_${table.name}`, table);
      }
    }
  }

  /** Whether receivers have to be judged one by one. */
  judges(topic: string): boolean {
    return this.tenants.isApart || this.topics.covering(topic).length > 0;
  }

  /** Whether `actor` may do `action` on exactly this topic. A space is open: each message is judged on its own. */
  can(actor: Actor, action: Action, topic: string): boolean {
    if (actor.isBroker) return true;
    const isPlain = action !== "call" && action !== "expose";
    if (isPlain && this.topics.isEmpty) return true;
    return this.judge(actor, action, topic).allowed;
  }

  /** Whether a message of `publisher` on `topic` may reach `receiver`. */
  mayReceive(receiver: Actor, topic: string, publisher: string): boolean {
    if (receiver.isBroker) return true;
    return this.can(receiver, "receive", topic) && this.sameTenant(receiver.name, publisher);
  }

  /** Whether a service brings code: then it is called of the broker, or of one component, never of any that exposes it. */
  isCode(topic: string): boolean {
    return CODE_SERVICES.test(topic);
  }

  /** Whether it is no secret that a service is there, so that who may not call it is told why. */
  isRestricted(topic: string): boolean {
    return this.isCode(topic) || this.#tables.has(topic);
  }

  /** Whether two names have to do with each other. */
  sameTenant(one: string, other: string): boolean {
    return !this.tenants.isApart || this.tenantOf(one) === this.tenantOf(other);
  }

  /** The tenant of a name. The broker is in the root, whatever it is called. */
  tenantOf(name: string): string {
    return name === this.#parts.name ? ROOT_TENANT : this.tenants.of(name);
  }

  /** The component to which a service belongs that `name` may therefore not expose; `null` when it may. */
  ownerOf(topic: string, name: string): string | null {
    const { exposersOf, isRegistered } = this.#parts;
    if (this.#shared.covering(topic).length > 0) return null;
    return exposersOf(topic).find((owner) =>
      owner !== name && isRegistered(owner) && this.sameTenant(owner, name)
    ) ?? null;
  }

  /** Those that have to give way when `name` exposes a service: they could not prove who they are, it can. */
  givingWay(topic: string, name: string): string[] {
    const { exposersOf, isRegistered } = this.#parts;
    if (!isRegistered(name) || this.#shared.covering(topic).length > 0) return [];
    return exposersOf(topic).filter((other) =>
      other !== name && !isRegistered(other) && this.sameTenant(other, name)
    );
  }

  /** Decides, and says why. */
  judge(actor: Actor, action: Action, topic: string): Verdict {
    if (actor.isBroker) return { allowed: true, rule: "the broker itself may do everything" };
    switch (action) {
      case "call":
        return this.#judgeCall(actor, topic);
      case "expose": {
        const verdict = this.#judgeTopic(actor, topic);
        const owner = verdict.allowed ? this.ownerOf(topic, actor.name) : null;
        return owner === null
          ? verdict
          : { allowed: false, rule: `the service "${topic}" belongs to "${owner}"` };
      }
      case "subscribe":
        // Each message of a space is judged on its own; only a rule for the very pattern closes it.
        return this.#parts.spaces && isSpace(topic) && this.topics.exact(topic) === null
          ? { allowed: true, rule: "a space is open: each of its messages is judged on its own" }
          : this.#judgeTopic(actor, topic);
      default:
        return this.#judgeTopic(actor, topic);
    }
  }

  #judgeCall(actor: Actor, topic: string): Verdict {
    if (CODE_SERVICES.test(topic)) {
      return actor.isAdmin === true
        ? { allowed: true, rule: "admins may change code" }
        : { allowed: false, rule: "only an authenticated admin may change code" };
    }
    const table = TABLE_SERVICES.test(topic) ? this.#tables.get(topic) : undefined;
    return table === undefined
      ? this.#judgeTopic(actor, topic)
      : this.#judgeTable(actor, topic, table);
  }

  #judgeTopic({ name }: Actor, topic: string): Verdict {
    const rules = this.topics.covering(topic);
    if (rules.length === 0) return PUBLIC;
    const granting = rules.find(({ names }) => names.has(name));
    if (granting !== undefined) {
      return { allowed: true, rule: `"${name}" is authorized on "${granting.topic}"` };
    }
    const covering = rules.map((rule) => `"${rule.topic}"`).join(", ");
    return { allowed: false, rule: `private by ${covering}, where "${name}" is not authorized` };
  }

  /** A grant on the service itself decides; else a table is as private as all that can fill it. */
  #judgeTable(actor: Actor, service: string, table: BrokerTable): Verdict {
    if (this.topics.covering(service).length > 0) return this.#judgeTopic(actor, service);
    const { name } = actor;
    if (this.tenantOf(name) !== ROOT_TENANT) {
      return {
        allowed: false,
        rule: `the table "${table.name}" has rows of all tenants: "${name}" needs a grant on ` +
          `"${service}"`,
      };
    }
    for (const rule of this.topics.rules()) {
      if (rule.names.has(name) || !ruleTouchesTable(table, rule.topic)) continue;
      return {
        allowed: false,
        rule: `the table "${table.name}" is filled by "${rule.topic}", which is private, and ` +
          `"${name}" is not authorized there`,
      };
    }
    return { allowed: true, rule: `nothing that fills the table "${table.name}" is kept from it` };
  }
}
