import { TIMEOUT_MS_MAX } from "../util/clock.ts";
import type { CallOptions } from "./api.ts";

/** Largest slot: it is an unsigned 32-bit number (spec 2.2). */
const SLOT_MAX = 2 ** 32 - 1;

/**
 * Adds options of `with()` to those that a handle has. Throws `RangeError` for a quality of service,
 * slot or timeout out of range.
 */
export function mergeCallOptions(base: CallOptions, added: CallOptions): CallOptions {
  const { qos, slot, timeoutMs } = added;
  if (qos !== undefined && qos !== 0 && qos !== 1 && qos !== 2) {
    throw new RangeError(`Cannot set "qos": must be 0, 1 or 2, got ${String(qos)}`);
  }
  if (slot !== undefined && !(Number.isInteger(slot) && slot >= 0 && slot <= SLOT_MAX)) {
    throw new RangeError(
      `Cannot set "slot": must be a whole number from 0 to ${SLOT_MAX}, got ${slot}`,
    );
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX)) {
    throw new RangeError(
      `Cannot set "timeoutMs": must be above 0 and at most ${TIMEOUT_MS_MAX}, got ${timeoutMs}`,
    );
  }
  return { ...base, ...added };
}
