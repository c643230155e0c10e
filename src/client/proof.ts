import type { ClientKeys } from "../identity/client_keys.ts";
import { readSigner } from "../identity/signer.ts";
import { fromBase64 } from "../protocol/base64.ts";
import { LoginError, ProtocolError, Status } from "../protocol/errors.ts";
import type { Response } from "../protocol/packet.ts";
import { errorText } from "../util/error_text.ts";

/** The component whose name is proved, and where what proves it is kept. */
export interface Claim {
  readonly name: string;
  readonly keys: ClientKeys | null;
}

/**
 * The signature that a broker asked for (spec 4.2). The key is read anew each time, so that one which was put in
 * its place counts at the next attempt. Rejects with `LoginError` (11) when there is no key, or none that is of use.
 */
export async function prove(challenge: Uint8Array, { name, keys }: Claim): Promise<Uint8Array> {
  if (keys === null) {
    throw unprovable(name, 'and the option "keys" is not set, so there is none');
  }
  const secret = await loadSecret(name, keys);
  if (secret === null) {
    const hint = 'register the name with "rembus register", or put its key there';
    throw unprovable(name, `expected one in ${placeOf(keys, name)}, got none; ${hint}`);
  }
  try {
    const signer = await readSigner(secret);
    return await signer.attest(challenge, name);
  } catch (error) {
    throw unprovable(name, `the one in ${placeOf(keys, name)} is of no use, ${errorText(error)}`, {
      cause: error,
    });
  }
}

/** The bytes to be signed: as they are in CBOR, as base64 text in JSON. Throws `LoginError` for anything else. */
export function challengeOf({ data }: Response, name: string): Uint8Array {
  const bytes = toBytes(data.value);
  if (bytes !== null && bytes.byteLength > 0) return bytes;
  throw new LoginError(
    Status.CHALLENGE,
    `Cannot log in as "${name}": expected a challenge of bytes, or base64 text, got neither`,
  );
}

/** Where a key store keeps the key of a name, for texts: those of files say it. */
export function placeOf(keys: ClientKeys, name: string): string {
  const place = keys.where?.(name);
  return place === undefined ? "its key store" : `"${place}"`;
}

async function loadSecret(name: string, keys: ClientKeys): Promise<Uint8Array | null> {
  try {
    return await keys.load(name);
  } catch (error) {
    throw unprovable(name, `the one in ${placeOf(keys, name)} is not read, ${errorText(error)}`, {
      cause: error,
    });
  }
}

function toBytes(value: unknown): Uint8Array | null {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== "string") return null;
  try {
    return fromBase64(value);
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}

function unprovable(name: string, problem: string, options?: ErrorOptions): LoginError {
  const text = `Cannot log in as "${name}": the broker asks for a key, ${problem}`;
  return new LoginError(Status.CHALLENGE, text, options);
}
