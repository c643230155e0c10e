import { toBase64 } from "./base64.ts";
import { Float } from "./cbor.ts";
import { Status, statusText } from "./errors.ts";
import { stringifyJson } from "./json.ts";
import { toJsonValue } from "./json_value.ts";
import {
  type Admin,
  type Extras,
  FLAG,
  type JsonDialect,
  type MsgId,
  type Packet,
  type Publish,
  type QoS,
  type Response,
  TYPE,
} from "./packet.ts";
import type { Payload } from "./payload.ts";

/** How to write to a peer that has not shown its own way yet: as rembus.python. */
export const JSON_DIALECT_DEFAULT: JsonDialect = {
  typeKey: "type",
  textIds: false,
  slots: false,
};

/** Infinity in a `msg_from`: JSON has none, and 0.8.12 fails on `null` (spec 3.4). */
const INFINITY_TEXT = "inf";
const QOS_FLAGS: Readonly<Record<QoS, number>> = { 0: 0, 1: FLAG.QOS1, 2: FLAG.QOS2 };

/**
 * The text frame of a packet, as a peer of this dialect reads it (spec 3.2, PROTOCOL.md 14). Values
 * that JSON cannot say are replaced (PROTOCOL.md 14.3).
 */
export function encodePacketJson(packet: Packet, dialect: JsonDialect): string {
  switch (packet.type) {
    case "publish":
      return publish(packet, dialect);
    case "rpc": {
      const { id, topic, target, data, extras } = packet;
      const to = target === null ? "" : `,"target":${JSON.stringify(target)}`;
      const params = argumentsText(data);
      return `${request(id, topic, dialect)},"params":${params}${to}${extrasText(extras)}}`;
    }
    case "response":
      return response(packet, dialect);
    case "ack":
      return `${open(packet.id, dialect)},"result":${typed(TYPE.ACK, "", dialect)}}`;
    case "ack2":
      return `${open(packet.id, dialect)},"result":${typed(TYPE.ACK2, "", dialect)}}`;
    case "admin": {
      const params = typed(TYPE.ADMIN, `,"data":${commandText(packet)}`, dialect);
      return `${request(packet.id, packet.topic, dialect)},"params":${params}}`;
    }
    default:
      return login(packet, dialect);
  }
}

/** The frames that are about the name of a component. */
function login(
  packet: Extract<Packet, { type: "identity" | "register" | "attestation" | "unregister" }>,
  dialect: JsonDialect,
): string {
  // Rembus.jl cannot read these two without it (rembus-jl 4).
  const meta = dialect.typeKey === "__type__" ? ',"meta":{}' : "";
  switch (packet.type) {
    case "identity": {
      const members = `,"cid":${JSON.stringify(packet.cid)}${meta}`;
      const params = typed(TYPE.IDENTITY, members, dialect);
      return `${request(packet.id, "__identity__", dialect)},"params":${params}}`;
    }
    case "attestation": {
      const members = `,"signature":"${toBase64(packet.signature)}"${meta}`;
      const params = typed(TYPE.ATTESTATION, members, dialect);
      return `${request(packet.id, packet.cid, dialect)},"params":${params}}`;
    }
    case "register": {
      const { pin, publicKey, keyType } = packet;
      const key = `,"key_val":"${toBase64(publicKey)}","key_type":${keyType}`;
      const params = typed(TYPE.REGISTER, `,"pin":${JSON.stringify(pin)}${key}`, dialect);
      return `${request(packet.id, packet.cid, dialect)},"params":${params}}`;
    }
    case "unregister": {
      const params = typed(TYPE.UNREGISTER, "", dialect);
      return `${request(packet.id, "__unregister__", dialect)},"params":${params}}`;
    }
    default:
      return packet satisfies never;
  }
}

/**
 * The payload is written twice: 0.8.12 writes one place and reads the other (spec 3.4). A slot leaves
 * only where it is understood: 0.8.12 takes such a publication for a call, or closes.
 */
function publish(packet: Publish, dialect: JsonDialect): string {
  const { id, topic, qos, slot, data, extras } = packet;
  const flags = QOS_FLAGS[qos] | (slot !== null && dialect.slots ? FLAG.SLOT : 0);
  const args = argumentsText(data);
  const twice = `,"data":${args}${extrasText(extras)}}`;
  if (id === null || flags === 0) {
    return `{"jsonrpc":"2.0","method":${JSON.stringify(topic)},"params":${args}${twice}`;
  }
  const params = typed(flags, `,"data":${args}`, dialect);
  return `${request(id, topic, dialect)},"params":${params}${twice}`;
}

/** `code` and `message` are there for ordinary JSON-RPC clients. */
function response({ id, status, data }: Response, dialect: JsonDialect): string {
  const members = `,"sts":${status},"data":${data.json}`;
  if (status === Status.OK || status === Status.CHALLENGE) {
    return `${open(id, dialect)},"result":${typed(TYPE.RESPONSE, members, dialect)}}`;
  }
  const message = JSON.stringify(statusText(status, data.value));
  const error = typed(
    TYPE.RESPONSE,
    `${members},"code":${status},"message":${message}`,
    dialect,
  );
  return `${open(id, dialect)},"error":${error}}`;
}

/** An object of ours, from its type and the text of its other members, each with a comma in front. */
function typed(type: number, members: string, { typeKey }: JsonDialect): string {
  return `{"${typeKey}":${type}${members}}`;
}

/** The beginning of a frame with an id. */
function open(id: MsgId, { textIds }: JsonDialect): string {
  return `{"jsonrpc":"2.0","id":${textIds ? `"${id}"` : id}`;
}

function request(id: MsgId, method: string, dialect: JsonDialect): string {
  return `${open(id, dialect)},"method":${JSON.stringify(method)}`;
}

/** Always an array: what is none is the one argument (spec 2.3). */
function argumentsText(data: Payload): string {
  const text = data.json;
  return Array.isArray(data.value) ? text : `[${text}]`;
}

function extrasText(extras: Extras | null): string {
  return extras === null ? "" : `,"extras":${stringifyJson(toJsonValue(extras))}`;
}

function commandText({ data }: Admin): string {
  return stringifyJson(toJsonValue(hasInfiniteWindow(data) ? withWindowText(data) : data));
}

function hasInfiniteWindow(data: unknown): data is { readonly msg_from: unknown } {
  if (typeof data !== "object" || data === null || !("msg_from" in data)) return false;
  const { msg_from: window } = data;
  return window === Infinity || (window instanceof Float && window.value === Infinity);
}

function withWindowText(data: { readonly msg_from: unknown }): unknown {
  return { ...data, msg_from: INFINITY_TEXT };
}
