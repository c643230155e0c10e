/** Topics that are kept. A power of two: each has one place, found by its hash. */
const PLACES = 4_096;
/** Longest topic that is kept, in bytes. Longer ones are decoded each time. */
const TOPIC_BYTES_KEPT = 96;

interface Place {
  readonly bytes: Uint8Array;
  readonly text: string;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Texts of topics by their UTF-8 bytes. The same few topics come again and again: a known one costs a
 * comparison instead of a new string, and map look-ups find its hash ready.
 */
const places: (Place | undefined)[] = new Array(PLACES);

/** The text of well-formed UTF-8 bytes. */
export function topicText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length > TOPIC_BYTES_KEPT) return utf8.decode(bytes.subarray(start, end));
  let hash = length;
  for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + (bytes[at] ?? 0)) | 0;
  const index = (hash ^ (hash >>> 16)) & (PLACES - 1);
  const known = places[index];
  if (known !== undefined && isSame(known.bytes, bytes, start, length)) return known.text;
  const copy = bytes.slice(start, end);
  const text = utf8.decode(copy);
  places[index] = { bytes: copy, text };
  return text;
}

function isSame(known: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (known.byteLength !== length) return false;
  for (let i = 0; i < length; i++) {
    if (known[i] !== bytes[start + i]) return false;
  }
  return true;
}
