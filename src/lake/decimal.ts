import { RowError } from "./errors.ts";

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;

/** How a decimal is written: its digits, and how many of them are behind the point. */
export interface DecimalShape {
  /** All digits. */
  readonly width: number;
  /** Digits behind the point. */
  readonly scale: number;
}

/**
 * A number times 10^scale, exact: a text and a number are taken as the decimal that they show, digits
 * beyond the scale are rounded half away from zero, as DuckDB does. Throws {@link RowError} for what is
 * no number or has too many digits.
 */
export function toDecimal(value: number | bigint | string, shape: DecimalShape): bigint {
  const { width, scale } = shape;
  const scaled = typeof value === "bigint"
    ? value * 10n ** BigInt(scale)
    : scale10(String(value).trim(), scale);
  const limit = 10n ** BigInt(width);
  if (scaled >= limit || scaled <= -limit) {
    throw new RowError(`expected at most ${width - scale} digits before the point`);
  }
  return scaled;
}

function scale10(text: string, scale: number): bigint {
  const found = DECIMAL.exec(text);
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = found ?? [];
  if (found === null || whole.length + fraction.length === 0) {
    throw new RowError(`expected a decimal number, got "${text.slice(0, 60)}"`);
  }
  const shift = scale + Number(exponent) - fraction.length;
  const digits = BigInt(whole + fraction);
  // A large exponent of zero is still zero, and of anything else beyond every width.
  if (shift >= 0) return signed(sign, digits === 0n ? 0n : digits * 10n ** BigInt(shift));
  const divisor = 10n ** BigInt(-shift);
  const rounded = (digits * 2n + divisor) / (divisor * 2n);
  return signed(sign, rounded);
}

function signed(sign: string, magnitude: bigint): bigint {
  return sign === "-" ? -magnitude : magnitude;
}
