/** Length of a masking key. */
export const KEY_BYTES = 4;
/** Longest header of a frame, its masking key included. */
export const HEADER_BYTES_MAX = 14;
/** In the second byte of a header: a masking key follows the length. */
export const MASK_BIT = 0x80;

const TWO_32 = 2 ** 32;

/** Bytes of the header in front of a payload of so many, without a masking key. */
export function headerBytes(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** Writes the header of a frame that is not masked; gives the index behind it. */
export function writeHeader(bytes: Uint8Array, at: number, first: number, length: number): number {
  bytes[at] = first;
  if (length < 126) {
    bytes[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    bytes[at + 1] = 126;
    bytes[at + 2] = length >>> 8;
    bytes[at + 3] = length;
    return at + 4;
  }
  bytes[at + 1] = 127;
  const high = Math.floor(length / TWO_32);
  const view = new DataView(bytes.buffer, bytes.byteOffset + at + 2, 8);
  view.setUint32(0, high);
  view.setUint32(4, length >>> 0);
  return at + 10;
}

/** Makes the header from `at` to `end` that of a masked frame; gives the index behind its key. */
export function addKey(bytes: Uint8Array, at: number, end: number, key: number): number {
  bytes[at + 1] = (bytes[at + 1] ?? 0) | MASK_BIT;
  bytes[end] = key;
  bytes[end + 1] = key >>> 8;
  bytes[end + 2] = key >>> 16;
  bytes[end + 3] = key >>> 24;
  return end + KEY_BYTES;
}
