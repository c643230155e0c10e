import type { LakeHealth } from "../lake/lake_options.ts";
import type { LogHealth } from "../log/health.ts";
import type { LogStatus } from "../log/message_log.ts";
import type { StateHealth } from "../state/health.ts";
import type { Logger } from "../util/log.ts";

export type { LakeHealth, LogStatus, StateHealth };

/** How the data of a broker are at the moment. */
export interface DataHealth {
  /** Green when the log, the state and the tables are. */
  readonly overall: "green" | "red";
  /** Why it is red, for the operator; `null` when it is green. */
  readonly reason: string | null;
  /** The message log; `null` when the broker keeps none. */
  readonly log: LogStatus | null;
  /** What is remembered of components; `null` when the broker keeps nothing. */
  readonly state: StateHealth | null;
  /** The tables; `null` without a schema. */
  readonly lake: LakeHealth | null;
}

/** How a broker is that keeps nothing. */
export const NOTHING_KEPT: DataHealth = {
  overall: "green",
  reason: null,
  log: null,
  state: null,
  lake: null,
};

/** The parts whose health is told one by one. */
export type DataPart = "log" | "state" | "tables";

/** The health of the parts, joined. */
export function dataHealth(parts: Omit<DataHealth, "overall" | "reason">): DataHealth {
  const reason = troubleOf(parts.log?.health ?? null) ?? troubleOf(parts.state) ??
    (parts.lake === null ? null : lakeTrouble(parts.lake));
  return { overall: reason === null ? "green" : "red", reason, ...parts };
}

/** Why the log or the state is red; `null` when it is not. */
export function troubleOf(health: LogHealth | StateHealth | null): string | null {
  return health?.kind === "red" ? health.reason : null;
}

/** Why rows do not arrive; `null` when they do, and at the first start. */
export function lakeTrouble({ state, fault, message, restarts }: LakeHealth): string | null {
  if (fault !== null || message !== null) return message ?? `the tables report ${fault}`;
  const isFirstStart = state === "starting" && restarts === 0;
  if (state === "ready" || isFirstStart) return null;
  const isReturning = state === "starting" || state === "restarting";
  return isReturning
    ? "the process of the tables ended, and is started again"
    : `they are ${state}`;
}

/** Tells the log of the node each change of health, once. */
export class HealthLog {
  readonly #logger: Logger;
  /** Part -> why it is red; absent while it is green. */
  readonly #red = new Map<DataPart, string>();
  #isClosed = false;

  /** Everything is green at first. */
  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** A part is green (`null`), or red for a reason. */
  note(part: DataPart, reason: string | null): void {
    const before = this.#red.get(part) ?? null;
    if (this.#isClosed || reason === before) return;
    if (reason === null) {
      this.#red.delete(part);
      // Whoever saw it turn red wants to see this, too.
      this.#logger.warn("health changed", { part, health: "green" });
    } else {
      this.#red.set(part, reason);
      this.#logger.error("health changed", { part, health: "red", reason });
    }
  }

  /** The node is closing: that its parts do is no news. */
  close(): void {
    this.#isClosed = true;
  }
}
