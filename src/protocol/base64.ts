import { ProtocolError } from "./errors.ts";

/** Bytes per call of `String.fromCharCode`: its arguments live on the stack. A multiple of 3. */
const CHUNK_BYTES = 24_576;

/** The standard, padded base64 text of bytes (spec 3.1). */
export function toBase64(bytes: Uint8Array): string {
  // Many times faster, where the platform has it.
  if (typeof bytes.toBase64 === "function") return bytes.toBase64();
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES)));
  }
  return text;
}

/** The bytes of a base64 text, padded or not. Throws {@link ProtocolError} (1007) for anything else. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  let binary: string;
  try {
    binary = atob(text);
  } catch (cause) {
    throw new ProtocolError(
      "Cannot decode bytes: expected base64, got another text",
      1007,
      { cause },
    );
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
