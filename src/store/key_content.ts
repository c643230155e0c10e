import type { StoredKey } from "../broker/keys.ts";
import { KeyError } from "../identity/errors.ts";
import { isPem } from "../identity/pem.ts";
import { readSecret } from "../identity/shared_secret.ts";
import { readVerifier } from "../identity/verifier.ts";
import type { KeyPath } from "./key_name.ts";

/** A file that is to be made. */
export interface KeyFile {
  /** Relative to the directory of keys. */
  readonly path: string;
  /** Its content. */
  readonly bytes: Uint8Array;
}

/**
 * What a file holds. Rejects with {@link KeyError} for a file that nobody gets in with: an empty one, a damaged key,
 * a key in a file without an extension. Taken as a secret, the first line of the last would let anybody in
 * (rembus-jl 5.2).
 */
export async function readKey({ isSecret }: KeyPath, bytes: Uint8Array): Promise<StoredKey> {
  if (isSecret) return { kind: "secret", bytes: new TextEncoder().encode(readSecret(bytes)) };
  const { kind } = await readVerifier(bytes);
  return { kind, bytes };
}

/** The file that a key is stored in. Rejects with {@link KeyError} for one that could not be read again. */
export async function toKeyFile(name: string, { kind, bytes }: StoredKey): Promise<KeyFile> {
  if (kind === "secret") {
    const stored = await readKey({ path: name, isSecret: true }, bytes);
    if (stored.bytes.byteLength !== bytes.byteLength) {
      throw new KeyError("Cannot store a shared secret: expected one line of text, got more");
    }
    return { path: name, bytes };
  }
  const path = `${name}.${kind}.${isPem(bytes) ? "pem" : "der"}`;
  const stored = await readKey({ path, isSecret: false }, bytes);
  if (stored.kind === kind) return { path, bytes };
  throw new KeyError(`Cannot store a key: expected one for ${kind}, got one for ${stored.kind}`);
}
