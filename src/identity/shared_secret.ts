import { encodeCbor } from "../protocol/cbor_encode.ts";
import { KeyError } from "./errors.ts";
import { isPem } from "./pem.ts";
import { KEY_BYTES_MAX } from "./public_key.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Characters that no text has; a binary key is full of them. */
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** How the first and the last line of a key end, also of one that is damaged. */
const KEY_LINE_END = "KEY-----";

/** The text of bytes, when they are UTF-8 without control characters; else `null`. */
export function textOf(bytes: Uint8Array): string | null {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
  return CONTROL.test(text) ? null : text;
}

/**
 * The shared secret that a file or a text holds: its first line, without the line end, else as it is (rembus-jl
 * 5.1). Throws {@link KeyError} when there is none, and for PEM: its first line is the same in every file, so
 * that anybody would know the secret.
 */
export function readSecret(bytes: Uint8Array): string {
  if (bytes.length > KEY_BYTES_MAX) throw refused(`more than ${KEY_BYTES_MAX} bytes`);
  const text = textOf(bytes);
  if (text === null) throw refused("something that is no text");
  if (isPem(bytes) || text.includes(KEY_LINE_END)) throw refused("a key in PEM");
  const [line = ""] = text.split(/\r?\n/, 1);
  if (line === "") throw refused("an empty one");
  return line;
}

/** What proves that one knows a shared secret: SHA-256 of the CBOR array of challenge and secret (rembus-jl 5.2). */
export async function secretDigest(challenge: Uint8Array, secret: string): Promise<Uint8Array> {
  // The encoder gives a buffer of its own, never a shared one.
  const message = encodeCbor([challenge, secret]) as Uint8Array<ArrayBuffer>;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", message));
}

function refused(got: string): KeyError {
  return new KeyError(`Cannot read a shared secret: expected one line of text, got ${got}`);
}
