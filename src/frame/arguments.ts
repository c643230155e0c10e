import { Tagged } from "../protocol/cbor_types.ts";
import type { Encoding } from "../protocol/packet.ts";
import { DataFrame, TAG_FRAME } from "./data_frame.ts";
import { isForeignTable } from "./foreign_table.ts";
import { isPlain } from "./infer.ts";

/**
 * The arguments as they leave: tables of Arrow libraries become frames. For a component that speaks JSON
 * frames become rows, since JSON has no bytes and the receivers of rows need no Arrow. What needs no change is
 * not copied. Only the arguments themselves are looked at, not what is in them (spec 2.6).
 * A frame of nodejs-polars is a plain object to look at: pass it through `DataFrame.fromArrow`.
 */
export function outgoingArgs(
  args: readonly unknown[],
  encoding: Encoding = "cbor",
): readonly unknown[] {
  return mapped(args, (value) => outgoing(value, encoding));
}

/** A result as it leaves: one value, or an array of values. See {@link outgoingArgs}. */
export function outgoingValue(value: unknown, encoding: Encoding = "cbor"): unknown {
  return Array.isArray(value) ? outgoingArgs(value, encoding) : outgoing(value, encoding);
}

/** The arguments as handlers get them: tag 80 around bytes becomes a {@link DataFrame}, which holds them. */
export function incomingArgs(args: readonly unknown[]): readonly unknown[] {
  return mapped(args, incoming);
}

/** A result as the caller gets it. See {@link incomingArgs}. */
export function incomingValue(value: unknown): unknown {
  return Array.isArray(value) ? incomingArgs(value) : incoming(value);
}

function mapped(
  values: readonly unknown[],
  change: (value: unknown) => unknown,
): readonly unknown[] {
  let copy: unknown[] | null = null;
  for (const [at, value] of values.entries()) {
    const changed = change(value);
    if (copy === null && changed === value) continue;
    copy ??= [...values];
    copy[at] = changed;
  }
  return copy ?? values;
}

function outgoing(value: unknown, encoding: Encoding): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value) || isPlain(value)) {
    return value;
  }
  const frame = value instanceof Tagged
    ? incoming(value)
    : isForeignTable(value)
    ? DataFrame.fromArrow(value)
    : value;
  return encoding === "json" && frame instanceof DataFrame ? frame.rows() : frame;
}

function incoming(value: unknown): unknown {
  if (!(value instanceof Tagged) || value instanceof DataFrame) return value;
  const isFrame = Number(value.tag) === TAG_FRAME && value.value instanceof Uint8Array;
  return isFrame ? new DataFrame(value.value) : value;
}
