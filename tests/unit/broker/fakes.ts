import type { Conversation, PendingCall, Sent } from "../../../src/broker/conversation.ts";
import { newCounters } from "../../../src/broker/counters.ts";
import type { Shared } from "../../../src/broker/memory.ts";
import type { Addressee } from "../../../src/broker/publication.ts";
import { Publication } from "../../../src/broker/publication.ts";
import type { TwinParts } from "../../../src/broker/twin.ts";
import type { MsgId, Packet, Publish, QoS, Rpc } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

/** One delivery that a {@link FakeConversation} was given. */
export interface SentPublication {
  readonly topic: string;
  readonly to: string;
  readonly id: MsgId | null;
  readonly args: readonly unknown[];
}

/** A connected peer that notes what it is given. */
export class FakeConversation implements Conversation {
  readonly name: string;
  isOpen = true;
  isProved = false;
  received = 0;
  capable = false;
  takesCalls = true;
  /** What becomes of publications and calls. */
  outcome: Sent = "sent";
  readonly working = new Map<MsgId, PendingCall>();
  readonly waiting = new Set<PendingCall>();
  readonly publications: SentPublication[] = [];
  readonly packets: Packet[] = [];
  readonly gaps: [topic: string, offset: number][] = [];
  readonly closes: [code: number, reason: string][] = [];

  constructor(name = "peer") {
    this.name = name;
  }

  sendPublication(publication: Publication, to: Addressee, id: MsgId | null): Sent {
    if (this.outcome === "sent") {
      const { topic, data: { args } } = publication;
      this.publications.push({ topic, to: to.topic, id, args });
    }
    return this.outcome;
  }

  offer(packet: Publish | Rpc): Sent {
    if (this.outcome === "sent") this.packets.push(packet);
    return this.outcome;
  }

  send(packet: Packet): void {
    this.packets.push(packet);
  }

  countGap(topic: string, offset: number): void {
    this.gaps.push([topic, offset]);
  }

  close(code: number, reason: string): void {
    this.isOpen = false;
    this.closes.push([code, reason]);
  }
}

/** Counts bytes as an `OutboundMemory` does. */
export class FakeMemory {
  held = 0;
  hold(bytes: number): void {
    this.held += bytes;
  }
  free(bytes: number): void {
    this.held -= bytes;
  }
  share(message: Shared): void {
    if (message.holders++ === 0) this.held += message.data.byteLength;
  }
  unshare(message: Shared): void {
    if (--message.holders === 0) this.held -= message.data.byteLength;
  }
}

/** What twins and outboxes need, all of it to look at. */
export function twinParts(
  options: { readonly strictReactive?: boolean } = {},
): TwinParts & { readonly clock: ManualClock; readonly log: NotingLogger; memory: FakeMemory } {
  return {
    clock: new ManualClock(),
    log: new NotingLogger(),
    counters: newCounters(),
    memory: new FakeMemory(),
    strictReactive: options.strictReactive ?? false,
  };
}

let offsets = 1_000;

/** What a {@link publicationOf} is made of. */
export interface PublicationSpec {
  readonly topic?: string;
  readonly qos?: QoS;
  readonly slot?: number | null;
  readonly args?: readonly unknown[];
  readonly offset?: number;
  readonly frame?: Uint8Array | null;
}

/** An accepted message, with an offset behind those before. */
export function publicationOf(spec: PublicationSpec = {}): Publication {
  const { topic = "t", qos = 1, slot = null, args = [], offset = offsets++, frame = null } = spec;
  const packet: Publish = {
    type: "publish",
    id: null,
    topic,
    qos,
    slot,
    data: Payload.fromValue(args),
    extras: null,
    frame,
  };
  return new Publication(packet, "publisher", { offset, recvMs: 5, recvNs: 6, isLogged: false });
}

/** A packet of the type that a test expects. Throws for any other, and for none. */
export function as<T extends Packet["type"]>(
  packet: Packet | null | undefined,
  type: T,
): Extract<Packet, { type: T }> {
  if (packet?.type !== type) throw new Error(`Expected ${type}, got ${packet?.type}`);
  return packet as Extract<Packet, { type: T }>;
}

/** A PUB as a peer sends it. */
export function publishPacket(
  topic: string,
  { qos = 0, id = null, slot = null, args = [] }: {
    readonly qos?: QoS;
    readonly id?: bigint | null;
    readonly slot?: number | null;
    readonly args?: readonly unknown[];
  } = {},
): Publish {
  return {
    type: "publish",
    id: id as MsgId | null,
    topic,
    qos,
    slot,
    data: Payload.fromValue(args),
    extras: null,
    frame: null,
  };
}
