/** Keys that are drawn at once: a single one costs as much. */
const KEYS_DRAWN = 256;

/**
 * Masking keys of a client. Each frame has a fresh one that nobody can foretell, so that no content makes a
 * frame look like something else to what stands between (RFC 6455 5.3, 10.3).
 */
export class MaskingKeys {
  readonly #drawn = new Int32Array(KEYS_DRAWN);
  readonly #draw: (into: Int32Array<ArrayBuffer>) => void;
  #at = KEYS_DRAWN;

  /** `draw` fills an array with random bits. */
  constructor(
    draw: (into: Int32Array<ArrayBuffer>) => void = (into) => void crypto.getRandomValues(into),
  ) {
    this.#draw = draw;
  }

  /** The next key as a little-endian number. Never 0, which would mask nothing. */
  next(): number {
    for (;;) {
      if (this.#at === KEYS_DRAWN) {
        this.#draw(this.#drawn);
        this.#at = 0;
      }
      const key = this.#drawn[this.#at++] ?? 0;
      if (key !== 0) return key;
    }
  }
}
