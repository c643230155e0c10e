/**
 * Proves UTF-8 (RFC 3629) piece by piece, so that a text is refused at its first wrong byte and not only when
 * the last piece has come: no overlong forms, no surrogates, nothing above U+10FFFF. Pieces may end within a
 * character. Unlike a text decoder it allocates nothing.
 */
export class Utf8Validator {
  /** Continuation bytes that the character under way still needs. */
  #needed = 0;
  /** Bounds of the next continuation byte: they rule out overlong forms, surrogates, > U+10FFFF. */
  #low = 0x80;
  #high = 0xbf;

  /** Whether no character is under way. */
  get isComplete(): boolean {
    return this.#needed === 0;
  }

  /** Begins a new text. */
  reset(): void {
    this.#needed = 0;
    this.#low = 0x80;
    this.#high = 0xbf;
  }

  /** Takes the bytes from `from` up to `to`; `false` as soon as they cannot be UTF-8. */
  push(bytes: Uint8Array, from: number, to: number): boolean {
    let at = from;
    while (at < to) {
      const byte = bytes[at++] ?? 0;
      if (this.#needed > 0) {
        if (byte < this.#low || byte > this.#high) return false;
        this.#low = 0x80;
        this.#high = 0xbf;
        this.#needed--;
      } else if (byte >= 0x80) {
        if (!this.#begin(byte)) return false;
      }
    }
    return true;
  }

  /** The first byte of a character of two to four bytes. */
  #begin(byte: number): boolean {
    if (byte < 0xc2 || byte > 0xf4) return false;
    if (byte < 0xe0) {
      this.#needed = 1;
    } else if (byte < 0xf0) {
      this.#needed = 2;
      if (byte === 0xe0) this.#low = 0xa0;
      if (byte === 0xed) this.#high = 0x9f;
    } else {
      this.#needed = 3;
      if (byte === 0xf0) this.#low = 0x90;
      if (byte === 0xf4) this.#high = 0x8f;
    }
    return true;
  }
}

const whole = new Utf8Validator();

/** Whether bytes are one whole text in UTF-8. */
export function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  // Most texts are ASCII, and need no validator.
  let at = from;
  while (at < to && (bytes[at] ?? 0) < 0x80) at++;
  if (at === to) return true;
  whole.reset();
  return whole.push(bytes, at, to) && whole.isComplete;
}
