import { RowError } from "./errors.ts";

const DATE = /^(-?\d{4,6})-(\d{2})-(\d{2})/;
const CLOCK = /^(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?/;
const ZONE = /^(?:([Zz])|([+-])(\d{2})(?::?(\d{2}))?)$/;

const DAY_MS = 86_400_000;
const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;

/** Days since 1970-01-01 of a text such as `2026-01-31`. Throws {@link RowError}. */
export function parseDate(text: string): number {
  const found = DATE.exec(text);
  if (found === null || found[0] !== text) throw unreadable(text, "a date such as 2026-01-31");
  return daysOf(found, text);
}

/** Nanoseconds since midnight of a text such as `12:30` or `12:30:15.25`. Throws {@link RowError}. */
export function parseClock(text: string): bigint {
  const found = CLOCK.exec(text);
  if (found === null || found[0] !== text) throw unreadable(text, "a time such as 12:30:15.25");
  return clockNs(found, text);
}

/**
 * Nanoseconds since the epoch of a text such as `2026-01-31T12:30:15.25+01:00`: `T` or a space before
 * the time, which may lack, as may the zone. Without a zone the text is taken as UTC.
 * Throws {@link RowError}.
 */
export function parseInstant(text: string): bigint {
  const wanted = "a time such as 2026-01-31T12:30:15Z";
  const date = DATE.exec(text);
  if (date === null) throw unreadable(text, wanted);
  const dayNs = BigInt(daysOf(date, text)) * BigInt(DAY_MS) * NS_PER_MS;
  let rest = text.slice(date[0].length);
  if (rest === "") return dayNs;
  if (!/^[Tt ]/.test(rest)) throw unreadable(text, wanted);
  rest = rest.slice(1);
  const clock = CLOCK.exec(rest);
  if (clock === null) throw unreadable(text, wanted);
  const zone = rest.slice(clock[0].length).trimStart();
  return dayNs + clockNs(clock, text) - (zone === "" ? 0n : zoneNs(zone, text));
}

function daysOf(found: RegExpExecArray, text: string): number {
  const [, year, month, day] = found;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // A day that is not there, such as February 30, would become another one.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) {
    throw unreadable(text, "a day of the calendar");
  }
  return Math.round(date.getTime() / DAY_MS);
}

function clockNs(found: RegExpExecArray, text: string): bigint {
  const [, hour, minute, second = "0", fraction = ""] = found;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    throw unreadable(text, "a time of the day");
  }
  const seconds = BigInt(hour ?? 0) * 3_600n + BigInt(minute ?? 0) * 60n + BigInt(second);
  return seconds * NS_PER_SECOND + BigInt(fraction.padEnd(9, "0"));
}

function zoneNs(zone: string, text: string): bigint {
  const found = ZONE.exec(zone);
  if (found === null) throw unreadable(text, "a zone such as Z or +01:00");
  const [, zulu, sign, hours, minutes = "0"] = found;
  if (zulu !== undefined) return 0n;
  const seconds = (BigInt(hours ?? 0) * 60n + BigInt(minutes)) * 60n;
  return (sign === "-" ? -seconds : seconds) * NS_PER_SECOND;
}

function unreadable(text: string, wanted: string): RowError {
  return new RowError(`expected ${wanted}, got "${text.slice(0, 60)}"`);
}
