import type { ServedTo, StateChange } from "../broker/state_store.ts";

/**
 * Throws `RangeError` for a change that no row can hold. It would fail each commit, and with it all other changes.
 */
export function checkChange(change: StateChange): void {
  switch (change.kind) {
    case "subscribed":
      return checkServed(change.subscription);
    case "served":
      return checkServed(change);
    case "seen":
      return checkWhole("atMs", change.atMs);
    default:
  }
}

function checkServed({ mark, seen, until }: ServedTo): void {
  checkWhole("mark", mark);
  if (seen !== null) checkWhole("seen", seen);
  if (until !== null) checkWhole("until", until);
}

function checkWhole(field: string, value: number): void {
  if (Number.isSafeInteger(value)) return;
  throw new RangeError(`Cannot store "${field}": expected a whole number, got ${value}`);
}
