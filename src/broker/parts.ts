import type { Access } from "./access.ts";
import type { AdminCommands } from "./admin.ts";
import type { Admins } from "./admins.ts";
import type { AuditTrail } from "./audit.ts";
import type { Calls } from "./calls.ts";
import type { Commits } from "./commits.ts";
import type { FollowingParts } from "./following.ts";
import type { Ledger } from "./ledger.ts";
import type { Counters } from "./counters.ts";
import type { Exposers } from "./exposers.ts";
import type { InterceptorChain } from "./interceptors.ts";
import type { LocalNode } from "./local.ts";
import type { Login } from "./login.ts";
import type { OutboundMemory } from "./memory.ts";
import type { ResolvedBrokerOptions } from "./options.ts";
import type { Publishing } from "./publishing.ts";
import type { Registry } from "./registry.ts";
import type { RuleCommands } from "./rule_commands.ts";
import type { Subscriptions } from "./subscriptions.ts";
import type { Waits } from "./waits.ts";

/** The parts of one broker, as its sessions and its handle see them. Made once, by `Broker`. */
export interface BrokerParts {
  readonly options: ResolvedBrokerOptions;
  readonly access: Access;
  readonly admin: AdminCommands;
  readonly admins: Admins;
  readonly calls: Calls;
  /** Publications that wait for the disk; `null` without a journal. */
  readonly commits: Commits | null;
  /** What follows the journal needs; `null` without one. */
  readonly following: FollowingParts | null;
  /** Remembers positions; `null` when they are not. */
  readonly ledger: Ledger | null;
  readonly counters: Counters;
  readonly exposers: Exposers;
  readonly interceptors: InterceptorChain;
  readonly local: LocalNode;
  readonly login: Login;
  readonly memory: OutboundMemory;
  readonly publishing: Publishing;
  readonly registry: Registry;
  /** Commands of admins. */
  readonly rules: RuleCommands;
  readonly subscriptions: Subscriptions;
  /** What was done to the rules. */
  readonly trail: AuditTrail;
  readonly waits: Waits;
}
