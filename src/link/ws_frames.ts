import { CloseCode, isWireCode, tooLargeText } from "./close_code.ts";
import { Assembly } from "./ws_assembly.ts";
import { applyMask, ReadBuffer } from "./ws_bytes.ts";
import { KEY_BYTES, MASK_BIT } from "./ws_header.ts";

/** What a frame is (RFC 6455 5.2). */
export const Opcode = {
  CONTINUATION: 0x0,
  TEXT: 0x1,
  BINARY: 0x2,
  CLOSE: 0x8,
  PING: 0x9,
  PONG: 0xa,
} as const;
/** One of the opcodes. */
export type Opcode = typeof Opcode[keyof typeof Opcode];

/** Which end of a connection we are: a client masks what it sends, a server must not (RFC 6455 5.1). */
export type Role = "client" | "server";

/** Longest payload of a control frame (RFC 6455 5.5). Exceeded: close 1002. */
export const CONTROL_PAYLOAD_BYTES_MAX = 125;

/** What came over a connection. Nothing is reported any more after `close`. */
export interface FrameSink {
  /** One whole message. Its bytes are never written again. */
  message(data: Uint8Array | string): void;
  /** The payload is valid only during the call. */
  ping(payload: Uint8Array): void;
  /** `code` is 1005 when the frame has none. */
  close(code: number, reason: string): void;
}

/** How a {@link FrameReader} reads. */
export interface FrameReaderOptions {
  /** Our end: the other one sends the frames that are read. */
  readonly role: Role;
  /** The largest message in bytes; exceeded: close 1009. */
  readonly bytesMax: number;
}

/** A peer does not follow RFC 6455: the connection is closed with `closeCode`. */
export class FrameError extends Error {
  override readonly name = "FrameError";
  /** What the connection is closed with. */
  readonly closeCode: number;

  /** Makes an error; the text says what was wanted. */
  constructor(closeCode: number, message: string) {
    super(message);
    this.closeCode = closeCode;
  }
}

/** Below so many bytes the rest of a frame is read together with what follows it. */
const DIRECT_BYTES_MIN: number = 16 * 1024;
const TWO_32 = 2 ** 32;
const FINAL_BIT = 0x80;
const RESERVED_BITS = 0x70;

// A leading U+FEFF belongs to the text; a decoder would drop it.
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the frames of a peer from bytes that come in pieces of any size (RFC 6455 5). Knows no socket: its
 * owner reads into `target()` and says with `advance()` how much came.
 *
 * A message that is in the buffer as a whole is unmasked in place and handed out as a view of it. Any other
 * is put together in an {@link Assembly}, into which the rest of a long frame is read directly.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  #bytesMax: number;
  /** What every frame of the peer has: the bit that says that it is masked, and the key for it. */
  readonly #maskBit: number;
  readonly #keyBytes: number;
  readonly #buffer = new ReadBuffer();
  /** The message under way: all but the frames that are there as a whole. */
  #assembly: Assembly | null = null;
  /** Whether the payload of a frame is being read into the assembly. */
  #isCollecting = false;
  #isFinal = false;
  /** Bytes of that payload that have not come, and the key for them. */
  #left = 0;
  #key = 0;
  /** Whether the last target was room in the assembly. */
  #isDirect = false;
  #isHeld = false;

  /** Makes a reader that has read nothing. */
  constructor(sink: FrameSink, { role, bytesMax }: FrameReaderOptions) {
    this.#sink = sink;
    this.#bytesMax = bytesMax;
    this.#maskBit = role === "server" ? MASK_BIT : 0;
    this.#keyBytes = role === "server" ? KEY_BYTES : 0;
  }

  /** Changes the largest message, from the next frame on. */
  limit(bytesMax: number): void {
    this.#bytesMax = bytesMax;
  }

  /** Where to put the next bytes; never empty. */
  target(): Uint8Array<ArrayBuffer> {
    this.#isDirect = this.#assembly !== null && this.#left >= DIRECT_BYTES_MIN &&
      this.#buffer.start === this.#buffer.end;
    return this.#isDirect && this.#assembly !== null
      ? this.#assembly.room(this.#left, this.#most)
      : this.#buffer.room();
  }

  /** So many bytes are in the target: reports what they complete. Throws {@link FrameError}. */
  advance(count: number): void {
    if (this.#isDirect) {
      this.#collected(count, this.#assembly?.received(count, this.#key) ?? null);
    } else {
      this.#buffer.filled(count);
    }
    this.parse();
  }

  /** Takes a copy of bytes, as if they had been read. Throws {@link FrameError}. */
  feed(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const target = this.target();
      const piece = bytes.subarray(at, at + target.length);
      target.set(piece);
      at += piece.length;
      this.advance(piece.length);
    }
  }

  /** Reports nothing until `release`: what comes meanwhile is kept. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Ends `hold`. The owner calls `parse` to hear what was kept. */
  release(): void {
    this.#isHeld = false;
  }

  /** Reports what is complete. Throws {@link FrameError}, after which the reader must not be used. */
  parse(): void {
    while (!this.#isHeld) {
      if (this.#isCollecting ? !this.#collect() : !this.#frame()) return;
    }
  }

  /** One frame from its beginning; `false` when more bytes are needed. */
  #frame(): boolean {
    const buffer = this.#buffer;
    const { start, block: { view } } = buffer;
    const available = buffer.end - start;
    if (available === 0) return false;
    const first = view.getUint8(start);
    if ((first & RESERVED_BITS) !== 0) throw violation("expected reserved bits 0, got 1");
    const opcode = first & 0x0f;
    const isFinal = first >= FINAL_BIT;
    if (opcode >= Opcode.CLOSE) return this.#control(opcode, isFinal);
    this.#checkOrder(opcode);
    if (available < 2) return false;
    const second = view.getUint8(start + 1);
    if ((second & MASK_BIT) !== this.#maskBit) throw this.#wrongMask();
    let length = second & 0x7f;
    let at = start + 2;
    if (length >= 126) {
      at += length === 126 ? 2 : 8;
      if (buffer.end < at) return false;
      length = length === 126 ? shortLength(view, at - 2) : longLength(view, at - 8);
    }
    this.#checkSize(length);
    at += this.#keyBytes;
    if (buffer.end < at) return false;
    const key = this.#keyBytes === 0 ? 0 : view.getInt32(at - KEY_BYTES, true);
    buffer.start = at;
    if (isFinal && this.#assembly === null && buffer.end - at >= length) {
      this.#whole(opcode, length, key);
      return true;
    }
    this.#assembly ??= new Assembly(opcode === Opcode.TEXT);
    this.#isCollecting = true;
    this.#isFinal = isFinal;
    this.#left = length;
    this.#key = key;
    return true;
  }

  #wrongMask(): FrameError {
    return violation(
      this.#maskBit === MASK_BIT
        ? "expected a masked frame, got none"
        : "expected a frame that is not masked, got a masked one",
    );
  }

  #checkOrder(opcode: number): void {
    if (opcode > Opcode.BINARY) throw violation(`expected a known opcode, got ${opcode}`);
    if (opcode === Opcode.CONTINUATION ? this.#assembly === null : this.#assembly !== null) {
      throw violation(
        opcode === Opcode.CONTINUATION
          ? "expected the beginning of a message, got a continuation"
          : "expected a continuation, got the beginning of a message",
      );
    }
  }

  #checkSize(length: number): void {
    const total = (this.#assembly?.length ?? 0) + length;
    if (total <= this.#bytesMax) return;
    throw new FrameError(
      CloseCode.TOO_LARGE,
      tooLargeText(this.#bytesMax, total),
    );
  }

  /** A message that is one frame and in the buffer. */
  #whole(opcode: number, length: number, key: number): void {
    const buffer = this.#buffer;
    const { start, block } = buffer;
    const end = start + length;
    applyMask(block, start, end, key);
    buffer.start = end;
    const payload = block.bytes.subarray(start, end);
    if (opcode === Opcode.TEXT) {
      this.#sink.message(decode(payload));
    } else {
      buffer.keep();
      this.#sink.message(payload);
    }
  }

  /** Moves payload from the buffer to the assembly; `false` when more bytes are needed. */
  #collect(): boolean {
    const assembly = this.#assembly;
    if (assembly === null) return false;
    const buffer = this.#buffer;
    const count = Math.min(this.#left, buffer.end - buffer.start);
    if (count > 0) {
      const piece = buffer.block.bytes.subarray(buffer.start, buffer.start + count);
      buffer.start += count;
      this.#collected(count, assembly.append(piece, this.#key, this.#most));
    }
    if (this.#left > 0) return false;
    this.#isCollecting = false;
    if (!this.#isFinal) return true;
    this.#assembly = null;
    if (!assembly.isComplete) throw malformed();
    this.#sink.message(assembly.isText ? decode(assembly.bytes) : assembly.bytes);
    return true;
  }

  /** Bytes that may still come of the message under way. */
  get #most(): number {
    if (this.#isFinal) return this.#left;
    // The limit may have been lowered since the frame began.
    return Math.max(this.#left, this.#bytesMax - (this.#assembly?.length ?? 0));
  }

  #collected(count: number, key: number | null): void {
    if (key === null) throw malformed();
    this.#left -= count;
    this.#key = key;
  }

  /** A control frame; `false` when more bytes are needed. */
  #control(opcode: number, isFinal: boolean): boolean {
    const buffer = this.#buffer;
    const { start, block } = buffer;
    if (opcode > Opcode.PONG) throw violation(`expected a known opcode, got ${opcode}`);
    if (!isFinal) throw violation("expected a control frame in one piece, got a fragment");
    if (buffer.end - start < 2) return false;
    const second = block.view.getUint8(start + 1);
    if ((second & MASK_BIT) !== this.#maskBit) throw this.#wrongMask();
    const length = second & 0x7f;
    if (length > CONTROL_PAYLOAD_BYTES_MAX) {
      throw violation(`expected a control frame of at most ${CONTROL_PAYLOAD_BYTES_MAX} bytes`);
    }
    const from = start + 2 + this.#keyBytes;
    const to = from + length;
    if (buffer.end < to) return false;
    if (this.#keyBytes > 0) applyMask(block, from, to, block.view.getInt32(start + 2, true));
    buffer.start = to;
    const payload = block.bytes.subarray(from, to);
    if (opcode === Opcode.PING) this.#sink.ping(payload);
    if (opcode === Opcode.CLOSE) {
      const { code, reason } = readClose(payload);
      this.hold();
      this.#sink.close(code, reason);
    }
    return true;
  }
}

/** What a close frame says (RFC 6455 5.5.1). Throws {@link FrameError}. */
function readClose(payload: Uint8Array): { readonly code: number; readonly reason: string } {
  const [high, low] = payload;
  if (high === undefined) return { code: CloseCode.NONE, reason: "" };
  if (low === undefined) throw violation("expected a close code of 2 bytes, got 1");
  const code = high * 256 + low;
  if (!isWireCode(code)) throw violation(`expected a close code for the wire, got ${code}`);
  return { code, reason: decode(payload.subarray(2)) };
}

function shortLength(view: DataView, at: number): number {
  const length = view.getUint16(at);
  if (length < 126) throw violation("expected the shortest form of a length");
  return length;
}

function longLength(view: DataView, at: number): number {
  const high = view.getUint32(at);
  if (high >= 2 ** 31) throw violation("expected a length below 2^63");
  const length = high * TWO_32 + view.getUint32(at + 4);
  if (length < 65_536) throw violation("expected the shortest form of a length");
  return length;
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw malformed();
    throw error;
  }
}

function violation(what: string): FrameError {
  return new FrameError(CloseCode.PROTOCOL_ERROR, `Cannot read frame: ${what}`);
}

function malformed(): FrameError {
  return new FrameError(CloseCode.MALFORMED, "Cannot read text: expected UTF-8, got other bytes");
}
