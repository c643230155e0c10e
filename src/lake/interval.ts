import { RowError } from "./errors.ts";

/** A span of time as DuckDB keeps it: the parts are not converted into one another. */
export interface Interval {
  /** Months. */
  readonly months: number;
  /** Days. */
  readonly days: number;
  /** Microseconds. */
  readonly micros: bigint;
}

const DAY = 1n;
const US = { ms: 1_000n, second: 1_000_000n, minute: 60_000_000n, hour: 3_600_000_000n } as const;

/** Unit in the singular -> what one of it is. */
const UNITS: readonly (readonly [RegExp, keyof Interval, bigint])[] = [
  [/^(?:y|yr|year)s?$/, "months", 12n],
  [/^(?:dec|decade)s?$/, "months", 120n],
  [/^(?:c|cent|century|centurie)s?$/, "months", 1_200n],
  [/^(?:mon|month)s?$/, "months", 1n],
  [/^(?:q|quarter)s?$/, "months", 3n],
  [/^(?:w|week)s?$/, "days", 7n],
  [/^(?:d|day)s?$/, "days", DAY],
  [/^(?:h|hr|hour)s?$/, "micros", US.hour],
  [/^(?:m|min|minute)s?$/, "micros", US.minute],
  [/^(?:s|sec|second)s?$/, "micros", US.second],
  [/^(?:ms|msec|millisecond)s?$/, "micros", US.ms],
  [/^(?:us|usec|microsecond)s?$/, "micros", 1n],
];
const PART =
  /\s*(?:([+-]?)(\d{1,4}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?|([+-]?\d{1,18})(?:\.(\d{1,9}))?\s*([a-z]+))/iy;
const ISO =
  /^([+-]?)P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?$/i;
const FRACTION_DIGITS = 9;
const I32_MAX = 2n ** 31n - 1n;
const I64_MAX = 2n ** 63n - 1n;

/**
 * A span from a text such as `1 day 02:30:00`, `-3 months`, `90 s` or `P1DT2H`. A fraction is allowed where
 * it is time of the day. Throws {@link RowError}.
 */
export function parseInterval(text: string): Interval {
  const iso = ISO.exec(text.trim());
  return iso === null ? parseParts(text) : parseIso(iso);
}

/** A span of nanoseconds; below a microsecond it is cut. */
export function intervalOfNs(ns: bigint): Interval {
  return { months: 0, days: 0, micros: ns / 1_000n };
}

function parseParts(text: string): Interval {
  const sum = { months: 0n, days: 0n, micros: 0n };
  const end = text.trimEnd().length;
  PART.lastIndex = 0;
  if (end === 0) throw unreadable(text);
  while (PART.lastIndex < end) {
    const found = PART.exec(text);
    if (found === null) throw unreadable(text);
    const [, sign, hours, minutes, seconds = "0", clockFraction, count, fraction, unit] = found;
    if (hours !== undefined) {
      const micros = BigInt(hours) * US.hour + BigInt(minutes ?? 0) * US.minute +
        BigInt(seconds) * US.second + fractionOf(clockFraction, US.second);
      sum.micros += sign === "-" ? -micros : micros;
      continue;
    }
    const [, part, size] = UNITS.find(([names]) => names.test(unit?.toLowerCase() ?? "")) ?? [];
    if (part === undefined || size === undefined || count === undefined) throw unreadable(text);
    if (fraction !== undefined && part !== "micros") throw unreadable(text);
    const more = fractionOf(fraction, size);
    sum[part] += BigInt(count) * size + (count.startsWith("-") ? -more : more);
  }
  return checked(sum, text);
}

function parseIso(found: RegExpExecArray): Interval {
  const [text, sign, years, months, weeks, days, hours, minutes, seconds, fraction] = found;
  const n = (digits: string | undefined) => BigInt(digits ?? 0) * (sign === "-" ? -1n : 1n);
  const more = fractionOf(fraction, US.second);
  return checked({
    months: n(years) * 12n + n(months),
    days: n(weeks) * 7n + n(days),
    micros: n(hours) * US.hour + n(minutes) * US.minute + n(seconds) * US.second +
      (sign === "-" ? -more : more),
  }, text);
}

/** Digits behind a point, of a unit that counts so many microseconds. */
function fractionOf(digits: string | undefined, size: bigint): bigint {
  if (digits === undefined) return 0n;
  return BigInt(digits.padEnd(FRACTION_DIGITS, "0")) * size / 10n ** BigInt(FRACTION_DIGITS);
}

function checked(
  { months, days, micros }: { months: bigint; days: bigint; micros: bigint },
  text: string,
): Interval {
  const fits = (value: bigint, max: bigint) => value <= max && value >= -max;
  if (!fits(months, I32_MAX) || !fits(days, I32_MAX) || !fits(micros, I64_MAX)) {
    throw unreadable(text);
  }
  return { months: Number(months), days: Number(days), micros };
}

function unreadable(text: string): RowError {
  return new RowError(
    `expected an interval such as "1 day 02:30:00", got "${text.slice(0, 60).toWellFormed()}"`,
  );
}
