import { decodeCbor } from "./cbor_decode.ts";
import { argumentAt, argumentEnd } from "./cbor_head.ts";
import { BREAK, INFO, MAJOR } from "./cbor_types.ts";
import { regexProblem } from "./python_regex.ts";

/** Longest content of a checked tag, in bytes. Exceeded: refused (1007). Mails (tag 36) have no limit. */
const CONTENT_BYTES_MAX = 4_096;
/** Years that dates of peers can have: those of Python. */
const YEAR_MIN = 1;
const YEAR_MAX = 9_999;
const MS_PER_DAY = 86_400_000;
const MINUTES_PER_DAY = 24 * 60;
/** Largest exponent, of base 10 or 2, that a Python decimal surely takes without an overflow. */
const EXPONENT_MAX = 100_000;

const DATE_TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|[+-](\d\d):(\d\d))$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;

/** What is wrong with the content of a tag, as the end of a sentence; `null` when nothing is. */
type Check = (content: Uint8Array) => string | null;

function must(wanted: string, holds: (value: unknown) => boolean): Check {
  return (content) => holds(decodeCbor(content)) ? null : `needs ${wanted}`;
}

/** As {@link must}, where a whole float is not an integer: decoded, they look alike. */
function mustBeIntegers(wanted: string, holds: (values: readonly Integer[]) => boolean): Check {
  return (content) => {
    const values = readIntegers(content);
    return values !== null && holds(values) ? null : `needs ${wanted}`;
  };
}

const TAG = {
  BIGNUM: 2,
  NEGATIVE_BIGNUM: 3,
  SHAREABLE: 28,
  REFERENCE: 29,
  MAIL: 36,
  SET: 258,
} as const;

/**
 * Tags whose content `cbor2`, the decoder of rembus.python, interprets, and fails on when it is another: the
 * client of 0.8.12 never recovers from that (D1). Stringrefs (25) need a table around them, and networks (261)
 * have too many rules of their own.
 */
const CHECKS: ReadonlyMap<number, Check> = new Map<number, Check>([
  [0, must("a date with time and zone (RFC 3339)", isDateTime)],
  [1, must("seconds since 1970, of the years 1 to 9999", isEpoch)],
  [4, mustBeIntegers(`two integers, the first within +-${EXPONENT_MAX}`, isFraction)],
  [5, mustBeIntegers(`two integers, the first within +-${EXPONENT_MAX}`, isFraction)],
  [25, () => "cannot be relayed"],
  [30, mustBeIntegers("two integers, the second not 0", isRational)],
  [35, (content) => textProblem(decodeCbor(content))],
  [37, must("16 bytes", (value) => isBytesOf(value, [16]))],
  [52, must("4 bytes", (value) => isBytesOf(value, [4]))],
  [54, must("16 bytes", (value) => isBytesOf(value, [16]))],
  [100, (content) => isEpochDays(content) ? null : "needs days since 1970, of the years 1 to 9999"],
  [260, must("4, 6 or 16 bytes", (value) => isBytesOf(value, [4, 6, 16]))],
  [261, () => "cannot be relayed"],
  [1004, must("a date", isDate)],
  [43_000, must("two numbers", isComplex)],
]);
/** Tags 28 and 29 concern what is around them: the walk checks them itself. */
const CHECKED: ReadonlySet<number> = new Set([...CHECKS.keys(), ...Object.values(TAG)]);
/** Beyond this no tag is checked: the quick test of the hot path. */
const TAG_MAX = 43_000;

/** Whether the content of a tag has to be looked at. */
export function isCheckedTag(tag: number): boolean {
  return tag <= TAG_MAX && CHECKED.has(tag);
}

/** What is wrong with the well-formed content of a checked tag, or `null`. */
export function tagProblem(tag: number, content: Uint8Array): string | null {
  const major = (content[0] ?? 0) >> 5;
  switch (tag) {
    // These may be long, and only their type counts.
    case TAG.BIGNUM:
    case TAG.NEGATIVE_BIGNUM:
      return major === MAJOR.BYTES ? null : "needs a byte string";
    case TAG.MAIL:
      return major === MAJOR.TEXT ? null : "needs a text";
    case TAG.SET:
      return major === MAJOR.ARRAY ? null : "needs an array";
    default:
  }
  if (content.byteLength > CONTENT_BYTES_MAX) return `needs at most ${CONTENT_BYTES_MAX} bytes`;
  return CHECKS.get(tag)?.(content) ?? null;
}

function isBytesOf(value: unknown, lengths: readonly number[]): boolean {
  return value instanceof Uint8Array && lengths.includes(value.byteLength);
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < YEAR_MIN || month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(2_000 + year % 400, month, 0)).getUTCDate();
}

function isDate(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const [, year, month, day] = DATE.exec(value) ?? [];
  return year !== undefined && isDay(Number(year), Number(month), Number(day));
}

function isDateTime(value: unknown): boolean {
  if (typeof value !== "string") return false;
  const [, year, month, day, hour, minute, second, zoneHour = "0", zoneMinute = "0"] =
    DATE_TIME.exec(value) ?? [];
  return year !== undefined && isDay(Number(year), Number(month), Number(day)) &&
    Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60 && Number(zoneMinute) < 60 &&
    Number(zoneHour) * 60 + Number(zoneMinute) < MINUTES_PER_DAY;
}

function isWithinYears(ms: number): boolean {
  // A day is left at both ends, since a peer may turn the time to its own zone.
  return ms >= Date.UTC(2_000, 0, 2) - daysBefore2000() * MS_PER_DAY &&
    ms < Date.UTC(YEAR_MAX, 11, 31);
}

/** From the first day of the year 1 to the first day of 2000. */
function daysBefore2000(): number {
  return 730_119;
}

function isEpoch(value: unknown): boolean {
  return typeof value === "number" && isWithinYears(value * 1_000);
}

/** Days are an integer: decoded, a whole float would look like one. */
function isEpochDays(content: Uint8Array): boolean {
  const days = integerEnd(content, 0) === content.byteLength ? decodeCbor(content) : null;
  return typeof days === "number" && isWithinYears(days * MS_PER_DAY);
}

function isFraction(values: readonly Integer[]): boolean {
  const [exponent] = values;
  return values.length === 2 && typeof exponent === "number" && Math.abs(exponent) <= EXPONENT_MAX;
}

function isRational(values: readonly Integer[]): boolean {
  return values.length === 2 && values[1] !== 0;
}

function textProblem(value: unknown): string | null {
  return typeof value === "string" ? regexProblem(value) : "needs a text";
}

type Integer = number | bigint;

/** The integers of an array; `null` when it is none, or holds anything else. */
function readIntegers(content: Uint8Array): Integer[] | null {
  const values = decodeCbor(content);
  if (!Array.isArray(values)) return null;
  const info = (content[0] ?? 0) & 0x1f;
  let at = info === INFO.INDEFINITE ? 1 : argumentEnd(0, info);
  for (const value of values as readonly unknown[]) {
    if (typeof value !== "number" && typeof value !== "bigint") return null;
    const end = integerEnd(content, at);
    if (end === null) return null;
    at = end;
  }
  return values as Integer[];
}

/** Where the integer at `at` ends; `null` when it is none. */
function integerEnd(content: Uint8Array, at: number): number | null {
  const initial = content[at] ?? BREAK;
  const major = initial >> 5;
  if (major === MAJOR.UINT || major === MAJOR.NEGATIVE) return argumentEnd(at, initial & 0x1f);
  if (major !== MAJOR.TAG || ((content[at + 1] ?? 0) & 0x1f) === INFO.INDEFINITE) return null;
  return argumentEnd(at + 1, (content[at + 1] ?? 0) & 0x1f) + argumentAt(content, at + 1);
}

function isComplex(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 &&
    value.every((part) => typeof part === "number");
}
