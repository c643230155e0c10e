import type { From } from "./api.ts";

/** Where a subscription begins. A `HistoryStart` of a broker is one of these, other than `now`. */
export type HistoryFrom =
  /** With what comes. */
  | { readonly kind: "now" }
  /** Behind what the component received. */
  | { readonly kind: "unreceived" }
  /** As above, and not older than so many nanoseconds (spec 5.4). */
  | { readonly kind: "window"; readonly ns: number }
  /** At an offset of the broker's log. All that is stored begins at {@link OFFSET_FIRST}. */
  | { readonly kind: "offset"; readonly offset: number }
  /** At a receive time, in nanoseconds since the epoch. */
  | { readonly kind: "time"; readonly timeNs: bigint }
  /** With the last message of each topic (D23). */
  | { readonly kind: "last" };

/** The offset of the first message that a log ever holds. */
export const OFFSET_FIRST = 1;
/** Nanoseconds in a millisecond. */
const NS_PER_MS = 1_000_000;
const AGE = /^-(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;
/** Unit of an age -> nanoseconds. */
const NS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ["ms", NS_PER_MS],
  ["s", 1_000 * NS_PER_MS],
  ["m", 60_000 * NS_PER_MS],
  ["h", 3_600_000 * NS_PER_MS],
  ["d", 86_400_000 * NS_PER_MS],
]);

/**
 * Reads the option `from` of a subscription to `topic`. Throws `TypeError` for a value of the wrong type, and
 * `RangeError` for a number, text or time that names no place.
 */
export function resolveFrom(topic: string, from: From = 0): HistoryFrom {
  switch (typeof from) {
    case "number":
      return fromNumber(topic, from);
    case "string":
      return fromText(topic, from);
    case "object":
      if (from !== null) return fromObject(topic, from);
      break;
    default:
  }
  throw new TypeError(
    problem(
      topic,
      'nanoseconds, an age such as "-1h", "first", "last", a Date or {offset}',
      from === null ? "null" : typeof from,
    ),
  );
}

function fromNumber(topic: string, ns: number): HistoryFrom {
  if (ns === 0) return { kind: "now" };
  if (ns === Infinity) return { kind: "unreceived" };
  if (ns > 0) return { kind: "window", ns };
  throw new RangeError(problem(topic, "a number of nanoseconds from 0 on", String(ns)));
}

function fromText(topic: string, text: string): HistoryFrom {
  if (text === "first") return { kind: "offset", offset: OFFSET_FIRST };
  if (text === "last") return { kind: "last" };
  const [, amount, unit] = AGE.exec(text) ?? [];
  const factor = NS_PER_UNIT.get(unit ?? "");
  if (amount !== undefined && factor !== undefined) {
    return fromNumber(topic, Math.round(Number(amount) * factor));
  }
  const wanted = '"first", "last" or an age such as "-500ms", "-90s", "-5m", "-1h" or "-2d"';
  throw new RangeError(problem(topic, wanted, `"${text}"`));
}

function fromObject(topic: string, from: object): HistoryFrom {
  if ("offset" in from) return fromOffset(topic, from.offset);
  if (from instanceof Date) return fromMilliseconds(topic, from.getTime());
  if ("epochNanoseconds" in from && typeof from.epochNanoseconds === "bigint") {
    return fromNanoseconds(topic, from.epochNanoseconds);
  }
  if ("epochMilliseconds" in from && typeof from.epochMilliseconds === "number") {
    return fromMilliseconds(topic, from.epochMilliseconds);
  }
  throw new TypeError(problem(topic, "a Date, a Temporal.Instant or {offset}", "another object"));
}

function fromOffset(topic: string, offset: unknown): HistoryFrom {
  if (typeof offset === "number" && Number.isSafeInteger(offset) && offset >= 0) {
    return { kind: "offset", offset };
  }
  throw new RangeError(problem(topic, "{offset} with an integer from 0 on", String(offset)));
}

function fromMilliseconds(topic: string, ms: number): HistoryFrom {
  if (!Number.isFinite(ms)) throw new RangeError(problem(topic, "a valid time", String(ms)));
  return fromNanoseconds(topic, BigInt(Math.round(ms * 1_000)) * 1_000n);
}

function fromNanoseconds(topic: string, timeNs: bigint): HistoryFrom {
  if (timeNs >= 0n) return { kind: "time", timeNs };
  throw new RangeError(problem(topic, "a time from 1970 on", `${timeNs} ns`));
}

function problem(topic: string, wanted: string, got: string): string {
  return `Cannot subscribe "${topic}": "from" must be ${wanted}, got ${got}`;
}
