import { Fifo } from "../util/fifo.ts";
import { CloseCode, shortenReason, tooLargeText } from "./close_code.ts";
import { BUFFERED_BYTES_HIGH, BUFFERED_BYTES_LOW, TURN_MESSAGES_MAX } from "./limits.ts";
import type { Link, LinkClose, LinkHandler } from "./link.ts";

/** How a memory pair is made. */
export interface MemoryPairOptions {
  /** `remote` of the first and of the second link. @default {["memory", "memory"]} */
  readonly remotes?: readonly [first: string, second: string];
}

/**
 * Two links of one process that are each other's peer: what one sends, the other receives, a microtask
 * later and in order. Bytes are handed over as they are, without a copy where there is no tail.
 *
 * What was sent before the other side started, or while it is paused, waits in `bufferedBytes` of the
 * sender. `terminate` loses it, and ends both sides with 1006; `close` does not: the side that closes
 * ends at once, the other one after it has received everything.
 */
export function memoryPair(options: MemoryPairOptions = {}): [Link, Link] {
  const [first, second] = options.remotes ?? ["memory", "memory"];
  const one = new MemoryLink(first);
  const other = new MemoryLink(second);
  MemoryLink.join(one, other);
  return [one, other];
}

type Item =
  | { readonly kind: "message"; readonly data: Uint8Array | string; readonly bytes: number }
  | { readonly kind: "close"; readonly close: LinkClose };

/** `closing`: hears nothing any more but that it is closed. */
type MemoryState = "idle" | "open" | "closing" | "closed";

class MemoryLink implements Link {
  readonly remote: string;
  #peer: MemoryLink = this;
  #state: MemoryState = "idle";
  #handler: LinkHandler | null = null;
  /** What the peer sent and this side has not been told. */
  readonly #inbox = new Fifo<Item>();
  #bytesMax = Infinity;
  #isPaused = false;
  #isScheduled = false;
  #bufferedBytes = 0;
  #wasHigh = false;

  constructor(remote: string) {
    this.remote = remote;
  }

  /** Makes two links each other's peer. */
  static join(one: MemoryLink, other: MemoryLink): void {
    one.#peer = other;
    other.#peer = one;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  start(handler: LinkHandler): void {
    this.#handler = handler;
    if (this.#state === "idle") this.#state = "open";
    this.#schedule();
  }

  send(head: Uint8Array | string, tail: Uint8Array | null = null): void {
    if (this.#state !== "open" || this.#peer.#isDeaf) return;
    const data = typeof head === "string" || tail === null ? head : concat(head, tail);
    // UTF-16 units stand in for the bytes of a text: counting them costs nothing.
    const bytes = typeof data === "string" ? data.length : data.byteLength;
    this.#bufferedBytes += bytes;
    if (this.#bufferedBytes > BUFFERED_BYTES_HIGH) this.#wasHigh = true;
    this.#peer.#receive({ kind: "message", data, bytes });
  }

  limitMessages(bytesMax: number): void {
    this.#bytesMax = bytesMax;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#schedule();
  }

  close(code: number, reason: string): void {
    if (this.#state !== "open") return;
    const close: LinkClose = { code, reason: shortenReason(reason) };
    // First the peer, so that it has heard everything when this side says that it is closed.
    this.#peer.#receive({ kind: "close", close });
    this.#end(close);
  }

  terminate(): void {
    const close: LinkClose = { code: CloseCode.ABNORMAL, reason: "" };
    // After `close`, this side has ended and the peer may still hold what was sent before.
    for (const side of [this, this.#peer]) if (!side.#isDeaf) side.#end(close);
  }

  get #isDeaf(): boolean {
    return this.#state === "closing" || this.#state === "closed";
  }

  #receive(item: Item): void {
    if (this.#isDeaf) return;
    this.#inbox.push(item);
    this.#schedule();
  }

  /** Drops what this side has not heard, and tells it that the link is closed. */
  #end(close: LinkClose): void {
    this.#state = "closing";
    this.#inbox.drain();
    this.#peer.#bufferedBytes = 0;
    this.#inbox.push({ kind: "close", close });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#inbox.length === 0 || this.#handler === null) return;
    if (this.#isPaused && !this.#isDeaf) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#deliver());
  }

  /** Delivers what waits now. What comes meanwhile gets a turn of its own, so that others get theirs. */
  #deliver(): void {
    this.#isScheduled = false;
    try {
      for (let left = Math.min(this.#inbox.length, TURN_MESSAGES_MAX); left > 0; left--) {
        if (this.#isPaused && !this.#isDeaf) return;
        const item = this.#inbox.shift();
        // A handler ended the link, which emptied the inbox.
        if (item === undefined) return;
        this.#tell(item);
      }
    } finally {
      this.#schedule();
    }
  }

  #tell(item: Item): void {
    if (item.kind === "close") {
      this.#state = "closed";
      this.#handler?.closed(item.close);
      return;
    }
    if (item.bytes > this.#bytesMax) {
      return this.close(CloseCode.TOO_LARGE, tooLargeText(this.#bytesMax, item.bytes));
    }
    this.#peer.#taken(item.bytes);
    this.#handler?.message(item.data);
  }

  /** The peer has been given so many bytes of this side. */
  #taken(bytes: number): void {
    this.#bufferedBytes = Math.max(0, this.#bufferedBytes - bytes);
    if (!this.#wasHigh || this.#bufferedBytes >= BUFFERED_BYTES_LOW) return;
    this.#wasHigh = false;
    if (this.#state === "open") this.#handler?.drained();
  }
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.byteLength + tail.byteLength);
  bytes.set(head);
  bytes.set(tail, head.byteLength);
  return bytes;
}
