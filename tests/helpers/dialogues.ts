import { decodePacket } from "../../src/protocol/packet_cbor.ts";
import type { Packet } from "../../src/protocol/packet.ts";

const RECORDING = new URL("../vectors/dialogues-0.8.12.json", import.meta.url);

/** Who sent a frame. */
export type Side = "client" | "broker";

interface Recorded {
  /** Which connection; `x#2` is the second one that the same client opened. */
  readonly conn: string;
  /** Who sent it. */
  readonly from: Side;
  /** Kind of the message; then what the script did or what is shown. */
  readonly note: string;
}

/** The client opened a WebSocket. */
export interface OpenEvent extends Recorded {
  readonly type: "open";
}

/** `from` closed the WebSocket. */
export interface CloseEvent extends Recorded {
  readonly type: "close";
  readonly code: number;
}

/** A binary frame: CBOR. */
export interface BinaryEvent extends Recorded {
  readonly type: "binary";
  readonly bytes: Uint8Array;
}

/** A text frame: JSON-RPC. */
export interface TextEvent extends Recorded {
  readonly type: "text";
  readonly text: string;
}

/** A binary frame, with what it says. */
export interface PacketEvent extends Recorded {
  readonly type: "packet";
  readonly bytes: Uint8Array;
  readonly packet: Packet;
}

/** One event of a conversation, as the recording proxy saw it. */
export type DialogueEvent = OpenEvent | CloseEvent | BinaryEvent | TextEvent;

/** One event of a conversation with its binary frames decoded. */
export type DecodedEvent = OpenEvent | CloseEvent | PacketEvent | TextEvent;

/** One conversation of clients and the broker of rembus.python. */
export interface Dialogue {
  readonly name: string;
  readonly title: string;
  /** In the order in which the proxy between them saw them; ends when the recording stopped. */
  readonly events: readonly DialogueEvent[];
}

/** A throw-away key pair of a component in the conversations. */
export interface DialogueKey {
  readonly type: "rsa" | "ecdsa";
  readonly privatePem: string;
  readonly publicPem: string;
}

/** Every recorded conversation. */
export interface Recording {
  /** What was recorded, with versions. */
  readonly source: string;
  /** The PIN that registers. */
  readonly pin: string;
  /** Component -> its key pair. */
  readonly keys: ReadonlyMap<string, DialogueKey>;
  readonly dialogues: readonly Dialogue[];
}

/** Reads `tests/vectors/dialogues-0.8.12.json`. Throws `TypeError` that names what is not as expected. */
export async function loadDialogues(): Promise<Recording> {
  const file = asRecord(JSON.parse(await Deno.readTextFile(RECORDING)), "the recording");
  const keys = Object.entries(asRecord(file.keys, "keys"));
  return {
    source: asText(file.source, "source"),
    pin: asText(asRecord(file.conventions, "conventions").pin, "conventions.pin"),
    keys: new Map(keys.map(([name, key]) => [name, toKey(asRecord(key, name), name)])),
    dialogues: asArray(file.dialogues, "dialogues").map(toDialogue),
  };
}

/** The events of a conversation with every binary frame decoded. Throws `ProtocolError` for one that is not. */
export function decodeDialogue(dialogue: Dialogue): DecodedEvent[] {
  return dialogue.events.map((event): DecodedEvent =>
    event.type === "binary"
      ? { ...event, type: "packet", packet: decodePacket(event.bytes) }
      : event
  );
}

function toDialogue(value: unknown, index: number): Dialogue {
  const dialogue = asRecord(value, `dialogue ${index}`);
  const name = asText(dialogue.name, `name of dialogue ${index}`);
  return {
    name,
    title: asText(dialogue.title, `title of ${name}`),
    events: asArray(dialogue.frames, `frames of ${name}`).map((frame, at) =>
      toEvent(asRecord(frame, `${name}[${at}]`), `${name}[${at}]`)
    ),
  };
}

function toEvent(frame: Record<string, unknown>, what: string): DialogueEvent {
  const recorded: Recorded = {
    conn: asText(frame.conn, `${what}.conn`),
    from: asOneOf(frame.from, ["client", "broker"], `${what}.from`),
    note: asText(frame.note, `${what}.note`),
  };
  if ("hex" in frame) {
    const bytes = Uint8Array.fromHex(asText(frame.hex, `${what}.hex`));
    return { ...recorded, type: "binary", bytes };
  }
  if ("text" in frame) {
    return { ...recorded, type: "text", text: asText(frame.text, `${what}.text`) };
  }
  if (frame.open === true) return { ...recorded, type: "open" };
  if (typeof frame.close === "number") return { ...recorded, type: "close", code: frame.close };
  throw unexpected(what, "hex, text, open or close", Object.keys(frame).join(", "));
}

function toKey(key: Record<string, unknown>, name: string): DialogueKey {
  return {
    type: asOneOf(key.type, ["rsa", "ecdsa"], `${name}.type`),
    privatePem: asText(key.private_pem, `${name}.private_pem`),
    publicPem: asText(key.public_pem, `${name}.public_pem`),
  };
}

function asRecord(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw unexpected(what, "an object", typeof value);
  }
  return value as Record<string, unknown>;
}

function asArray(value: unknown, what: string): unknown[] {
  if (!Array.isArray(value)) throw unexpected(what, "an array", typeof value);
  return value;
}

function asText(value: unknown, what: string): string {
  if (typeof value !== "string") throw unexpected(what, "text", typeof value);
  return value;
}

function asOneOf<T extends string>(value: unknown, allowed: readonly T[], what: string): T {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw unexpected(what, allowed.join(" or "), String(value));
  return found;
}

function unexpected(what: string, wanted: string, got: string): TypeError {
  return new TypeError(`Cannot read recorded dialogues "${what}": expected ${wanted}, got ${got}`);
}
