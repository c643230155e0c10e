import { decodeCbor, encodeCbor } from "./cbor.ts";
import { toJsonValue } from "./json_value.ts";
import { stringifyJson } from "./json.ts";

/** Below this share of its buffer a kept view is copied, so that it does not pin a whole read. */
const COMPACT_SHARE = 4;

/**
 * The user data of one message, in whichever form it came, turned into the others on demand and
 * at most once. What came as CBOR leaves as the same bytes.
 *
 * Whoever makes one from bytes has walked them already (D1).
 */
export class Payload {
  #cbor: Uint8Array | null;
  #value: unknown;
  #hasValue: boolean;
  #json: string | null = null;

  private constructor(cbor: Uint8Array | null, value: unknown, hasValue: boolean) {
    this.#cbor = cbor;
    this.#value = value;
    this.#hasValue = hasValue;
  }

  /** Wraps the CBOR bytes of one well-formed item. The bytes must not change afterwards. */
  static fromCbor(bytes: Uint8Array): Payload {
    return new Payload(bytes, undefined, false);
  }

  /** Wraps a value; it is encoded when somebody needs bytes. The value must not change afterwards. */
  static fromValue(value: unknown): Payload {
    return new Payload(null, value, true);
  }

  /** The CBOR bytes: as they came, or encoded now. Throws `TypeError` for a value without a CBOR form. */
  get cbor(): Uint8Array {
    return this.#cbor ??= encodeCbor(this.#value);
  }

  /** The value, decoded now if it came as bytes. */
  get value(): unknown {
    if (!this.#hasValue) {
      this.#value = decodeCbor(this.cbor);
      this.#hasValue = true;
    }
    return this.#value;
  }

  /** JSON text of the value, with bytes and frames degraded (spec 3.1). */
  get json(): string {
    return this.#json ??= stringifyJson(toJsonValue(this.value));
  }

  /** The positional arguments: the array itself, or one argument (spec 2.3). */
  get args(): readonly unknown[] {
    const value = this.value;
    return Array.isArray(value) ? value : [value];
  }

  /** Bytes that this payload holds, for limits; an encoding is made if there is none. */
  get byteLength(): number {
    return this.cbor.byteLength;
  }

  /** The same payload, safe to keep for long: its bytes pin no larger buffer. */
  compact(): Payload {
    const bytes = this.#cbor;
    if (bytes !== null && bytes.byteLength * COMPACT_SHARE < bytes.buffer.byteLength) {
      this.#cbor = bytes.slice();
    }
    return this;
  }
}
