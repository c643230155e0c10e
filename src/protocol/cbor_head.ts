import { ProtocolError } from "./errors.ts";
import { INFO } from "./cbor_types.ts";

const U32 = 2 ** 32;

/** An error about bytes that are no well-formed CBOR: it closes the connection with 1007. */
export function malformed(problem: string): ProtocolError {
  return new ProtocolError(`Cannot read CBOR: ${problem}`, 1007);
}

/** An error about bytes that end too early. */
export function truncated(): ProtocolError {
  return malformed("the data ends within an item");
}

/** Bytes that an argument takes behind the initial byte, by its additional information 24 to 27. */
const ARGUMENT_BYTES = [1, 2, 4, 8] as const;

/** Where the argument of an item ends. `at` is that of the initial byte, `info` its low five bits. */
export function argumentEnd(at: number, info: number): number {
  return at + 1 + (info < INFO.ONE_BYTE ? 0 : ARGUMENT_BYTES[info - INFO.ONE_BYTE] ?? 0);
}

/**
 * The argument of the item whose initial byte is at `at`: a length, a count, a tag or an integer. Beyond
 * 2^53 it is not exact, which is enough for lengths. Throws `ProtocolError` (1007) for reserved forms,
 * indefinite ones included, and when the data ends.
 */
export function argumentAt(bytes: Uint8Array, at: number): number {
  const info = (bytes[at] ?? 0) & 0x1f;
  if (info < INFO.ONE_BYTE) return info;
  if (argumentEnd(at, info) > bytes.byteLength) throw truncated();
  switch (info) {
    case INFO.ONE_BYTE:
      return bytes[at + 1] ?? 0;
    case INFO.TWO_BYTES:
      return ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    case INFO.FOUR_BYTES:
      return u32(bytes, at + 1);
    case INFO.EIGHT_BYTES:
      return u32(bytes, at + 1) * U32 + u32(bytes, at + 5);
    default:
      throw malformed(`reserved additional information ${info}`);
  }
}

function u32(bytes: Uint8Array, at: number): number {
  return (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>> 0;
}
