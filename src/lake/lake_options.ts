import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { Random } from "../util/random.ts";
import type { StoreFault } from "./errors.ts";
import type { LakeStart } from "./message.ts";
import type { LakeProcess } from "./process.ts";

/** What a supervisor works with. */
export interface LakeOptions extends Omit<LakeStart, "durableEnd"> {
  /** Starts the process. */
  readonly spawn: () => LakeProcess;
  /** The log is on disk up to here, exclusive; moved on by {@link Lake.durable}. */
  readonly durableEnd: number;
  /** Called when more of the log is in the tables: what retention may drop (D22). */
  readonly onProgress?: (nextOffset: number) => void;
  /** Called when the health changes. */
  readonly onHealth?: (health: LakeHealth) => void;
  /** Days that DuckLake keeps snapshots for `when`. @default {7} */
  readonly keepDays?: number;
  /** Pause between two rounds of housekeeping, in milliseconds; 0 for none. @default {3_600_000} */
  readonly maintainMs?: number;
  /** Where events go. @default silent */
  readonly logger?: Logger;
  /** Time. @default the clock of the machine */
  readonly clock?: Clock;
  /** Chance. @default the machine's */
  readonly random?: Random;
}

/** How the lake is. */
export interface LakeHealth {
  /** `failed` lasts: somebody has to do something. */
  readonly state: "starting" | "ready" | "restarting" | "failed" | "closed";
  /** Why rows do not arrive, or `null`. */
  readonly fault: StoreFault | null;
  /** The fault as a sentence, or `null`. */
  readonly message: string | null;
  /** `native`, `ducklake` or `memory`; `null` before the first start. */
  readonly storage: string | null;
  /** The first offset that is not in the tables; `null` before the first start. */
  readonly nextOffset: number | null;
  /** Starts after the first. */
  readonly restarts: number;
  /** Rows stored by this supervisor. */
  readonly rows: number;
  /** Dead letters written. */
  readonly deadLetters: number;
}

/** How long a request may take, and who may give it up. */
export interface RequestOptions {
  /** In milliseconds. @default {REQUEST_MS} */
  readonly timeoutMs?: number;
  /** Gives the wait up; the process goes on. */
  readonly signal?: AbortSignal;
}
