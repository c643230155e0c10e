import { Utf8Validator } from "../util/utf8.ts";
import { applyMask, type Block, newBlock, turnKey } from "./ws_bytes.ts";

/** Bytes that an assembly takes at least, where its message may become that long. */
const ASSEMBLY_BYTES_MIN = 1_024;

/**
 * A message that is not there as a whole: what has come of it, unmasked. It grows with what came, not with
 * what was announced, and at most to twice of it, so that a length alone costs no memory.
 */
export class Assembly {
  /** Bytes that have come. */
  length = 0;
  /** Whether the message is a text. */
  readonly isText: boolean;
  readonly #validator: Utf8Validator | null;
  #block: Block = newBlock(0);

  /** Begins a message. */
  constructor(isText: boolean) {
    this.isText = isText;
    this.#validator = isText ? new Utf8Validator() : null;
  }

  /** Everything that has come. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#block.bytes.subarray(0, this.length);
  }

  /** Whether a text does not end within a character. */
  get isComplete(): boolean {
    return this.#validator?.isComplete ?? true;
  }

  /**
   * Free bytes to read into; at most the `left` ones of the frame under way, never none. `most` is what can
   * still come of the whole message.
   */
  room(left: number, most: number): Uint8Array<ArrayBuffer> {
    this.#reserve(1, most);
    const end = Math.min(this.#block.bytes.length, this.length + left);
    return this.#block.bytes.subarray(this.length, end);
  }

  /**
   * So many bytes were read into the room, masked with `key` (0: not masked). Gives the key for what follows, or `null` for
   * a text that is not UTF-8.
   */
  received(count: number, key: number): number | null {
    const from = this.length;
    this.length += count;
    applyMask(this.#block, from, this.length, key);
    if (this.#validator?.push(this.#block.bytes, from, this.length) === false) return null;
    return turnKey(key, count);
  }

  /** Appends a copy of bytes as they came. `most` can still come of the message, these included. As `received`. */
  append(bytes: Uint8Array, key: number, most: number): number | null {
    this.#reserve(bytes.length, most);
    this.#block.bytes.set(bytes, this.length);
    return this.received(bytes.length, key);
  }

  #reserve(count: number, most: number): void {
    const capacity = this.#block.bytes.length;
    const least = this.length + count;
    if (least <= capacity) return;
    const enough = Math.min(Math.max(capacity * 2, ASSEMBLY_BYTES_MIN), this.length + most);
    const before = this.bytes;
    this.#block = newBlock(Math.max(least, enough));
    this.#block.bytes.set(before);
  }
}
