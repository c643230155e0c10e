const NS_PER_S = 1_000_000_000n;
const S_PER_MINUTE = 60n;
const S_PER_HOUR = 3_600n;
const FRACTION_DIGITS = 9;
const CLOCK = /^(\d{2}):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?$/;
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
const DIGITS_MAX = 200;

/** An integer as a number where that is exact (D2). */
export function shortest(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** `scaled * 10^-scale`: as text with `scale` digits behind the point, or an integer when there are none. */
export function decimalValue(scaled: bigint, scale: number): string | number | bigint {
  if (scale <= 0) return shortest(scaled * 10n ** BigInt(-scale));
  const digits = String(scaled < 0n ? -scaled : scaled).padStart(scale + 1, "0");
  const point = digits.length - scale;
  return `${scaled < 0n ? "-" : ""}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** A decimal text times `10^scale`; `null` for what is none, or has more digits behind the point. */
export function scaledOf(text: string, scale: number): bigint | null {
  const match = DECIMAL.exec(text);
  if (match === null || text.length > DIGITS_MAX) return null;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  if (whole + fraction === "") return null;
  const zeros = scale - fraction.length + Number(exponent);
  let value = BigInt(whole + fraction);
  if (value === 0n) return 0n;
  if (Math.abs(zeros) > DIGITS_MAX) return null;
  if (zeros >= 0) value *= 10n ** BigInt(zeros);
  else {
    const by = 10n ** BigInt(-zeros);
    if (value % by !== 0n) return null;
    value /= by;
  }
  return sign === "-" ? -value : value;
}

/** A time of the day as `hh:mm:ss`, with as many digits of a second as it has. */
export function clockText(ns: bigint): string {
  const seconds = ns / NS_PER_S;
  const two = (value: bigint): string => String(value).padStart(2, "0");
  const clock = `${two(seconds / S_PER_HOUR)}:${two(seconds % S_PER_HOUR / S_PER_MINUTE)}:${
    two(seconds % S_PER_MINUTE)
  }`;
  const fraction = ns % NS_PER_S;
  if (fraction === 0n) return clock;
  return `${clock}.${String(fraction).padStart(FRACTION_DIGITS, "0").replace(/0+$/, "")}`;
}

/** Nanoseconds since midnight of a time of the day; `null` for a text that is none. */
export function clockNs(text: string): bigint | null {
  const [whole, hours, minutes, seconds = "0", fraction = ""] = CLOCK.exec(text) ?? [];
  if (whole === undefined || Number(hours) > 23) return null;
  const total = BigInt(Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds));
  return total * NS_PER_S + BigInt(fraction.padEnd(FRACTION_DIGITS, "0"));
}
