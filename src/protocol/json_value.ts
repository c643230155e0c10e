import { toBase64 } from "./base64.ts";
import { Float, Simple, Tagged } from "./cbor.ts";
import { stringifyJson } from "./json.ts";
import { NESTING_MAX } from "./limits.ts";

/** The CBOR tag of seconds since 1970. */
const TAG_DATE_SECONDS = 1;

/**
 * The nearest value that JSON can say (spec 3.1), so that one JSON peer never stops a message: bytes
 * become base64, maps become objects, dates ISO texts, `undefined`, NaN, infinities and simple values
 * `null`, and tags fall away. BigInt stays, since `stringifyJson` writes it. What needs no change is not copied.
 * Throws `TypeError` for a value nested deeper than `NESTING_MAX`, as every cycle is.
 */
export function toJsonValue(value: unknown): unknown {
  return degrade(value, 0);
}

function degrade(value: unknown, depth: number): unknown {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? value : null;
    case "undefined":
      return null;
    case "object":
      return value === null ? null : degradeObject(value, depth);
    default:
      return value;
  }
}

function degradeObject(value: object, depth: number): unknown {
  if (depth > NESTING_MAX) {
    throw new TypeError(
      `Cannot write value as JSON: expected at most ${NESTING_MAX} nested levels, got more or a cycle`,
    );
  }
  if (Array.isArray(value)) return degradeArray(value, depth + 1);
  const bytes = bytesOf(value);
  if (bytes !== null) return toBase64(bytes);
  if (value instanceof Tagged) return degradeTagged(value, depth);
  if (value instanceof Float) return degrade(value.value, depth);
  if (value instanceof Simple) return null;
  if (value instanceof Date) return dateText(value);
  if (value instanceof Map) return degradeMap(value, depth + 1);
  return degradeMembers(value, depth + 1);
}

/** The bytes of what is a byte string in CBOR; `null` for anything else. */
function bytesOf(value: object): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return ArrayBuffer.isView(value)
    ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : null;
}

function degradeArray(array: readonly unknown[], depth: number): unknown {
  let copy: unknown[] | null = null;
  for (let at = 0; at < array.length; at++) {
    const item = degrade(array[at], depth);
    if (copy === null && item !== array[at]) copy = array.slice(0, at);
    copy?.push(item);
  }
  return copy ?? array;
}

function degradeMembers(object: object, depth: number): unknown {
  const members = Object.entries(object);
  let changed = false;
  for (const member of members) {
    const item = degrade(member[1], depth);
    if (item === member[1]) continue;
    member[1] = item;
    changed = true;
  }
  // `fromEntries` defines members, so that `__proto__` stays a member.
  return changed ? Object.fromEntries(members) : object;
}

function degradeMap(map: ReadonlyMap<unknown, unknown>, depth: number): unknown {
  const members: [string, unknown][] = [];
  for (const [key, item] of map) {
    members.push([keyText(key, depth), degrade(item, depth)]);
  }
  return Object.fromEntries(members);
}

function keyText(key: unknown, depth: number): string {
  if (typeof key !== "object" || key === null) return String(key);
  const plain = degrade(key, depth);
  return typeof plain === "string" ? plain : stringifyJson(plain);
}

/** A DataFrame becomes the base64 text of its bytes, like any other bytes (ADR 0009). */
function degradeTagged({ tag, value }: Tagged, depth: number): unknown {
  if (Number(tag) !== TAG_DATE_SECONDS) return degrade(value, depth + 1);
  const seconds = value instanceof Float ? value.value : value;
  return typeof seconds === "number"
    ? dateText(new Date(seconds * 1_000))
    : degrade(seconds, depth);
}

function dateText(date: Date): string | null {
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
