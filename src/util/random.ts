/** Chance as an argument: the system's in production, a seeded one in tests. */
export interface Random {
  /** A number in [0, 1). */
  float(): number;
  /** A 64-bit number other than 0. */
  u64(): bigint;
}

/** Random ids are drawn in blocks: one call into the system serves this many. */
const POOL_IDS = 128;
const pool = new BigUint64Array(POOL_IDS);
let next = POOL_IDS;

/** The random source of the machine. */
export const SYSTEM_RANDOM: Random = {
  float: () => Math.random(),
  u64(): bigint {
    for (;;) {
      if (next === POOL_IDS) {
        crypto.getRandomValues(pool);
        next = 0;
      }
      const id = pool[next++];
      if (id !== undefined && id !== 0n) return id;
    }
  },
};
