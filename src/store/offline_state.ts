import type { Audit } from "../broker/audit.ts";
import type { Keys } from "../broker/keys.ts";
import type { RememberedState, StateChange, Tenant } from "../broker/state_store.ts";
import { denoLogFiles } from "../log/deno_files.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { checkName } from "../protocol/name.ts";
import { openStateStore } from "../state/open_state_store.ts";
import type { DurableState } from "../state/durable_state.ts";
import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { requireAccess } from "./access.ts";
import { AuditFile } from "./audit_file.ts";
import { openKeyFiles } from "./key_files.ts";
import { placesOf } from "./places.ts";

/** Which broker is changed. */
export interface OfflineOptions {
  /** Directory of all brokers. */
  readonly dir: string;
  /** Name of the broker. */
  readonly name: string;
  /** Time. @default the clock of the machine */
  readonly clock?: Clock;
  /** Where events go. @default silent */
  readonly logger?: Logger;
}

/** A change of the rules of a broker. */
export type RuleChange = Extract<
  StateChange,
  { readonly kind: "admins" | "tenants" | "private" | "public" }
>;

/** The rules of a broker that does not run. */
export interface OfflineState extends AsyncDisposable {
  /** Components with the rights of an admin. */
  readonly admins: readonly string[];
  /** The tenants, with their PINs. */
  readonly tenants: readonly Tenant[];
  /** Private topics and who may use them. */
  readonly privateTopics: RememberedState["privateTopics"];
  /** The registered names. */
  readonly keys: Keys;
  /** Takes entries of the audit trail of the broker. */
  readonly audit: Audit;
  /** Changes a rule; resolves when that is durable. Rejects with a `StateError` when it cannot be stored. */
  put(change: RuleChange): Promise<void>;
  /** Closes all of it, and lets a broker start. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens the rules of a broker that does not run. Until it is closed the broker cannot start. What is missing is
 * made, so that rules can be given before the first start.
 *
 * @throws {TypeError} For a name that no broker can have.
 * @throws {RembusError} For a broker that runs, and permissions that are missing.
 * @throws {StateError} For a state that is damaged or of a newer version.
 */
export async function openOffline(options: OfflineOptions): Promise<OfflineState> {
  const { dir, name, clock = SYSTEM_CLOCK, logger = SILENT } = options;
  const problem = checkName(name);
  if (problem !== null) throw new TypeError(`Cannot change broker "${name}": ${problem}`);
  requireAccess(dir);
  const places = placesOf(dir, name);
  const lock = await denoLogFiles(places.log).lock();
  if (lock === null) {
    throw new RembusError(
      Status.ERROR,
      `Cannot change broker "${name}" in "${dir}": expected that it does not run, got one that ` +
        "does. Stop it, or change it while it runs, as one of its admins",
    );
  }
  let state: DurableState | null = null;
  try {
    state = openStateStore({ path: places.state, clock, logger });
    const keys = await openKeyFiles(places.keys, logger);
    const audit = new AuditFile({ path: places.audit, clock, logger });
    return new OpenOffline({ lock, state, keys, audit });
  } catch (error) {
    await state?.close();
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

interface OfflineParts {
  readonly lock: AsyncDisposable;
  readonly state: DurableState;
  readonly keys: Keys;
  readonly audit: AuditFile;
}

class OpenOffline implements OfflineState {
  readonly keys: Keys;
  readonly audit: Audit;
  readonly #parts: OfflineParts;
  #admins: readonly string[];
  #tenants: readonly Tenant[];
  /** Topic -> names. */
  readonly #privateTopics: Map<string, readonly string[]>;
  #closing: Promise<void> | null = null;

  constructor(parts: OfflineParts) {
    const { admins, tenants, privateTopics } = parts.state.remembered;
    this.#parts = parts;
    this.keys = parts.keys;
    this.audit = parts.audit.audit;
    this.#admins = admins;
    this.#tenants = tenants;
    this.#privateTopics = new Map(privateTopics.map(({ topic, names }) => [topic, names]));
  }

  get admins(): readonly string[] {
    return this.#admins;
  }

  get tenants(): readonly Tenant[] {
    return this.#tenants;
  }

  get privateTopics(): RememberedState["privateTopics"] {
    return [...this.#privateTopics].map(([topic, names]) => ({ topic, names }));
  }

  async put(change: RuleChange): Promise<void> {
    const { state } = this.#parts;
    state.put(change);
    await state.committed();
    this.#apply(change);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #apply(change: RuleChange): void {
    switch (change.kind) {
      case "admins":
        this.#admins = change.names;
        return;
      case "tenants":
        this.#tenants = change.tenants;
        return;
      case "private":
        this.#privateTopics.set(change.topic, change.names);
        return;
      case "public":
        this.#privateTopics.delete(change.topic);
        return;
      default:
        change satisfies never;
    }
  }

  /** The lock last: a broker that starts finds everything in place. */
  async #close(): Promise<void> {
    const { audit, lock, state } = this.#parts;
    try {
      await audit.close();
      await state.close();
    } finally {
      await lock[Symbol.asyncDispose]();
    }
  }
}
