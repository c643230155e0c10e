import type { SeededRandom } from "./seeded_random.ts";

/** Bytes that CBOR decoders stumble over: heads of all types, lengths of all widths, a break. */
const NASTY = [
  0x00,
  0x1b,
  0x3b,
  0x5b,
  0x5f,
  0x7b,
  0x7f,
  0x9b,
  0x9f,
  0xbb,
  0xbf,
  0xc0,
  0xc1,
  0xd8,
  0xf8,
  0xff,
];

/** A damaged copy: bits flipped, bytes changed, added, removed or repeated, cut, or joined with another. */
export function mutate(
  frame: Uint8Array,
  { random, other }: { readonly random: SeededRandom; readonly other: Uint8Array },
): Uint8Array {
  let bytes = frame;
  for (let left = 1 + random.below(3); left > 0; left--) bytes = once(bytes, random, other);
  return bytes;
}

function once(frame: Uint8Array, random: SeededRandom, other: Uint8Array): Uint8Array {
  const at = random.below(frame.length + 1);
  switch (random.below(7)) {
    case 0: {
      const copy = frame.slice();
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    }
    case 1: {
      const copy = frame.slice();
      if (at < copy.length) copy[at] = random.pick(NASTY);
      return copy;
    }
    case 2:
      return frame.slice(0, at);
    case 3:
      return Uint8Array.from([...frame.subarray(0, at), random.below(256), ...frame.subarray(at)]);
    case 4:
      return Uint8Array.from([
        ...frame.subarray(0, at),
        ...frame.subarray(at + 1 + random.below(4)),
      ]);
    case 5:
      return Uint8Array.from([
        ...frame.subarray(0, at),
        ...other.subarray(random.below(other.length)),
      ]);
    default: {
      const run = frame.subarray(at, at + 1 + random.below(16));
      return Uint8Array.from([...frame.subarray(0, at), ...run, ...frame.subarray(at)]);
    }
  }
}

/** A number from the environment, for suites that run longer in CI. */
export function countFromEnv(name: string, fallback: number): number {
  const text = Deno.env.get(name);
  return text === undefined ? fallback : Number(text);
}
