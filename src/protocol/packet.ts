import type { Payload } from "./payload.ts";

/** A 64-bit message id, never 0. On the wire: 8 bytes, little-endian (spec 2.2). */
export type MsgId = bigint & { readonly "~brand": "MsgId" };

/** Quality of service of a publication (spec 5.2). */
export const QoS = {
  /** At most once. */
  ZERO: 0,
  /** At least once. */
  ONE: 1,
  /** Exactly once per message id. */
  TWO: 2,
} as const;
/** Quality of service of a publication: 0, 1 or 2. */
export type QoS = typeof QoS[keyof typeof QoS];

/** Message types: the low nibble of the first element (spec 2.1). */
export const TYPE = {
  IDENTITY: 0,
  PUB: 1,
  RPC: 2,
  ADMIN: 3,
  RESPONSE: 4,
  ACK: 5,
  ACK2: 6,
  UNREGISTER: 9,
  REGISTER: 10,
  ATTESTATION: 11,
} as const;

/** Flags: the high nibble of the first element (spec 2.1). */
export const FLAG = { QOS1: 0x10, QOS2: 0x30, QOS_MASK: 0x30, SLOT: 0x40 } as const;

/** What a session that negotiated capabilities may add to a PUB or RPC (D3). All fields optional. */
export interface Extras {
  /** Offset of the message in the broker's log. */
  readonly o?: number | bigint;
  /** Receive time at the broker, nanoseconds since the epoch. */
  readonly t?: number | bigint;
  /** Name of the publisher. */
  readonly p?: string;
  /** Time the caller waits for an answer, in milliseconds. */
  readonly ttl?: number;
  /** W3C trace context. */
  readonly tp?: string;
}

/** IDENTITY `[0, id, cid]`: a component names itself (spec 4.2). */
export interface Identity {
  /** Which packet it is. */
  readonly type: "identity";
  /** Message id. */
  readonly id: MsgId;
  /** The name; a URL-form cid of Rembus.jl is reduced to its path. */
  readonly cid: string;
}

/** PUB: a message on a topic (spec 2.3). */
export interface Publish {
  /** Which packet it is. */
  readonly type: "publish";
  /** `null` exactly for QoS 0 without a slot, or in slot 0: that would be id 0 (spec 2.2). */
  readonly id: MsgId | null;
  /** Topic on the wire. */
  readonly topic: string;
  /** Quality of service. */
  readonly qos: QoS;
  /** The low 32 bits of the id when the SLOT flag is set. */
  readonly slot: number | null;
  /** The arguments. */
  readonly data: Payload;
  /** What sessions with capabilities add (D3). */
  readonly extras: Extras | null;
  /** The frame as it came, when sending it again says exactly this (CBOR, QoS 0, no extras); else `null`. */
  readonly frame: Uint8Array | null;
}

/** RPC `[2, id, topic, target, data]` (spec 2.3). */
export interface Rpc {
  /** Which packet it is. */
  readonly type: "rpc";
  /** Message id. */
  readonly id: MsgId;
  /** The service. */
  readonly topic: string;
  /** The component that must answer, or `null` for any exposer. */
  readonly target: string | null;
  /** The arguments. */
  readonly data: Payload;
  /** What sessions with capabilities add (D3). */
  readonly extras: Extras | null;
}

/** ADMIN `[3, id, topic, data]` (spec 7). Data is decoded: it is for the broker. */
export interface Admin {
  /** Which packet it is. */
  readonly type: "admin";
  /** Message id. */
  readonly id: MsgId;
  /** Topic of the command. */
  readonly topic: string;
  /** A map with text keys, or whatever the peer sent instead. */
  readonly data: unknown;
}

/** RESPONSE `[4, id, status, data]` (spec 2.3, 2.5). */
export interface Response {
  /** Which packet it is. */
  readonly type: "response";
  /** Message id. */
  readonly id: MsgId;
  /** Wire status, see `Status`. */
  readonly status: number;
  /** The result, or what an error says. */
  readonly data: Payload;
}

/** ACK `[5, id]` (spec 5.2). */
export interface Ack {
  /** Which packet it is. */
  readonly type: "ack";
  /** Message id. */
  readonly id: MsgId;
}

/** ACK2 `[6, id]` (spec 5.2). */
export interface Ack2 {
  /** Which packet it is. */
  readonly type: "ack2";
  /** Message id. */
  readonly id: MsgId;
}

/** UNREGISTER `[9, id]` (spec 4.3). */
export interface Unregister {
  /** Which packet it is. */
  readonly type: "unregister";
  /** Message id. */
  readonly id: MsgId;
}

/** REGISTER `[10, id, cid, pin, pubkey, keytype]` (spec 4.3). */
export interface Register {
  /** Which packet it is. */
  readonly type: "register";
  /** Message id. */
  readonly id: MsgId;
  /** Name of the component. */
  readonly cid: string;
  /** PIN of the tenant. */
  readonly pin: string;
  /** The key, PEM or DER. */
  readonly publicKey: Uint8Array;
  /** 1 RSA, 2 ECDSA. */
  readonly keyType: number;
}

/** ATTESTATION `[11, id, cid, signature]` (spec 4.2). */
export interface Attestation {
  /** Which packet it is. */
  readonly type: "attestation";
  /** Message id. */
  readonly id: MsgId;
  /** Name of the component. */
  readonly cid: string;
  /** Signature over challenge and name. */
  readonly signature: Uint8Array;
}

/** Every message of the protocol, as data. */
export type Packet =
  | Identity
  | Publish
  | Rpc
  | Admin
  | Response
  | Ack
  | Ack2
  | Unregister
  | Register
  | Attestation;

/** How a session writes: binary CBOR frames or JSON-RPC text frames. */
export type Encoding = "cbor" | "json";

/** The way a JSON peer spells things (spec 3, rembus-jl 4); remembered per session from what it sent. */
export interface JsonDialect {
  /** Member that names the message type: `type` (rembus.python, ours) or `__type__` (Rembus.jl). */
  readonly typeKey: "type" | "__type__";
  /** Whether ids are written as decimal text (Rembus.jl) or as JSON integers. */
  readonly textIds: boolean;
  /** Whether the peer understands slots in JSON (sessions with capabilities only). */
  readonly slots: boolean;
}

/**
 * One binary frame as two parts: the bytes of `head`, then those of `tail`. Payload bytes are
 * shared between the recipients of a message and never copied to be put behind a new header.
 */
export interface Frame {
  /** The header, or the whole frame. */
  readonly head: Uint8Array;
  /** The payload bytes, if they are not in the head. */
  readonly tail: Uint8Array | null;
}
