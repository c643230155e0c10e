import { fromBase64 } from "./base64.ts";
import { componentOf } from "./cid.ts";
import { ProtocolError, Status } from "./errors.ts";
import { measureJson } from "./json.ts";
import { NESTING_MAX } from "./limits.ts";
import { slotOf } from "./msg_id.ts";
import {
  type Extras,
  FLAG,
  type JsonDialect,
  type MsgId,
  type Packet,
  type QoS,
  TYPE,
} from "./packet.ts";
import { extrasOf } from "./packet_read.ts";
import { Payload } from "./payload.ts";

/** Levels around a payload: the frame, and `params` or `result`. */
const ENVELOPE_LEVELS = 2;
const ID_MAX = 2n ** 64n - 1n;
const ID_TEXT = /^[1-9]\d{0,19}$/;
const BYTE_MAX = 0xff;
/** Key type of a registration that does not say it: RSA (rembus-jl 4). */
const KEY_TYPE_DEFAULT = 1;

/** `type` of a publication -> its quality of service and whether its id holds a slot. */
const PUBLICATIONS: ReadonlyMap<unknown, { readonly qos: QoS; readonly hasSlot: boolean }> =
  new Map([
    [FLAG.QOS1, { qos: 1, hasSlot: false }],
    [FLAG.QOS2, { qos: 2, hasSlot: false }],
    [FLAG.SLOT, { qos: 0, hasSlot: true }],
    [FLAG.QOS1 | FLAG.SLOT, { qos: 1, hasSlot: true }],
    [FLAG.QOS2 | FLAG.SLOT, { qos: 2, hasSlot: true }],
  ]);

/** What a text frame says, and how its sender spells it. */
export interface DecodedJson {
  /** The message. */
  readonly packet: Packet;
  /** What the frame shows of the dialect of its sender; the rest is as it was. */
  readonly dialect: Partial<JsonDialect>;
}

type Members = Readonly<Record<string, unknown>>;

/**
 * Reads one text frame of rembus.python, Rembus.jl or an ordinary JSON-RPC peer (PROTOCOL.md 14.1).
 * Throws {@link ProtocolError}: 1007 for what is no JSON or nested too deep, 1002 for what is no message.
 */
export function decodePacketJson(text: string): DecodedJson {
  const { value, depth } = measureJson(text, NESTING_MAX + ENVELOPE_LEVELS);
  if (!isObject(value)) throw violation("it is not an object");
  const reader = new FrameReader(value, depth);
  const packet = reader.packet();
  return { packet, dialect: reader.dialect };
}

function violation(problem: string): ProtocolError {
  return new ProtocolError(`Cannot read message: ${problem}`, 1002);
}

/** Finds out which message a frame is: the first rule that applies decides. */
class FrameReader {
  readonly #frame: Members;
  /** How deep the whole frame is nested. */
  readonly #depth: number;
  #dialect: Partial<JsonDialect> = {};

  constructor(frame: Members, depth: number) {
    this.#frame = frame;
    this.#depth = depth;
  }

  /** What was seen of it so far. */
  get dialect(): Partial<JsonDialect> {
    return this.#dialect;
  }

  packet(): Packet {
    const { id: idValue, method, params, result, error } = this.#frame;
    if (isNoId(idValue)) return this.#publish(null, { qos: 0, hasSlot: false });
    const id = readId(idValue);
    this.#dialect = { textIds: typeof idValue === "string" };
    const isCall = params === undefined || params === null || Array.isArray(params);
    if (isCall && typeof method === "string") return this.#rpc(id, params ?? []);
    if (isObject(params)) return this.#request(id, params);
    // JSON-RPC 1.0 writes both, one of them null.
    const hasError = error !== undefined && error !== null;
    if (result !== undefined && (result !== null || !hasError)) return this.#result(id, result);
    if (hasError) return this.#error(id, error);
    throw violation('expected "method", "result" or "error", got none that fits');
  }

  #request(id: MsgId, params: Members): Packet {
    const type = this.#typeOf(params);
    const publication = PUBLICATIONS.get(type);
    if (publication !== undefined) return this.#publish(id, publication);
    switch (type) {
      case undefined:
        return this.#rpc(id, [params]);
      case TYPE.IDENTITY:
        return { type: "identity", id, cid: componentOf(readText(params["cid"], "cid")) };
      case TYPE.ADMIN:
        return { type: "admin", id, topic: this.#method(), data: params["data"] ?? null };
      case TYPE.UNREGISTER:
        return { type: "unregister", id };
      case TYPE.REGISTER:
        return {
          type: "register",
          id,
          cid: componentOf(this.#method()),
          pin: readText(params["pin"], "pin"),
          publicKey: fromBase64(readText(params["key_val"], "key_val")),
          keyType: readCount(params["key_type"] ?? KEY_TYPE_DEFAULT, "key_type"),
        };
      case TYPE.ATTESTATION:
        return {
          type: "attestation",
          id,
          cid: componentOf(this.#method()),
          signature: fromBase64(readText(params["signature"], "signature")),
        };
      default:
        throw violation("the type of a request is unknown");
    }
  }

  #publish(
    id: MsgId | null,
    { qos, hasSlot }: { readonly qos: QoS; readonly hasSlot: boolean },
  ): Packet {
    return {
      type: "publish",
      id,
      topic: this.#method(),
      qos,
      slot: hasSlot && id !== null ? slotOf(id) : null,
      data: this.#arguments(this.#published()),
      extras: this.#extras(),
      frame: null,
    };
  }

  /** What was published: the first place that exists (spec 3.4). */
  #published(): unknown {
    const { params, data } = this.#frame;
    if (Array.isArray(params)) return params;
    if (isObject(params) && "data" in params) return params["data"];
    if (data !== undefined) return data;
    // Nothing at all, or a notification of an ordinary JSON-RPC peer with named parameters.
    const isNothing = params === undefined || (isObject(params) && typeKeyOf(params) !== null);
    return isNothing ? [] : params;
  }

  #rpc(id: MsgId, params: unknown): Packet {
    const { target = null } = this.#frame;
    return {
      type: "rpc",
      id,
      topic: this.#method(),
      target: target === null ? null : readText(target, "target"),
      data: this.#arguments(params),
      extras: this.#extras(),
    };
  }

  /** A result of ours, or any value from an ordinary JSON-RPC peer. */
  #result(id: MsgId, result: unknown): Packet {
    if (!isObject(result)) return this.#response(id, Status.OK, result);
    const type = this.#typeOf(result);
    switch (type) {
      case TYPE.ACK:
        return { type: "ack", id };
      case TYPE.ACK2:
        return { type: "ack2", id };
      case TYPE.RESPONSE:
        break;
      default:
        if (typeof type === "number") throw violation("the type of a result is unknown");
        if (type !== undefined || !("sts" in result || "data" in result)) {
          return this.#response(id, Status.OK, result);
        }
    }
    const { sts = Status.OK, data = null } = result;
    return this.#response(id, readCount(sts, "sts"), data);
  }

  /** An error without a status is one all the same, although 0.8.12 takes it for success (spec 3.3). */
  #error(id: MsgId, error: unknown): Packet {
    if (!isObject(error)) return this.#response(id, Status.ERROR, error);
    const type = this.#typeOf(error);
    if (type !== TYPE.RESPONSE && typeof type === "number") {
      throw violation("the type of an error is unknown");
    }
    const { sts = Status.ERROR, message = null } = error;
    const { data = typeof message === "string" ? message : null } = error;
    return this.#response(id, readCount(sts, "sts"), data);
  }

  #response(id: MsgId, status: number, data: unknown): Packet {
    const value = status === Status.CHALLENGE ? readChallenge(data) : data;
    return { type: "response", id, status, data: this.#payload(value) };
  }

  #method(): string {
    return readText(this.#frame["method"], "method");
  }

  /** The type of an object of ours; `undefined` when it has none. */
  #typeOf(object: Members): unknown {
    const typeKey = typeKeyOf(object);
    if (typeKey === null) return undefined;
    const type = object[typeKey];
    if (typeof type === "number") this.#dialect = { ...this.#dialect, typeKey };
    return type;
  }

  /** Always an array, so that it also is one towards peers that know nothing else (spec 2.3). */
  #arguments(value: unknown): Payload {
    return this.#payload(Array.isArray(value) ? value : [value]);
  }

  #payload(value: unknown): Payload {
    // Wrapped in an array a payload is at most as deep as its frame.
    if (this.#depth > NESTING_MAX) assertNesting(value, 0);
    return Payload.fromValue(value);
  }

  #extras(): Extras | null {
    return extrasOf(this.#frame["extras"]);
  }
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNoId(id: unknown): boolean {
  return id === undefined || id === null || id === 0 || id === "";
}

function typeKeyOf(object: Members): JsonDialect["typeKey"] | null {
  if ("type" in object) return "type";
  return "__type__" in object ? "__type__" : null;
}

function readId(value: unknown): MsgId {
  const id = toBigInt(value);
  if (id === null || id < 1n || id > ID_MAX) {
    throw violation(`an id must be a whole number from 1 to ${ID_MAX}, or its digits as text`);
  }
  return id as MsgId;
}

function toBigInt(value: unknown): bigint | null {
  if (typeof value === "bigint") return value;
  // Beyond 2^53 only digits are exact; a float there may be any of several ids.
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : null;
  return typeof value === "string" && ID_TEXT.test(value) ? BigInt(value) : null;
}

function readText(value: unknown, name: string): string {
  if (typeof value !== "string") throw violation(`"${name}" is not a text`);
  return value;
}

function readCount(value: unknown, name: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw violation(`"${name}" is not an unsigned integer`);
  }
  return value;
}

/** The bytes to sign: base64 text, or an array of numbers (Rembus.jl). */
function readChallenge(value: unknown): unknown {
  if (typeof value === "string") return fromBase64(value);
  return Array.isArray(value) && value.every(isByte) ? Uint8Array.from(value) : value;
}

function isByte(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= BYTE_MAX;
}

/** Throws for more levels than every peer is sure to read. */
function assertNesting(value: unknown, depth: number): void {
  if (typeof value !== "object" || value === null) return;
  if (depth >= NESTING_MAX) {
    throw new ProtocolError(
      `Cannot read message: expected at most ${NESTING_MAX} nested levels, got more`,
      1007,
    );
  }
  for (const item of Object.values(value)) assertNesting(item, depth + 1);
}
