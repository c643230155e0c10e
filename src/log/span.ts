/** Records begin at multiples of this many bytes, so that a reader that lost its place finds the next. */
export const ALIGNMENT = 8;

/** The next multiple of {@link ALIGNMENT}. */
export function align(bytes: number): number {
  return bytes + (-bytes & (ALIGNMENT - 1));
}

/** A piece of memory with the two views that encoding and decoding need. */
export class Span {
  /** The bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same bytes as numbers. */
  readonly view: DataView<ArrayBuffer>;

  /** Wraps a buffer. */
  constructor(buffer: ArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  /** A span of zeros. */
  static ofSize(bytes: number): Span {
    return new Span(new ArrayBuffer(bytes));
  }

  /** How many bytes it has. */
  get length(): number {
    return this.bytes.byteLength;
  }
}

const TWO_TO_32 = 2 ** 32;

/** Reads 64 bits, little-endian, as a number; `NaN` above 2^53 - 1, which no comparison holds for. */
export function readU64(view: DataView, at: number): number {
  const high = view.getUint32(at + 4, true);
  return high > 0x1f_ffff ? NaN : high * TWO_TO_32 + view.getUint32(at, true);
}

/** Writes a whole number below 2^53 as 64 bits, little-endian. */
export function writeU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / TWO_TO_32), true);
}
