/** How far a subscription of a named component has been served (D10). */
export interface ServedTo {
  /** QoS 1/2: everything up to this offset was acknowledged by the component, or is none of its business. */
  readonly mark: number;
  /**
   * QoS 0: everything up to this offset was handed out; `null` while the component is connected and gets what
   * comes, so that after a crash nothing of it is handed out twice.
   */
  readonly seen: number | null;
  /** The last offset that came while it was connected; `null` while it is. */
  readonly until: number | null;
}

/** One subscription as it is remembered. */
export interface RememberedSubscription extends ServedTo {
  /** Topic or pattern. */
  readonly topic: string;
  /** `msg_from`: nanoseconds, or Infinity for all not received. */
  readonly msgFrom: number;
}

/** A named component as it is remembered. */
export interface RememberedComponent {
  /** Its name. */
  readonly name: string;
  /** When it was connected last, in milliseconds since the epoch. */
  readonly lastSeenMs: number;
  /** What it subscribed. */
  readonly subscriptions: readonly RememberedSubscription[];
  /** In the order they were exposed. */
  readonly services: readonly string[];
}

/** A domain whose components may register, with its PIN (spec 4.3), and which is apart from the others (D30). */
export interface Tenant {
  /** The domain; `.` for names without a dot. */
  readonly tenant: string;
  /** The PIN. */
  readonly secret: string;
}

/** What a broker remembers across a restart. */
export interface RememberedState {
  /** In the order they were seen last, the longest ago first. */
  readonly components: readonly RememberedComponent[];
  /** Private topics and who may use them. */
  readonly privateTopics: readonly { readonly topic: string; readonly names: readonly string[] }[];
  /** Components with the rights of an admin. @default none */
  readonly admins?: readonly string[];
  /** The tenants. @default none */
  readonly tenants?: readonly Tenant[];
}

/** One change of what is remembered. */
export type StateChange =
  /** A subscription was made or changed; replaces one of the same name and topic. */
  | {
    readonly kind: "subscribed";
    readonly name: string;
    readonly subscription: RememberedSubscription;
  }
  | { readonly kind: "unsubscribed"; readonly name: string; readonly topic: string }
  | { readonly kind: "exposed" | "unexposed"; readonly name: string; readonly topic: string }
  /** A subscription was served further. One that is not remembered (any more) is not made by this. */
  | ({ readonly kind: "served"; readonly name: string; readonly topic: string } & ServedTo)
  /** A component was seen: it logged in, or went. */
  | { readonly kind: "seen"; readonly name: string; readonly atMs: number }
  /** Everything of a component is forgotten. */
  | { readonly kind: "forgotten"; readonly name: string }
  /** A topic is private with exactly these names. */
  | { readonly kind: "private"; readonly topic: string; readonly names: readonly string[] }
  | { readonly kind: "public"; readonly topic: string }
  /** The admins are exactly these. */
  | { readonly kind: "admins"; readonly names: readonly string[] }
  /** The tenants are exactly these. */
  | { readonly kind: "tenants"; readonly tenants: readonly Tenant[] };

/** Where a broker remembers who is who (D24, D25). `src/state` has one on SQLite. */
export interface StateStore {
  /** What is remembered, as it was when the store was opened. */
  readonly remembered: RememberedState;
  /** Notes a change; it is written with all others of this turn. */
  put(change: StateChange): void;
  /**
   * Settles when everything that was put before is durable. Rejects with an error whose text is fit for a peer when
   * it cannot be written; the changes are kept and written when that is possible again.
   */
  committed(): Promise<void>;
}
