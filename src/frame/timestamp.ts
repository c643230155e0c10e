const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;
const FRACTION_DIGITS = 9;
const MS_DIGITS = 3;

/**
 * An instant with all its digits: a `Date`, which counts milliseconds, that knows its nanoseconds. Frames give
 * one for each value of a timestamp column; in CBOR and JSON it leaves as a text with all its digits. A time
 * beyond the years that a `Date` has is an invalid date with valid nanoseconds.
 *
 * Setters of `Date` change the milliseconds only: do not use them.
 */
export class Timestamp extends Date {
  /** Nanoseconds since 1970-01-01T00:00:00Z. */
  readonly ns: bigint;

  /** Makes a timestamp of nanoseconds since the epoch. */
  constructor(ns: bigint) {
    super(Number(floorDivide(ns, NS_PER_MS)));
    this.ns = ns;
  }

  /** The time as ISO 8601 text, with as many digits as it has, three at least. */
  override toISOString(): string {
    const text = super.toISOString();
    const fraction = this.ns - floorDivide(this.ns, NS_PER_S) * NS_PER_S;
    const digits = String(fraction).padStart(FRACTION_DIGITS, "0");
    const shown = digits.replace(/0+$/, "").padEnd(MS_DIGITS, "0");
    return text.replace(/\.\d{3}Z$/, `.${shown}Z`);
  }
}

/** Nanoseconds since the epoch of any date. Throws `RangeError` for an invalid `Date`. */
export function epochNs(date: Date): bigint {
  return date instanceof Timestamp ? date.ns : BigInt(date.getTime()) * NS_PER_MS;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}
