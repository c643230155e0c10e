import { argumentAt, argumentEnd, malformed, truncated } from "./cbor_head.ts";
import { isCheckedTag, tagProblem } from "./cbor_tags.ts";
import { BREAK, INFO, MAJOR } from "./cbor_types.ts";
import { NESTING_MAX } from "./limits.ts";
import { isUtf8 } from "../util/utf8.ts";

const TAG_SHAREABLE = 28;
const TAG_SHARED_REFERENCE = 29;
const TAG_SET = 258;

/**
 * Values that a tag 28 made shareable, in the order of their marks: whether each is complete. A reference
 * (tag 29) to one that is not would be a cycle. Emptied at the start of each walk.
 */
const shareables: boolean[] = [];
/** Map keys and sets around the item at hand: a peer in Python needs what is in them to be hashable. */
let hashed = 0;

/**
 * Proves that one item stands at `start`, without decoding it (D1): structure, nesting of at most
 * {@link NESTING_MAX}, UTF-8 of texts, and the content of tags on which the decoders of peers fail. Returns
 * where the item ends; bytes behind it are not looked at. Throws `ProtocolError` with close code 1007.
 */
export function walkCbor(bytes: Uint8Array, start: number): number {
  if (shareables.length > 0) shareables.length = 0;
  hashed = 0;
  return item(bytes, start, 0);
}

function item(bytes: Uint8Array, at: number, depth: number): number {
  const initial = bytes[at];
  if (initial === undefined) throw truncated();
  const info = initial & 0x1f;
  const major = initial >> 5;
  if (major === MAJOR.SIMPLE) return simple(bytes, at, info);
  if (info === INFO.INDEFINITE) return indefinite(bytes, at, depth);
  const argument = argumentAt(bytes, at);
  const next = argumentEnd(at, info);
  switch (major) {
    case MAJOR.UINT:
    case MAJOR.NEGATIVE:
      return next;
    case MAJOR.BYTES:
      return stringEnd(bytes, next, argument);
    case MAJOR.TEXT:
      return text(bytes, next, argument);
    case MAJOR.ARRAY:
      return items(bytes, next, argument, deeper(depth));
    case MAJOR.MAP:
      return pairs(bytes, next, argument, deeper(depth));
    default:
      return tagged(bytes, next, argument, deeper(depth));
  }
}

/** Every item takes a byte, so that a count beyond the data is refused before anything is walked. */
function items(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (count > bytes.byteLength - start) throw truncated();
  let at = start;
  for (let left = count; left > 0; left--) at = item(bytes, at, depth);
  return at;
}

function pairs(bytes: Uint8Array, start: number, count: number, depth: number): number {
  if (count * 2 > bytes.byteLength - start) throw truncated();
  let at = start;
  for (let left = count; left > 0; left--) at = item(bytes, key(bytes, at, depth), depth);
  return at;
}

function key(bytes: Uint8Array, at: number, depth: number): number {
  hashed++;
  const end = item(bytes, at, depth);
  hashed--;
  return end;
}

function stringEnd(bytes: Uint8Array, start: number, length: number): number {
  if (length > bytes.byteLength - start) throw truncated();
  return start + length;
}

function text(bytes: Uint8Array, start: number, length: number): number {
  const end = stringEnd(bytes, start, length);
  if (!isUtf8(bytes, start, end)) throw malformed("a text is not UTF-8");
  return end;
}

function indefinite(bytes: Uint8Array, at: number, depth: number): number {
  const major = (bytes[at] ?? 0) >> 5;
  switch (major) {
    case MAJOR.BYTES:
    case MAJOR.TEXT:
      return chunks(bytes, at + 1, major);
    case MAJOR.ARRAY:
      return itemsUntilBreak(bytes, at + 1, deeper(depth));
    case MAJOR.MAP:
      return pairsUntilBreak(bytes, at + 1, deeper(depth));
    default:
      throw malformed("an item of this type cannot be of indefinite length");
  }
}

function chunks(bytes: Uint8Array, start: number, major: number): number {
  let at = start;
  for (;;) {
    const initial = bytes[at];
    if (initial === undefined) throw truncated();
    if (initial === BREAK) return at + 1;
    const info = initial & 0x1f;
    if (initial >> 5 !== major || info === INFO.INDEFINITE) {
      throw malformed("a chunk of an indefinite-length string is of another type");
    }
    const next = argumentEnd(at, info);
    const length = argumentAt(bytes, at);
    at = major === MAJOR.TEXT ? text(bytes, next, length) : stringEnd(bytes, next, length);
  }
}

function itemsUntilBreak(bytes: Uint8Array, start: number, depth: number): number {
  let at = start;
  while (bytes[at] !== BREAK) at = item(bytes, at, depth);
  return at + 1;
}

function pairsUntilBreak(bytes: Uint8Array, start: number, depth: number): number {
  let at = start;
  while (bytes[at] !== BREAK) at = item(bytes, key(bytes, at, depth), depth);
  return at + 1;
}

function simple(bytes: Uint8Array, at: number, info: number): number {
  if (info > INFO.EIGHT_BYTES) {
    throw malformed(
      info === INFO.INDEFINITE
        ? "a break stands where an item must"
        : `reserved additional information ${info}`,
    );
  }
  const end = argumentEnd(at, info);
  if (end > bytes.byteLength) throw truncated();
  if (info === INFO.ONE_BYTE && (bytes[at + 1] ?? 0) < 32) {
    throw malformed("a simple value below 32 in two bytes");
  }
  return end;
}

function tagged(bytes: Uint8Array, at: number, tag: number, depth: number): number {
  if (!isCheckedTag(tag)) return item(bytes, at, depth);
  if (tag === TAG_SHAREABLE) {
    const index = shareables.push(false) - 1;
    const end = item(bytes, at, depth);
    shareables[index] = true;
    return end;
  }
  const end = tag === TAG_SET ? key(bytes, at, depth) : item(bytes, at, depth);
  if (tag === TAG_SHARED_REFERENCE) {
    const isComplete = (bytes[at] ?? 0) >> 5 === MAJOR.UINT && shareables[argumentAt(bytes, at)];
    if (isComplete !== true) throw malformed("a shared reference (tag 29) points nowhere");
    if (hashed > 0) throw malformed("a shared reference (tag 29) stands in a map key or set");
    return end;
  }
  const problem = tagProblem(tag, bytes.subarray(at, end));
  if (problem !== null) throw malformed(`tag ${tag} ${problem}`);
  return end;
}

function deeper(depth: number): number {
  if (depth >= NESTING_MAX) throw malformed(`more than ${NESTING_MAX} levels`);
  return depth + 1;
}
