import { DER, der, derInteger, DerReader } from "./der.ts";
import { KeyError } from "./errors.ts";

/** Bytes of each of the two numbers of a P-256 signature. */
const NUMBER_BYTES = 32;

/** The DER form of a signature, which the wire has, from the raw one that WebCrypto gives: r, s (spec 4.2). */
export function ecdsaToDer(raw: Uint8Array): Uint8Array<ArrayBuffer> {
  return der(
    DER.SEQUENCE,
    derInteger(raw.subarray(0, NUMBER_BYTES)),
    derInteger(raw.subarray(NUMBER_BYTES)),
  );
}

/**
 * The raw form of a signature in DER. `null` for anything but the one strict form, without trailing bytes: a
 * signature that could be written in several ways could be passed off as a new one.
 */
export function ecdsaToRaw(bytes: Uint8Array): Uint8Array<ArrayBuffer> | null {
  try {
    const outer = new DerReader(bytes);
    const body = outer.enter();
    outer.end();
    const raw = new Uint8Array(2 * NUMBER_BYTES);
    for (const end of [NUMBER_BYTES, 2 * NUMBER_BYTES]) {
      const number = body.integer();
      if (number.length === 0 || number.length > NUMBER_BYTES) return null;
      raw.set(number, end - number.length);
    }
    body.end();
    return raw;
  } catch (error) {
    if (error instanceof KeyError) return null;
    throw error;
  }
}
