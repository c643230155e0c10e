import type { Conversation } from "./conversation.ts";
import { SERVICES_KNOWN_MAX } from "./limits.ts";
import type { Policy } from "./options.ts";

/** A component as an exposer; a twin is one. */
export interface Exposer {
  readonly name: string;
  /** The connected session, or `null`. */
  readonly conversation: Conversation | null;
}

interface Service {
  /** In the order they exposed it; never empty. */
  readonly exposers: Exposer[];
  /** Where `round_robin` looks first. */
  next: number;
}

/** What a look-up of a service gives. */
export type Found =
  /** Nobody ever exposed it (42). */
  | { readonly kind: "unknown" }
  /** Nobody who exposes it can take a call now (43). */
  | { readonly kind: "unavailable" }
  | { readonly kind: "found"; readonly exposer: Conversation };

/** Whether an exposer comes into question for a caller. */
export type Suits = (exposer: Exposer) => boolean;

const ANYBODY: Suits = () => true;
const UNKNOWN: Found = { kind: "unknown" };
const UNAVAILABLE: Found = { kind: "unavailable" };

/** Who exposes what, and whose turn it is (spec 6.2, 6.3). */
export class Exposers {
  readonly #policy: Policy;
  /** Service -> exposers. */
  readonly #services = new Map<string, Service>();
  /** Services without an exposer, in the order they lost it: they stay known, as in rembus.python. */
  readonly #orphans = new Set<string>();

  constructor(policy: Policy) {
    this.#policy = policy;
  }

  /** Adds an exposer at the end; one that is there keeps its place. */
  add(topic: string, exposer: Exposer): void {
    this.#orphans.delete(topic);
    const service = this.#services.get(topic);
    if (service === undefined) this.#services.set(topic, { exposers: [exposer], next: 0 });
    else if (!service.exposers.includes(exposer)) service.exposers.push(exposer);
  }

  /** Removes an exposer. */
  remove(topic: string, exposer: Exposer): void {
    const service = this.#services.get(topic);
    const index = service?.exposers.indexOf(exposer) ?? -1;
    if (service === undefined || index === -1) return;
    service.exposers.splice(index, 1);
    if (service.next > index) service.next--;
    if (service.next >= service.exposers.length) service.next = 0;
    if (service.exposers.length > 0) return;
    this.#services.delete(topic);
    this.#orphans.add(topic);
    if (this.#orphans.size > SERVICES_KNOWN_MAX) {
      const [oldest] = this.#orphans;
      if (oldest !== undefined) this.#orphans.delete(oldest);
    }
  }

  /**
   * The exposer that gets the next call of a service, by the policy. Those that `suits` does not take are not there
   * for this caller.
   */
  choose(topic: string, suits: Suits = ANYBODY): Found {
    const service = this.#services.get(topic);
    if (service === undefined) return this.#orphans.has(topic) ? UNAVAILABLE : UNKNOWN;
    const exposer = this.#pick(service, suits);
    return exposer === null ? UNAVAILABLE : { kind: "found", exposer };
  }

  /** Service -> names of its exposers, for admins. */
  list(): Record<string, string[]> {
    const list: Record<string, string[]> = Object.create(null);
    for (const [topic, { exposers }] of this.#services) {
      list[topic] = exposers.map(({ name }) => name);
    }
    return list;
  }

  /** Names of the components that expose a service, in the order they exposed it. */
  of(topic: string): string[] {
    return this.#services.get(topic)?.exposers.map(({ name }) => name) ?? [];
  }

  #pick(service: Service, suits: Suits): Conversation | null {
    switch (this.#policy) {
      case "first_up":
        return firstFrom(service.exposers, 0, suits)?.conversation ?? null;
      case "round_robin":
        return roundRobin(service, suits);
      case "less_busy":
        return lessBusy(service.exposers, suits);
      default:
        return this.#policy satisfies never;
    }
  }
}

/** The connection of an exposer, if a call can be sent on it now. */
function ready(exposer: Exposer | undefined, suits: Suits): Conversation | null {
  const conversation = exposer?.conversation ?? null;
  if (exposer === undefined || conversation === null || !conversation.takesCalls) return null;
  return suits(exposer) ? conversation : null;
}

function firstFrom(
  exposers: readonly Exposer[],
  start: number,
  suits: Suits,
): { readonly index: number; readonly conversation: Conversation } | null {
  for (let step = 0; step < exposers.length; step++) {
    const index = (start + step) % exposers.length;
    const conversation = ready(exposers[index], suits);
    if (conversation !== null) return { index, conversation };
  }
  return null;
}

function roundRobin(service: Service, suits: Suits): Conversation | null {
  const found = firstFrom(service.exposers, service.next, suits);
  if (found === null) return null;
  service.next = (found.index + 1) % service.exposers.length;
  return found.conversation;
}

function lessBusy(exposers: readonly Exposer[], suits: Suits): Conversation | null {
  let best: Conversation | null = null;
  for (const exposer of exposers) {
    const conversation = ready(exposer, suits);
    if (conversation === null) continue;
    if (best === null || conversation.working.size < best.working.size) best = conversation;
  }
  return best;
}
