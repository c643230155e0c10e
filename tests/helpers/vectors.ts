/** One golden frame: the bytes and the value that rembus.python meant. */
export interface GoldenFrame {
  readonly name: string;
  readonly hex: string;
  /** The CBOR value as JSON, in the notation of `conventions`. */
  readonly packet: unknown;
}

/** One golden text frame. */
export interface GoldenText {
  readonly name: string;
  readonly text: string;
}

/** The golden frames of rembus.python 0.8.12. */
export interface Vectors {
  readonly frames: readonly GoldenFrame[];
  readonly json: readonly GoldenText[];
  readonly arrow: readonly { readonly name: string; readonly base64: string }[];
}

/** Reads the golden frames. */
export function loadVectors(): Vectors {
  const url = new URL("../vectors/rembus-python-0.8.12.json", import.meta.url);
  return JSON.parse(Deno.readTextFileSync(url)) as Vectors;
}

/** The bytes of a hex text. */
export function hexToBytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** The hex text of bytes. */
export function bytesToHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
