/** How a link ended. Delivered exactly once, after the last message. */
export interface LinkClose {
  /** WebSocket close code; 1006 when the peer vanished without a close handshake. */
  readonly code: number;
  /** Reason text of the side that closed; may be empty. */
  readonly reason: string;
}

/** What the owner of a link wants to hear from it. */
export interface LinkHandler {
  /**
   * One whole message: bytes of a binary frame or text of a text frame. The bytes are never
   * written to again, so that views may be kept; they may be a view of a larger read.
   */
  message(data: Uint8Array | string): void;
  /** The outbound buffer, once above {@link Link.bufferedBytes} 64 KiB, has fallen below 32 KiB. */
  drained(): void;
  /** The link is gone. Called exactly once, whoever closed, also after `terminate`. */
  closed(close: LinkClose): void;
}

/**
 * Moves whole messages between two ends and knows no packets: the only thing that a broker or a
 * component knows of a transport. Every implementation passes `tests/contract/link_contract.ts`.
 */
export interface Link {
  /** The other end for logs and per-address limits: `127.0.0.1:5012`, `memory`, a dialled URL. */
  readonly remote: string;
  /** Bytes accepted by `send` that the transport has not taken yet. */
  readonly bufferedBytes: number;
  /**
   * Starts the delivery of messages. Called exactly once, and before any other method.
   * Callbacks never run inside a call of `start`, `send`, `close` or `terminate`.
   */
  start(handler: LinkHandler): void;
  /**
   * Sends one message: text, or the bytes of `head` followed by those of `tail`. Never throws and
   * never waits; ignored once the link is closing. The bytes must not change afterwards.
   */
  send(head: Uint8Array | string, tail?: Uint8Array | null): void;
  /**
   * Limits the size of a message that is received, in bytes of its binary or text frames: a larger one closes the
   * link with 1009, before it is put together where the transport can. It holds from the next message on, or
   * frame of one; called right after `start`, from the first. `Infinity` lifts it to what the transport takes.
   */
  limitMessages(bytesMax: number): void;
  /** Stops reading from the peer, where the transport can, so that a fast sender is slowed down. */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /**
   * Says goodbye: what was sent before still leaves (within a time limit), then the link closes.
   * `code` 1000 to 4999; a dialled WHATWG socket sends codes it may not send as 4000 + (code - 1000) (D5).
   */
  close(code: number, reason: string): void;
  /** Cuts the link now; nothing more leaves. */
  terminate(): void;
}

/** Opens links to one peer. Rejects when the peer cannot be reached; `signal` stops the attempt. */
export type Dialer = (signal: AbortSignal) => Promise<Link>;

/** Accepts links, for example on a port. */
export interface Listener {
  /** Where it listens, `ws://127.0.0.1:8338` or `wss://`. */
  readonly url: string;
  /** Port it listens on; the real one when 0 was asked for; `null` for memory. */
  readonly port: number | null;
  /**
   * Reads certificate and key again, for handshakes from now on; nothing without TLS. Rejects with what is wrong
   * with the new pair; the one before stays.
   */
  reload(): Promise<void>;
  /** Stops accepting. Accepted links live on. Idempotent. */
  close(): Promise<void>;
}
