import { type Clock, SYSTEM_CLOCK, TIMEOUT_MS_MAX } from "../util/clock.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type Random, SYSTEM_RANDOM } from "../util/random.ts";
import { checkName } from "../protocol/name.ts";
import type { Encoding } from "../protocol/packet.ts";
import type { Contract } from "../peer/contract.ts";
import { DRAIN_MS_DEFAULT, MEMORY_BYTES_DEFAULT, MEMORY_BYTES_MIN } from "./limits.ts";
import type { Interceptor } from "./interceptors.ts";
import type { Audit } from "./audit.ts";
import { type Keys, MemoryKeys } from "./keys.ts";
import type { Journal } from "./journal.ts";
import type { RawService } from "./raw_service.ts";
import type { StateStore, Tenant } from "./state_store.ts";

/** Which of several exposers of a service gets a call (spec 6.3). */
export const POLICIES = ["first_up", "round_robin", "less_busy"] as const;
/** Which of several exposers of a service gets a call. */
export type Policy = typeof POLICIES[number];

const ENCODINGS: readonly Encoding[] = ["cbor", "json"];

/** How a broker is made. Every field has a default. */
export interface BrokerOptions {
  /** Name of the broker: the answer of `rid`. @default {"broker"} */
  readonly name?: string;
  /** Which of several exposers gets a call. @default {"first_up"} */
  readonly policy?: Policy;
  /** Whether topics with `*` are spaces; else they are literal topics. @default {true} */
  readonly spaces?: boolean;
  /**
   * Names with the rights of an admin, besides those that are remembered. Only an authenticated connection has them,
   * or one of this process. @default {[]}
   */
  readonly admins?: readonly string[];
  /** Tenants, besides those that are remembered: domains whose components may register (spec 4.3). @default {[]} */
  readonly tenants?: readonly Tenant[];
  /** The registered names. @default {in memory} */
  readonly keys?: Keys;
  /** Whether nobody may do anything before it proved a name with a key (D29). @default {false} */
  readonly authenticated?: boolean;
  /** Whether a second connection under a name replaces the first (rembus-jl 6.1); else it is refused. @default {false} */
  readonly overwriteConnection?: boolean;
  /**
   * Services, exact or as patterns, that several authenticated components may expose. Any other one belongs to
   * the first of them. @default {[]}
   */
  readonly sharedServices?: readonly string[];
  /** The tables that messages fill: who may not have the messages may not query the table. @default {[]} */
  readonly tables?: readonly BrokerTable[];
  /** The table that messages of a topic fill, `null` for none; told by `why`. @default {none} */
  readonly tableOf?: (topic: string) => string | null;
  /** Messages and bytes that one component may send per second; reading from it pauses above. @default {no limit} */
  readonly rateLimit?: RateLimit;
  /** Takes what was done to the rules, for the operator. @default {the logger only} */
  readonly audit?: Audit;
  /** What admins may do to the process around the broker. @default {nothing} */
  readonly control?: Control;
  /** Encoding used to a peer until it sent something. @default {"cbor"} */
  readonly encoding?: Encoding;
  /** Time that calls of the broker itself wait for an answer, in milliseconds. @default {10_000} */
  readonly requestTimeoutMs?: number;
  /** Memory of all queues together, in bytes. @default {1_073_741_824} */
  readonly memoryLimitBytes?: number;
  /** How long `close` waits for what is under way, in milliseconds. @default {2_000} */
  readonly drainMs?: number;
  /** Whether the arguments of successful calls are published to subscribers of the service (D7). @default {false} */
  readonly mirrorRpc?: boolean;
  /** Whether a component gets nothing until it said `reactive` (spec 5.3). @default {false} */
  readonly strictReactive?: boolean;
  /** Keeps what passes; `null` keeps nothing, and the promises end with the process. @default {null} */
  readonly journal?: Journal | null;
  /** Remembers who is who across a restart; needs a journal. @default {null} */
  readonly state?: StateStore | null;
  /** Services of the broker that work on payload bytes, by name. @default {none} */
  readonly services?: ReadonlyMap<string, RawService>;
  /** Messages older than this, in milliseconds, are not delivered to who was away. @default {Infinity} */
  readonly offlineMaxMs?: number;
  /** See every message before the broker does, in this order (spec 10.3). @default {[]} */
  readonly interceptors?: readonly Interceptor[];
  /** Types and validators of what the broker itself exposes and subscribes. */
  readonly contract?: Contract;
  /** Where the broker reports. @default {silent} */
  readonly logger?: Logger;
  /** Source of time. @default {the clock of the machine} */
  readonly clock?: Clock;
  /** Source of chance. @default {the random source of the machine} */
  readonly random?: Random;
}

/** A table that messages fill. */
export interface BrokerTable {
  /** Its name, as in `query_<name>`. */
  readonly name: string;
  /** Its topic, with variables as in `:site/:type/sensor`. */
  readonly topic: string;
}

/** How much one component may send. */
export interface RateLimit {
  /** Messages per second. @default {Infinity} */
  readonly messages?: number;
  /** Bytes of their payloads per second. @default {Infinity} */
  readonly bytes?: number;
}

/** What admins may do to the process around a broker (rembus-jl 6.10). */
export interface Control {
  /** Ends the broker; called after the admin was answered. */
  readonly shutdown?: () => void;
  /** Reads anew what is outside of the broker, such as certificates. Rejects with what is wrong with it. */
  readonly reload?: () => Promise<void>;
  /** Switches logging of everything on or off. */
  readonly setDebug?: (isOn: boolean) => void;
}

/** {@link BrokerOptions} with every field set. */
export type ResolvedBrokerOptions = Required<BrokerOptions>;

/** Fills in the defaults. Throws `RangeError` or `TypeError` for a value that cannot be honoured. */
export function resolveBrokerOptions(options: BrokerOptions): ResolvedBrokerOptions {
  const resolved: ResolvedBrokerOptions = {
    name: options.name ?? "broker",
    policy: options.policy ?? "first_up",
    spaces: options.spaces ?? true,
    admins: options.admins ?? [],
    tenants: options.tenants ?? [],
    keys: options.keys ?? new MemoryKeys(),
    authenticated: options.authenticated ?? false,
    overwriteConnection: options.overwriteConnection ?? false,
    sharedServices: options.sharedServices ?? [],
    tables: options.tables ?? [],
    tableOf: options.tableOf ?? (() => null),
    rateLimit: options.rateLimit ?? {},
    audit: options.audit ?? (() => {}),
    control: options.control ?? {},
    encoding: options.encoding ?? "cbor",
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    memoryLimitBytes: options.memoryLimitBytes ?? MEMORY_BYTES_DEFAULT,
    drainMs: options.drainMs ?? DRAIN_MS_DEFAULT,
    mirrorRpc: options.mirrorRpc ?? false,
    strictReactive: options.strictReactive ?? false,
    journal: options.journal ?? null,
    state: options.state ?? null,
    services: options.services ?? new Map(),
    offlineMaxMs: options.offlineMaxMs ?? Infinity,
    interceptors: options.interceptors ?? [],
    contract: options.contract ?? {},
    logger: options.logger ?? SILENT,
    clock: options.clock ?? SYSTEM_CLOCK,
    random: options.random ?? SYSTEM_RANDOM,
  };
  const problem = checkName(resolved.name);
  if (problem !== null) {
    throw new TypeError(`Cannot start the broker as "name" is wrong: ${problem}`);
  }
  assertOneOf("policy", resolved.policy, POLICIES);
  assertOneOf("encoding", resolved.encoding, ENCODINGS);
  assertRange("requestTimeoutMs", resolved.requestTimeoutMs, [1, TIMEOUT_MS_MAX]);
  assertRange("memoryLimitBytes", resolved.memoryLimitBytes, [
    MEMORY_BYTES_MIN,
    Number.MAX_SAFE_INTEGER,
  ]);
  assertRange("drainMs", resolved.drainMs, [0, TIMEOUT_MS_MAX]);
  assertRange("offlineMaxMs", resolved.offlineMaxMs, [0, Infinity]);
  for (const [field, value] of Object.entries(resolved.rateLimit)) {
    if (!(value > 0)) {
      throw new RangeError(
        `Cannot start the broker as "rateLimit.${field}" must be > 0: current value is ${value}`,
      );
    }
  }
  if (resolved.state !== null && resolved.journal === null) {
    throw new TypeError(
      'Cannot start the broker with "state": positions in it need a "journal", got none',
    );
  }
  return resolved;
}

function assertOneOf(option: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new TypeError(
    `Cannot start the broker as "${option}" must be one of ${allowed.join(", ")}: ` +
      `current value is ${String(value)}`,
  );
}

function assertRange(
  option: string,
  value: number,
  [least, most]: readonly [least: number, most: number],
): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  throw new RangeError(
    `Cannot start the broker as "${option}" must be from ${least} to ${most}: ` +
      `current value is ${String(value)}`,
  );
}
