import type { HistoryStart } from "./history_start.ts";

/**
 * The window of a subscription in nanoseconds, or `null` for what is none. JSON peers cannot write infinity
 * and send null or a text (spec 3.4); Rembus.jl may leave it out, or send a boolean (rembus-jl 6.8).
 */
export function readMsgFrom(value: unknown): number | null {
  switch (value) {
    case undefined:
    case false:
      return 0;
    case null:
    case "inf":
    case "Infinity":
      return Infinity;
    case true:
      return 1;
    default:
  }
  const window = typeof value === "bigint" ? Number(value) : value;
  return typeof window === "number" && window >= 0 ? window : null;
}

/** A place in the journal, or `null` for what is none. */
export function readStart(value: unknown): HistoryStart | null {
  if (value === "last") return { kind: "last" };
  if (!isRecord(value)) return null;
  const { offset, time } = value;
  if (offset !== undefined) {
    const at = typeof offset === "bigint" ? Number(offset) : offset;
    return typeof at === "number" && Number.isSafeInteger(at) && at >= 0
      ? { kind: "offset", offset: at }
      : null;
  }
  if (typeof time === "bigint" && time >= 0n) return { kind: "time", timeNs: time };
  return typeof time === "number" && Number.isInteger(time) && time >= 0
    ? { kind: "time", timeNs: BigInt(time) }
    : null;
}

/** Whether it is a map with texts as keys. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Map);
}

/** Whether it is a list of at most so many texts. */
export function isTextList(value: unknown, max: number): value is string[] {
  return Array.isArray(value) && value.length <= max &&
    value.every((item) => typeof item === "string");
}
