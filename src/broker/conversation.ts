import type { MsgId, Packet, Publish, Rpc } from "../protocol/packet.ts";
import type { Payload } from "../protocol/payload.ts";
import type { Addressee, Publication } from "./publication.ts";

/** What became of something that was given to a session and may be refused. */
export type Sent =
  /** On its way. */
  | "sent"
  /** The outbound queue is full: QoS 1/2 tries again when it has drained, anything else is lost or refused. */
  | "full"
  /** With its new header it is larger than a frame may be, or it has no form in the encoding of the peer. */
  | "impossible";

/** A connected peer as the rest of the broker sees it; a session implements it. */
export interface Conversation {
  /** Name of the component behind it; the broker-given id of an anonymous one. */
  readonly name: string;
  /** Whether it proved its name with a key. */
  readonly isProved: boolean;
  /** Whether it takes and sends anything: not once it is closing. */
  readonly isOpen: boolean;
  /** Calls forwarded to it and not answered, own id -> call. Owned by `Calls`. */
  readonly working: Map<MsgId, PendingCall>;
  /** Calls that it waits for. Owned by `Calls`. */
  readonly waiting: Set<PendingCall>;
  /** Whether one more call can be sent to it now. */
  readonly takesCalls: boolean;
  /** Packets received from it so far: a peer that sends something is alive. */
  readonly received: number;
  /** Whether the peer understands extras on a call. */
  readonly capable: boolean;
  /** Sends one delivery of a publication. */
  sendPublication(publication: Publication, to: Addressee, id: MsgId | null): Sent;
  /** Sends a new call or a message of the broker itself, unless the queue is full. */
  offer(packet: Publish | Rpc): Sent;
  /** Sends what is never dropped: RESPONSE, ACK, ACK2 (D6). What has no room ends the session. */
  send(packet: Packet): void;
  /** Counts a message that the peer will not get; it is told when it can be (D3). */
  countGap(topic: string, offset: number): void;
  /** Ends the session, with the WebSocket code and a short reason. */
  close(code: number, reason: string): void;
}

/** The answer of a call. */
export interface Answer {
  readonly status: number;
  readonly data: Payload;
  /** Whether the exposer answered; else the broker did, for one that was lost or too slow. */
  readonly fromPeer: boolean;
}

/** One call that was forwarded and not answered yet. It does not hold the arguments. */
export interface PendingCall {
  /** The broker's own id towards the exposer (spec 6.4). */
  readonly id: MsgId;
  readonly topic: string;
  readonly exposer: Conversation;
  /** Who waits; `null` for the broker itself. */
  readonly caller: Conversation | null;
  /** On the broker's clock, in milliseconds. */
  readonly deadline: number;
  /** Called once, with the answer. */
  readonly settle: (answer: Answer) => void;
}
