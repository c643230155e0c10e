import type { BrokerTable } from "../../src/broker/options.ts";

/** The rules of one broker, as an operator would tell them. */
export interface GateWorld {
  /** Private topic or pattern -> names that may use it. */
  readonly rules: Map<string, Set<string>>;
  /** Listed domains. */
  readonly tenants: ReadonlySet<string>;
  readonly admins: ReadonlySet<string>;
  /** Services that several proven components may expose, as patterns. */
  readonly shared: readonly string[];
  readonly tables: readonly BrokerTable[];
  /** Whether nobody may do anything who proved no name. */
  readonly authenticated: boolean;
}

/** Who asks. */
export interface GateActor {
  /** The name it got; `null` when it has none. */
  readonly name: string | null;
  /** Whether it proved that name with a key. */
  readonly isProven: boolean;
}

/** Whether a rule covers a topic: `*` is one or more characters of a level, `**` any text (spec 5.6). */
export function coversTopic(rule: string, topic: string): boolean {
  const source = rule.replace(/\*\*|\*|[^]/g, (part) => {
    if (part === "**") return "[^]*";
    return part === "*" ? "[^/]+" : part.replace(/[.+?^${}()|[\]\\]/, "\\$&");
  });
  return new RegExp(`^${source}$`).test(topic);
}

/** What the levels of topics are made of in these tests: enough to fill any table under any rule. */
const LEVELS = ["rome", "oslo", "s1", "@k", "svc"];

/** Issue 4 in few lines, slow, and written without a look at the gate: decides who may do what. */
export class GateOracle {
  readonly world: GateWorld;

  constructor(world: GateWorld) {
    this.world = world;
  }

  isIn({ isProven }: GateActor): boolean {
    return isProven || !this.world.authenticated;
  }

  tenantOf({ name }: GateActor): string {
    const domain = name?.split(".").slice(1).join(".") ?? "";
    return this.world.tenants.has(domain) ? domain : ".";
  }

  together(one: GateActor, other: GateActor): boolean {
    return this.tenantOf(one) === this.tenantOf(other);
  }

  /** Publish, expose, call, or subscribe to, a topic. */
  mayUse(actor: GateActor, topic: string): boolean {
    const rules = [...this.world.rules].filter(([rule]) => coversTopic(rule, topic));
    const isGranted = rules.some(([, names]) => actor.name !== null && names.has(actor.name));
    return this.isIn(actor) && (rules.length === 0 || isGranted);
  }

  maySubscribe(actor: GateActor, topic: string): boolean {
    const isOpen = topic.includes("*") && !this.world.rules.has(topic);
    return isOpen ? this.isIn(actor) : this.mayUse(actor, topic);
  }

  mayReceive(actor: GateActor, topic: string, publisher: GateActor): boolean {
    return this.mayUse(actor, topic) && this.together(actor, publisher);
  }

  mayExpose(actor: GateActor, topic: string, exposers: readonly GateActor[]): boolean {
    const isShared = this.world.shared.some((rule) => coversTopic(rule, topic));
    const isOwned = exposers.some((owner) =>
      owner.isProven && owner.name !== actor.name && this.together(owner, actor)
    );
    return this.mayUse(actor, topic) && (isShared || !isOwned);
  }

  mayAsk(actor: GateActor, table: BrokerTable, service: string): boolean {
    const rules = [...this.world.rules];
    if (rules.some(([rule]) => coversTopic(rule, service))) return this.mayUse(actor, service);
    const topics = [table.name, ...filling(table.topic.split("/"))];
    return this.isIn(actor) && this.tenantOf(actor) === "." &&
      rules.every(([rule, names]) =>
        (actor.name !== null && names.has(actor.name)) ||
        !topics.some((topic) => coversTopic(rule, topic))
      );
  }

  mayAdminister({ name, isProven }: GateActor): boolean {
    return isProven && name !== null && this.world.admins.has(name);
  }
}

function filling([first = "", ...rest]: readonly string[]): string[] {
  const texts = first.startsWith(":") ? LEVELS : [first];
  return rest.length === 0
    ? texts
    : texts.flatMap((text) => filling(rest).map((behind) => `${text}/${behind}`));
}
