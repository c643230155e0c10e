import { LimitError } from "../protocol/errors.ts";
import { domainOf } from "../protocol/name.ts";
import { TENANTS_MAX } from "./limits.ts";
import type { Tenant } from "./state_store.ts";

/** Tenant of names whose domain is not listed, of anonymous components, and of what the broker publishes. */
export const ROOT_TENANT = ".";

/**
 * The tenants (spec 4.3; rembus-jl 6.1): domains whose components may register with a PIN. A domain that is
 * listed is apart from all others; else the text behind a dot is only text (D30).
 */
export class Tenants {
  /** Domain -> PIN, of the settings: these stay. */
  readonly #fixed: ReadonlyMap<string, string>;
  /** Domain -> PIN, of those that are remembered; they count before those of the settings. */
  readonly #remembered = new Map<string, string>();
  /** Whether the settings list a domain besides the root. */
  readonly #isFixedApart: boolean;

  /** Begins with those of the settings. */
  constructor(fixed: readonly Tenant[]) {
    this.#fixed = new Map(fixed.map(({ tenant, secret }) => [tenant, secret]));
    this.#isFixedApart = [...this.#fixed.keys()].some((tenant) => tenant !== ROOT_TENANT);
  }

  /** Whether anybody is apart from anybody: a domain besides the root is listed. */
  get isApart(): boolean {
    const { size } = this.#remembered;
    return this.#isFixedApart || size > 1 || (size === 1 && !this.#remembered.has(ROOT_TENANT));
  }

  /** The domains, sorted. */
  names(): string[] {
    return [...new Set([...this.#fixed.keys(), ...this.#remembered.keys()])].sort();
  }

  /** Those that are remembered. */
  remembered(): Tenant[] {
    return [...this.#remembered].map(([tenant, secret]) => ({ tenant, secret }));
  }

  /** Whether a domain is listed by the settings. */
  isFixed(tenant: string): boolean {
    return this.#fixed.has(tenant);
  }

  /** The PIN of a domain; `null` when it is not listed. */
  secretOf(tenant: string): string | null {
    return this.#remembered.get(tenant) ?? this.#fixed.get(tenant) ?? null;
  }

  /** Lists a domain, or gives it another PIN. Throws `LimitError`. */
  put({ tenant, secret }: Tenant): void {
    if (this.#remembered.size >= TENANTS_MAX && !this.#remembered.has(tenant)) {
      throw new LimitError(`Cannot add tenant "${tenant}": ${TENANTS_MAX} are listed`);
    }
    this.#remembered.set(tenant, secret);
  }

  /** Takes a domain off the list. Returns `false` when it was not remembered. */
  remove(tenant: string): boolean {
    return this.#remembered.delete(tenant);
  }

  /** The tenant of a component. */
  of(name: string): string {
    if (!this.isApart) return ROOT_TENANT;
    const domain = domainOf(name);
    return this.#fixed.has(domain) || this.#remembered.has(domain) ? domain : ROOT_TENANT;
  }
}
