import type { Link, LinkClose, LinkHandler } from "../../src/link/link.ts";
import type { Packet } from "../../src/protocol/packet.ts";
import { decodePacket } from "../../src/protocol/packet_cbor.ts";
import { decodePacketJson } from "../../src/protocol/packet_json.ts";
import type { ManualClock } from "../helpers/manual_clock.ts";
import type { SeededRandom } from "../helpers/seeded_random.ts";

/** What may go wrong with a frame, as chances from 0 to 1. Links break when {@link SimPair.break} is called. */
export interface Faults {
  /** A publication of QoS 1 or 2 is lost above the link. Order is no longer promised then. */
  readonly losePublish: number;
  /** A publication of QoS 0 is lost above the link. */
  readonly loseQos0: number;
  /** An ACK or ACK2 is lost above the link. */
  readonly loseAck: number;
  /** A publication of QoS 1 or 2 comes twice. */
  readonly repeatPublish: number;
  /** An ACK or ACK2 comes twice. */
  readonly repeatAck: number;
  /** The longest time on the way, in milliseconds. */
  readonly delayMs: number;
}

/** Nothing goes wrong. */
export const NO_FAULTS: Faults = {
  losePublish: 0,
  loseQos0: 0,
  loseAck: 0,
  repeatPublish: 0,
  repeatAck: 0,
  delayMs: 1,
};

/** Joins peers to a broker by links with delays, which break; and loses or repeats frames above them. */
export class SimNetwork {
  faults: Faults = NO_FAULTS;
  readonly clock: ManualClock;
  readonly random: SeededRandom;
  readonly #accept: (link: Link) => void;
  readonly #pairs = new Set<SimPair>();

  constructor(parts: {
    readonly clock: ManualClock;
    readonly random: SeededRandom;
    readonly accept: (link: Link) => void;
  }) {
    this.clock = parts.clock;
    this.random = parts.random;
    this.#accept = parts.accept;
  }

  /** A new connection to the broker. */
  connect(): SimPair {
    const pair = new SimPair(this, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
    this.#accept(pair.brokerEnd);
    return pair;
  }

  /** Breaks all connections that were left half open. */
  breakAll(): void {
    for (const pair of [...this.#pairs]) pair.break();
  }
}

/** One connection. */
export class SimPair {
  readonly peerEnd: SimLink;
  readonly brokerEnd: SimLink;
  readonly #onGone: () => void;

  constructor(network: SimNetwork, onGone: () => void) {
    this.#onGone = onGone;
    this.peerEnd = new SimLink(network, this);
    this.brokerEnd = new SimLink(network, this);
    this.peerEnd.peer = this.brokerEnd;
    this.brokerEnd.peer = this.peerEnd;
  }

  /** Both ends learn that the link is gone; what is on the way is lost. */
  break(): void {
    this.peerEnd.lose();
    this.brokerEnd.lose();
  }

  /** Only the peer learns it. The broker goes on sending into the void until it asks. */
  halfBreak(): void {
    this.peerEnd.lose();
  }

  /** An end was told that it is closed. */
  endGone(): void {
    if (this.peerEnd.isGone && this.brokerEnd.isGone) this.#onGone();
  }
}

type Item = { readonly data: Uint8Array | string } | { readonly close: LinkClose };

/** One end of a connection: reliable and in order, but slow, until it is lost. */
export class SimLink implements Link {
  readonly remote = "sim";
  bufferedBytes = 0;
  peer: SimLink = this;
  readonly #network: SimNetwork;
  readonly #pair: SimPair;
  #handler: LinkHandler | null = null;
  /** `deaf`: hears nothing any more but that it is closed. */
  #state: "open" | "deaf" | "closed" = "open";
  #lastArrivalMs = 0;

  constructor(network: SimNetwork, pair: SimPair) {
    this.#network = network;
    this.#pair = pair;
  }

  /** Whether it was told that it is closed. */
  get isGone(): boolean {
    return this.#state === "closed";
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
  }

  send(head: Uint8Array | string, tail: Uint8Array | null = null): void {
    if (this.#state !== "open") return;
    const data = typeof head === "string" ? head : concat(head, tail);
    for (let copies = this.#copies(data); copies > 0; copies--) this.peer.#arrive({ data });
  }

  limitMessages(): void {}

  pause(): void {}

  resume(): void {}

  close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    this.peer.#arrive({ close: { code, reason } });
    this.#end({ code, reason });
  }

  terminate(): void {
    this.lose();
    this.peer.lose();
  }

  /** The connection is gone for this end. */
  lose(): void {
    if (this.#state === "open") this.#end({ code: 1006, reason: "" });
  }

  #end(close: LinkClose): void {
    this.#state = "deaf";
    this.#network.clock.setTimer(() => this.#closed(close), 0);
  }

  #closed(close: LinkClose): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#handler?.closed(close);
    this.#pair.endGone();
  }

  /** Something is on its way to this end: in order, whatever the delays. */
  #arrive(item: Item): void {
    if (this.#state !== "open") return;
    const { clock, random, faults } = this.#network;
    const at = clock.now() + random.float() * faults.delayMs;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, at);
    clock.setTimer(() => {
      if (this.#state !== "open") return;
      if ("data" in item) this.#handler?.message(item.data);
      else {
        this.#state = "deaf";
        this.#closed(item.close);
      }
    }, this.#lastArrivalMs - clock.now());
  }

  /** How often a frame arrives. */
  #copies(data: Uint8Array | string): number {
    const { random, faults } = this.#network;
    const chance = random.float();
    // Most frames are safe whatever they say: those are not looked into.
    if (chance >= worst(faults)) return 1;
    const [lose, repeat] = fates(packetOf(data), faults);
    if (chance < lose) return 0;
    return chance < lose + repeat ? 2 : 1;
  }
}

/** The highest chance that anything happens to a frame. */
function worst(faults: Faults): number {
  const { losePublish, loseQos0, loseAck, repeatPublish, repeatAck } = faults;
  return Math.max(losePublish + repeatPublish, loseQos0, loseAck + repeatAck);
}

/** Chances that a packet is lost, and that it comes twice. */
function fates(packet: Packet, faults: Faults): readonly [lose: number, repeat: number] {
  switch (packet.type) {
    case "publish":
      return packet.qos === 0 ? [faults.loseQos0, 0] : [faults.losePublish, faults.repeatPublish];
    case "ack":
    case "ack2":
      return [faults.loseAck, faults.repeatAck];
    default:
      return [0, 0];
  }
}

function packetOf(data: Uint8Array | string): Packet {
  return typeof data === "string" ? decodePacketJson(data).packet : decodePacket(data);
}

function concat(head: Uint8Array, tail: Uint8Array | null): Uint8Array {
  if (tail === null) return head;
  const bytes = new Uint8Array(head.byteLength + tail.byteLength);
  bytes.set(head);
  bytes.set(tail, head.byteLength);
  return bytes;
}
