import { encodeCbor } from "../protocol/cbor_encode.ts";

/**
 * What a component signs to prove its name: the CBOR array of the challenge as bytes and the name as text (spec
 * 4.2), such as `82 44 deadbeef 65 616c696365`. The name is in it, so that an answer given under one name is
 * worthless under another.
 */
export function challengeMessage(challenge: Uint8Array, name: string): Uint8Array {
  return encodeCbor([challenge, name]);
}

/**
 * Whether two byte strings are equal. Takes as long for a difference in the first byte as for one in the last, so that
 * the time tells nothing of a secret; only lengths, which are no secret, decide early.
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0);
  return difference === 0;
}
