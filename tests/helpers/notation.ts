import { Tagged } from "../../src/protocol/cbor.ts";
import { hexToBytes } from "./vectors.ts";

/** Members of the notation that stand for a value which JSON cannot say. */
interface Marked {
  readonly $bytes?: string;
  readonly $tag?: number;
  readonly value?: unknown;
  readonly $float?: number | string;
  readonly $bigint?: string;
  readonly $undefined?: true;
  readonly $map?: readonly (readonly [unknown, unknown])[];
}

/** The value that our decoder is to make of what a golden vector says, see `conventions` there. */
export function fromNotation(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromNotation);
  if (typeof value !== "object" || value === null) return value;
  const marked = value as Marked;
  if (marked.$bytes !== undefined) return hexToBytes(marked.$bytes);
  if (marked.$bigint !== undefined) return BigInt(marked.$bigint);
  if (marked.$undefined === true) return undefined;
  if (marked.$float !== undefined) return floatOf(marked.$float);
  if (marked.$map !== undefined) {
    return new Map(marked.$map.map(([key, item]) => [fromNotation(key), fromNotation(item)]));
  }
  if (marked.$tag !== undefined) return taggedOf(marked.$tag, fromNotation(marked.value));
  // `fromEntries` makes a member of `__proto__`, too.
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, fromNotation(item)]),
  );
}

function floatOf(float: number | string): number {
  switch (float) {
    case "inf":
      return Infinity;
    case "-inf":
      return -Infinity;
    case "nan":
      return NaN;
    default:
      return Number(float);
  }
}

/** Dates that lose nothing by it become a `Date`; what else is tagged stays so (D2). */
function taggedOf(tag: number, value: unknown): unknown {
  if (tag === 0 && typeof value === "string" && value.endsWith("Z")) return new Date(value);
  if (tag === 1) return new Date(Number(value) * 1_000);
  return new Tagged(tag, value);
}
