import type { Random } from "../util/random.ts";

/** What all segments of one log have in common. */
export interface LogIdentity {
  /** Identity of the log, a UUID: an offset means nothing in another log (D19). */
  readonly logId: string;
  /** The 32 bits that every record begins with. */
  readonly marker: number;
}

/** Identity of a new log. */
export function newIdentity(random: Random): LogIdentity {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigUint64(0, random.u64());
  view.setBigUint64(8, random.u64());
  // Version 4, variant 1 (RFC 9562).
  view.setUint8(6, view.getUint8(6) & 0x0f | 0x40);
  view.setUint8(8, view.getUint8(8) & 0x3f | 0x80);
  const marker = Number(BigInt.asUintN(32, random.u64()));
  return { logId: uuidText(new Uint8Array(view.buffer)), marker: marker || 1 };
}

/** The 16 bytes of a UUID. */
export function uuidBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(16);
  const digits = text.replaceAll("-", "");
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  }
  return bytes;
}

/** The UUID in 16 bytes. */
export function uuidText(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}
