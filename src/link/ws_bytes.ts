/** Bytes of a size that is a multiple of 4, with the views that reading and masking frames takes. */
export interface Block {
  /** All of it. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** For numbers of headers. */
  readonly view: DataView;
  /** For masking four bytes at once. */
  readonly words: Int32Array;
}

/** A new block that holds at least so many bytes. */
export function newBlock(size: number): Block {
  const buffer = new ArrayBuffer((size + 3) & ~3);
  return {
    bytes: new Uint8Array(buffer),
    view: new DataView(buffer),
    words: new Int32Array(buffer),
  };
}

/** The masking key after so many bytes were masked with it. */
export function turnKey(key: number, count: number): number {
  const bits = (count & 3) * 8;
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

/**
 * Masks or unmasks, which is the same, the bytes from `from` up to `to` in place (RFC 6455 5.3). `key` is the
 * masking key as a little-endian number, the order in which every platform of Deno keeps the words; 0 for
 * none.
 */
export function applyMask({ bytes, words }: Block, from: number, to: number, key: number): void {
  if (key === 0) return;
  let at = from;
  let turned = key;
  for (; at < to && (at & 3) !== 0; at++) {
    bytes[at] = (bytes[at] ?? 0) ^ turned;
    turned = (turned >>> 8) | (turned << 24);
  }
  const end = to >>> 2;
  let word = at >>> 2;
  for (; word < end; word++) words[word] = (words[word] ?? 0) ^ turned;
  at = Math.max(at, word << 2);
  for (; at < to; at++) {
    bytes[at] = (bytes[at] ?? 0) ^ turned;
    turned = (turned >>> 8) | (turned << 24);
  }
}

/** Least and most bytes of one block for reads: what an idle connection costs, and a busy one. */
const READ_BYTES_MIN: number = 4 * 1024;
const READ_BYTES_MAX: number = 64 * 1024;

/**
 * Where a connection reads into. Parts of it are handed out as messages and never written again; the rest
 * is used over. A new block takes the place of a full one, larger while reads fill it.
 *
 *     0 ── kept ──── start ──────── end ─────── capacity
 *      handed out │ used │ not parsed │   room
 */
export class ReadBuffer {
  /** The memory of now. */
  block: Block = newBlock(READ_BYTES_MIN);
  /** First byte that is not parsed. */
  start = 0;
  /** First byte that is not filled. */
  end = 0;
  #kept = 0;
  #wanted: number = READ_BYTES_MIN;
  #largestRead = 0;

  /** The bytes in front of `start` are handed out. */
  keep(): void {
    this.#kept = this.start;
  }

  /** Free bytes at the end, to read into; never empty. What waits to be parsed may move. */
  room(): Uint8Array<ArrayBuffer> {
    if (this.start === this.end) this.start = this.end = this.#kept;
    const capacity = this.block.bytes.length;
    if (this.#wanted > capacity || capacity - this.end < capacity >>> 2) this.#renew();
    return this.block.bytes.subarray(this.end);
  }

  /** So many bytes of the room are filled. */
  filled(count: number): void {
    this.end += count;
    const capacity = this.block.bytes.length;
    if (count > this.#largestRead) this.#largestRead = count;
    if (this.end === capacity) this.#wanted = Math.min(capacity * 4, READ_BYTES_MAX);
  }

  #renew(): void {
    const { bytes } = this.block;
    if (this.#wanted === bytes.length && this.#largestRead < bytes.length >>> 3) {
      this.#wanted = Math.max(bytes.length >>> 2, READ_BYTES_MIN);
    }
    const left = this.end - this.start;
    this.block = newBlock(Math.max(this.#wanted, left * 2));
    this.block.bytes.set(bytes.subarray(this.start, this.end));
    this.start = this.#kept = 0;
    this.end = left;
    this.#largestRead = 0;
  }
}
