import { IMPORT_ALGORITHM, SIGN_ALGORITHM } from "./algorithms.ts";
import { challengeMessage } from "./attestation.ts";
import { ecdsaToDer } from "./ecdsa_signature.ts";
import { KeyError } from "./errors.ts";
import { isPem } from "./pem.ts";
import { type PrivateKey, readPrivateKey } from "./private_key.ts";
import { readSecret, secretDigest, textOf } from "./shared_secret.ts";
import { importPublicKey, verifyWith } from "./verifier.ts";

/** Proves the name of a component. */
export interface Signer {
  /** What it proves it with. */
  readonly kind: "rsa" | "ecdsa" | "secret";
  /** The answer to a challenge under this name: the signature of an ATTESTATION. Rejects with {@link KeyError}. */
  attest(challenge: Uint8Array, name: string): Promise<Uint8Array>;
}

/**
 * Reads what proves a name, the bytes of a `.secret` file: a private key in PEM or DER (PKCS#8, PKCS#1, SEC1), or else
 * the shared secret in the first line. Rejects with {@link KeyError} when it is empty, encrypted, damaged, of
 * another algorithm, RSA of less than 2048 or more than 8192 bit, on another curve than P-256, or when its halves
 * do not fit each other.
 */
export async function readSigner(secret: Uint8Array): Promise<Signer> {
  if (!isPem(secret) && textOf(secret) !== null) {
    const text = readSecret(secret);
    return { kind: "secret", attest: (challenge) => secretDigest(challenge, text) };
  }
  const privateKey = readPrivateKey(secret);
  const { kind } = privateKey;
  const key = await importPrivateKey(privateKey);
  await proveWhole(privateKey, key);
  return {
    kind,
    attest: (challenge, name) => sign(kind, { key, message: challengeMessage(challenge, name) }),
  };
}

async function importPrivateKey({ kind, pkcs8 }: PrivateKey): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey("pkcs8", pkcs8, IMPORT_ALGORITHM[kind], false, ["sign"]);
  } catch (cause) {
    throw damaged({ cause });
  }
}

/**
 * Signs once and checks it where the key holds its public half, so that a damaged key is told here and not as a refused login. And one signature made
 * with a wrong prime of an RSA key gives the whole key away: none may leave.
 */
async function proveWhole({ kind, spki }: PrivateKey, key: CryptoKey): Promise<void> {
  const message = new Uint8Array(1);
  const signature = await sign(kind, { key, message });
  if (spki === null) return;
  const isWhole = await verifyWith({
    kind,
    key: await importPublicKey(kind, spki),
    message,
    signature,
  });
  if (!isWhole) throw damaged();
}

async function sign(
  kind: "rsa" | "ecdsa",
  { key, message }: { readonly key: CryptoKey; readonly message: Uint8Array },
): Promise<Uint8Array> {
  let signature: Uint8Array;
  try {
    signature = new Uint8Array(
      await crypto.subtle.sign(SIGN_ALGORITHM[kind], key, Uint8Array.from(message)),
    );
  } catch (cause) {
    throw damaged({ cause });
  }
  return kind === "ecdsa" ? ecdsaToDer(signature) : signature;
}

function damaged(options?: ErrorOptions): KeyError {
  return new KeyError(
    "Cannot use a private key: expected a sound one, got one that is damaged",
    options,
  );
}
