import { IMPORT_ALGORITHM, SIGN_ALGORITHM } from "./algorithms.ts";
import { challengeMessage, equalBytes } from "./attestation.ts";
import { ecdsaToRaw } from "./ecdsa_signature.ts";
import { KeyError } from "./errors.ts";
import { readPublicKey } from "./public_key.ts";
import { readSecret, secretDigest } from "./shared_secret.ts";

/** No signature is longer: that is one of RSA with 8192 bit. */
const SIGNATURE_BYTES_MAX = 1024;

/** Tells whether an attestation proves a name. */
export interface Verifier {
  /** What it checks with. */
  readonly kind: "rsa" | "ecdsa" | "secret";
  /** Whether `signature` proves `name` for this challenge. Never rejects for a bad one, however long or odd it is. */
  verify(challenge: Uint8Array, name: string, signature: Uint8Array): Promise<boolean>;
}

/**
 * Reads a public key: PEM or DER, SubjectPublicKeyInfo or PKCS#1. Rejects with {@link KeyError} when it is empty,
 * damaged, longer than 32 KiB, RSA of less than 2048 or more than 8192 bit, on another curve than P-256, or no
 * public key at all.
 */
export async function readVerifier(publicKey: Uint8Array): Promise<Verifier> {
  const { kind, spki } = readPublicKey(publicKey);
  const key = await importPublicKey(kind, spki);
  return {
    kind,
    verify: (challenge, name, signature) =>
      verifyWith({ kind, key, message: challengeMessage(challenge, name), signature }),
  };
}

/**
 * Checks against a shared secret, of which `secret` has the UTF-8 bytes; only the first line counts. Throws
 * {@link KeyError} when it is empty, no text, or a key.
 */
export function secretVerifier(secret: Uint8Array): Verifier {
  const text = readSecret(secret);
  return {
    kind: "secret",
    verify: async (challenge, _name, signature) =>
      equalBytes(await secretDigest(challenge, text), signature),
  };
}

/** Makes a public key usable. Rejects with {@link KeyError}, such as for a point that is not on the curve. */
export async function importPublicKey(
  kind: "rsa" | "ecdsa",
  spki: Uint8Array<ArrayBuffer>,
): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey("spki", spki, IMPORT_ALGORITHM[kind], false, ["verify"]);
  } catch (cause) {
    throw new KeyError("Cannot use a public key: expected a sound one, got one that is damaged", {
      cause,
    });
  }
}

/** A signature to check. */
export interface SignatureCheck {
  /** The algorithm of the key. */
  readonly kind: "rsa" | "ecdsa";
  /** A public key that {@link importPublicKey} made. */
  readonly key: CryptoKey;
  /** What is said to be signed. */
  readonly message: Uint8Array;
  /** RSA: as long as the modulus. ECDSA: strict DER. */
  readonly signature: Uint8Array;
}

/** Whether a signature is right. */
export async function verifyWith(
  { kind, key, message, signature }: SignatureCheck,
): Promise<boolean> {
  if (signature.length > SIGNATURE_BYTES_MAX) return false;
  const raw = kind === "ecdsa" ? ecdsaToRaw(signature) : Uint8Array.from(signature);
  if (raw === null) return false;
  try {
    return await crypto.subtle.verify(SIGN_ALGORITHM[kind], key, raw, Uint8Array.from(message));
  } catch (error) {
    // Some runtimes throw for a signature that cannot be one, instead of calling it wrong.
    if (error instanceof Error) return false;
    throw error;
  }
}
