import { LimitError } from "../protocol/errors.ts";
import { ADMINS_MAX } from "./limits.ts";

/** Names with the rights of an admin: those of the settings, which stay, and those that are remembered. */
export class Admins {
  readonly #fixed: ReadonlySet<string>;
  readonly #remembered = new Set<string>();

  /** Begins with those of the settings. */
  constructor(fixed: readonly string[]) {
    this.#fixed = new Set(fixed);
  }

  /** Whether a name has the rights, if its connection proved it. */
  has(name: string): boolean {
    return this.#fixed.has(name) || this.#remembered.has(name);
  }

  /** Whether a name has them by the settings. */
  isFixed(name: string): boolean {
    return this.#fixed.has(name);
  }

  /** All of them, sorted. */
  names(): string[] {
    return [...new Set([...this.#fixed, ...this.#remembered])].sort();
  }

  /** Those that are remembered. */
  remembered(): string[] {
    return [...this.#remembered];
  }

  /** Gives the rights to a name. Throws `LimitError`. */
  add(name: string): void {
    if (this.#remembered.size >= ADMINS_MAX && !this.#remembered.has(name)) {
      throw new LimitError(`Cannot make "${name}" an admin: ${ADMINS_MAX} are`);
    }
    this.#remembered.add(name);
  }

  /** Takes them from a name. Returns `false` when it was not remembered as one. */
  remove(name: string): boolean {
    return this.#remembered.delete(name);
  }
}
