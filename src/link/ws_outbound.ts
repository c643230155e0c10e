import { Fifo } from "../util/fifo.ts";
import type { ByteStream } from "./byte_stream.ts";
import { CloseCode, encodeReason } from "./close_code.ts";
import { BUFFERED_BYTES_HIGH, BUFFERED_BYTES_LOW, CONTROL_BYTES_MAX } from "./limits.ts";
import { LARGE_BYTES, type WriteBuffers } from "./ws_buffers.ts";
import { applyMask, type Block, newBlock, turnKey } from "./ws_bytes.ts";
import { Opcode } from "./ws_frames.ts";
import { addKey, HEADER_BYTES_MAX, headerBytes, KEY_BYTES, writeHeader } from "./ws_header.ts";
import type { MaskingKeys } from "./ws_keys.ts";

/** What {@link Outbound} needs. */
export interface OutboundOptions {
  /** Where frames are written. */
  readonly stream: ByteStream;
  /** Where frames are gathered. */
  readonly buffers: WriteBuffers;
  /** Where a client has its masking keys from; `null` for a server, which masks nothing. */
  readonly keys: MaskingKeys | null;
  /** The buffered bytes were high and have fallen low. */
  readonly onDrained: () => void;
  /** A write failed; nothing is written any more. */
  readonly onFailed: (error: unknown) => void;
}

/** Bytes that leave with one write. */
interface Segment {
  /** What they are gathered in; `null` for bytes that are not ours, and must not be written to. */
  block: Block | null;
  bytes: Uint8Array;
  end: number;
  /** How many of them `send` was given, headers included: what `bufferedBytes` counts. */
  counted: number;
  /** Whether a frame that begins here goes on in the next segment: no other may come between. */
  isOpen: boolean;
  /** What they are masked with when they are written; 0 for bytes that leave as they are. */
  readonly key: number;
}

/** A segment that frames may be added to. */
interface Batch extends Segment {
  block: Block;
}

/** Payloads up to so many bytes are copied next to their header; longer ones are not gathered. */
const COPIED_BYTES_MAX: number = 16 * 1024;
/** A UTF-16 unit becomes at most so many bytes of UTF-8. */
const UTF8_BYTES_PER_UNIT = 3;
const FINAL_BIT = 0x80;

const encoder = new TextEncoder();

/**
 * Frames on their way to a socket. Those of one turn are gathered and leave with one write, those that
 * come while a write is under way with the next one. Small payloads are copied once, into the buffer that is
 * written. Long ones are not copied by a server; a client, which must leave the bytes of others unchanged,
 * masks them in pieces of 64 KiB, each when its turn to be written has come.
 */
export class Outbound {
  readonly #options: OutboundOptions;
  readonly #segments = new Fifo<Segment>();
  /** The last segment, as long as frames may be added to it. */
  #batch: Batch | null = null;
  /** Pings and pongs: they overtake messages, so that a long queue does not look like a dead broker. */
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  #isMidFrame = false;
  /** A close frame was added: it is the last one (RFC 6455 5.5.1). */
  #isEnded = false;
  /** `scheduled`: a microtask will write. `dead`: nothing is taken or written any more. */
  #state: "idle" | "scheduled" | "writing" | "dead" = "idle";
  #idle: PromiseWithResolvers<void> | null = null;
  #bufferedBytes = 0;
  #wasHigh = false;
  /** Masking key of the frame that was added last; 0 for a server. */
  #key = 0;
  /** A piece of a long payload, masked. */
  #masked: Block | null = null;

  /** Makes one that writes when there is something. */
  constructor(options: OutboundOptions) {
    this.#options = options;
  }

  /** Bytes of messages that were not written yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Adds a binary message: `head`, then `tail`. */
  binary(head: Uint8Array, tail: Uint8Array | null): void {
    if (this.#state === "dead") return;
    const length = head.length + (tail === null ? 0 : tail.length);
    if (length > COPIED_BYTES_MAX) {
      this.#long(Opcode.BINARY, length, tail === null ? [head] : [head, tail]);
      return;
    }
    const batch = this.#room(HEADER_BYTES_MAX + length);
    const { block, bytes, end } = batch;
    const start = this.#header(bytes, end, Opcode.BINARY, length);
    bytes.set(head, start);
    if (tail !== null) bytes.set(tail, start + head.length);
    applyMask(block, start, start + length, this.#key);
    this.#added(batch, start + length - end);
  }

  /** Adds a text message. */
  text(text: string): void {
    if (this.#state === "dead") return;
    const most = text.length * UTF8_BYTES_PER_UNIT;
    if (most > COPIED_BYTES_MAX) {
      const bytes = encoder.encode(text);
      this.#long(Opcode.TEXT, bytes.length, [bytes]);
      return;
    }
    const batch = this.#room(HEADER_BYTES_MAX + most);
    const { block, bytes, end } = batch;
    // Encoded behind the longest header that it may need, then moved if a shorter one does.
    const start = end + headerBytes(most) + (this.#options.keys === null ? 0 : KEY_BYTES);
    const { written } = encoder.encodeInto(text, bytes.subarray(start));
    const at = this.#header(bytes, end, Opcode.TEXT, written);
    if (at < start) bytes.copyWithin(at, start, start + written);
    applyMask(block, at, at + written, this.#key);
    this.#added(batch, at + written - end);
  }

  /** Adds a ping or pong with a copy of its payload. */
  control(opcode: Opcode, payload: Uint8Array): void {
    if (this.#state === "dead" || this.#isEnded) return;
    const block = newBlock(HEADER_BYTES_MAX + payload.length);
    const start = this.#header(block.bytes, 0, opcode, payload.length);
    const frame = block.bytes.subarray(0, start + payload.length);
    frame.set(payload, start);
    applyMask(block, start, frame.length, this.#key);
    if (this.#controlBytes + frame.length > CONTROL_BYTES_MAX) {
      // RFC 6455 5.5.3: of several pings only the latest needs an answer.
      this.#control = [];
      this.#controlBytes = 0;
    }
    this.#control.push(frame);
    this.#controlBytes += frame.length;
    this.#schedule();
  }

  /** Adds a close frame, behind all messages. Nothing may be added afterwards; pings and pongs are ignored. */
  close(code: number, reason: string): void {
    if (this.#state === "dead") return;
    this.#isEnded = true;
    const text = code === CloseCode.NONE ? new Uint8Array(0) : encodeReason(reason);
    const length = code === CloseCode.NONE ? 0 : 2 + text.length;
    const batch = this.#room(HEADER_BYTES_MAX + length);
    const { block, bytes } = batch;
    const start = this.#header(bytes, batch.end, Opcode.CLOSE, length);
    if (length > 0) {
      bytes[start] = code >>> 8;
      bytes[start + 1] = code;
      bytes.set(text, start + 2);
    }
    batch.end = start + length;
    applyMask(block, start, batch.end, this.#key);
    this.#schedule();
  }

  /** Resolves when everything is written, or nothing more will be. */
  finished(): Promise<void> {
    if (this.#state === "dead" || this.#state === "idle") return Promise.resolve();
    this.#idle ??= Promise.withResolvers();
    return this.#idle.promise;
  }

  /** Drops everything. */
  kill(): void {
    this.#state = "dead";
    this.#segments.drain();
    this.#batch = null;
    // Not given back: it may be what is written at the moment.
    this.#masked = null;
    this.#control = [];
    this.#bufferedBytes = 0;
    this.#idle?.resolve();
  }

  /** Writes a header, with a new masking key for a client; gives the index behind it. */
  #header(bytes: Uint8Array, at: number, opcode: Opcode, length: number): number {
    const end = writeHeader(bytes, at, FINAL_BIT | opcode, length);
    const { keys } = this.#options;
    if (keys === null) return end;
    this.#key = keys.next();
    return addKey(bytes, at, end, this.#key);
  }

  /** A payload that is not gathered: its header, then its parts by themselves. */
  #long(opcode: Opcode, length: number, parts: readonly Uint8Array[]): void {
    let segment: Segment = this.#room(HEADER_BYTES_MAX);
    const end = this.#header(segment.bytes, segment.end, opcode, length);
    this.#added(segment, end - segment.end);
    let key = this.#key;
    for (const part of parts) {
      segment.isOpen = true;
      if (part.length <= COPIED_BYTES_MAX) {
        const batch = this.#room(part.length);
        batch.bytes.set(part, batch.end);
        applyMask(batch.block, batch.end, batch.end + part.length, key);
        segment = batch;
      } else {
        segment = { block: null, bytes: part, end: 0, counted: 0, isOpen: false, key };
        this.#segments.push(segment);
        this.#batch = null;
      }
      this.#added(segment, part.length);
      key = turnKey(key, part.length);
    }
    segment.isOpen = false;
  }

  /** The segment that the next bytes go to, with room for so many. */
  #room(bytes: number): Batch {
    const { buffers } = this.#options;
    const batch = this.#batch;
    if (batch === null) return this.#begin(buffers.take(bytes));
    if (batch.bytes.length - batch.end >= bytes) return batch;
    // Two small buffers would be two writes, and more than one is seldom the last.
    if (batch.end + bytes > LARGE_BYTES) return this.#begin(buffers.take(LARGE_BYTES));
    const larger = buffers.take(LARGE_BYTES);
    larger.bytes.set(batch.bytes.subarray(0, batch.end));
    buffers.give(batch.block);
    batch.block = larger;
    batch.bytes = larger.bytes;
    return batch;
  }

  #begin(block: Block): Batch {
    const { bytes } = block;
    const batch: Batch = { block, bytes, end: 0, counted: 0, isOpen: false, key: 0 };
    this.#segments.push(batch);
    this.#batch = batch;
    return batch;
  }

  #added(segment: Segment, bytes: number): void {
    segment.end += bytes;
    segment.counted += bytes;
    this.#bufferedBytes += bytes;
    if (this.#bufferedBytes > BUFFERED_BYTES_HIGH) this.#wasHigh = true;
    if (this.#state === "idle") this.#schedule();
  }

  #schedule(): void {
    if (this.#state !== "idle") return;
    this.#state = "scheduled";
    queueMicrotask(() => {
      if (this.#state === "scheduled") void this.#write();
    });
  }

  async #write(): Promise<void> {
    this.#state = "writing";
    try {
      for (let segment = this.#next(); segment !== null; segment = this.#next()) {
        for (let at = 0; at < segment.end;) {
          const written = await this.#options.stream.write(this.#piece(segment, at));
          if (this.#isDead) return;
          at += written;
          this.#left(segment, written);
          if (this.#isDead) return;
        }
        if (segment.block !== null) this.#options.buffers.give(segment.block);
      }
      this.#state = "idle";
      if (this.#masked !== null) this.#options.buffers.give(this.#masked);
      this.#masked = null;
      this.#idle?.resolve();
      this.#idle = null;
    } catch (error) {
      if (this.#isDead) return;
      this.kill();
      this.#options.onFailed(error);
    }
  }

  /** What is written next of a segment. */
  #piece({ bytes, end, key }: Segment, at: number): Uint8Array {
    if (key === 0) return bytes.subarray(at, end);
    this.#masked ??= this.#options.buffers.take(LARGE_BYTES);
    const length = Math.min(end - at, LARGE_BYTES);
    this.#masked.bytes.set(bytes.subarray(at, at + length));
    applyMask(this.#masked, 0, length, turnKey(key, at));
    return this.#masked.bytes.subarray(0, length);
  }

  /** A getter, so that the compiler does not think that nothing changes during a write. */
  get #isDead(): boolean {
    return this.#state === "dead";
  }

  #next(): Segment | null {
    if (this.#control.length > 0 && !this.#isMidFrame) return this.#takeControl();
    const segment = this.#segments.shift() ?? null;
    if (segment === this.#batch) this.#batch = null;
    this.#isMidFrame = segment?.isOpen ?? false;
    return segment;
  }

  #takeControl(): Segment {
    const bytes = new Uint8Array(this.#controlBytes);
    let end = 0;
    for (const frame of this.#control) {
      bytes.set(frame, end);
      end += frame.length;
    }
    this.#control = [];
    this.#controlBytes = 0;
    return { block: null, bytes, end, counted: 0, isOpen: false, key: 0 };
  }

  /** So many bytes of a segment are written. */
  #left(segment: Segment, written: number): void {
    const counted = Math.min(segment.counted, written);
    segment.counted -= counted;
    this.#bufferedBytes -= counted;
    if (!this.#wasHigh || this.#bufferedBytes >= BUFFERED_BYTES_LOW) return;
    this.#wasHigh = false;
    this.#options.onDrained();
  }
}
