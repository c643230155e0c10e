import type { ClientKeys } from "../identity/client_keys.ts";
import type { Link } from "../link/link.ts";
import type { AnyContract, Contract } from "../peer/contract.ts";
import type { Encoding } from "../protocol/packet.ts";
import { BASE_URL_DEFAULT } from "../protocol/url.ts";
import { type Clock, SYSTEM_CLOCK, TIMEOUT_MS_MAX } from "../util/clock.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type Random, SYSTEM_RANDOM } from "../util/random.ts";

/**
 * Which connection of a pool gets a call or a publication: the first that is open, one after the other, or
 * the one with the fewest of them under way.
 */
export type PoolPolicy = "first_up" | "round_robin" | "less_busy";
const POOL_POLICIES: readonly PoolPolicy[] = ["first_up", "round_robin", "less_busy"];

/**
 * Who begins a login: the component, which says its name and proves it when it is asked to, or a broker that lets
 * nobody in without a proof and asks for one at once (rembus-jl 5.4).
 */
export type ConnectionMode = "default" | "authenticated";
const CONNECTION_MODES: readonly ConnectionMode[] = ["default", "authenticated"];

/** Options of a component. Times are in milliseconds. */
export interface ComponentOptions<C extends Contract = AnyContract> {
  /** What a URL without scheme, host or port is completed with. @default {"ws://127.0.0.1:8338"} */
  readonly baseUrl?: string;
  /** How to write until the broker has shown what it writes. @default {"cbor"} */
  readonly encoding?: Encoding;
  /**
   * Where what proves the name is kept: `memoryKeys()`, in a browser `indexedDbKeys()`, or one of your own. Asked
   * only when the broker asks for a proof. @default {none: a broker that asks refuses the component}
   */
  readonly keys?: ClientKeys;
  /**
   * `"authenticated"` waits for the broker to ask for a proof, and sends nothing before: for brokers that let
   * nobody else in. Such a component must have a name. `"default"` works with them, too. @default {"default"}
   */
  readonly connectionMode?: ConnectionMode;
  /** Time to wait for the answer of a call or command, for the link, and for the login. @default {10_000} */
  readonly requestTimeoutMs?: number;
  /** Pause before an unacknowledged publication of QoS 1 or 2 is sent again. @default {2_000} */
  readonly ackTimeoutMs?: number;
  /** How often it is sent again. It fails `ackTimeoutMs` after the last time. @default {10} */
  readonly sendRetries?: number;
  /**
   * Whether to start although the first attempt to connect failed, for whatever reason; the component goes on
   * trying. @default {false}
   */
  readonly startAnyway?: boolean;
  /** Ceiling of the pause before the first new attempt; each failure doubles it. @default {100, or the next} */
  readonly reconnectMinMs?: number;
  /** Ceiling of the pause between attempts that is never exceeded. @default {10_000} */
  readonly reconnectMaxMs?: number;
  /** Silence after which the broker is asked for a sign of life; 0 never asks. @default {30_000} */
  readonly heartbeatMs?: number;
  /** Time that it has to give one, before the link is cut and dialled again. @default {10_000} */
  readonly heartbeatTimeoutMs?: number;
  /** Which connection of a pool gets calls and publications. @default {"first_up"} */
  readonly policy?: PoolPolicy;
  /** Whether to ask the broker for the name of each publisher (D3). Costs a few bytes per message. @default {false} */
  readonly extras?: boolean;
  /** Types of topics and services, checked where values cross the edge. @default {none} */
  readonly contract?: C;
  /** Where the component reports what happens to it. @default {silent} */
  readonly logger?: Logger;
  /** Source of time. @default {that of the machine} */
  readonly clock?: Clock;
  /** Source of chance. @default {that of the machine} */
  readonly random?: Random;
  /** Opens the link to a URL; for tests and for brokers in the same process. @default {a WebSocket} */
  readonly dial?: (url: string, signal: AbortSignal) => Promise<Link>;
  /** Closes the component when aborted. */
  readonly signal?: AbortSignal;
}

/** Options of a component that does not reconnect. */
export type ConnectOptions<C extends Contract = AnyContract> = Omit<
  ComponentOptions<C>,
  "startAnyway" | "reconnectMinMs" | "reconnectMaxMs" | "policy"
>;

/** {@link ComponentOptions} with every value settled. */
export interface ResolvedComponentOptions {
  readonly baseUrl: string;
  readonly encoding: Encoding;
  readonly keys: ClientKeys | null;
  readonly connectionMode: ConnectionMode;
  readonly requestTimeoutMs: number;
  readonly ackTimeoutMs: number;
  readonly sendRetries: number;
  readonly startAnyway: boolean;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly policy: PoolPolicy;
  readonly extras: boolean;
  readonly contract: Contract;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  readonly dial: ((url: string, signal: AbortSignal) => Promise<Link>) | null;
  readonly signal: AbortSignal | null;
}

/** Default of `reconnectMinMs`, unless the longest pause is shorter. */
const RECONNECT_MIN_MS = 100;
/** The most retries that make sense. Exceeded: `RangeError`. */
const SEND_RETRIES_MAX = 1_000;

/** Settles all options. Throws `TypeError` or `RangeError` that names the option with a value it cannot have. */
export function resolveComponentOptions(
  options: ComponentOptions<Contract> = {},
): ResolvedComponentOptions {
  const reconnectMaxMs = options.reconnectMaxMs ?? 10_000;
  const resolved: ResolvedComponentOptions = {
    baseUrl: options.baseUrl ?? BASE_URL_DEFAULT,
    encoding: options.encoding ?? "cbor",
    keys: options.keys ?? null,
    connectionMode: options.connectionMode ?? "default",
    requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
    ackTimeoutMs: options.ackTimeoutMs ?? 2_000,
    sendRetries: options.sendRetries ?? 10,
    startAnyway: options.startAnyway ?? false,
    reconnectMinMs: options.reconnectMinMs ?? Math.min(RECONNECT_MIN_MS, reconnectMaxMs),
    reconnectMaxMs,
    heartbeatMs: options.heartbeatMs ?? 30_000,
    heartbeatTimeoutMs: options.heartbeatTimeoutMs ?? 10_000,
    policy: options.policy ?? "first_up",
    extras: options.extras ?? false,
    contract: options.contract ?? {},
    logger: options.logger ?? SILENT,
    clock: options.clock ?? SYSTEM_CLOCK,
    random: options.random ?? SYSTEM_RANDOM,
    dial: options.dial ?? null,
    signal: options.signal ?? null,
  };
  assertRange("requestTimeoutMs", resolved.requestTimeoutMs, 1, TIMEOUT_MS_MAX);
  assertRange("ackTimeoutMs", resolved.ackTimeoutMs, 1, TIMEOUT_MS_MAX);
  assertRange("sendRetries", resolved.sendRetries, 0, SEND_RETRIES_MAX);
  assertRange("reconnectMaxMs", resolved.reconnectMaxMs, 0, TIMEOUT_MS_MAX);
  assertRange("reconnectMinMs", resolved.reconnectMinMs, 0, resolved.reconnectMaxMs);
  assertRange("heartbeatMs", resolved.heartbeatMs, 0, TIMEOUT_MS_MAX);
  assertRange("heartbeatTimeoutMs", resolved.heartbeatTimeoutMs, 1, TIMEOUT_MS_MAX);
  assertOneOf("encoding", resolved.encoding, ["cbor", "json"]);
  assertOneOf("connectionMode", resolved.connectionMode, CONNECTION_MODES);
  assertOneOf("policy", resolved.policy, POOL_POLICIES);
  return resolved;
}

function assertRange(option: string, value: number, min: number, max: number): void {
  if (typeof value === "number" && value >= min && value <= max) return;
  throw new RangeError(
    `Cannot make a component: "${option}" must be from ${min} to ${max}, got ${String(value)}`,
  );
}

function assertOneOf(option: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new TypeError(
    `Cannot make a component: "${option}" must be one of ${allowed.join(", ")}, got "${
      String(value)
    }"`,
  );
}
