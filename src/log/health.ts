/** Whether the log keeps its word at the moment. */
export type LogHealth =
  /** It does. */
  | { readonly kind: "green" }
  /** It does not acknowledge, all or some; the reason is for the operator. */
  | { readonly kind: "red"; readonly reason: string };

/**
 * Where the writing of the log stands.
 *
 *     open ──▶ failed ──▶ open        a write or sync failed; a new segment could be made
 *     open ──▶ stalled ──▶ open       the disk does not answer; it did
 *     any  ──▶ closed
 */
export type CommitState =
  | { readonly kind: "open" }
  | { readonly kind: "stalled"; readonly reason: string }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "closed" };

/** What a state means for those who wait for acknowledgements. */
export function healthOf(state: CommitState): LogHealth {
  switch (state.kind) {
    case "open":
      return { kind: "green" };
    case "stalled":
    case "failed":
      return { kind: "red", reason: state.reason };
    case "closed":
      return { kind: "red", reason: "the log is closed" };
    default:
      return state satisfies never;
  }
}

/** The health of a log: of its writing, and of what holds its segments (D22). */
export function wholeHealth(
  { health }: { readonly health: LogHealth },
  { isOverHeld }: { readonly isOverHeld: boolean },
): LogHealth {
  if (health.kind === "red" || !isOverHeld) return health;
  return { kind: "red", reason: "the tables are too far behind the log" };
}
