import { IMPORT_ALGORITHM } from "./algorithms.ts";
import type { KeyScheme } from "./client_keys.ts";
import { KeyError } from "./errors.ts";
import { writePem } from "./pem.ts";

/** Bits of a new RSA key (spec 4.2). */
const RSA_BITS = 2048;
/** 65537. */
const RSA_EXPONENT = Uint8Array.of(1, 0, 1);

/** A new pair of keys. */
export interface GeneratedKeys {
  /** PKCS#8 in PEM, for the `.secret` file. */
  readonly privatePem: string;
  /** SubjectPublicKeyInfo in PEM, to be registered. */
  readonly publicPem: string;
}

/** Makes a pair of keys: RSA of 2048 bit or ECDSA P-256. Rejects with {@link KeyError} where that is not possible. */
export async function generateKeys(scheme: KeyScheme): Promise<GeneratedKeys> {
  try {
    const { privateKey, publicKey } = await generatePair(scheme);
    return {
      privatePem: writePem("PRIVATE KEY", await exported("pkcs8", privateKey)),
      publicPem: writePem("PUBLIC KEY", await exported("spki", publicKey)),
    };
  } catch (cause) {
    throw new KeyError(`Cannot make a key of kind "${scheme}": the platform refused`, { cause });
  }
}

function generatePair(scheme: KeyScheme): Promise<CryptoKeyPair> {
  const usages: KeyUsage[] = ["sign", "verify"];
  return scheme === "ecdsa"
    ? crypto.subtle.generateKey(IMPORT_ALGORITHM.ecdsa, true, usages)
    : crypto.subtle.generateKey(
      { ...IMPORT_ALGORITHM.rsa, modulusLength: RSA_BITS, publicExponent: RSA_EXPONENT },
      true,
      usages,
    );
}

async function exported(format: "pkcs8" | "spki", key: CryptoKey): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.exportKey(format, key));
}
