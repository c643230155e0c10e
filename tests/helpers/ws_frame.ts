/** One frame, as a test wants it: also wrong ones. */
export interface FrameParts {
  /** Bits 0 to 3 of the first byte. */
  readonly opcode: number;
  readonly payload?: Uint8Array;
  /** @default {true} */
  readonly fin?: boolean;
  /** Bits 4 to 6 of the first byte, as 0 to 7. @default {0} */
  readonly reserved?: number;
  /** @default {the shortest form that holds the length} */
  readonly lengthForm?: 7 | 16 | 64;
  /** What the frame says that its length is. @default {that of the payload} */
  readonly length?: bigint;
  /** Masking key; `null` leaves the frame unmasked. @default {a key with no two bytes alike} */
  readonly key?: readonly [number, number, number, number] | null;
}

const KEY: readonly [number, number, number, number] = [0x37, 0xfa, 0x21, 0x3d];

/** The bytes of a frame, written as plainly as can be. */
export function frame(parts: FrameParts): Uint8Array<ArrayBuffer> {
  const { opcode, payload = new Uint8Array(0), fin = true, reserved = 0, key = KEY } = parts;
  const length = parts.length ?? BigInt(payload.length);
  const form = parts.lengthForm ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  const out: number[] = [(fin ? 0x80 : 0) | (reserved << 4) | opcode];
  const maskBit = key === null ? 0 : 0x80;
  if (form === 7) out.push(maskBit | Number(length));
  else out.push(maskBit | (form === 16 ? 126 : 127));
  if (form !== 7) {
    for (let shift = form - 8; shift >= 0; shift -= 8) {
      out.push(Number((length >> BigInt(shift)) & 0xffn));
    }
  }
  if (key !== null) out.push(...key);
  const bytes = new Uint8Array(out.length + payload.length);
  bytes.set(out);
  for (let i = 0; i < payload.length; i++) {
    bytes[out.length + i] = (payload[i] ?? 0) ^ (key === null ? 0 : key[i & 3] ?? 0);
  }
  return bytes;
}

/** A masked text frame. */
export function textFrame(text: string, fin = true): Uint8Array<ArrayBuffer> {
  return frame({ opcode: 1, payload: utf8(text), fin });
}

/** A masked binary frame. */
export function binaryFrame(payload: Uint8Array, fin = true): Uint8Array<ArrayBuffer> {
  return frame({ opcode: 2, payload, fin });
}

/** A masked close frame. Without a code, one without payload. */
export function closeFrame(code?: number, reason = ""): Uint8Array<ArrayBuffer> {
  if (code === undefined) return frame({ opcode: 8 });
  return frame({ opcode: 8, payload: joined([[code >> 8, code & 255], utf8(reason)]) });
}

/** The UTF-8 of a text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Pieces in a row. */
export function joined(pieces: readonly (ArrayLike<number>)[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** One frame that was read. */
export interface ReadFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** Frames in bytes, and how many bytes are left behind them. */
export interface ReadFrames {
  readonly frames: ReadFrame[];
  /** The masking key of each frame of a client. */
  readonly keys: string[];
  readonly rest: number;
}

/** The frames of a sender, unmasked. Throws for a client that does not mask, and for a server that does. */
export function readFrames(
  bytes: Uint8Array,
  sender: "client" | "server" = "server",
): ReadFrames {
  const frames: ReadFrame[] = [];
  const keys: string[] = [];
  const keyBytes = sender === "client" ? 4 : 0;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (bytes.length - at >= 2) {
    const first = view.getUint8(at);
    const second = view.getUint8(at + 1);
    if ((second >= 0x80) !== (sender === "client")) {
      throw new Error(`wrong mask bit of a ${sender}`);
    }
    const form = second & 0x7f;
    const more = form === 126 ? 2 : form === 127 ? 8 : 0;
    const from = at + 2 + more + keyBytes;
    if (bytes.length < from) break;
    const length = form === 126
      ? view.getUint16(at + 2)
      : form === 127
      ? Number(view.getBigUint64(at + 2))
      : form;
    if (bytes.length - from < length) break;
    const key = bytes.subarray(from - keyBytes, from);
    const payload = bytes.subarray(from, from + length);
    frames.push({
      fin: first >= 0x80,
      opcode: first & 0x7f,
      payload: keyBytes === 0 ? payload : payload.map((byte, i) => byte ^ (key[i & 3] ?? 0)),
    });
    if (keyBytes > 0) keys.push(key.toString());
    at = from + length;
  }
  return { frames, keys, rest: bytes.length - at };
}

/** What a close frame says; 1005 for one without payload. Throws when there is none. */
export function closeOf(frame: ReadFrame | undefined): { code: number; reason: string } {
  if (frame?.opcode !== 8) throw new Error(`expected a close frame, got ${frame?.opcode}`);
  const { payload } = frame;
  const [high, low] = payload;
  if (high === undefined || low === undefined) return { code: 1005, reason: "" };
  return { code: high * 256 + low, reason: new TextDecoder().decode(payload.subarray(2)) };
}
