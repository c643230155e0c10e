import type { RememberedSubscription, ServedTo, StateChange } from "../broker/state_store.ts";
import type { Write } from "./statements.ts";
import type { StoredRows } from "./stored_rows.ts";

/** A change of what is remembered of one component. */
export type ComponentChange = Extract<StateChange, { readonly name: string }>;

/** What is to become of a subscription. */
type SubscriptionChange =
  | { readonly kind: "subscribed"; readonly subscription: RememberedSubscription }
  | { readonly kind: "unsubscribed" }
  | { readonly kind: "served"; readonly served: ServedTo };

/** What is to become of a service. `again`: it moves behind those that were exposed meanwhile. */
type ServiceChange = "exposed" | "unexposed" | "again";

/** Everything that changed of one component and is not stored yet: the last word on each of its topics. */
export class PendingComponent {
  readonly #name: string;
  #isForgotten = false;
  /** When it was seen; `null` when that did not change. */
  #seenMs: number | null = null;
  /** When it counts as seen unless that is known. */
  #knownMs: number | null = null;
  /** Topic -> change. */
  readonly #subscriptions = new Map<string, SubscriptionChange>();
  /** Topic -> change, in the order of the last one. */
  readonly #services = new Map<string, ServiceChange>();

  /** Takes the name of the component. */
  constructor(name: string) {
    this.#name = name;
  }

  /**
   * Notes a change. With `stored`, a deletion of what is not stored is not kept, so that a peer cannot fill memory
   * with them while nothing can be stored.
   */
  add(change: ComponentChange, { nowMs, stored }: {
    readonly nowMs: number;
    readonly stored: StoredRows | null;
  }): void {
    switch (change.kind) {
      case "subscribed": {
        const { subscription } = change;
        this.#knownMs = nowMs;
        this.#subscriptions.set(subscription.topic, { kind: "subscribed", subscription });
        return;
      }
      case "unsubscribed":
        if (this.#isForgotten || stored?.hasSubscription(this.#name, change.topic) === false) {
          this.#subscriptions.delete(change.topic);
        } else this.#subscriptions.set(change.topic, { kind: "unsubscribed" });
        return;
      case "served":
        this.#serve(change.topic, { mark: change.mark, seen: change.seen, until: change.until });
        return;
      case "exposed":
        this.#knownMs = nowMs;
        this.#expose(change.topic);
        return;
      case "unexposed": {
        const isStored = !this.#isForgotten &&
          stored?.hasService(this.#name, change.topic) !== false;
        this.#services.delete(change.topic);
        if (isStored) this.#services.set(change.topic, "unexposed");
        return;
      }
      case "seen":
        this.#seenMs = change.atMs;
        return;
      case "forgotten":
        this.#forget();
        return;
      default:
        change satisfies never;
    }
  }

  /** The statements that store it, in order. */
  writes(): Write[] {
    const name = this.#name;
    const writes: Write[] = [];
    if (this.#isForgotten) {
      writes.push({ statement: "forgetSubscriptions", values: [name] });
      writes.push({ statement: "forgetServices", values: [name] });
      writes.push({ statement: "forgetComponent", values: [name] });
    }
    if (this.#seenMs !== null) {
      writes.push({ statement: "see", values: [name, this.#seenMs] });
    } else if (this.#knownMs !== null) {
      writes.push({ statement: "addComponent", values: [name, this.#knownMs] });
    }
    for (const [topic, change] of this.#subscriptions) {
      writes.push(subscriptionWrite(name, topic, change));
    }
    for (const [topic, change] of this.#services) {
      if (change !== "exposed") writes.push({ statement: "unexpose", values: [name, topic] });
      if (change !== "unexposed") writes.push({ statement: "expose", values: [name, topic] });
    }
    return writes;
  }

  #serve(topic: string, served: ServedTo): void {
    const known = this.#subscriptions.get(topic);
    if (known?.kind === "unsubscribed") return;
    if (known?.kind === "subscribed") {
      const subscription = { ...known.subscription, ...served };
      this.#subscriptions.set(topic, { kind: "subscribed", subscription });
    } else if (!this.#isForgotten) this.#subscriptions.set(topic, { kind: "served", served });
  }

  #expose(topic: string): void {
    const known = this.#services.get(topic);
    if (known === "exposed" || known === "again") return;
    this.#services.delete(topic);
    this.#services.set(topic, known === undefined ? "exposed" : "again");
  }

  #forget(): void {
    this.#isForgotten = true;
    this.#seenMs = null;
    this.#knownMs = null;
    this.#subscriptions.clear();
    this.#services.clear();
  }
}

function subscriptionWrite(name: string, topic: string, change: SubscriptionChange): Write {
  switch (change.kind) {
    case "subscribed": {
      const { msgFrom, mark, seen, until } = change.subscription;
      return { statement: "subscribe", values: [name, topic, msgFrom, mark, seen, until] };
    }
    case "unsubscribed":
      return { statement: "unsubscribe", values: [name, topic] };
    case "served": {
      const { mark, seen, until } = change.served;
      return { statement: "serve", values: [mark, seen, until, name, topic] };
    }
    default:
      return change satisfies never;
  }
}
