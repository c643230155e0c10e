import type { StateChange, Tenant } from "../broker/state_store.ts";
import { type ComponentChange, PendingComponent } from "./pending_component.ts";
import type { Write } from "./statements.ts";
import type { StoredRows } from "./stored_rows.ts";

/** Something with changes that are not stored yet: a component, a topic, the admins, the tenants. */
interface Subject {
  /** How many changes had been noted when the first of these was. */
  readonly since: number;
  /** The statements that store them. */
  writes(): Write[];
}

interface ComponentSubject extends Subject {
  readonly component: PendingComponent;
}

/** What a change is noted with. */
interface PendingNow {
  readonly nowMs: number;
  readonly stored: StoredRows | null;
}

/** Some of the changes, to be stored in one transaction. */
export interface Chunk {
  /** The statements, in order. */
  readonly writes: readonly Write[];
  /** What they are of; for {@link Pending.stored}. */
  readonly subjects: readonly string[];
}

/**
 * Changes that are not stored yet: the last word on each thing, so that there are no more of them than there is
 * state. Whatever waits longest is stored first.
 */
export class Pending {
  /** Thing -> its changes; in the order of their first ones. */
  readonly #subjects = new Map<string, Subject>();
  /** Name -> the changes of that component. */
  readonly #components = new Map<string, ComponentSubject>();
  #noted = 0;

  /** Things with changes. */
  get size(): number {
    return this.#subjects.size;
  }

  /** Changes noted so far; see {@link isStored}. */
  get noted(): number {
    return this.#noted;
  }

  /** Whether the first `noted` changes are stored. */
  isStored(noted: number): boolean {
    for (const { since } of this.#subjects.values()) return since >= noted;
    return true;
  }

  /** Notes a change; the arguments are those of {@link PendingComponent.add}. */
  add(change: StateChange, now: PendingNow): void {
    switch (change.kind) {
      case "private": {
        const { topic } = change;
        const values = [topic, JSON.stringify(change.names)];
        return this.#note(topicKey(topic), [{ statement: "makePrivate", values }]);
      }
      case "public":
        return this.#makePublic(change.topic, now);
      case "admins":
        return this.#setAdmins(change.names);
      case "tenants":
        return this.#setTenants(change.tenants);
      default:
        return this.#addToComponent(change, now);
    }
  }

  /** Notes which log positions belong to. */
  setLogId(logId: string): void {
    this.#note("origin", [
      { statement: "clearOrigin", values: [] },
      { statement: "addOrigin", values: [logId] },
    ]);
  }

  /** Those that wait longest: about `writesMax` statements, a thing being stored as a whole. */
  next(writesMax: number): Chunk {
    const writes: Write[] = [];
    const subjects: string[] = [];
    for (const [key, subject] of this.#subjects) {
      if (writes.length >= writesMax) break;
      writes.push(...subject.writes());
      subjects.push(key);
    }
    return { writes, subjects };
  }

  /** These are stored, and had no other changes meanwhile. */
  stored(subjects: Chunk["subjects"]): void {
    for (const key of subjects) {
      this.#subjects.delete(key);
      if (key.startsWith(COMPONENT)) this.#components.delete(key.slice(COMPONENT.length));
    }
  }

  #makePublic(topic: string, { stored }: PendingNow): void {
    if (stored?.hasPrivateTopic(topic) === false) this.#subjects.delete(topicKey(topic));
    else this.#note(topicKey(topic), [{ statement: "makePublic", values: [topic] }]);
  }

  /** Each name once: a second row of it would fail the commit. */
  #setAdmins(names: readonly string[]): void {
    const added = [...new Set(names)].map((name): Write => ({
      statement: "addAdmin",
      values: [name],
    }));
    this.#note("admins", [{ statement: "clearAdmins", values: [] }, ...added]);
  }

  /** The last one of a domain counts. */
  #setTenants(tenants: readonly Tenant[]): void {
    const secrets = new Map(tenants.map(({ tenant, secret }) => [tenant, secret]));
    const added = [...secrets].map((values): Write => ({ statement: "addTenant", values }));
    this.#note("tenants", [{ statement: "clearTenants", values: [] }, ...added]);
  }

  #addToComponent(change: ComponentChange, now: PendingNow): void {
    const { name } = change;
    if (change.kind === "forgotten" && now.stored?.hasComponent(name) === false) {
      this.stored([componentKey(name)]);
    } else this.#component(name).add(change, now);
  }

  #note(key: string, writes: Write[]): void {
    const since = this.#subjects.get(key)?.since ?? this.#noted;
    this.#noted++;
    this.#subjects.set(key, { since, writes: () => writes });
  }

  #component(name: string): PendingComponent {
    let subject = this.#components.get(name);
    if (subject === undefined) {
      const component = new PendingComponent(name);
      subject = { since: this.#noted, component, writes: () => component.writes() };
      this.#components.set(name, subject);
      this.#subjects.set(componentKey(name), subject);
    }
    this.#noted++;
    return subject.component;
  }
}

/** Starts the key of a component; that of a topic starts with another letter. */
const COMPONENT = "c:";

function componentKey(name: string): string {
  return `${COMPONENT}${name}`;
}

function topicKey(topic: string): string {
  return `t:${topic}`;
}
