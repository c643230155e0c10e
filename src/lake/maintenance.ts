import { CATALOG } from "./duck.ts";
import { reasonOf } from "./errors.ts";
import type { LakeStore } from "./store.ts";

/** What one step of the housekeeping did. */
export interface MaintenanceStep {
  /** Name of the step. */
  readonly step: string;
  /** `null`, or why it failed; the others are tried all the same. */
  readonly error: string | null;
}

/**
 * Housekeeping: DuckLake writes small files and a snapshot for each transaction. Rows that are kept in the
 * catalog are flushed to files, adjacent files merged, snapshots older than `keepDays` forgotten, and files
 * that nobody needs any more deleted. A native file is checkpointed.
 *
 * @param keepDays Days for which `when` works.
 * @param alone Runs a step while nothing is written: DuckLake gives up one of two that touch the same rows.
 */
export async function maintain(
  store: LakeStore,
  keepDays: number,
  alone: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
): Promise<MaintenanceStep[]> {
  const days = Math.max(0, Math.floor(keepDays));
  const statements: readonly (readonly [string, string])[] = store.storage.kind === "ducklake"
    ? [
      ["flush", `CALL ducklake_flush_inlined_data('${CATALOG}')`],
      ["merge", `CALL ducklake_merge_adjacent_files('${CATALOG}')`],
      [
        "expire",
        `CALL ducklake_expire_snapshots('${CATALOG}', older_than => now() - INTERVAL ${days} DAY)`,
      ],
      [
        "clean",
        `CALL ducklake_cleanup_old_files('${CATALOG}', older_than => now() - INTERVAL 1 HOUR)`,
      ],
    ]
    : [["checkpoint", `CHECKPOINT ${CATALOG}`]];
  const steps: MaintenanceStep[] = [];
  const duck = await store.connect();
  try {
    for (const [step, sql] of statements) {
      try {
        await alone(() => duck.run(sql));
        steps.push({ step, error: null });
      } catch (error) {
        steps.push({ step, error: reasonOf(error) });
      }
    }
  } finally {
    duck.close();
  }
  return steps;
}
