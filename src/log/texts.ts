import { TEXTS_KEPT_MAX } from "./limits.ts";

/** A text in UTF-8. */
export type TextBytes = Uint8Array<ArrayBuffer>;

interface Kept {
  readonly bytes: TextBytes;
  readonly text: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Longer texts are rare, and not worth keeping. */
const KEPT_BYTES_MAX = 256;

/**
 * Topics and names in both forms. A log has few different ones and meets each very often, so that turning
 * one form into the other is mostly a look into a table.
 */
export class Texts {
  /** Text -> its bytes. All are forgotten when there are too many. */
  readonly #bytes = new Map<string, TextBytes>();
  /** Hash of the bytes -> the text seen last with it. */
  readonly #texts = new Array<Kept | undefined>(TEXTS_KEPT_MAX);

  /** The bytes of a text. They are shared: they must not be changed. */
  bytesOf(text: string): TextBytes {
    const kept = this.#bytes.get(text);
    if (kept !== undefined) return kept;
    const bytes = encoder.encode(text);
    if (bytes.byteLength > KEPT_BYTES_MAX) return bytes;
    if (this.#bytes.size >= TEXTS_KEPT_MAX) this.#bytes.clear();
    this.#bytes.set(text, bytes);
    return bytes;
  }

  /** The text in the bytes from `from` to before `to`. */
  read(bytes: Uint8Array<ArrayBuffer>, from: number, to: number): string {
    const length = to - from;
    if (length === 0) return "";
    if (length > KEPT_BYTES_MAX) return decoder.decode(bytes.subarray(from, to));
    let hash = length;
    for (let i = from; i < to; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0;
    const place = (hash >>> 0) % TEXTS_KEPT_MAX;
    const kept = this.#texts[place];
    if (kept !== undefined && isSame(kept.bytes, bytes, from, length)) return kept.text;
    const own = bytes.slice(from, to);
    const text = decoder.decode(own);
    this.#texts[place] = { bytes: own, text };
    return text;
  }
}

function isSame(kept: TextBytes, bytes: TextBytes, from: number, length: number): boolean {
  if (kept.byteLength !== length) return false;
  for (let i = 0; i < length; i++) if (kept[i] !== bytes[from + i]) return false;
  return true;
}
