import type { Random } from "../util/random.ts";

const HEX = 16;
const HEX_DIGITS = 16;

/** A random UUID (version 4): the name of a component that has not named itself. */
export function anonymousName(random: Random): string {
  const high = hex((random.u64() & ~0xf000n) | 0x4000n);
  const low = hex((random.u64() & ~(0xc000n << 48n)) | (0x8000n << 48n));
  return `${high.slice(0, 8)}-${high.slice(8, 12)}-${high.slice(12)}-` +
    `${low.slice(0, 4)}-${low.slice(4)}`;
}

function hex(bits: bigint): string {
  return BigInt.asUintN(64, bits).toString(HEX).padStart(HEX_DIGITS, "0");
}
