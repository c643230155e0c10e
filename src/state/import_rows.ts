import type { StateChange, Tenant } from "../broker/state_store.ts";
import { checkName } from "../protocol/name.ts";
import { checkTopic, isReserved } from "../protocol/topic.ts";
import type { ImportItem } from "./import_report.ts";
import type { ImportedTable, SourceRows } from "./import_message.ts";
import { Tally } from "./import_tally.ts";

/** What a state is filled with. */
export interface ImportedState {
  /** In order. */
  readonly changes: readonly StateChange[];
  /** What became of all rows. */
  readonly items: readonly ImportItem[];
}

/** The local end of a broker of rembus.python. */
const LOCAL = "repl";
/** The names that rembus.python gives to those that have none. */
const ANONYMOUS = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
const TWICE = "are there twice";

/** Turns the rows of a broker of rembus.python into what a broker of ours remembers. */
export function toState(
  rows: SourceRows,
  { name, nowMs }: { readonly name: string; readonly nowMs: number },
): ImportedState {
  const subscriptions = subscriptionsOf(rows, name);
  const services = servicesOf(rows, name);
  const privacy = privacyOf(rows, name);
  const names = inOrder(
    new Set([...subscriptions.byName.keys(), ...services.byName.keys()]),
    rows.marks,
  );
  const changes: StateChange[] = [];
  names.forEach((component, i) => {
    // A millisecond each, so that their order stays; none is forgotten before it had time to come back.
    changes.push({ kind: "seen", name: component, atMs: nowMs - (names.length - 1 - i) });
    for (const [topic, msgFrom] of subscriptions.byName.get(component) ?? []) {
      // There it was a time, here it is an offset: in the new log there is nothing yet (spec 5.4).
      const subscription = { topic, msgFrom, mark: 0, seen: 0, until: 0 };
      changes.push({ kind: "subscribed", name: component, subscription });
    }
    for (const topic of services.byName.get(component) ?? []) {
      changes.push({ kind: "exposed", name: component, topic });
    }
  });
  for (const [topic, authorized] of privacy.byTopic) {
    changes.push({ kind: "private", topic, names: [...authorized] });
  }
  const admins = adminsOf(rows, name);
  const tenants = tenantsOf(rows);
  if (admins.names.length > 0) changes.push({ kind: "admins", names: admins.names });
  if (tenants.list.length > 0) changes.push({ kind: "tenants", tenants: tenants.list });
  const items = [
    componentItem(rows, names, name),
    subscriptions.item,
    services.item,
    marksItem(rows),
    privacy.item,
    admins.item,
    tenants.item,
  ];
  return { changes, items };
}

/** What became of tables and messages. */
export function tableItems(
  tables: readonly ImportedTable[],
  messages: number,
): readonly ImportItem[] {
  const items = tables.map(({ table, rows, isCopied }) => {
    const tally = new Tally(`table "${table}"`);
    if (isCopied) tally.take(rows);
    else {tally.skip(
        "are in a table whose name begins with __, which is for tables of the broker",
        rows,
      );}
    return tally.item();
  });
  const tally = new Tally("messages");
  tally.skip("stay where they are: the new log begins empty", messages);
  return [...items, tally.item()];
}

/** Why a name is not taken over, or `null`. */
function nameProblem(twin: string | null, broker: string): string | null {
  if (twin === null) return "have no name";
  if (twin === LOCAL || twin === broker) return "are of the broker itself";
  if (ANONYMOUS.test(twin)) return "are of anonymous components";
  return checkName(twin) === null ? null : "have a name that cannot be used any more";
}

function topicProblem(topic: string): string | null {
  if (isReserved(topic)) return "are for topics that begin with __, which are reserved";
  return checkTopic(topic) === null ? null : "are for topics that cannot be used any more";
}

function subscriptionsOf({ subscribers }: SourceRows, broker: string): {
  readonly byName: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly item: ImportItem;
} {
  const tally = new Tally("subscriptions");
  const byName = new Map<string, Map<string, number>>();
  for (const { twin, topic, msgFrom } of subscribers) {
    const problem = nameProblem(twin, broker) ?? topicProblem(topic);
    if (problem !== null) {
      tally.skip(problem);
      continue;
    }
    const topics = byName.get(twin) ?? new Map<string, number>();
    byName.set(twin, topics);
    if (topics.has(topic)) tally.skip(TWICE);
    else tally.take();
    topics.set(topic, toMsgFrom(msgFrom));
  }
  return { byName, item: tally.item() };
}

/** DuckDB writes `inf` and `nan`. What is no window means messages from now on. */
function toMsgFrom(text: string | null): number {
  if (text === null) return 0;
  if (/^\+?inf(?:inity)?$/i.test(text)) return Infinity;
  const value = Number(text);
  return value > 0 ? value : 0;
}

function servicesOf({ exposers }: SourceRows, broker: string): {
  readonly byName: ReadonlyMap<string, ReadonlySet<string>>;
  readonly item: ImportItem;
} {
  const tally = new Tally("services");
  const byName = new Map<string, Set<string>>();
  for (const { twin, topic } of exposers) {
    const problem = nameProblem(twin, broker) ?? topicProblem(topic);
    if (problem !== null) {
      tally.skip(problem);
      continue;
    }
    const topics = byName.get(twin) ?? new Set<string>();
    byName.set(twin, topics);
    if (topics.has(topic)) tally.skip(TWICE);
    else tally.take();
    topics.add(topic);
  }
  return { byName, item: tally.item() };
}

/** The one whose mark is oldest first, those without one before. */
function inOrder(names: ReadonlySet<string>, marks: SourceRows["marks"]): string[] {
  const markOf = new Map(marks.map(({ twin, mark }) => [twin, BigInt(mark ?? 0)] as const));
  return [...names].sort((a, b) => {
    const [ofA, ofB] = [markOf.get(a) ?? 0n, markOf.get(b) ?? 0n];
    if (ofA !== ofB) return ofA < ofB ? -1 : 1;
    return a < b ? -1 : 1;
  });
}

function componentItem(
  { components }: SourceRows,
  names: readonly string[],
  broker: string,
): ImportItem {
  const tally = new Tally("components");
  tally.take(names.length);
  const taken = new Set(names);
  for (const twin of new Set(components.map((row) => row.twin))) {
    if (!taken.has(twin)) {
      tally.skip(nameProblem(twin, broker) ?? "neither subscribe nor expose anything");
    }
  }
  return tally.item();
}

function marksItem({ marks }: SourceRows): ImportItem {
  const tally = new Tally("marks");
  tally.skip("are times of stored messages, which stay behind", marks.length);
  return tally.item();
}

function privacyOf({ topicAuth }: SourceRows, broker: string): {
  readonly byTopic: ReadonlyMap<string, ReadonlySet<string>>;
  readonly item: ImportItem;
} {
  const tally = new Tally("private topics");
  const byTopic = new Map<string, Set<string>>();
  for (const { twin, topic } of topicAuth) {
    const problem = topicProblem(topic);
    if (problem !== null) {
      tally.skip(problem);
      continue;
    }
    if (!byTopic.has(topic)) tally.take();
    // A topic stays private although nobody who may use it is left.
    const names = byTopic.get(topic) ?? new Set<string>();
    byTopic.set(topic, names);
    if (nameProblem(twin, broker) === null) names.add(twin);
  }
  return { byTopic, item: tally.item() };
}

function adminsOf({ admins }: SourceRows, broker: string): {
  readonly names: readonly string[];
  readonly item: ImportItem;
} {
  const tally = new Tally("admins");
  const names = new Set<string>();
  for (const { twin } of admins) {
    const problem = nameProblem(twin, broker);
    if (problem !== null || twin === null) tally.skip(problem ?? TWICE);
    else if (names.has(twin)) tally.skip(TWICE);
    else {
      names.add(twin);
      tally.take();
    }
  }
  return { names: [...names], item: tally.item() };
}

function tenantsOf({ tenants }: SourceRows): {
  readonly list: readonly Tenant[];
  readonly item: ImportItem;
} {
  const tally = new Tally("tenants");
  const byDomain = new Map<string, Tenant>();
  for (const one of tenants) {
    if (byDomain.has(one.tenant)) tally.skip(TWICE);
    else tally.take();
    byDomain.set(one.tenant, one);
  }
  return { list: [...byDomain.values()], item: tally.item() };
}
