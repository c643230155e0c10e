import { REASON_BYTES_MAX } from "./limits.ts";

/** Close codes that links themselves use (RFC 6455 7.4.1, `docs/PROTOCOL.md` section 8). */
export const CloseCode = {
  NORMAL: 1000,
  PROTOCOL_ERROR: 1002,
  /** The peer closed and gave no code; never on the wire. */
  NONE: 1005,
  /** No close handshake; never on the wire. */
  ABNORMAL: 1006,
  MALFORMED: 1007,
  TOO_LARGE: 1009,
  INTERNAL_ERROR: 1011,
  OVERLOADED: 1013,
} as const;

/** Whether a close frame may carry this code: registered ones, and those of libraries and users. */
export function isWireCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== CloseCode.NONE &&
    code !== CloseCode.ABNORMAL;
}

/** The code that a WHATWG socket, which may send only 1000 and 3000 to 4999, sends instead (D5). */
export function toWhatwgCode(code: number): number {
  return code === CloseCode.NORMAL || code >= 3000 ? code : 4000 + (code - 1000);
}

/** What is said to who sends a message that is too large. */
export function tooLargeText(bytesMax: number, bytes: number): string {
  return `Cannot read message: expected at most ${bytesMax} bytes, got ${bytes}`;
}

const encoder = new TextEncoder();

/** A close reason in UTF-8, cut between characters to what fits a close frame. */
export function encodeReason(reason: string): Uint8Array {
  const bytes = new Uint8Array(REASON_BYTES_MAX);
  return bytes.subarray(0, encoder.encodeInto(reason, bytes).written);
}

/** A close reason, cut between characters to what fits a close frame. */
export function shortenReason(reason: string): string {
  return reason.slice(0, encoder.encodeInto(reason, new Uint8Array(REASON_BYTES_MAX)).read);
}
