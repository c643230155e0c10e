import type { PoolPolicy } from "./options.ts";

/** What a {@link Pool} must know of each of its members. */
export interface PoolMember {
  /** Whether it can be used now. */
  readonly isOpen: boolean;
  /** Calls and publications under way. */
  readonly load: number;
  /** When it was last lost, by any clock; `-Infinity` for never. */
  readonly lostAt: number;
}

/** The connections of one component: most often one. Says which of them is used next (spec 6.9). */
export class Pool<Member extends PoolMember> {
  /** All members, in the order of their URLs. */
  readonly all: readonly [Member, ...Member[]];
  readonly #policy: PoolPolicy;
  /** Where `round_robin` begins to look. */
  #next = 0;

  /** Makes a pool of at least one member. */
  constructor(all: readonly [Member, ...Member[]], policy: PoolPolicy) {
    this.all = all;
    this.#policy = policy;
  }

  /** Whether a member can be used. */
  get isOpen(): boolean {
    return this.all.some(({ isOpen }) => isOpen);
  }

  /** The member for the next call or publication; `null` when none can be used. */
  choose(): Member | null {
    switch (this.#policy) {
      case "first_up":
        return this.all.find(({ isOpen }) => isOpen) ?? null;
      case "round_robin":
        return this.#inTurn();
      case "less_busy":
        return this.#idlest();
      default:
        return this.#policy satisfies never;
    }
  }

  /**
   * The member for something that may wait for it: as {@link Pool.choose}, but never none. Of those that
   * cannot be used, the one that was lost last is the most likely to come back.
   */
  chooseAny(): Member {
    return this.choose() ??
      this.all.reduce((latest, one) => one.lostAt > latest.lostAt ? one : latest);
  }

  #inTurn(): Member | null {
    const { all } = this;
    for (let step = 0; step < all.length; step++) {
      const index = (this.#next + step) % all.length;
      const member = all[index];
      if (member?.isOpen !== true) continue;
      this.#next = index + 1;
      return member;
    }
    return null;
  }

  #idlest(): Member | null {
    let idlest: Member | null = null;
    for (const one of this.all) {
      if (one.isOpen && (idlest === null || one.load < idlest.load)) idlest = one;
    }
    return idlest;
  }
}
