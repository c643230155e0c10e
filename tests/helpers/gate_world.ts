import type { BrokerOptions } from "../../src/broker/options.ts";
import { MemoryKeys } from "../../src/broker/keys.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import { coversTopic, type GateWorld } from "./gate_oracle.ts";
import type { SeededRandom } from "./seeded_random.ts";
import { matchesSpace } from "./naive_space.ts";
import { watchSecret } from "./watched_logger.ts";

/** The admin who changes the rules in every world. */
export const ROOT = "root";
/** Topics that are published on. */
export const TOPICS: readonly string[] = [
  "rome/s1/sensor",
  "oslo/s1/sensor",
  "rome/alarm",
  "rome/@k/sensor",
  "sensor",
  "flat",
  "a/b",
];
/** Patterns that are subscribed. */
export const SPACES: readonly string[] = [
  "rome/**",
  "*/s1/*",
  "**",
  "*/*",
  "r*/alarm",
  "f*t",
  "**/@k/*",
];
/** Services of components. */
export const SERVICES: readonly string[] = ["svc/one", "svc/two", "rome/call"];
/** Tables of the broker, and what fills them. */
export const TABLES: GateWorld["tables"] = [
  { name: "sensor", topic: ":site/:dn/sensor" },
  { name: "alarm", topic: ":site/alarm" },
  { name: "flat", topic: "flat" },
];
/** What is made private. */
const RULES: readonly string[] = [
  ...TOPICS,
  ...SERVICES,
  ...["rome/**", "*/s1/*", "*/*", "r*/alarm", "sens*", "**/@k/*", "rome/*/*", "**"],
  ...["query_sensor", "upsert_alarm", "query_*", "*_flat", "svc/*"],
];
const NAMES: readonly string[] = [
  ...[ROOT, "ann.acme", "bob.acme", "cat.sub.org", "dan.sub.org"],
  ...["eve.other", "fay", "gus", "hal.acme.org"],
];
const DOMAINS: readonly string[] = ["acme", "sub.org", "acme.org", "."];

/** A {@link GateWorld}, and the broker options that make one. */
export interface MadeWorld extends GateWorld {
  readonly options: BrokerOptions;
  readonly names: readonly string[];
  readonly registered: ReadonlySet<string>;
}

/** The secret of a registered name. */
export function secretOf(name: string): string {
  return `the secret of ${name}`;
}

function pinOf(tenant: string): string {
  return `the PIN of ${tenant}`;
}

/** Rules, tenants, keys and admins by chance. */
export function makeWorld(random: SeededRandom): MadeWorld {
  const some = (items: readonly string[], share: number): string[] =>
    items.filter(() => random.float() < share);
  const tenants = some(DOMAINS, random.pick([0, 0.5, 1]));
  const registered = new Set([ROOT, ...some(NAMES, 0.5)]);
  const admins = new Set([ROOT, ...some(NAMES, 0.3)]);
  const shared = some(["svc/*", "rome/call"], 0.3);
  const authenticated = random.float() < 0.25;
  const encoder = new TextEncoder();
  const keys = new MemoryKeys(
    [...registered].map((name) =>
      [name, { kind: "secret", bytes: encoder.encode(secretOf(name)) }] as const
    ),
  );
  // The logs of these brokers are searched for them.
  for (const name of registered) watchSecret(secretOf(name));
  for (const tenant of tenants) watchSecret(pinOf(tenant));
  const nothing = encodeCbor(null);
  const services = new Map(
    TABLES.flatMap(({ name }) =>
      ["query", "upsert", "delete"].map((verb) =>
        [`${verb}_${name}`, () => Promise.resolve(nothing)] as const
      )
    ),
  );
  return {
    ...{
      rules: new Map(),
      tenants: new Set(tenants),
      admins,
      shared,
      tables: TABLES,
      authenticated,
    },
    ...{ names: NAMES, registered },
    options: {
      tenants: tenants.map((tenant) => ({ tenant, secret: pinOf(tenant) })),
      ...{
        admins: [...admins],
        sharedServices: shared,
        tables: TABLES,
        authenticated,
        keys,
        services,
      },
    },
  };
}

/** One command of an admin. */
export interface RuleChange {
  readonly cmd: "private_topic" | "public_topic" | "authorize" | "unauthorize";
  readonly topic: string;
  readonly cid: string;
}

/** A change by chance; of something that is private, mostly. */
export function makeChange(random: SeededRandom, { rules }: GateWorld): RuleChange {
  const cmd = random.pick([
    "private_topic",
    "public_topic",
    "authorize",
    "authorize",
    "unauthorize",
  ]);
  const known = [...rules.keys()];
  const isKnown = known.length > 0 && random.float() < 0.6;
  // A rule for everything leaves little to test: it comes seldom, and goes soon.
  const topic = rules.has("**") ? "**" : random.pick(isKnown ? known : RULES);
  return {
    cmd: rules.has("**") ? "public_topic" : cmd as RuleChange["cmd"],
    topic,
    cid: random.pick(NAMES),
  };
}

/** What a change does to the rules. */
export function applyChange({ rules }: GateWorld, { cmd, topic, cid }: RuleChange): void {
  if (cmd === "public_topic") rules.delete(topic);
  else if (cmd === "unauthorize") rules.get(topic)?.delete(cid);
  else {
    const names = rules.get(topic) ?? new Set();
    if (cmd === "authorize") names.add(cid);
    rules.set(topic, names);
  }
}

/** Whether a subscription gets messages of a topic, rules aside (spec 5.6). */
export function isMeant(subscribed: string, topic: string): boolean {
  return subscribed === topic || (subscribed.includes("*") && matchesSpace(subscribed, topic));
}

/** Whether any rule covers a topic; for a share of interesting cases. */
export function isPrivate({ rules }: GateWorld, topic: string): boolean {
  return [...rules.keys()].some((rule) => coversTopic(rule, topic));
}
