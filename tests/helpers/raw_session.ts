import type { Link, LinkClose } from "../../src/link/link.ts";
import type { Encoding, Packet } from "../../src/protocol/packet.ts";
import { decodePacket, encodePacket } from "../../src/protocol/packet_cbor.ts";
import {
  decodePacketJson,
  encodePacketJson,
  JSON_DIALECT_DEFAULT,
} from "../../src/protocol/packet_json.ts";

/** One received frame, as bytes or text and as a packet. */
export interface Received {
  readonly frame: Uint8Array | string;
  readonly packet: Packet;
}

/** A peer that does only what a test says: frames out, frames in, nothing by itself. */
export class RawSession implements AsyncDisposable {
  readonly received: Received[] = [];
  readonly closed: Promise<LinkClose>;
  readonly #link: Link;
  readonly #encoding: Encoding;
  readonly #waiting: ((item: Received) => void)[] = [];
  #taken = 0;

  constructor(link: Link, encoding: Encoding = "cbor") {
    this.#link = link;
    this.#encoding = encoding;
    const { promise, resolve } = Promise.withResolvers<LinkClose>();
    this.closed = promise;
    link.start({
      message: (frame) => {
        const packet = typeof frame === "string"
          ? decodePacketJson(frame).packet
          : decodePacket(frame);
        const item = { frame, packet };
        this.received.push(item);
        const waiter = this.#waiting.shift();
        if (waiter !== undefined) {
          this.#taken++;
          waiter(item);
        }
      },
      drained: () => {},
      closed: resolve,
    });
  }

  /** Sends raw bytes or text. */
  sendRaw(frame: Uint8Array | string): void {
    this.#link.send(frame);
  }

  /** Sends a packet in the encoding of this session. */
  send(packet: Packet): void {
    if (this.#encoding === "json") {
      this.#link.send(encodePacketJson(packet, JSON_DIALECT_DEFAULT));
      return;
    }
    const { head, tail } = encodePacket(packet);
    this.#link.send(head, tail);
  }

  /** The next frame from the broker, in order; fails after a second. */
  next(): Promise<Received> {
    const ready = this.received[this.#taken];
    if (ready !== undefined) {
      this.#taken++;
      return Promise.resolve(ready);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Received>();
    const timer = setTimeout(() => reject(new Error("no frame came within 5 s")), 5_000);
    this.#waiting.push((item) => {
      clearTimeout(timer);
      resolve(item);
    });
    return promise;
  }

  /** Frames that came and were not taken by `next`. */
  get untaken(): number {
    return this.received.length - this.#taken;
  }

  /** Cuts the link. */
  terminate(): void {
    this.#link.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#link.close(1000, "");
    await this.closed;
  }
}
