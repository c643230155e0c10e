import type { LogRecord } from "../log/record.ts";
import { Payload } from "../protocol/payload.ts";
import { errorText } from "../util/error_text.ts";
import { DataFrame } from "../frame/data_frame.ts";
import { frameBytesOf } from "./frame_rows.ts";
import { Timestamp } from "../frame/timestamp.ts";
import { jsonLine } from "./values.ts";
import { visible } from "./visible.ts";

/** Bytes that are shown of a payload that cannot be decoded. */
const HEX_BYTES_MAX = 32;
/** Columns of a data frame that are named. */
const COLUMNS_SHOWN_MAX = 20;
const HEX = 16;

/** What is told of a data frame in place of its bytes. */
type FrameNote =
  & { readonly bytes: number }
  & ({ readonly rows: number; readonly columns: readonly string[] } | { readonly error: string });

/** What is in a payload: its arguments, or its first bytes when they cannot be decoded. */
type Content =
  | { readonly kind: "args"; readonly args: readonly (Shown | FrameNote)[] }
  | { readonly kind: "undecodable"; readonly hex: string; readonly bytes: number };

/** An argument that is no data frame. */
class Shown {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}

/** A record for people, on one line: offset, time, publisher, topic, quality of service, payload. */
export function recordText(record: LogRecord): string {
  const { offset, recvNs, publisher, topic, qos, slot, kind, data } = record;
  const content = contentOf(data);
  const marks = [
    `qos${qos}`,
    ...slot === null ? [] : [`slot=${slot}`],
    ...kind === "command" ? ["command"] : [],
  ];
  const payload = content.kind === "args"
    ? content.args.map((arg) => arg instanceof Shown ? jsonLine(arg.value) : frameText(arg))
    : [`<cannot be decoded, ${content.bytes} bytes: ${content.hex}>`];
  const fields = [
    String(offset),
    new Timestamp(recvNs).toISOString(),
    publisher,
    topic,
    ...marks,
    ...payload,
  ];
  return fields.map(visible).join(" ");
}

/** A record as one JSON object. */
export function recordJson(record: LogRecord): string {
  const { offset, recvNs, publisher, isAnonymous, topic, qos, slot, kind, data } = record;
  const content = contentOf(data);
  return jsonLine({
    offset,
    time: new Timestamp(recvNs).toISOString(),
    publisher,
    anonymous: isAnonymous,
    topic,
    kind,
    qos,
    slot,
    ...content.kind === "args"
      ? { args: content.args.map((arg) => arg instanceof Shown ? arg.value : { frame: arg }) }
      : { args: null, hex: content.hex, bytes: content.bytes },
  });
}

function contentOf(data: Uint8Array): Content {
  if (data.length === 0) return { kind: "args", args: [] };
  try {
    const { args } = Payload.fromCbor(data);
    return { kind: "args", args: args.map(shown) };
  } catch {
    // What was stored is shown all the same: whoever looks wants to see it.
    return { kind: "undecodable", hex: hexOf(data), bytes: data.length };
  }
}

function shown(arg: unknown): Shown | FrameNote {
  const bytes = frameBytesOf(arg);
  if (bytes === null) return new Shown(arg);
  try {
    const { names, numRows } = new DataFrame(bytes);
    return { rows: numRows, columns: names.slice(0, COLUMNS_SHOWN_MAX), bytes: bytes.length };
  } catch (error) {
    return { bytes: bytes.length, error: errorText(error) };
  }
}

function frameText(note: FrameNote): string {
  const what = "error" in note ? note.error : `${note.rows} rows of ${note.columns.join(", ")}`;
  return `<data frame, ${note.bytes} bytes: ${what}>`;
}

function hexOf(data: Uint8Array): string {
  const digits = Array.from(
    data.subarray(0, HEX_BYTES_MAX),
    (byte) => byte.toString(HEX).padStart(2, "0"),
  );
  return digits.join("") + (data.length > HEX_BYTES_MAX ? "..." : "");
}
