import type { Link, LinkClose } from "../link/link.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Encoding, Frame, JsonDialect, Packet } from "../protocol/packet.ts";
import { decodePacket, encodePacket } from "../protocol/packet_cbor.ts";
import {
  decodePacketJson,
  encodePacketJson,
  JSON_DIALECT_DEFAULT,
} from "../protocol/packet_json.ts";
import type { Logger } from "../util/log.ts";

/** Longest close reason in UTF-8 bytes that a WebSocket close frame can carry (RFC 6455 5.5). */
const REASON_BYTES_MAX = 123;

/** What a {@link Channel} needs. */
export interface ChannelOptions {
  readonly link: Link;
  /** How to write until the peer has shown what it writes (spec 3.1). */
  readonly encoding: Encoding;
  readonly log: Logger;
  /** One received packet. What it throws is logged and does not harm the link. */
  readonly onPacket: (packet: Packet) => void;
  /** The link is gone. Called exactly once, after the last packet. */
  readonly onClosed: (close: LinkClose) => void;
  /** The outbound buffer has fallen low again, see `LinkHandler.drained`. */
  readonly onDrained?: () => void;
}

/**
 * Packets over a link: decodes what comes, encodes what leaves in the encoding that the peer used last
 * (spec 3.1). A frame that cannot be decoded closes the link with the code of its error, and nothing else.
 */
export class Channel {
  /** How the next packet is written; overwritten by the kind of every received frame. */
  encoding: Encoding;
  /** How the peer spells JSON; learned from what it sends. */
  dialect: JsonDialect = JSON_DIALECT_DEFAULT;
  readonly #link: Link;
  readonly #options: ChannelOptions;
  /** Set by a bad frame: what the peer sent behind it is not read. */
  #isDeaf = false;

  /** Makes a channel over a link that was not started. */
  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#link = options.link;
    this.encoding = options.encoding;
  }

  /** The other end, for logs. */
  get remote(): string {
    return this.#link.remote;
  }

  /** Bytes that wait for the transport. */
  get bufferedBytes(): number {
    return this.#link.bufferedBytes;
  }

  /** Starts to listen. Called exactly once, and first. */
  start(): void {
    this.#link.start({
      message: (data) => this.#receive(data),
      drained: () => this.#guard("drain", () => this.#options.onDrained?.()),
      closed: (close) => this.#guard("close", () => this.#options.onClosed(close)),
    });
  }

  /** Encodes and sends one packet. Throws `TypeError` when a value in it has no form in the encoding. */
  send(packet: Packet): void {
    if (this.encoding === "json") {
      this.#link.send(encodePacketJson(packet, this.dialect));
    } else {
      this.sendFrame(encodePacket(packet));
    }
  }

  /** Sends a binary frame as it is. */
  sendFrame(frame: Frame): void {
    this.#link.send(frame.head, frame.tail);
  }

  /** Says goodbye; what was sent before still leaves. */
  close(code: number, reason: string): void {
    this.#link.close(code, shorten(reason));
  }

  /** Cuts the link now. */
  terminate(): void {
    this.#link.terminate();
  }

  /** Stops reading, where the transport can. */
  pause(): void {
    this.#link.pause();
  }

  /** Reads again. */
  resume(): void {
    this.#link.resume();
  }

  #receive(data: Uint8Array | string): void {
    if (this.#isDeaf) return;
    let packet: Packet;
    try {
      packet = this.#decode(data);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#guard(packet.type, () => this.#options.onPacket(packet));
  }

  #decode(data: Uint8Array | string): Packet {
    if (typeof data !== "string") {
      const packet = decodePacket(data);
      this.encoding = "cbor";
      return packet;
    }
    const { packet, dialect } = decodePacketJson(data);
    this.encoding = "json";
    this.dialect = { ...this.dialect, ...dialect };
    return packet;
  }

  #refuse(error: unknown): void {
    this.#isDeaf = true;
    const isPeersFault = error instanceof ProtocolError;
    if (isPeersFault) {
      this.#options.log.warn("frame refused", { remote: this.remote, reason: error.message });
    } else {
      this.#options.log.error("frame not decoded", { remote: this.remote, error });
    }
    this.close(
      isPeersFault ? error.closeCode : 1011,
      isPeersFault ? error.message : "internal error",
    );
  }

  #guard(event: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#options.log.error("handling failed", { remote: this.remote, event, error });
    }
  }
}

/** Cuts a text to what fits a close frame, between characters. */
function shorten(reason: string): string {
  const encoder = new TextEncoder();
  const bytes = new Uint8Array(REASON_BYTES_MAX);
  const { read } = encoder.encodeInto(reason, bytes);
  return reason.slice(0, read);
}
