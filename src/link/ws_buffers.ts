import { type Block, newBlock } from "./ws_bytes.ts";

/** Size of a buffer for a few frames. */
const SMALL_BYTES: number = 4 * 1024;
/** Size of a buffer for many frames. */
export const LARGE_BYTES: number = 64 * 1024;
/** Buffers that are kept for reuse. Exceeded: left to the garbage collector. */
const SMALL_KEPT_MAX = 1_024;
const LARGE_KEPT_MAX = 256;

/** Buffers that frames are gathered in before they are written, shared by many links. */
export class WriteBuffers {
  readonly #small: Block[] = [];
  readonly #large: Block[] = [];

  /** A buffer of at least so many bytes, of the smallest size that has them. Its content is arbitrary. */
  take(bytes: number): Block {
    if (bytes <= SMALL_BYTES) return this.#small.pop() ?? newBlock(SMALL_BYTES);
    if (bytes <= LARGE_BYTES) return this.#large.pop() ?? newBlock(LARGE_BYTES);
    return newBlock(bytes);
  }

  /** Takes back a buffer that nobody uses any more. */
  give(buffer: Block): void {
    const size = buffer.bytes.length;
    if (size === SMALL_BYTES) {
      if (this.#small.length < SMALL_KEPT_MAX) this.#small.push(buffer);
    } else if (size === LARGE_BYTES) {
      if (this.#large.length < LARGE_KEPT_MAX) this.#large.push(buffer);
    }
  }
}
